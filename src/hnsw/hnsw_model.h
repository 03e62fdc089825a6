/*
 * hnsw_model.h
 *	  What an index knows of itself: meta page, and what codes are made with.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_MODEL_H
#define VECTOR_EXT_HNSW_MODEL_H

#include "hnsw/hnsw_layout.h"
#include "utils/rel.h"

/*
 * Lives in the relation cache: valid until the next look at the catalogues, so
 * whoever needs it longer copies what he needs.
 */
typedef struct HnswModel
{
	HnswMeta meta;
	HnswLayout layout;
	uint32 nhints;
	Buffer *hints; /* for page_pin(): by block, of the first nhints */
	float floats[FLEXIBLE_ARRAY_MEMBER]; /* see hnsw_floats() */
} HnswModel;

/*
 * The model, and the state of this moment unless state is NULL: reads the meta
 * page.  Errors: not one of our indexes, or of a version this library does not
 * know [55000], corruption [XX002].
 */
extern const HnswModel *hnsw_model_get(Relation index, HnswState *state);

/*
 * A copy of it in the current context, without hints, for who looks at the
 * catalogues while he needs it; same errors.
 */
extern HnswModel *hnsw_model_copy(Relation index, HnswState *state);

/*
 * Forget the model where the index has outgrown its hints: for who adds blocks,
 * and holds no model now.
 */
extern void hnsw_model_follow(Relation index);

/* Floats of the model: the mean of the rows, dim, and the codec's parameters */
extern Size hnsw_floats(const HnswMeta *meta);

static inline const float *
hnsw_mean(const HnswModel *model)
{
	return model->floats;
}

static inline const float *
hnsw_codec_params(const HnswModel *model)
{
	return model->floats + model->meta.dim;
}

/* page_pin() with the model's hint, if it has one for the block */
static inline Buffer
hnsw_pin(Relation index, const HnswModel *model, BlockNumber blkno)
{
	Buffer none = InvalidBuffer;

	return page_pin(index, blkno,
					blkno < model->nhints ? &model->hints[blkno] : &none);
}

/* The state in a page that is the meta page */
static inline HnswState *
hnsw_state(Page page)
{
	return (HnswState *) (page_room(page) + HNSW_STATE_OFFSET);
}

/* What products with a query count in its distances, |q - x|^2 or -<q,x> */
static inline float
hnsw_factor(const HnswMeta *meta)
{
	return meta->metric == METRIC_INNER_PRODUCT ? -1.0f : -2.0f;
}

/*
 * The code of a row, and its term (CodecScan); work: 3 * dim floats.  A function
 * of the record: callers pass the image that it stands for.
 */
extern float hnsw_code(const HnswModel *model, const float *row, uint8 *code,
					   float *work);

#endif
