/*
 * transform_polar.h
 *	  The orthogonal matrix nearest to a matrix.
 *
 * Plain C: no PostgreSQL header, no allocation, no error report, no threads.
 */
#ifndef VECTOR_EXT_TRANSFORM_POLAR_H
#define VECTOR_EXT_TRANSFORM_POLAR_H

#include "quant/transform_learn.h"

typedef struct Polar
{
	size_t dim;
	float *matrix; /* dim x dim: what is given, then the result */
	float *next;   /* dim x dim, as are the others; swapped with matrix */
	float *transposed;
	float *squares;
	BlasPoll poll;
	void *poll_arg;
} Polar;

typedef enum PolarResult
{
	POLAR_FOUND,
	POLAR_NONE,   /* numbers beyond float32, or it did not converge */
	POLAR_STOPPED /* by poll */
} PolarResult;

/*
 * The orthogonal factor of matrix + a little * before, where before is
 * orthogonal: it decides in directions of which matrix says next to nothing.
 */
extern PolarResult polar_factor(Polar *polar, const float *before);

#endif
