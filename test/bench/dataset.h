/*
 * dataset.h
 *	  Vectors, queries and exact answers, from files.
 */
#ifndef DATASET_H
#define DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum Metric
{
	METRIC_L2,
	METRIC_COSINE,
	METRIC_IP,
	METRIC_L1,
	METRIC_HAMMING,
	METRIC_JACCARD,
	NMETRICS
} Metric;

/* The type of the column */
typedef enum Form
{
	FORM_VECTOR,
	FORM_HALFVEC,
	FORM_BIT, /* elements are 0 and 1 */
	FORM_SPARSEVEC,
	NFORMS
} Form;

/* Rows one after the other, dense or, of FORM_SPARSEVEC, sparse */
typedef struct Rows
{
	float *values;    /* dense: n x dim */
	size_t *starts;   /* sparse: n + 1, where the values of a row begin */
	int32_t *indices; /* sparse: of the values, ascending in a row, from 0 */
} Rows;

typedef struct Dataset
{
	const char *name;
	Metric metric;
	Form form;
	size_t n;
	size_t dim;
	size_t nqueries;
	size_t k; /* answers known for each query */
	Rows base;
	Rows queries;
	double *answers; /* nqueries x k: distances of the nearest, ascending */
} Dataset;

/*
 * Load set NAME of a folder in the format of test/data/README.md, at most
 * max_queries queries.  A sparse set has *.indptr.i32, *.indices.u16 and
 * *.data.f16 instead of *.f16.  The name "fashion-mnist" without a folder is
 * Debian's package dataset-fashion-mnist.  Words after the name, each behind a
 * colon, make another set of it (derive.h).  Answers that are not in files are
 * computed.  Exits with a message when something is missing.
 */
extern Dataset *dataset_load(const char *folder, const char *name,
							 size_t max_queries);

/* The metric's distance in float64 of two rows; smaller is nearer */
extern double rows_distance(const Dataset *set, const Rows *a, size_t i,
							const Rows *b, size_t j);

/* The distance of a row of base from a query */
extern double dataset_distance(const Dataset *set, size_t query, size_t row);

/* The k least distances of each query, by looking at all rows */
extern void dataset_compute_answers(Dataset *set, size_t k);

/* "<->", "<=>", ... */
extern const char *metric_operator(Metric metric);

/* "l2", "cosine", ...: as in the names of operator classes */
extern const char *metric_name(Metric metric);

/*
 * The whole output of a decompressor, with a zero byte behind its *size bytes, to
 * be freed; NULL when the file is not there.
 */
extern unsigned char *read_packed(const char *tool, const char *path,
								  size_t *size);

/* Put a distance among the *count least, at most k, which ascend */
extern void keep_least(double *least, size_t *count, size_t k, double distance);

/* Zeroed memory, or exit */
extern void *allocate(size_t count, size_t size);

/* Print a message and exit */
extern void die(const char *format, ...)
	__attribute__((format(printf, 1, 2), noreturn));

#endif
