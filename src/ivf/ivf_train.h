/*
 * ivf_train.h
 *	  From a sample of rows to a model.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_IVF_TRAIN_H
#define VECTOR_EXT_IVF_TRAIN_H

#include "ivf/ivf_page.h"

typedef struct IvfSample
{
	float *rows; /* n * model_dim floats, in model space */
	uint32 n;
} IvfSample;

/*
 * Centroids for up to meta->nlists lists, in the current context: at most as
 * many as the sample has different rows; meta->nlists is lowered to that.  Each
 * is exact in half precision.
 */
extern float *ivf_train_centroids(IvfMeta *meta, const IvfSample *sample);

/* The codec's parameters, from the residuals of the sample's rows */
extern void ivf_train_codec(const IvfMeta *meta, const IvfSample *sample,
							const float *centroids, float *params);

/* The nearest centroids of n rows; work from ivf_assign_work() */
extern void *ivf_assign_work(const IvfMeta *meta, uint32 max_rows);
extern void ivf_assign(const IvfMeta *meta, const float *centroids,
					   const float *rows, uint32 n, uint32 *lists, void *work);

#endif
