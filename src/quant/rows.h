/*
 * rows.h
 *	  A set of float32 rows that lie in a caller's memory: what trainers read.
 *
 * Rows are finite.  Duplicates are allowed.
 *
 * Plain C: no PostgreSQL header.
 */
#ifndef VECTOR_EXT_ROWS_H
#define VECTOR_EXT_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quant/pacer.h"
#include "quant/rng.h"

typedef struct RowSet
{
	const float *rows;   /* row i begins at rows + i * stride */
	size_t stride;       /* floats from row to row, at least dim */
	size_t dim;          /* floats of a row, at least 1 */
	const uint32_t *ids; /* the rows of the set; NULL: the first n */
	size_t n;            /* rows in the set, at least 1, below 2^31 */
} RowSet;

/* Number in rows[] of the i-th row of the set */
static inline uint32_t
row_id(const RowSet *set, size_t i)
{
	return set->ids == NULL ? (uint32_t) i : set->ids[i];
}

static inline const float *
row_at(const RowSet *set, size_t i)
{
	return set->rows + row_id(set, i) * set->stride;
}

/* Rows in no order are fetched so many ahead, and so much of each */
#define ROWS_AHEAD 4
#define ROWS_AHEAD_FLOATS 128 /* the rest the processor foresees */

static inline void
prefetch_row(const RowSet *set, size_t i)
{
	size_t n = set->dim < ROWS_AHEAD_FLOATS ? set->dim : ROWS_AHEAD_FLOATS;
	const float *row = row_at(set, i);

	for (size_t at = 0; at < n; at += 16) /* floats of a cache line */
		__builtin_prefetch(row + at);
}

/* The least and the greatest of n elements, n at least 1 */
extern void rows_range(const float *elems, size_t n, float *least,
					   float *greatest);

/*
 * Rows of different values: table[0..result-1] = the id of one row of each
 * value, in the order of a hash, so that the first of them are a fair sample.
 * table has 2 * n places.  -0 equals 0.  Returns their number, 0 when poll
 * stopped it.
 */
extern size_t rows_distinct(const RowSet *set, uint32_t *table, Pacer *pacer);

/*
 * Up to k rows as first centres of a clustering, by D^2 sampling: each next row
 * is drawn with probability in proportion to its squared distance from the
 * nearest one chosen (k-means++; Arthur and Vassilvitskii, SODA 2007).
 *
 * Writes ids to chosen[0..k-1].  sqdists is work memory, n floats.  Returns how
 * many were chosen: fewer than k when every row left lies at (float32) distance
 * 0 from one of them; 0 when poll stopped it.  Costs k * n distances.
 */
extern size_t rows_seed(const RowSet *set, size_t k, Rng *rng, float *sqdists,
						uint32_t *chosen, Pacer *pacer);

#endif
