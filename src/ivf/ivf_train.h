/*
 * ivf_train.h
 *	  From a sample of rows to a model.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_IVF_TRAIN_H
#define VECTOR_EXT_IVF_TRAIN_H

#include "am/kmeans_team.h"
#include "ivf/ivf_given.h"

/* Codec and transform are learned of the sample's first rows, so many */
#define IVF_MODEL_ROWS 8192

typedef struct IvfSample
{
	float *rows; /* n rows, dim floats each or model_dim */
	uint32 n;
	KmeansTeam *team; /* who clusters them with us, or NULL */
} IvfSample;

/*
 * Centroids for up to meta->nlists lists, in the current context: at most as
 * many as the sample has different rows; meta->nlists is lowered to that.  Each
 * is exact in half precision.  params, of ivf_params_floats(), get what codec
 * and transform learn.  Parts of the model that are given, in units of model
 * space, are taken as they are.
 *
 * The sample comes as scaled rows, the first IVF_MODEL_ROWS of them in random
 * order; they are in model space afterwards.
 */
extern float *ivf_train(IvfMeta *meta, const IvfGiven *given, IvfSample *sample,
						float *params);

/*
 * The centroids alone, as above, of a sample in model space.  For lists of our
 * own: those from outside are not exact in half precision.
 */
extern float *ivf_train_centroids(IvfMeta *meta, const IvfSample *sample);

/*
 * The nearest centroids of n rows, prices (or NULL) included; work from
 * ivf_assign_work()
 */
extern void *ivf_assign_work(const IvfMeta *meta, uint32 max_rows);
extern void ivf_assign(const IvfMeta *meta, const float *centroids,
					   const float *rows, uint32 n, const float *prices,
					   uint32 *lists, void *work);

#endif
