/*
 * tid_filter.h
 *	  A set of heap TIDs that is asked often: the rows that a search may find.
 *
 * Made of what bitmap index scans have found (nodes/tidbitmap.h).  A bit for each
 * row of the blocks that have any; of blocks whose rows PostgreSQL did not list
 * for want of memory, as of those that a BRIN index names, every row is in it.
 *
 * Memory: a word of 64 bits, or a few, for each block with rows, and 4 bytes for
 * each block of the table; where these would take more than work_mem, 12 to 24
 * for each block with rows.  And for a small set 8 kB, which the nearest cache holds:
 * most TIDs that are not in it are known by these alone.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_TID_FILTER_H
#define VECTOR_EXT_TID_FILTER_H

#include "nodes/tidbitmap.h"
#include "storage/itemptr.h"

struct block_places_hash;

typedef struct TidFilter
{
	BlockNumber nblocks; /* none of those behind is in it */
	uint32 *places; /* of each block: its first word; 0: none of its rows */
	struct block_places_hash *hashed; /* the same, where places is NULL */
	uint64 *words;                    /* the first ones are zero */
	uint32 words_each;                /* of a block */
	uint32
		*folded; /* a bit for all blocks that are equal by fold_mask, if any of
						 * them has rows; NULL: most would have */
	uint32 fold_mask;

	double rows;           /* rows in it, listed one by one */
	BlockNumber blocks;    /* that have such rows */
	BlockNumber whole;     /* blocks of which every row is in it */
	ItemPointerData first; /* such a row, if there is any */
	bool recheck; /* rows in it may fail the conditions it was made of */
} TidFilter;

/* Memory in the current context; the bitmap is left as it is */
extern TidFilter *tid_filter_new(TIDBitmap *bitmap);

/* The first word of a block */
extern uint32 tid_filter_find_place(const TidFilter *filter, BlockNumber block);

static inline bool
tid_filter_has(const TidFilter *filter, const ItemPointerData *tid)
{
	BlockNumber block = ItemPointerGetBlockNumberNoCheck(tid);
	uint32 offset = ItemPointerGetOffsetNumberNoCheck(tid);
	uint32 place;

	if (block >= filter->nblocks || offset >= filter->words_each * 64)
		return false;
	place = filter->places != NULL ? filter->places[block]
								   : tid_filter_find_place(filter, block);
	return filter->words[place + offset / 64] >> offset % 64 & 1;
}

/* Of lanes, as bits, those whose TIDs are in it; TIDs up to the last lane's are read */
extern uint32 tid_filter_lanes(const TidFilter *filter,
							   const ItemPointerData *tids, uint32 lanes);

/* Some TID in it; false where there is none */
extern bool tid_filter_first(const TidFilter *filter, ItemPointer tid);

/* Call visit with each TID in it; those of whole blocks may lead to nothing */
typedef void (*TidFilterVisit)(void *arg, ItemPointer tid);
extern void tid_filter_visit(const TidFilter *filter, TidFilterVisit visit,
							 void *arg);

#endif
