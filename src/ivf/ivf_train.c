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
#define CODEBOOK_ROUNDS 15
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
	return (RowSet){
		.rows = rows, .stride = meta->dim, .dim = meta->dim, .n = n};
}

float *
ivf_train_centroids(IvfMeta *meta, const IvfSample *sample)
{
	KmeansTask task = {.rows = all_rows(meta, sample->rows, sample->n),
					   .k = meta->nlists,
					   .spherical = meta->metric == METRIC_COSINE,
					   .iterations = CENTROID_ROUNDS,
					   .seed = SEED,
					   .poll = poll_interrupts};
	Size nvalues = (Size) meta->nlists * meta->dim;
	float *centroids = allocate_work(nvalues * sizeof(float));
	void *work;
	Size distinct;

	poll_load_blas();
	work = allocate_work(kmeans_work_size(&task));
	distinct = kmeans_train(&task, centroids, work);
	pfree(work);

	meta->nlists = distinct;
	for (Size i = 0; i < distinct * meta->dim; i++)
		centroids[i] = half_to_float(float_to_half(centroids[i]));
	return centroids;
}

void *
ivf_assign_work(const IvfMeta *meta, uint32 max_rows)
{
	return allocate_work(
		kmeans_assign_work_size(meta->nlists, meta->dim, max_rows));
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

float *
ivf_train_codebook(const IvfMeta *meta, const IvfSample *sample,
				   const float *centroids)
{
	uint32 n = Min(sample->n, CODEBOOK_ROWS);
	Size dim = meta->dim;
	PqTraining training = {.shape = ivf_pq_shape(meta),
						   .iterations = CODEBOOK_ROUNDS,
						   .seed = SEED,
						   .poll = poll_interrupts};
	float *codebook =
		allocate_work(pq_codebook_floats(&training.shape) * sizeof(float));
	float *residuals = allocate_work(n * dim * sizeof(float));
	uint32 *lists = allocate_work(n * sizeof(uint32));
	void *work = ivf_assign_work(meta, n);

	/* the sample is in no order, so its first rows are a sample too */
	ivf_assign(meta, centroids, sample->rows, n, lists, work);
	pfree(work);
	for (Size i = 0; i < n; i++)
	{
		for (Size d = 0; d < dim; d++)
			residuals[i * dim + d] =
				sample->rows[i * dim + d] - centroids[lists[i] * dim + d];
	}

	training.rows = all_rows(meta, residuals, n);
	work = allocate_work(pq_train_work_size(&training));
	(void) pq_train(&training, codebook, work);
	pfree(work);
	pfree(lists);
	pfree(residuals);
	return codebook;
}
