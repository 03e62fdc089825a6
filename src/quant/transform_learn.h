/*
 * transform_learn.h
 *	  Between the files of the transforms: learning matrices.
 *
 * Plain C: no PostgreSQL header, no allocation, no error report, no threads.
 */
#ifndef VECTOR_EXT_TRANSFORM_LEARN_H
#define VECTOR_EXT_TRANSFORM_LEARN_H

#include "quant/carver.h"
#include "quant/pq.h"
#include "quant/transform.h"

/* As transform_train_work_size() and transform_train(), of one kind */
extern size_t transform_pca_work_size(const TransformTraining *training);
extern bool transform_pca_learn(const TransformTraining *training,
								float *params, void *work);
extern size_t transform_opq_work_size(const TransformTraining *training);
extern bool transform_opq_learn(const TransformTraining *training,
								float *params, void *work);

/* Rows that are multiplied at a time */
#define MOMENTS_ROWS ((size_t) 1024)

/* The sum over pairs of rows of the matrix a_i b_i^T, dim x dim */
typedef struct Moments
{
	size_t dim;
	float *a; /* dim x MOMENTS_STRIDE: a chunk of rows, transposed */
	float *b; /* likewise; may be a */
	float *product;
	float *sum;
} Moments;

/* Off a power of two, which would be one set of the cache */
#define MOMENTS_STRIDE (MOMENTS_ROWS + 16)

/* Row i of up to MOMENTS_ROWS becomes column i of a or b */
extern void moments_transpose(const float *const *rows, size_t nrows,
							  size_t dim, float *transposed);

/* Add what is in a and b; false when poll stopped it */
extern bool moments_add(Moments *moments, size_t nrows, BlasPoll poll,
						void *poll_arg);

/*
 * The principal directions of rows: row k of moments->sum is that of the k-th
 * largest second moment, values[k].  Not centred.  The largest element of each
 * is positive.  work: blas_eigen_work_floats(dim), of which moments->a and product
 * may be part.  Uses moments->a only.
 */
extern bool principal_directions(const TransformTraining *training,
								 Moments *moments, float *values, float *work);

/*
 * Principal directions to the parts of a product quantizer, so that the products
 * of their variances are about equal (OPQ-P of Ge et al.): rows of dim floats, of
 * which the first shape->dim are shared out.  logs, taken: shape->m numbers.
 */
typedef struct Shares
{
	const PqShape *shape;
	size_t dim;
	const float *directions; /* from the largest variance on */
	const float *variances;
	double *logs;
	uint32_t *taken;
} Shares;

extern void share_out_directions(const Shares *shares, float *rows);

/* params of transform_apply() from rows of dim floats */
extern void transform_lay_out(const TransformShape *shape, const float *rows,
							  float *params);

#endif
