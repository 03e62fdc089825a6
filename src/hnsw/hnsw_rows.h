/*
 * hnsw_rows.h
 *	  The rows of an index that is being built, in memory.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_ROWS_H
#define VECTOR_EXT_HNSW_ROWS_H

#include "hnsw/hnsw_page.h"

/* A distinct vector */
typedef struct HnswElement
{
	uint32 hash;      /* of the value */
	uint32 first_tid; /* in tids */
	uint32 ntids;
	uint32 level;
} HnswElement;

typedef struct HnswRows
{
	const HnswMeta *meta; /* the caller's */
	MemoryContext context;
	/*
	 * Floats from row to row.  For inner products there is one more than the
	 * vector has: with it, all rows are as long as the longest (hnsw_rows_unite).
	 */
	Size stride;
	float *rows; /* scaled, at least dim of them */
	HnswElement *elements;
	ItemPointerData *tids;
	uint32 n; /* rows; elements, once they are united */
	uint32 ntids;
	uint32 room;
	uint32 most; /* rows that the budget has room for */
} HnswRows;

/*
 * Room for rows, so many of which are expected, within bytes that a build of
 * them takes in all (hnsw_build_bytes()).  Memory in the current context.
 */
extern HnswRows *hnsw_rows_new(const HnswMeta *meta, double expected,
							   Size bytes);

/* Of one row: rows, graph and codes */
extern Size hnsw_build_bytes(const HnswMeta *meta);

/* False where there is no room for another one */
extern bool hnsw_rows_have_room(const HnswRows *rows);

/* Add a row by its elements; one without a place in the index is left out */
extern void hnsw_rows_add(HnswRows *rows, const void *elems, ItemPointer tid);

/*
 * All have come: equal ones become an element, elements get their levels, and
 * rows the further float.  Returns the exponent of a scale that keeps sums of
 * squares in range, at most 0; the rows are scaled by it.
 */
extern int hnsw_rows_unite(HnswRows *rows);

/* Put elements and their rows into this order: element i becomes order[i] was */
extern void hnsw_rows_arrange(HnswRows *rows, const uint32 *order);

/* The level of an element whose first TID this is, with m neighbours */
extern uint32 hnsw_level(const ItemPointerData *tid, uint32 m);

#endif
