/*
 * transform_pca.c
 *	  The directions in which rows vary most.
 */
#include "quant/transform_learn.h"

#include <math.h>
#include <string.h>

/* Variances below this share of the largest one count as that */
#define LEAST_VARIANCE 1e-6

/* Rows side by side: a line of the cache of the transposed */
#define SIDE_BY_SIDE 16

static size_t
min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t
max_size(size_t a, size_t b)
{
	return a > b ? a : b;
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

static size_t
part_size(const PqShape *shape, size_t j)
{
	return pq_first_dim(shape, j + 1) - pq_first_dim(shape, j);
}

/*
 * From the largest variance on: each to the part whose product of variances is
 * the least, of those with room.  Logarithms are taken from the least variance, so
 * that products grow.
 */
void
share_out_directions(const Shares *shares, float *rows)
{
	const PqShape *shape = shares->shape;
	size_t dim = shares->dim;
	double least = shares->variances[0] * LEAST_VARIANCE;
	double *logs = shares->logs;
	uint32_t *taken = shares->taken;

	memset(logs, 0, shape->m * sizeof(double));
	memset(taken, 0, shape->m * sizeof(uint32_t));
	for (size_t k = 0; k < shape->dim; k++)
	{
		size_t best = shape->m;

		for (size_t j = 0; j < shape->m; j++)
		{
			if (taken[j] < part_size(shape, j) &&
				(best == shape->m || logs[j] < logs[best]))
				best = j;
		}
		memcpy(rows + (pq_first_dim(shape, best) + taken[best]) * dim,
			   shares->directions + k * dim, dim * sizeof(float));
		taken[best]++;
		if (shares->variances[k] > least && least > 0)
			logs[best] += log(shares->variances[k] / least);
	}
}

typedef struct PcaWork
{
	PqShape shape;
	Moments moments;
	float *values;
	float *eigen;
	double *logs;
	uint32_t *taken;
} PcaWork;

static size_t
lay_out_work(PcaWork *pca, const TransformTraining *training, void *work)
{
	Carver carver = {work, 0};
	Carver multiplied;
	size_t dim = training->shape.in;

	pca->shape = (PqShape){.dim = training->shape.out, .m = training->m};
	pca->moments.dim = dim;
	pca->moments.sum = carve(&carver, dim, dim * sizeof(float));
	pca->values = carve(&carver, dim, sizeof(float));
	/* what is multiplied lies where eigenvectors are looked for later */
	multiplied = carver;
	pca->moments.product = carve(&multiplied, dim, dim * sizeof(float));
	pca->moments.a = carve(&multiplied, dim, MOMENTS_STRIDE * sizeof(float));
	pca->eigen = carve(&carver, blas_eigen_work_floats(dim), sizeof(float));
	carver.used = max_size(carver.used, multiplied.used);
	pca->logs = carve(&carver, training->m, sizeof(double));
	pca->taken = carve(&carver, training->m, sizeof(uint32_t));
	return carver.used;
}

size_t
transform_pca_work_size(const TransformTraining *training)
{
	PcaWork pca;

	return lay_out_work(&pca, training, NULL);
}

bool
transform_pca_learn(const TransformTraining *training, float *params,
					void *work)
{
	PcaWork pca;

	lay_out_work(&pca, training, work);
	if (!principal_directions(training, &pca.moments, pca.values, pca.eigen))
		return false;
	if (training->m > 0)
		/* what was multiplied is not needed any more */
		share_out_directions(&(Shares){.shape = &pca.shape,
									   .dim = training->shape.in,
									   .directions = pca.moments.sum,
									   .variances = pca.values,
									   .logs = pca.logs,
									   .taken = pca.taken},
							 pca.moments.product);
	transform_lay_out(&training->shape,
					  training->m > 0 ? pca.moments.product : pca.moments.sum,
					  params);
	return true;
}
