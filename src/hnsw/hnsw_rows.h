/*
 * hnsw_rows.h
 *	  The rows of an index that is being built, in memory.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_ROWS_H
#define VECTOR_EXT_HNSW_ROWS_H

#include "hnsw/hnsw_team.h"

/* A distinct vector */
typedef struct HnswElement
{
	uint32 hash;      /* of the value */
	uint32 first_tid; /* in tids */
	uint32 ntids;     /* 0: no row came to this place */
	uint32 level;
	uint32 value; /* where it is in values, where these are kept */
} HnswElement;

/* Values begin at multiples of it */
#define HNSW_VALUE_UNIT 8

/* As one process sees them, and while a job lasts: arrays may move in between */
typedef struct HnswRows
{
	const HnswMeta *meta; /* the team's */
	/*
	 * Floats from row to row.  For inner products there is one more than the
	 * vector has: with it, all rows are as long as the longest (hnsw_rows_unite).
	 */
	Size stride;
	float *rows;  /* images, at least dim floats each */
	char *values; /* NULL where records are not values */
	HnswElement *elements;
	ItemPointerData *tids;
	char *attributes; /* of each TID, packed: so many bytes */
	Size attribute_bytes;
	uint32 n; /* rows; elements, once they are united */
	uint32 ntids;
} HnswRows;

/* Places that a process has claimed for its next rows */
typedef struct HnswPlaces
{
	uint32 next;
	uint32 end;
	uint32 next_value;
	uint32 end_value;
} HnswPlaces;

/*
 * Room for rows, so many of which are expected, with values of typical bytes,
 * within bytes that a build of them takes in all (hnsw_build_bytes()).
 */
extern void hnsw_rows_allocate(HnswTeam *team, double expected, Size typical,
							   Size bytes);

/* Of one row: rows, graph, codes and projections; but not its value */
extern Size hnsw_build_bytes(const HnswMeta *meta);

/*
 * Dimensions of the projections by which rows with codes are linked: of what codes
 * are made of, and a row's further float; 0 where these were not far fewer than of
 * rows, or where images find no more than candidates.
 */
extern uint32 hnsw_rows_projected(const HnswMeta *meta);

/* The rows of a team */
extern HnswRows hnsw_rows_of(HnswTeam *team);

/* False where there is no room for another one, with a value of so many bytes */
extern bool hnsw_rows_have_room(HnswTeam *team, HnswPlaces *places, Size bytes);

/* The value of an element, where values are kept */
static inline const void *
hnsw_rows_value(const HnswRows *rows, uint32 element)
{
	return rows->values +
		(Size) rows->elements[element].value * HNSW_VALUE_UNIT;
}

/* Bytes of the records of elements: the mean */
extern Size hnsw_rows_mean_record(const HnswRows *rows);

/* More room, unless there is all that may be, or that can be had */
extern bool hnsw_rows_grow(HnswTeam *team);

/*
 * Add a row by its elements, where there is room; false for one without a place
 * in the index.  attributes: unused without columns.
 */
extern bool hnsw_rows_add(const HnswRows *rows, HnswPlaces *places,
						  const void *elems, const AttributeRow *attributes,
						  ItemPointer tid);

/* Bytes of a row's attributes, packed */
static inline Size
hnsw_attribute_bytes(const HnswMeta *meta)
{
	return attribute_packed_bytes(meta->column_bytes, meta->ncolumns);
}

/*
 * All have come: they are put in the order of their TIDs, without the places
 * that stayed empty.  Whatever follows is independent of who read what.
 */
extern HnswRows hnsw_rows_collect(HnswTeam *team);

/*
 * Equal ones become an element, elements get their levels, and rows the further
 * float.  Returns the exponent of a scale that keeps sums of squares in range, at
 * most 0; the rows are scaled by it.
 */
extern int hnsw_rows_unite(HnswRows *rows);

/* That exponent for rows whose greatest element is this */
extern int hnsw_rows_scale(float greatest);

/* Put elements and their rows into this order: element i becomes order[i] was */
extern void hnsw_rows_arrange(HnswRows *rows, const uint32 *order);

/*
 * The level of an element whose first TID this is, with m neighbours: one in 5/4 m
 * elements of a level is on the next one.  (One in m in the paper; here nodes above
 * are as large as those on the ground, and fewer find as much.  With one in 2 m and
 * few neighbours, clusters were out of reach.)
 */
extern uint32 hnsw_level(const ItemPointerData *tid, uint32 m);

#endif
