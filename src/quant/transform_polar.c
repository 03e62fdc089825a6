/*
 * transform_polar.c
 *	  The orthogonal matrix nearest to a matrix.
 *
 * That is the solution of the orthogonal Procrustes problem (Schonemann,
 * Psychometrika 31(1), 1966): U V^T where matrix is U S V^T.  It is found by
 * the Newton-Schulz iteration with the scaling of Chen and Chow (A stable
 * scaling of Newton-Schulz for improving the sign function computation of a
 * Hermitian matrix, ANL/MCS-P5059-0114, 2014),
 *
 *		X <- a / 2 * (3 X - a^2 X X^T X),   a^2 = 3 / (1 + l + l^2)
 *
 * for singular values in [l, 1].  Unlike a decomposition by LAPACK it is made
 * of matrix products, between which poll is asked: that of a matrix of 2048
 * columns takes seconds.
 */
#include "quant/transform_polar.h"

#include <math.h>

/* Share of before, of the largest singular value */
#define LEAST_SHARE 0x1p-10f

#define MOST_STEPS 60

/* Errors are squared at each step: after the next one they are rounding */
#define NEARLY 1e-3f

/* A side of the square that is transposed at a time */
#define SQUARE 16

static void
transpose(const float *from, size_t dim, float *to)
{
	for (size_t i = 0; i < dim; i += SQUARE)
	{
		for (size_t j = 0; j < dim; j++)
		{
			for (size_t k = i; k < i + SQUARE && k < dim; k++)
				to[j * dim + k] = from[k * dim + j];
		}
	}
}

/* squares = matrix * matrix^T */
static bool
square(Polar *polar)
{
	size_t dim = polar->dim;

	return blas_inner_products(polar->matrix, dim, dim, polar->matrix, dim, dim,
							   dim, polar->squares, dim, polar->poll,
							   polar->poll_arg);
}

/* next = squares * matrix */
static bool
cube(Polar *polar)
{
	size_t dim = polar->dim;

	transpose(polar->matrix, dim, polar->transposed);
	return blas_inner_products(polar->squares, dim, dim, polar->transposed, dim,
							   dim, dim, polar->next, dim, polar->poll,
							   polar->poll_arg);
}

/* Largest |element| of squares - 1; NaN where there is one */
static float
distance_from_identity(const Polar *polar)
{
	float largest = 0;

	for (size_t i = 0; i < polar->dim; i++)
	{
		for (size_t j = 0; j < polar->dim; j++)
		{
			float off =
				fabsf(polar->squares[i * polar->dim + j] - (float) (i == j));

			if (!(off <= largest))
				largest = off;
			if (isnan(off))
				return off;
		}
	}
	return largest;
}

/* Not below the largest singular value: the root of the norm of squares */
static double
norm_bound(const Polar *polar)
{
	double sum = 0;

	for (size_t i = 0; i < polar->dim * polar->dim; i++)
		sum += (double) polar->squares[i] * polar->squares[i];
	return sqrt(sqrt(sum));
}

/* Singular values into [about LEAST_SHARE, 1] */
static PolarResult
scale(Polar *polar, const float *before)
{
	size_t n = polar->dim * polar->dim;
	float *matrix = polar->matrix;
	float largest = 0;
	float factor;

	for (size_t i = 0; i < n; i++)
		largest = fabsf(matrix[i]) > largest ? fabsf(matrix[i]) : largest;
	if (!isfinite(largest))
		return POLAR_NONE;
	/* squares must neither overflow nor vanish */
	for (size_t i = 0; largest > 0 && i < n; i++)
		matrix[i] /= largest;
	if (!square(polar))
		return POLAR_STOPPED;
	factor = (float) norm_bound(polar);
	factor = factor > 0 ? 1 / (factor * (1 + 2 * LEAST_SHARE)) : 1;
	for (size_t i = 0; i < n; i++)
		matrix[i] = matrix[i] * factor + LEAST_SHARE * before[i];
	return POLAR_FOUND;
}

/* matrix = next = a / 2 * (3 * matrix - a^2 * next) */
static void
take_step(Polar *polar, double a)
{
	float one = (float) (1.5 * a);
	float three = (float) (0.5 * a * a * a);
	float *matrix = polar->matrix;

	for (size_t i = 0; i < polar->dim * polar->dim; i++)
		polar->next[i] = one * matrix[i] - three * polar->next[i];
	polar->matrix = polar->next;
	polar->next = matrix;
}

PolarResult
polar_factor(Polar *polar, const float *before)
{
	double least = LEAST_SHARE;
	PolarResult result = scale(polar, before);

	if (result != POLAR_FOUND)
		return result;
	for (int step = 0; step < MOST_STEPS; step++)
	{
		double a = sqrt(3 / (1 + least + least * least));
		float off;

		if (!square(polar))
			return POLAR_STOPPED;
		off = distance_from_identity(polar);
		if (isnan(off))
			return POLAR_NONE;
		if (off < NEARLY)
			a = 1;
		if (!cube(polar))
			return POLAR_STOPPED;
		take_step(polar, a);
		if (off < NEARLY)
			return POLAR_FOUND;
		least = a * least * (3 - a * a * least * least) / 2;
		least = least < 1 ? least : 1;
	}
	return POLAR_NONE;
}
