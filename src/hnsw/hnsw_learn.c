/*
 * hnsw_learn.c
 *	  What codes are made with, learned from rows.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "am/poll.h"
#include "hnsw/hnsw_learn.h"

/* Elements up to which sums of squares are floats */
#define LARGEST 1e12f

#define CODEC_ROUNDS 15
#define SEED 1

static void
find_mean(const RowSet *rows, float *mean)
{
	double *sums = palloc0(rows->dim * sizeof(double));

	for (Size i = 0; i < rows->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		for (Size d = 0; d < rows->dim; d++)
			sums[d] += row_at(rows, i)[d];
	}
	for (Size d = 0; d < rows->dim; d++)
		mean[d] = (float) (sums[d] / rows->n);
	pfree(sums);
}

/* Rows at equal distances from each other, less the mean */
static RowSet
sample_residuals(const RowSet *rows, const float *mean)
{
	Size dim = rows->dim;
	Size n = Min(rows->n, HNSW_CODEC_ROWS);
	float *residuals =
		MemoryContextAllocHuge(CurrentMemoryContext, n * dim * sizeof(float));

	for (Size i = 0; i < n; i++)
	{
		const float *row = row_at(rows, i * rows->n / n);

		for (Size d = 0; d < dim; d++)
			residuals[i * dim + d] = row[d] - mean[d];
	}
	return (RowSet){.rows = residuals, .stride = dim, .dim = dim, .n = n};
}

/* An index that was made with rows has scaled them */
static bool
are_in_range(const RowSet *rows)
{
	for (Size i = 0; i < rows->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		for (Size d = 0; d < rows->dim; d++)
		{
			if (fabsf(row_at(rows, i)[d]) > LARGEST)
				return false;
		}
	}
	return true;
}

float *
hnsw_learn(const HnswMeta *meta, const float *rows, Size stride, uint32 n)
{
	const Codec *codec = codec_of((CodecKind) meta->codec);
	RowSet all = {.rows = rows, .stride = stride, .dim = meta->dim, .n = n};
	CodecTraining training = {.shape = hnsw_codec_shape(meta),
							  .iterations = CODEC_ROUNDS,
							  .seed = SEED,
							  .poll = poll_interrupts};
	float *floats;
	void *work;

	if (!are_in_range(&all))
		return NULL;
	floats = MemoryContextAllocHuge(CurrentMemoryContext,
									hnsw_floats(meta) * sizeof(float));
	find_mean(&all, floats);
	training.rows = sample_residuals(&all, floats);
	work = MemoryContextAllocHuge(CurrentMemoryContext,
								  codec->train_work_size(&training));
	(void) codec->train(&training, floats + meta->dim, work);
	pfree(work);
	pfree((float *) training.rows.rows);
	return floats;
}
