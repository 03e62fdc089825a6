/*
 * hnsw_layout.h
 *	  Where a node keeps what, and how many fit a page.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_LAYOUT_H
#define VECTOR_EXT_HNSW_LAYOUT_H

#include "hnsw/hnsw_page.h"

/* Lanes of a row page that share a word of bits */
#define HNSW_ROW_WORD 32

/* Offsets into the room of a row page.  lanes of each, a multiple of HNSW_ROW_WORD. */
typedef struct HnswRowLayout
{
	uint32 lanes;
	uint32 live;      /* uint32, a bit for each lane that has a TID */
	uint32 grounds;   /* HnswId: the element's node on the ground */
	uint32 tids;      /* ItemPointerData */
	uint32 summaries; /* AttributeSummary of each column, MAXALIGNed */
	uint32 columns; /* keys of the first column, then of the next, MAXALIGNed */
	uint32 nulls;   /* uint32, as live: meta.ncolumns times */
	uint32 codes;   /* blocks, as those of a node; 0: there are none */
} HnswRowLayout;

/* Offsets into a slot, which begins at a multiple of 16 */
typedef struct HnswLayout
{
	uint32 slots; /* of a page */
	uint32 size;  /* bytes of a slot */
	uint32 lanes; /* neighbours there is room for: whole blocks of codes */
	uint32 links; /* HnswId, lanes of them; HNSW_NONE where there is none */
	uint32 codes; /* blocks of block_bytes */
	uint32 block_bytes;
	uint32 tail;    /* HnswTail; 0: records are all there, equally long */
	uint32 copy;    /* the record, or its first meta.kept bytes */
	uint32 longest; /* bytes that a record may have */
	uint32 part;    /* bytes of an HnswPart */
	uint32 more;    /* TIDs of an HnswMore */
	HnswRowLayout rows;
} HnswLayout;

/*
 * Choose parts of codes, and how much of a record a node keeps, such that nodes fill
 * pages well.  typical: bytes of a record, where lengths differ.  codec of meta is
 * set, and parts, unless they are 0: then they are chosen too.  False: with codes
 * not even one node fits a page.
 */
extern bool hnsw_layout_choose(HnswMeta *meta, Size typical);

/* The transform before a codec of so many parts, and what it leaves: sets meta's */
extern void hnsw_layout_transform(HnswMeta *meta);

/* The layout that follows from the meta page; no lanes: columns fit no row page */
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

/* A node of some level: not what else may be in a slot */
static inline bool
hnsw_is_node(const HnswNode *node)
{
	return node->state == HNSW_LIVE || node->state == HNSW_DEAD;
}

static inline bool
hnsw_is_node_of(const HnswNode *node, uint32 level)
{
	return hnsw_is_node(node) && node->level == level;
}

#define HNSW_ARRAY(node, offset, type) ((type *) ((char *) (node) + (offset)))

/* Parts of a record of so many bytes beside the first, which is in the node */
static inline uint32
hnsw_count_parts(const HnswMeta *meta, const HnswLayout *layout, Size bytes)
{
	return bytes <= meta->kept
		? 0
		: (bytes - meta->kept + layout->part - 1) / layout->part;
}

#endif
