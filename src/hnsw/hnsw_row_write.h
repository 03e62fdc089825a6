/*
 * hnsw_row_write.h
 *	  Writes the row pages of an index that is being built.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_ROW_WRITE_H
#define VECTOR_EXT_HNSW_ROW_WRITE_H

#include "hnsw/hnsw_layout.h"
#include "hnsw/hnsw_team.h"

/* A row, in HNSW_ROW_PLACES; from one to the next hnsw_row_place_bytes() */
typedef struct HnswRowPlace
{
	ItemPointerData tid;
	uint32 element; /* its place on the ground, and among HNSW_CODES */
	char attributes[FLEXIBLE_ARRAY_MEMBER]; /* packed */
} HnswRowPlace;

static inline Size
hnsw_row_place_bytes(const HnswMeta *meta)
{
	return INTALIGN(offsetof(HnswRowPlace, attributes) +
					attribute_packed_bytes(meta->column_bytes, meta->ncolumns));
}

static inline HnswRowPlace *
hnsw_row_place(const HnswMeta *meta, HnswRowPlace *places, Size i)
{
	return (HnswRowPlace *) ((char *) places + i * hnsw_row_place_bytes(meta));
}

/* Pages for n rows; at least one */
static inline uint32
hnsw_row_pages(const HnswLayout *layout, uint32 n)
{
	return n == 0 ? 1 : (n - 1) / layout->rows.lanes + 1;
}

/*
 * Write the plan's row pages, whose blocks are there, from HNSW_ROW_PLACES, in any
 * order, n of them, which are freed.  Names on the ground are known.
 */
extern void hnsw_write_rows(HnswTeam *team, uint32 n);

/* HNSW_JOB_WRITE_ROWS */
extern void hnsw_write_rows_job(HnswTeam *team);

#endif
