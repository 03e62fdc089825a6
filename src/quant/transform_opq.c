/*
 * transform_opq.c
 *	  The rotation for which a product quantizer does best.
 *
 * OPQ-NP of Ge et al. (transform.h): codebooks and rotation are improved in
 * turn, each for what the other is.  It begins as OPQ-P: principal directions,
 * shared out to the parts so that the products of their variances are about
 * equal.  As in the paper one round of k-means, from the codebook there is, is
 * enough between two rotations.
 */
#include <string.h>

#include "quant/transform_polar.h"

/* Rounds of k-means for the first codebook */
#define FIRST_ITERATIONS 6

typedef struct Opq
{
	const TransformTraining *training;
	PqShape shape;
	Moments moments;
	Pacer pacer;

	float *rotation; /* dim x dim, row j is dimension j of y */
	float *scratch;  /* blas_eigen_work_floats(dim) */
	float *values;
	float *rows;    /* MOMENTS_ROWS x dim: rows, then their images */
	float *rotated; /* n x dim */
	uint8_t *codes; /* n x m */
	float *codebook;
	double *sums; /* as the codebook */
	uint32_t *counts;
	void *pq_work;
} Opq;

static PqTraining
first_codebook(const Opq *opq)
{
	const TransformTraining *t = opq->training;

	return (PqTraining){.shape = opq->shape,
						.rows = {.rows = opq->rotated,
								 .stride = opq->shape.dim,
								 .dim = opq->shape.dim,
								 .n = t->rows.n},
						.iterations = FIRST_ITERATIONS,
						.seed = t->seed,
						.poll = t->poll,
						.poll_arg = t->poll_arg};
}

static size_t
lay_out(Opq *opq, const TransformTraining *training, void *work)
{
	Carver carver = {work, 0};
	size_t dim = training->shape.in;
	size_t n = training->rows.n;
	PqTraining pq;

	*opq = (Opq){.training = training,
				 .shape = {.dim = dim, .m = training->m},
				 .moments = {.dim = dim},
				 .pacer = {training->poll, training->poll_arg, 0}};
	opq->moments.a = carve(&carver, dim, MOMENTS_STRIDE * sizeof(float));
	opq->moments.b = carve(&carver, dim, MOMENTS_STRIDE * sizeof(float));
	opq->moments.product = carve(&carver, dim, dim * sizeof(float));
	opq->moments.sum = carve(&carver, dim, dim * sizeof(float));
	opq->rotation = carve(&carver, dim, dim * sizeof(float));
	opq->scratch = carve(&carver, blas_eigen_work_floats(dim), sizeof(float));
	opq->values = carve(&carver, dim, sizeof(float));
	opq->rows = carve(&carver, MOMENTS_ROWS, dim * sizeof(float));
	opq->rotated = carve(&carver, n, dim * sizeof(float));
	opq->codes = carve(&carver, n, training->m);
	opq->codebook = carve(&carver, dim, PQ_ENTRIES * sizeof(float));
	opq->sums = carve(&carver, dim, PQ_ENTRIES * sizeof(double));
	opq->counts = carve(&carver, training->m, PQ_ENTRIES * sizeof(uint32_t));
	pq = first_codebook(opq);
	opq->pq_work = carve(&carver, 1, pq_train_work_size(&pq));
	return carver.used;
}

size_t
transform_opq_work_size(const TransformTraining *training)
{
	Opq opq;

	return lay_out(&opq, training, NULL);
}

static size_t
chunk_size(const Opq *opq, size_t first)
{
	size_t left = opq->training->rows.n - first;

	return left < MOMENTS_ROWS ? left : MOMENTS_ROWS;
}

static bool
rotate_rows(Opq *opq)
{
	const TransformTraining *t = opq->training;
	size_t dim = opq->shape.dim;

	for (size_t first = 0; first < t->rows.n; first += MOMENTS_ROWS)
	{
		size_t n = chunk_size(opq, first);

		for (size_t i = 0; i < n; i++)
			memcpy(opq->rows + i * dim, row_at(&t->rows, first + i),
				   dim * sizeof(float));
		if (!blas_inner_products(opq->rows, dim, n, opq->rotation, dim, dim,
								 dim, opq->rotated + first * dim, dim, t->poll,
								 t->poll_arg))
			return false;
	}
	return true;
}

/* Encode all rows, and move entries to the means of theirs */
static bool
improve_codebook(Opq *opq)
{
	const PqShape *shape = &opq->shape;
	size_t dim = shape->dim;

	memset(opq->sums, 0, PQ_ENTRIES * dim * sizeof(double));
	memset(opq->counts, 0, PQ_ENTRIES * shape->m * sizeof(uint32_t));
	for (size_t i = 0; i < opq->training->rows.n; i++)
	{
		const float *row = opq->rotated + i * dim;
		uint8_t *codes = opq->codes + i * shape->m;

		pq_encode(shape, opq->codebook, row, codes);
		for (size_t j = 0; j < shape->m; j++)
		{
			opq->counts[PQ_ENTRIES * j + codes[j]]++;
			for (size_t d = pq_first_dim(shape, j);
				 d < pq_first_dim(shape, j + 1); d++)
				opq->sums[PQ_ENTRIES * d + codes[j]] += row[d];
		}
		if (!pacer_go_on(&opq->pacer, 12 * dim))
			return false;
	}
	for (size_t j = 0; j < shape->m; j++)
	{
		for (size_t at = PQ_ENTRIES * pq_first_dim(shape, j);
			 at < PQ_ENTRIES * pq_first_dim(shape, j + 1); at++)
		{
			uint32_t count = opq->counts[PQ_ENTRIES * j + at % PQ_ENTRIES];

			if (count > 0)
				opq->codebook[at] = (float) (opq->sums[at] / count);
		}
	}
	return true;
}

/* moments.sum = the sum over rows of image * row^T */
static bool
compare_rows(Opq *opq)
{
	const TransformTraining *t = opq->training;
	const PqShape *shape = &opq->shape;
	size_t dim = shape->dim;

	memset(opq->moments.sum, 0, dim * dim * sizeof(float));
	for (size_t first = 0; first < t->rows.n; first += MOMENTS_ROWS)
	{
		const float *images[MOMENTS_ROWS];
		const float *rows[MOMENTS_ROWS];
		size_t n = chunk_size(opq, first);

		for (size_t i = 0; i < n; i++)
		{
			images[i] = opq->rows + i * dim;
			rows[i] = row_at(&t->rows, first + i);
			pq_decode(shape, opq->codebook, opq->codes + (first + i) * shape->m,
					  opq->rows + i * dim);
		}
		moments_transpose(images, n, dim, opq->moments.a);
		moments_transpose(rows, n, dim, opq->moments.b);
		if (!moments_add(&opq->moments, n, t->poll, t->poll_arg))
			return false;
	}
	return true;
}

static PolarResult
improve_rotation(Opq *opq)
{
	size_t n = opq->shape.dim * opq->shape.dim;
	Polar polar = {.dim = opq->shape.dim,
				   .matrix = opq->moments.sum,
				   .next = opq->moments.product,
				   .transposed = opq->scratch,
				   .squares = opq->scratch + n,
				   .poll = opq->training->poll,
				   .poll_arg = opq->training->poll_arg};
	PolarResult result = polar_factor(&polar, opq->rotation);

	if (result == POLAR_FOUND)
		memcpy(opq->rotation, polar.matrix, n * sizeof(float));
	return result;
}

/* False when poll stopped it, or there is no first rotation */
static bool
begin(Opq *opq)
{
	float *transposed = opq->moments.b;
	PqTraining pq = first_codebook(opq);

	if (!principal_directions(opq->training, &opq->moments, opq->values,
							  opq->scratch))
		return false;
	opq->moments.b = transposed;
	share_out_directions(&(Shares){.shape = &opq->shape,
								   .dim = opq->shape.dim,
								   .directions = opq->moments.sum,
								   .variances = opq->values,
								   .logs = opq->sums,
								   .taken = opq->counts},
						 opq->rotation);
	return rotate_rows(opq) && pq_train(&pq, opq->codebook, opq->pq_work);
}

bool
transform_opq_learn(const TransformTraining *training, float *params,
					void *work)
{
	Opq opq;

	lay_out(&opq, training, work);
	if (!begin(&opq))
		return false;
	for (int round = 0; round < training->iterations; round++)
	{
		PolarResult result;

		if (!improve_codebook(&opq) || !compare_rows(&opq))
			return false;
		result = improve_rotation(&opq);
		if (result == POLAR_STOPPED)
			return false;
		/* the last rotation is one, too */
		if (result == POLAR_NONE)
			break;
		if (round + 1 < training->iterations && !rotate_rows(&opq))
			return false;
	}
	transform_lay_out(&training->shape, opq.rotation, params);
	return true;
}
