/*
 * transform_pca.c
 *	  The directions in which rows vary most.
 */
#include "quant/transform_learn.h"

#include <math.h>
#include <string.h>

/* Rows side by side: a line of the cache of the transposed */
#define SIDE_BY_SIDE 16

static size_t
min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

void
moments_transpose(const float *const *rows, size_t nrows, size_t dim,
				  float *transposed)
{
	for (size_t first = 0; first < nrows; first += SIDE_BY_SIDE)
	{
		size_t n = min_size(SIDE_BY_SIDE, nrows - first);

		for (size_t d = 0; d < dim; d++)
		{
			for (size_t i = 0; i < n; i++)
				transposed[d * MOMENTS_STRIDE + first + i] = rows[first + i][d];
		}
	}
}

bool
moments_add(Moments *moments, size_t nrows, BlasPoll poll, void *poll_arg)
{
	size_t dim = moments->dim;

	if (!blas_inner_products(moments->a, MOMENTS_STRIDE, dim, moments->b,
							 MOMENTS_STRIDE, dim, nrows, moments->product, dim,
							 poll, poll_arg))
		return false;
	for (size_t i = 0; i < dim * dim; i++)
		moments->sum[i] += moments->product[i];
	return true;
}

static bool
second_moments(const TransformTraining *training, Moments *moments)
{
	const RowSet *rows = &training->rows;

	memset(moments->sum, 0, moments->dim * moments->dim * sizeof(float));
	for (size_t first = 0; first < rows->n; first += MOMENTS_ROWS)
	{
		const float *chunk[MOMENTS_ROWS];
		size_t n = min_size(MOMENTS_ROWS, rows->n - first);

		for (size_t i = 0; i < n; i++)
			chunk[i] = row_at(rows, first + i);
		moments_transpose(chunk, n, moments->dim, moments->a);
		if (!moments_add(moments, n, training->poll, training->poll_arg))
			return false;
	}
	return true;
}

static bool
all_finite(const float *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		if (!isfinite(values[i]))
			return false;
	}
	return true;
}

/* An eigenvector may as well point the other way */
static void
fix_sign(float *row, size_t dim)
{
	size_t largest = 0;

	for (size_t i = 1; i < dim; i++)
	{
		if (fabsf(row[i]) > fabsf(row[largest]))
			largest = i;
	}
	if (row[largest] < 0)
	{
		for (size_t i = 0; i < dim; i++)
			row[i] = -row[i];
	}
}

static void
swap_rows(float *a, float *b, size_t dim)
{
	for (size_t i = 0; i < dim; i++)
	{
		float value = a[i];

		a[i] = b[i];
		b[i] = value;
	}
}

bool
principal_directions(const TransformTraining *training, Moments *moments,
					 float *values, float *work)
{
	size_t dim = moments->dim;
	float *sum = moments->sum;

	moments->b = moments->a;
	if (!second_moments(training, moments) || !all_finite(sum, dim * dim) ||
		!blas_eigenvectors(sum, dim, values, work) ||
		!all_finite(sum, dim * dim))
		return false;
	/* they ascend */
	for (size_t i = 0; i < dim / 2; i++)
	{
		swap_rows(sum + i * dim, sum + (dim - 1 - i) * dim, dim);
		swap_rows(values + i, values + dim - 1 - i, 1);
	}
	for (size_t i = 0; i < dim; i++)
		fix_sign(sum + i * dim, dim);
	return true;
}

void
transform_lay_out(const TransformShape *shape, const float *rows, float *params)
{
	for (size_t i = 0; i < shape->in; i++)
	{
		for (size_t j = 0; j < shape->out; j++)
			params[i * shape->out + j] = rows[j * shape->in + i];
	}
}

typedef struct PcaWork
{
	Moments moments;
	float *values;
	float *eigen;
} PcaWork;

static size_t
lay_out_work(PcaWork *pca, size_t dim, void *work)
{
	Carver carver = {work, 0};

	pca->moments.dim = dim;
	pca->moments.a = carve(&carver, dim, MOMENTS_STRIDE * sizeof(float));
	pca->moments.product = carve(&carver, dim, dim * sizeof(float));
	pca->moments.sum = carve(&carver, dim, dim * sizeof(float));
	pca->values = carve(&carver, dim, sizeof(float));
	pca->eigen = carve(&carver, blas_eigen_work_floats(dim), sizeof(float));
	return carver.used;
}

size_t
transform_pca_work_size(const TransformTraining *training)
{
	PcaWork pca;

	return lay_out_work(&pca, training->shape.in, NULL);
}

bool
transform_pca_learn(const TransformTraining *training, float *params,
					void *work)
{
	PcaWork pca;

	lay_out_work(&pca, training->shape.in, work);
	if (!principal_directions(training, &pca.moments, pca.values, pca.eigen))
		return false;
	transform_lay_out(&training->shape, pca.moments.sum, params);
	return true;
}
