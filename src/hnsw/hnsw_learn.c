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
#include "hnsw/hnsw_model.h"

/* Elements up to which sums of squares are floats */
#define LARGEST 1e12f

/*
 * The codec has fewer parameters than the transform: 256 rows for each of its 16
 * entries teach as much as more
 */
#define CODEC_ROWS 4096
#define CODEC_ROUNDS 15

/* Rows that are transformed at a time */
#define TRANSFORMED 16
#define SEED 1

static void
find_mean(const RowSet *rows, float *mean)
{
	double *sums = palloc0(rows->dim * sizeof(double));

	for (Size i = 0; i < rows->n; i++)
	{
		const float *row = row_at(rows, i);

		CHECK_FOR_INTERRUPTS();
		for (Size d = 0; d < rows->dim; d++)
			sums[d] += row[d];
	}
	for (Size d = 0; d < rows->dim; d++)
		mean[d] = (float) (sums[d] / rows->n);
	pfree(sums);
}

/* At most so many rows, at equal distances from each other */
static RowSet
sample_rows(const RowSet *rows, Size most)
{
	Size dim = rows->dim;
	Size n = Min(rows->n, most);
	float *sample =
		MemoryContextAllocHuge(CurrentMemoryContext, n * dim * sizeof(float));

	for (Size i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		memcpy(sample + i * dim, row_at(rows, i * rows->n / n),
			   dim * sizeof(float));
	}
	return (RowSet){.rows = sample, .stride = dim, .dim = dim, .n = n};
}

static void
subtract_mean(const RowSet *rows, const float *mean)
{
	float *row = (float *) rows->rows;

	for (Size i = 0; i < rows->n; i++, row += rows->stride)
	{
		CHECK_FOR_INTERRUPTS();
		for (Size d = 0; d < rows->dim; d++)
			row[d] -= mean[d];
	}
}

/* An index that was made with rows has scaled them */
static bool
are_in_range(const RowSet *rows)
{
	for (Size i = 0; i < rows->n; i++)
	{
		float low;
		float high;

		CHECK_FOR_INTERRUPTS();
		rows_range(row_at(rows, i), rows->dim, &low, &high);
		if (!(low >= -LARGEST && high <= LARGEST))
			return false;
	}
	return true;
}

static void
train_transform(const HnswMeta *meta, RowSet residuals, float *params)
{
	TransformTraining training = {.shape = hnsw_transform_shape(meta),
								  .rows = residuals,
								  .m = meta->parts,
								  .seed = SEED,
								  .poll = poll_interrupts};
	void *work = MemoryContextAllocHuge(
		CurrentMemoryContext, Max(transform_train_work_size(&training), 1));

	/* interrupts do not return: it has found no solution */
	if (!transform_train(&training, params, work))
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("the transform could not be learned from the rows")));
	pfree(work);
}

/* Each row becomes what the transform leaves of it, in its place */
static void
transform_rows(const TransformShape *shape, const float *params, RowSet *rows)
{
	Size stride = rows->stride;
	float *from = palloc(TRANSFORMED * stride * sizeof(float));
	float *to = (float *) rows->rows;

	for (Size i = 0; i < rows->n; i += TRANSFORMED)
	{
		Size n = Min(TRANSFORMED, rows->n - i);

		CHECK_FOR_INTERRUPTS();
		memcpy(from, to + i * stride, n * stride * sizeof(float));
		transform_apply_rows(shape, params, from, stride, n, to + i * stride,
							 stride);
	}
	pfree(from);
	rows->dim = shape->out;
}

/* About so many of the rows, at equal distances from each other */
static void
thin_out(RowSet *rows, Size wanted)
{
	Size every = Max(rows->n / wanted, 1);

	rows->stride *= every;
	rows->n /= every;
}

/*
 * The transform, and the mean by it; residuals become what it leaves of those that
 * the codec is learned from
 */
static void
learn_transform(const HnswMeta *meta, RowSet *residuals,
				const HnswFloats *floats)
{
	TransformShape shape = hnsw_transform_shape(meta);

	if (shape.kind == TRANSFORM_NONE)
	{
		memcpy(floats->centre, floats->mean, shape.in * sizeof(float));
		thin_out(residuals, CODEC_ROWS);
		return;
	}
	train_transform(meta, *residuals, floats->transform);
	transform_apply(&shape, floats->transform, floats->mean, floats->centre);
	thin_out(residuals, CODEC_ROWS);
	transform_rows(&shape, floats->transform, residuals);
}

float *
hnsw_learn(const HnswMeta *meta, const float *rows, Size stride, uint32 n,
		   uint32 most)
{
	const Codec *codec = codec_of((CodecKind) meta->codec);
	RowSet all = {.rows = rows, .stride = stride, .dim = meta->dim, .n = n};
	CodecTraining training = {.shape = hnsw_codec_shape(meta),
							  .iterations = CODEC_ROUNDS,
							  .seed = SEED,
							  .poll = poll_interrupts};
	HnswFloats floats;
	void *work;

	if (!are_in_range(&all))
		return NULL;
	floats = hnsw_lay_out_floats(
		meta,
		MemoryContextAllocHuge(CurrentMemoryContext,
							   hnsw_floats(meta) * sizeof(float)));
	training.rows = sample_rows(&all, most);
	find_mean(&training.rows, floats.mean);
	subtract_mean(&training.rows, floats.mean);
	learn_transform(meta, &training.rows, &floats);
	work = MemoryContextAllocHuge(CurrentMemoryContext,
								  codec->train_work_size(&training));
	(void) codec->train(&training, floats.codec, work);
	pfree(work);
	pfree((float *) training.rows.rows);
	return floats.mean;
}
