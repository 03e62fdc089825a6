/*
 * hnsw_nearest.h
 *	  The nearest elements of the queries of calibration, of a build in parts.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_NEAREST_H
#define VECTOR_EXT_HNSW_NEAREST_H

#include "hnsw/hnsw_rows.h"

/* Rows that are queries */
#define HNSW_QUERIED_ROWS 128

/* As many as there are in the end, and twice that while they are found */
#define HNSW_NEAREST_KEPT 256

typedef struct HnswNear
{
	double key; /* hnsw_near_key() */
	uint32 number;
} HnswNear;

/* Of a query, in HNSW_NEAREST_ROWS */
typedef struct HnswNearest
{
	uint32 self; /* its own number */
	uint32 n;
	double limit;                         /* no farther one is wanted */
	HnswNear rows[2 * HNSW_NEAREST_KEPT]; /* in the end, nearest first */
} HnswNearest;

/* |y|^2 - 2 <x, y>, or what orders by product */
static inline double
hnsw_near_key(const HnswMeta *meta, double product, double sqnorm)
{
	return meta->metric == METRIC_INNER_PRODUCT ? -product
												: sqnorm - 2 * product;
}

/* Choose queries from the sample in memory */
extern void hnsw_nearest_begin(HnswTeam *team);

/* Look at the rows at home in a part, whose numbers begin at base */
extern void hnsw_nearest_see(HnswTeam *team, uint32 base);

/* All have been seen */
extern void hnsw_nearest_end(HnswTeam *team);

#endif
