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

/* What a backend keeps of some rows to find ways into the ground: hnsw_seeds.h */
typedef struct HnswSeeds
{
	uint32
		room; /* lanes, a multiple of 32; 0: the index is too small, or large */
	uint32 n; /* of them filled; 0: none is known, or worth it */
	BlockNumber nblocks; /* of the index when they were */
	uint64 spent; /* nodes looked at on levels above, for want of seeds */
	HnswId *grounds;
	uint8 *codes; /* in blocks, as on row pages */
} HnswSeeds;

/*
 * Lives in the relation cache: valid until the next look at the catalogues, so
 * whoever needs it longer copies what he needs.
 */
typedef struct HnswModel
{
	HnswMeta meta;
	HnswLayout layout;
	uint32 nhints;
	Buffer *hints;    /* for page_pin(): by block, of the first nhints */
	HnswSeeds *seeds; /* NULL: a copy's */
	float floats[FLEXIBLE_ARRAY_MEMBER]; /* see hnsw_floats() */
} HnswModel;

/*
 * The model, and the state of this moment unless state is NULL: reads the meta
 * page.  Errors: not one of our indexes, or of a version this library does not
 * know [55000], corruption [XX002].
 */
extern const HnswModel *hnsw_model_get(Relation index, HnswState *state);

/*
 * A copy of it in the current context, without hints and seeds, for who looks at the
 * catalogues while he needs it; same errors.
 */
extern HnswModel *hnsw_model_copy(Relation index, HnswState *state);

/*
 * Forget the model where the index has outgrown its hints: for who adds blocks,
 * and holds no model now.
 */
extern void hnsw_model_follow(Relation index);

/* Do searches estimate neighbours by codes? */
static inline bool
hnsw_has_codes(const HnswMeta *meta)
{
	return meta->stage == HNSW_CODED;
}

/* Does a link come with its code?  Otherwise nobody makes, or reads, codes. */
static inline bool
hnsw_writes_codes(const HnswMeta *meta)
{
	return meta->stage != HNSW_UNTRAINED;
}

/*
 * Floats of the model: mean of the rows, dim; where the transform takes it, code_dim;
 * parameters of the transform, and of the codec.  Without codec there are none.
 */
extern Size hnsw_floats(const HnswMeta *meta);

/* Where these begin among the floats */
typedef struct HnswFloats
{
	float *mean;
	float *centre; /* the mean, transformed */
	float *transform;
	float *codec;
} HnswFloats;

static inline HnswFloats
hnsw_lay_out_floats(const HnswMeta *meta, float *floats)
{
	TransformShape shape = hnsw_transform_shape(meta);
	HnswFloats at = {.mean = floats, .centre = floats + meta->dim};

	at.transform = at.centre + meta->code_dim;
	at.codec = at.transform + transform_params_floats(&shape);
	return at;
}

/* To be read only */
static inline HnswFloats
hnsw_model_floats(const HnswModel *model)
{
	return hnsw_lay_out_floats(&model->meta, (float *) model->floats);
}

/* page_pin() with the model's hint, if it has one for the block */
static inline Buffer
hnsw_pin(Relation index, const HnswModel *model, BlockNumber blkno)
{
	Buffer none = InvalidBuffer;

	return page_pin(index, blkno,
					blkno < model->nhints ? &model->hints[blkno] : &none);
}

/* Soon hnsw_pin() will be called for this block */
static inline void
hnsw_expect(const HnswModel *model, BlockNumber blkno)
{
	if (blkno < model->nhints)
		page_expect(model->hints[blkno]);
}

/* The state in a page that is the meta page */
static inline HnswState *
hnsw_state(Page page)
{
	return (HnswState *) (page_room(page) + HNSW_STATE_OFFSET);
}

/* The meta data to, and from, a page that is the meta page */
static inline void
hnsw_meta_put(Page page, const HnswMeta *meta)
{
	memcpy(page_room(page), meta, HNSW_META_BYTES);
	memcpy(page_room(page) + HNSW_KINDS_OFFSET, meta->kinds,
		   sizeof(meta->kinds));
}

static inline void
hnsw_meta_get(Page page, HnswMeta *meta)
{
	memset(meta, 0, sizeof(*meta)); /* it is compared with others */
	memcpy(meta, page_room(page), HNSW_META_BYTES);
	memcpy(meta->kinds, page_room(page) + HNSW_KINDS_OFFSET,
		   sizeof(meta->kinds));
}

/* What products with a query count in its distances, |q - x|^2 or -<q,x> */
static inline float
hnsw_factor(const HnswMeta *meta)
{
	return meta->metric == METRIC_INNER_PRODUCT ? -1.0f : -2.0f;
}

/* Bytes of a code; 0 where there are none */
extern Size hnsw_code_bytes(const HnswModel *model);

/* Floats of work memory for the functions that follow */
static inline Size
hnsw_code_work(const HnswMeta *meta)
{
	return meta->dim + 3 * (Size) meta->code_dim;
}

/*
 * The code of a row.  A function of the record: callers pass the image that it
 * stands for.
 */
extern void hnsw_code(const HnswModel *model, const float *row, uint8 *code,
					  float *work);

/* What the codec sees of a row: less the mean, transformed; code_dim floats */
extern void hnsw_residual(const HnswModel *model, const float *row,
						  float *residual, float *work);

/*
 * The same of n rows, dim floats each, which become what they are less the mean;
 * residuals are stride floats apart.  Then the code of one of these.
 */
extern void hnsw_residuals(const HnswModel *model, float *rows, uint32 n,
						   float *residuals, Size stride);
extern void hnsw_code_of_residual(const HnswModel *model, const float *residual,
								  uint8 *code, float *work);

/*
 * The projection of an image, which is its residual, for inner products and the centre;
 * and what a code says of it: among projections distances are about those of images that are near to each other.
 */
extern void hnsw_projection(const HnswModel *model, const float *row,
							float *projection, float *work);
extern void hnsw_projection_of_code(const HnswModel *model, const uint8 *code,
									float *projection);

#endif
