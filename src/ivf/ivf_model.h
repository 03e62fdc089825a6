/*
 * ivf_model.h
 *	  What an index knows of its data: meta page, centroids, parameters of
 *	  codec and transform.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_IVF_MODEL_H
#define VECTOR_EXT_IVF_MODEL_H

#include "ivf/ivf_layout.h"

/*
 * Meta page and parameters as this backend has them.  Lives in the relation
 * cache: valid until the next look at the catalogues, so whoever needs it
 * longer copies what he needs.
 */
typedef struct IvfModel
{
	IvfMeta meta;
	IvfLayout layout;
	uint32 nhints;
	Buffer *hints; /* for page_pin(): by block, of the first nhints */
	float params[FLEXIBLE_ARRAY_MEMBER]; /* of codec, transform, prices */
} IvfModel;

/*
 * The model in force: reads the meta page, and the rest when its generation is
 * new.  Errors: not one of our indexes, or of a version this library does not
 * know [55000], corruption [XX002].
 */
extern const IvfModel *ivf_model_get(Relation index);

/* page_pin() with the model's hint, if it has one for the block */
static inline Buffer
ivf_pin(Relation index, const IvfModel *model, BlockNumber blkno)
{
	Buffer none = InvalidBuffer;

	return page_pin(index, blkno,
					blkno < model->nhints ? &model->hints[blkno] : &none);
}

/* Soon ivf_pin() will be called for this block */
static inline void
ivf_expect(const IvfModel *model, BlockNumber blkno)
{
	if (blkno < model->nhints)
		page_expect(model->hints[blkno]);
}

/* Floats of params, and where those of the transform begin */
extern Size ivf_codec_floats(const IvfMeta *meta);
extern Size ivf_params_floats(const IvfMeta *meta);

/*
 * Prices of balanced lists, the first meta->nprices; NULL: none.  A row belongs
 * to the list of the least |row - centroid|^2 + price.
 */
extern const float *ivf_prices(const IvfMeta *meta, const float *params);

/* The price of a list, given ivf_prices(); lists made later have none */
static inline float
ivf_price(const IvfMeta *meta, const float *prices, uint32 list)
{
	return prices != NULL && list < meta->nprices ? prices[list] : 0.0f;
}

static inline const float *
ivf_transform_params(const IvfModel *model)
{
	return model->params + ivf_codec_floats(&model->meta);
}

/*
 * The distance of a query in model space (see ivf_encode.h) to each centroid:
 * products[i] = <query, c_i> and, unless sqnorms is NULL, |c_i|^2.  One list
 * without centroid: zeros.
 */
extern void ivf_centroid_products(Relation index, const IvfModel *model,
								  const float *query, float *products,
								  float *sqnorms);

/* One centroid as floats */
extern void ivf_centroid_read(Relation index, const IvfMeta *meta, uint32 list,
							  float *centroid);

/* Parameters from their pages, ivf_params_floats() */
extern void ivf_params_read(Relation index, const IvfMeta *meta, float *params);

/*
 * A lane's copy, from the first of its pages; copy has room for all of it.
 * Returns the block of a page that a later generation has taken, if there is
 * any, else InvalidBlockNumber.
 */
extern BlockNumber ivf_copy_read(Relation index, const IvfModel *model,
								 BlockNumber blkno, uint32 lane, char *copy);

/*
 * The directory: an entry; n entries of one page, first being its first; its
 * page locked, for who changes it.  n entries: false where a later generation has
 * taken the page.
 */
extern IvfListEntry ivf_list_read(Relation index, const IvfMeta *meta,
								  uint32 list);
extern bool ivf_lists_read(Relation index, const IvfModel *model, uint32 first,
						   uint32 n, IvfListEntry *entries);
extern Buffer ivf_list_lock(Relation index, const IvfMeta *meta, uint32 list);
static inline uint32
ivf_list_offset(uint32 list)
{
	return list % IVF_ENTRIES_PER_PAGE * sizeof(IvfListEntry);
}

#endif
