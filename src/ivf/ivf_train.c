/*
 * ivf_train.c
 *	  From a sample of rows to a model.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "am/poll.h"
#include "ivf/ivf_model.h"
#include "ivf/ivf_train.h"
#include "quant/kmeans.h"
#include "vector/half.h"

/* More rounds gain less than a percent of recall */
#define CENTROID_ROUNDS 10
#define CODEC_ROUNDS 15
#define CODEBOOK_ROWS 8192
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

	poll_load_blas();
	work = allocate_work(kmeans_work_size(&task));
	distinct = kmeans_train(&task, centroids, work);
	pfree(work);

	meta->nlists = distinct;
	for (Size i = 0; i < distinct * meta->model_dim; i++)
		centroids[i] = half_to_float(float_to_half(centroids[i]));
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
		   uint32 n, uint32 *lists, void *work)
{
	KmeansAssignment assignment = {.rows = all_rows(meta, rows, n),
								   .centroids = centroids,
								   .k = meta->nlists,
								   .nearest = lists,
								   .work = work,
								   .poll = poll_interrupts};

	(void) kmeans_assign(&assignment);
}

/* Some residuals of the sample; the caller frees them */
static RowSet
sample_residuals(const IvfMeta *meta, const IvfSample *sample,
				 const float *centroids)
{
	uint32 n = Min(sample->n, CODEBOOK_ROWS);
	Size dim = meta->model_dim;
	float *residuals = allocate_work(n * dim * sizeof(float));
	uint32 *lists = allocate_work(n * sizeof(uint32));
	void *work = ivf_assign_work(meta, n);

	/* the sample is in no order, so its first rows are a sample too */
	ivf_assign(meta, centroids, sample->rows, n, lists, work);
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

void
ivf_train_codec(const IvfMeta *meta, const IvfSample *sample,
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
	training.rows = sample_residuals(meta, sample, centroids);
	work = allocate_work(codec->train_work_size(&training));
	(void) codec->train(&training, params, work);
	pfree(work);
	pfree((float *) training.rows.rows);
}
