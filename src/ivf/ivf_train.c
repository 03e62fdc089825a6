/*
 * ivf_train.c
 *	  From a sample of rows to a model.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "am/poll.h"
#include "ivf/ivf_model.h"
#include "ivf/ivf_train.h"
#include "quant/kmeans.h"
#include "vector/half.h"

/* More rounds gain less than a percent of recall */
#define CENTROID_ROUNDS 12
#define CODEC_ROUNDS 15
#define TRANSFORM_ROUNDS 10

/* Balanced lists: how uneven they may be, and how prices move */
#define EVEN_ENOUGH 1.0005
#define PRICE_ROUNDS 100
#define PRICE_STEP 0.1
#define PRICE_PATIENCE 4 /* rounds without gain */

#define SEED UINT64_C(0x7665637465787431)

static void *
allocate_work(Size size)
{
	if (size > MaxAllocHugeSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("training needs more memory than can be addressed")));
	return MemoryContextAllocHuge(CurrentMemoryContext, Max(size, 8));
}

static RowSet
all_rows(const IvfMeta *meta, const float *rows, uint32 n)
{
	return (RowSet){.rows = rows,
					.stride = meta->model_dim,
					.dim = meta->model_dim,
					.n = n};
}

/* As they are stored */
static void
round_centroids(const IvfMeta *meta, float *centroids)
{
	for (Size i = 0; i < (Size) meta->nlists * meta->model_dim; i++)
		centroids[i] = half_to_float(float_to_half(centroids[i]));
}

float *
ivf_train_centroids(IvfMeta *meta, const IvfSample *sample)
{
	KmeansTask task = {.rows = all_rows(meta, sample->rows, sample->n),
					   .k = meta->nlists,
					   .spherical = ivf_spherical(meta),
					   .iterations = CENTROID_ROUNDS,
					   .seed = SEED,
					   .poll = poll_interrupts};
	Size nvalues = (Size) meta->nlists * meta->model_dim;
	float *centroids = allocate_work(nvalues * sizeof(float));
	void *work;
	Size distinct;

	if (sample->team != NULL)
	{
		task.assign = kmeans_team_assign;
		task.assign_arg = sample->team;
	}
	poll_load_blas();
	work = allocate_work(kmeans_work_size(&task));
	distinct = kmeans_train(&task, centroids, work);
	pfree(work);

	meta->nlists = distinct;
	round_centroids(meta, centroids);
	return centroids;
}

void *
ivf_assign_work(const IvfMeta *meta, uint32 max_rows)
{
	return allocate_work(
		kmeans_assign_work_size(meta->nlists, meta->model_dim, max_rows));
}

void
ivf_assign(const IvfMeta *meta, const float *centroids, const float *rows,
		   uint32 n, const float *prices, uint32 *lists, void *work)
{
	KmeansAssignment assignment = {.rows = all_rows(meta, rows, n),
								   .centroids = centroids,
								   .k = meta->nlists,
								   .prices = prices,
								   .nearest = lists,
								   .work = work,
								   .poll = poll_interrupts};

	(void) kmeans_assign(&assignment);
}

/* Some residuals of the sample; the caller frees them */
static RowSet
sample_residuals(const IvfMeta *meta, const IvfSample *sample,
				 const float *centroids, const float *prices)
{
	uint32 n = Min(sample->n, IVF_MODEL_ROWS);
	Size dim = meta->model_dim;
	float *residuals = allocate_work(n * dim * sizeof(float));
	uint32 *lists = allocate_work(n * sizeof(uint32));
	void *work = ivf_assign_work(meta, n);

	/* the sample is in no order, so its first rows are a sample too */
	ivf_assign(meta, centroids, sample->rows, n, prices, lists, work);
	for (Size i = 0; i < n; i++)
	{
		for (Size d = 0; d < dim; d++)
			residuals[i * dim + d] =
				sample->rows[i * dim + d] - centroids[lists[i] * dim + d];
	}
	pfree(work);
	pfree(lists);
	return all_rows(meta, residuals, n);
}

static void
train_codec(const IvfMeta *meta, const IvfSample *sample,
			const float *centroids, float *params)
{
	const Codec *codec = codec_of((CodecKind) meta->codec);
	CodecTraining training = {.shape = ivf_codec_shape(meta),
							  .iterations = CODEC_ROUNDS,
							  .seed = SEED,
							  .poll = poll_interrupts};
	void *work;

	if (codec->train == NULL)
		return;
	training.rows =
		sample_residuals(meta, sample, centroids, ivf_prices(meta, params));
	work = allocate_work(codec->train_work_size(&training));
	(void) codec->train(&training, params, work);
	pfree(work);
	pfree((float *) training.rows.rows);
}

static void
train_transform(const IvfMeta *meta, RowSet rows, float *params)
{
	TransformTraining training = {.shape = ivf_transform_shape(meta),
								  .rows = rows,
								  .m = meta->m,
								  .iterations = TRANSFORM_ROUNDS,
								  .seed = SEED,
								  .poll = poll_interrupts};
	void *work = allocate_work(transform_train_work_size(&training));

	/* interrupts do not return: it has found no solution */
	if (!transform_train(&training, params, work))
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("the transform could not be learned from the rows")));
	pfree(work);
}

/* Rows of in dimensions become rows of out, which is not more, in their place */
static void
transform_rows(const TransformShape *shape, const float *params, float *rows,
			   Size n)
{
	float *row = palloc(shape->in * sizeof(float));

	for (Size i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		memcpy(row, rows + i * shape->in, shape->in * sizeof(float));
		transform_apply(shape, params, row, rows + i * shape->out);
	}
	pfree(row);
}

/* Learned from rows as they are, before there are lists */
static void
transform_sample(const IvfMeta *meta, IvfSample *sample, float *params)
{
	TransformShape shape = ivf_transform_shape(meta);
	RowSet rows = {.rows = sample->rows,
				   .stride = meta->dim,
				   .dim = meta->dim,
				   .n = Min(sample->n, IVF_MODEL_ROWS)};

	train_transform(meta, rows, params);
	transform_rows(&shape, params, sample->rows, sample->n);
}

static void
take_transform(const IvfMeta *meta, const IvfGiven *given, IvfSample *sample,
			   float *params)
{
	TransformShape shape = ivf_transform_shape(meta);

	memcpy(params, given->transform,
		   transform_params_floats(&shape) * sizeof(float));
	transform_rows(&shape, params, sample->rows, sample->n);
}

/* Learned from residuals: a rotation, which leaves lists as they are */
static void
rotate_lists(const IvfMeta *meta, IvfSample *sample, float *centroids,
			 float *params)
{
	TransformShape shape = ivf_transform_shape(meta);
	RowSet residuals = sample_residuals(meta, sample, centroids, NULL);

	train_transform(meta, residuals, params);
	pfree((float *) residuals.rows);
	transform_rows(&shape, params, sample->rows, sample->n);
	transform_rows(&shape, params, centroids, meta->nlists);
	round_centroids(meta, centroids);
}

/*
 * The sum of the squared lengths of lists, least where these are even; counts are
 * the lengths, mean that of squared distances and prices.
 */
static double
count_lists(const IvfMeta *meta, const IvfSample *sample,
			const float *centroids, const float *prices, uint32 *counts,
			double *mean)
{
	uint32 *lists = allocate_work(sample->n * sizeof(uint32));
	KmeansAssignment assignment = {.rows =
									   all_rows(meta, sample->rows, sample->n),
								   .centroids = centroids,
								   .k = meta->nlists,
								   .prices = prices,
								   .nearest = lists,
								   .work = ivf_assign_work(meta, sample->n),
								   .poll = poll_interrupts};
	double unevenness = 0;

	(void) kmeans_assign(&assignment);
	memset(counts, 0, meta->nlists * sizeof(uint32));
	for (uint32 i = 0; i < sample->n; i++)
		counts[lists[i]]++;
	for (uint32 i = 0; i < meta->nlists; i++)
		unevenness += (double) counts[i] * counts[i];
	*mean = assignment.cost / sample->n;
	pfree(assignment.work);
	pfree(lists);
	return unevenness;
}

/*
 * Prices by which lists are of nearly the same length: those of long lists rise,
 * those of short ones fall.  It is an auction (Bertsekas, The auction algorithm,
 * Annals of Operations Research 14, 1988) in which all lists bid at once; where
 * they only overbid each other, it goes on from the best round by half the steps.
 */
static void
train_prices(const IvfMeta *meta, const IvfSample *sample,
			 const float *centroids, float *best)
{
	float *prices = palloc0(meta->nprices * sizeof(float));
	uint32 *counts = palloc(meta->nlists * sizeof(uint32));
	uint32 *best_counts = palloc(meta->nlists * sizeof(uint32));
	double even = (double) sample->n / meta->nlists;
	double step = 0;
	double least = INFINITY;
	int patience = PRICE_PATIENCE;

	memset(best, 0, meta->nprices * sizeof(float));
	for (int round = 0; round < PRICE_ROUNDS; round++)
	{
		double mean;
		double unevenness =
			count_lists(meta, sample, centroids, prices, counts, &mean);

		if (round == 0)
			step = mean * PRICE_STEP;
		if (unevenness < least)
		{
			least = unevenness;
			memcpy(best, prices, meta->nlists * sizeof(float));
			memcpy(best_counts, counts, meta->nlists * sizeof(uint32));
			patience = PRICE_PATIENCE;
		}
		else if (--patience == 0)
		{
			memcpy(prices, best, meta->nlists * sizeof(float));
			memcpy(counts, best_counts, meta->nlists * sizeof(uint32));
			patience = PRICE_PATIENCE;
			step /= 2;
		}
		if (least <= EVEN_ENOUGH * even * sample->n)
			break;
		for (uint32 i = 0; i < meta->nlists; i++)
			prices[i] += step * Min(counts[i] / even - 1, 1);
	}
	pfree(best_counts);
	pfree(counts);
	pfree(prices);
}

float *
ivf_train(IvfMeta *meta, const IvfGiven *given, IvfSample *sample,
		  float *params)
{
	float *transform = params + ivf_codec_floats(meta);
	float *centroids = given->centroids;

	poll_load_blas();
	if (given->transform != NULL)
		take_transform(meta, given, sample, transform);
	if (meta->transform == TRANSFORM_PCA || meta->transform == TRANSFORM_RANDOM)
		transform_sample(meta, sample, transform);
	if (centroids == NULL)
		centroids = ivf_train_centroids(meta, sample);
	if (meta->transform == TRANSFORM_OPQ)
		rotate_lists(meta, sample, centroids, transform);
	if (meta->nprices > 0)
		train_prices(meta, sample, centroids,
					 params + ivf_params_floats(meta) - meta->nprices);
	if (given->codebook != NULL)
		memcpy(params, given->codebook, ivf_codec_floats(meta) * sizeof(float));
	else if (meta->codec != CODEC_NONE)
		train_codec(meta, sample, centroids, params);
	return centroids;
}
