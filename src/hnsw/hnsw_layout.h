/*
 * hnsw_layout.h
 *	  Where a node keeps what, and how many fit a page.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_LAYOUT_H
#define VECTOR_EXT_HNSW_LAYOUT_H

#include "hnsw/hnsw_page.h"

/* Offsets into a slot, which begins at a multiple of 16 */
typedef struct HnswLayout
{
	uint32 slots; /* of a page */
	uint32 size;  /* bytes of a slot */
	uint32 lanes; /* neighbours there is room for: whole blocks of codes */
	uint32 links; /* HnswId, lanes of them; HNSW_NONE where there is none */
	uint32 terms; /* float, lanes of them: see CodecScan */
	uint32 codes; /* blocks of block_bytes */
	uint32 block_bytes;
	uint32 copy; /* dim bytes */
	uint32 more; /* TIDs of an HnswMore */
} HnswLayout;

/*
 * Choose parts of codes such that nodes fill pages well; 0 where not even one
 * node fits a page.  dim, m and codec of meta are set.
 */
extern uint16 hnsw_layout_parts(const HnswMeta *meta);

/* The transform before a codec of so many parts, and what it leaves: sets meta's */
extern void hnsw_layout_transform(HnswMeta *meta);

/* The layout that follows from the meta page */
extern void hnsw_layout_init(HnswLayout *layout, const HnswMeta *meta);

static inline CodecShape
hnsw_codec_shape(const HnswMeta *meta)
{
	return (CodecShape){.dim = meta->code_dim, .m = meta->parts};
}

static inline TransformShape
hnsw_transform_shape(const HnswMeta *meta)
{
	return (TransformShape){.kind = (TransformKind) meta->transform,
							.in = meta->dim,
							.out = meta->code_dim};
}

static inline BlockNumber
hnsw_block(const HnswLayout *layout, HnswId id)
{
	return id / layout->slots;
}

static inline HnswId
hnsw_id(const HnswLayout *layout, BlockNumber blkno, uint32 slot)
{
	return blkno * layout->slots + slot;
}

/* Where a slot begins in the room of a page */
static inline uint32
hnsw_offset(const HnswLayout *layout, HnswId id)
{
	return id % layout->slots * layout->size;
}

static inline HnswNode *
hnsw_node(Page page, const HnswLayout *layout, HnswId id)
{
	return (HnswNode *) (page_room(page) + hnsw_offset(layout, id));
}

#define HNSW_ARRAY(node, offset, type) ((type *) ((char *) (node) + (offset)))

#endif
