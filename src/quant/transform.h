/*
 * transform.h
 *	  Linear maps before a codec: rotations and projections.
 *
 * y = T x, where T has orthonormal rows: inner products are kept by rotations
 * (as many rows as columns), and by projections up to what lies outside the
 * rows.
 *
 *		random	a structured random rotation: rounds of random signs and fast
 *				Hadamard transforms of the first and the last 2^k dimensions,
 *				O(d log d); Ailon and Chazelle, The fast Johnson-Lindenstrauss
 *				transform, SIAM J. Comput. 39(1), 2009
 *		pca		the directions in which rows vary most, not centred; shared out
 *				to the parts of a product quantizer, if there will be one
 *		opq		the rotation for which a product quantizer does best; Ge, He, Ke,
 *				Sun, Optimized product quantization, IEEE TPAMI 36(4), 2014
 *		given	a matrix from outside, not learned here
 *
 * transform_apply() has one order of operations and no FMA: the same bits on
 * every machine, at every SIMD level.
 *
 * Plain C: no PostgreSQL header, no allocation, no error report, no threads.
 */
#ifndef VECTOR_EXT_TRANSFORM_H
#define VECTOR_EXT_TRANSFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "distance/blas.h"
#include "quant/rows.h"

/* On disk: only append */
typedef enum TransformKind
{
	TRANSFORM_NONE,
	TRANSFORM_RANDOM,
	TRANSFORM_PCA,
	TRANSFORM_OPQ,
	TRANSFORM_GIVEN
} TransformKind;

#define TRANSFORM_KINDS (TRANSFORM_GIVEN + 1)

/* A matrix of more columns takes too long to learn and to apply */
#define TRANSFORM_MAX_DENSE 2048

typedef struct TransformShape
{
	TransformKind kind;
	size_t in;  /* dimensions of x */
	size_t out; /* of y: in, but for pca and given 1 .. in */
} TransformShape;

typedef struct TransformTraining
{
	TransformShape shape;
	RowSet rows; /* rows for pca; residuals for opq */
	size_t m;    /* opq, pca: parts of the product quantizer of 4 bits, or 0 */
	int iterations; /* opq: rounds */
	uint64_t seed;
	BlasPoll poll; /* or NULL */
	void *poll_arg;
} TransformTraining;

/*
 * Floats of what transform_train() leaves: 0 for none; signs for random; else
 * a matrix, of which column i of T begins at params + i * out.
 */
extern size_t transform_params_floats(const TransformShape *shape);

/* Bytes of work memory; SIZE_MAX: more than can be addressed */
extern size_t transform_train_work_size(const TransformTraining *training);

/*
 * Needs OpenBLAS (blas_load) but for none and random.  False when poll stopped
 * it, or when no solution was found.
 */
extern bool transform_train(const TransformTraining *training, float *params,
							void *work);

/* y = T x; x and y do not overlap, except that none and random allow x = y */
extern void transform_apply(const TransformShape *shape, const float *params,
							const float *x, float *y);

/*
 * The same bits for n rows, faster: x, ldx floats apart, to y, ldy floats apart,
 * which do not overlap
 */
extern void transform_apply_rows(const TransformShape *shape,
								 const float *params, const float *x,
								 size_t ldx, size_t n, float *y, size_t ldy);

#endif
