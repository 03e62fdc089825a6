/*
 * dataset.h
 *	  Vectors, queries and exact answers, from files.
 */
#ifndef DATASET_H
#define DATASET_H

#include <stdbool.h>
#include <stddef.h>

typedef enum Metric
{
	METRIC_L2,
	METRIC_COSINE,
	METRIC_IP
} Metric;

typedef struct Dataset
{
	const char *name;
	Metric metric;
	size_t n;
	size_t dim;
	size_t nqueries;
	size_t k;        /* answers known for each query */
	float *base;     /* n x dim */
	float *queries;  /* nqueries x dim */
	double *answers; /* nqueries x k: distances of the nearest, ascending */
} Dataset;

/*
 * Load set NAME of a folder in the format of test/data/README.md, at most
 * max_queries queries.  The name "fashion-mnist" without a folder is Debian's
 * package dataset-fashion-mnist; its answers are computed here.  Exits with a
 * message when something is missing.
 */
extern Dataset *dataset_load(const char *folder, const char *name,
							 size_t max_queries);

/* The metric's distance in float64; smaller is nearer */
extern double dataset_distance(const Dataset *set, const float *a,
							   const float *b);

/* "<->", "<=>" or "<#>" */
extern const char *metric_operator(Metric metric);

/* "l2", "cosine", "ip": as in the names of operator classes */
extern const char *metric_name(Metric metric);

/* Print a message and exit */
extern void die(const char *format, ...)
	__attribute__((format(printf, 1, 2), noreturn));

#endif
