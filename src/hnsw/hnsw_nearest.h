/*
 * hnsw_nearest.h
 *	  The nearest elements of the queries of calibration, of a build in parts.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_NEAREST_H
#define VECTOR_EXT_HNSW_NEAREST_H

#include "hnsw/hnsw_rows.h"

/* As many as there are in the end, and twice that while they are found */
#define HNSW_NEAREST_KEPT 256

typedef struct HnswNearRow
{
	double key; /* hnsw_order_key() */
	uint32 number;
} HnswNearRow;

/* Of a query, in HNSW_NEAREST_ROWS */
typedef struct HnswNearest
{
	uint32 self; /* its own number */
	uint32 n;
	double limit;                            /* no farther one is wanted */
	HnswNearRow rows[2 * HNSW_NEAREST_KEPT]; /* in the end, nearest first */
} HnswNearest;

/* Choose queries from the sample in memory */
extern void hnsw_nearest_begin(HnswTeam *team);

/* Look at the rows at home in a part, whose numbers begin at base */
extern void hnsw_nearest_see(HnswTeam *team, uint32 base);

/* All have been seen */
extern void hnsw_nearest_end(HnswTeam *team);

#endif
