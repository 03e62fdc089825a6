/*
 * ivf_layout.h
 *	  Where a segment keeps what.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_IVF_LAYOUT_H
#define VECTOR_EXT_IVF_LAYOUT_H

#include "ivf/ivf_page.h"

#define IVF_WORD 32 /* lanes in a word of the live mask */
StaticAssertDecl(IVF_WORD == ATTRIBUTE_WORD, "masks of live lanes and others");

/* An attribute's arrays, for whole words of lanes */
typedef struct IvfColumn
{
	uint32 summary; /* AttributeSummary */
	uint32 nulls;   /* bits */
	uint32 values;  /* keys */
} IvfColumn;

/*
 * Where a segment keeps what: byte offsets into the room, arrays of capacity
 * entries.  0 for an array that the index does not have.
 */
typedef struct IvfLayout
{
	uint32 capacity;                  /* lanes, a multiple of block_lanes */
	uint32 live;                      /* bits, uint32 for each IVF_WORD lanes */
	IvfColumn columns[ATTRIBUTE_MAX]; /* the first IvfMeta.nattributes */
	uint32 tids;                      /* ItemPointerData */
	uint32 terms;                     /* float: see CodecScan */
	uint32 scales; /* float: likewise, where the codec is scaled */
	uint32 bounds; /* float: CodecScan.errors, likewise */
	uint32 errors; /* half: at least |row - copy|, in scaled units */
	uint32 copies; /* BlockNumber of each copy page, see ivf_copy_page */
	uint32 codes;  /* blocks of block_bytes */
	uint32 block_bytes;
	uint32 block_lanes;
	Slots copy_slots; /* size 0 without copies */
} IvfLayout;

/*
 * The layout that follows from the meta page.  Errors [54000] where not even one
 * block of rows has room.
 */
extern void ivf_layout_init(IvfLayout *layout, const IvfMeta *meta);

/* Words of the live mask */
static inline uint32
ivf_live_words(const IvfLayout *layout)
{
	return (layout->capacity + IVF_WORD - 1) / IVF_WORD;
}

/* Copy pages of so many lanes; the parts of a large copy are chained */
static inline uint32
ivf_copy_page(const IvfLayout *layout, uint32 lane)
{
	return lane / layout->copy_slots.per_page;
}

static inline IvfSegment *
ivf_segment(Page page)
{
	return (IvfSegment *) page_room(page);
}

#define IVF_ARRAY(page, offset, type) ((type *) (page_room(page) + (offset)))

/* The block of codes that a lane is in */
static inline uint8 *
ivf_code_block(Page page, const IvfLayout *layout, uint32 lane)
{
	return IVF_ARRAY(page, layout->codes, uint8) +
		lane / layout->block_lanes * layout->block_bytes;
}

#endif
