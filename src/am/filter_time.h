/*
 * filter_time.h
 *	  What the ways to rows that pass a filter take, as planner and scan reckon.
 *
 * Microseconds, measured on one machine with PostgreSQL 15, pages cached.  Only what
 * they are in proportion to each other matters.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_FILTER_TIME_H
#define VECTOR_EXT_FILTER_TIME_H

#include "am/methods.h"

#define INLINE_ROW_TIME 0.5  /* read a row, compute its distance */
#define TOASTED_ROW_TIME 3.5 /* the same where the value lies out of line */

/* Read a row for its conditions, which take RowFilter.condition_time themselves */
#define TESTED_ROW_TIME 0.08   /* in order */
#define TESTED_HIT_TIME 0.78   /* out of order */
#define TESTED_SET_TIME 0.28   /* of a set */
#define MATCHING_ROW_TIME 0.15 /* have another index find a row of the set */

/* A batch is made for some more rows than seem to be needed until enough pass */
#define PASS_MARGIN 1.3

/*
 * A sure way counts for as much as one half as long: where a condition has to do with
 * what is near, hits that pass may be rare, and then it has to be taken after all.
 */
#define UNCERTAIN 2

/*
 * Find the k nearest of so many rows of an index of ours, and ask each its condition,
 * which takes so long
 */
static inline double
asking_time(Relation index, double k, double rows, double condition)
{
	return k * (TESTED_HIT_TIME + condition) +
		methods_find(index)->masked_time(index, k, rows);
}

/* The same to be compared with a sure way; a bound of the distance ends it anyhow */
static inline double
wary_asking_time(Relation index, double k, double rows, double condition,
				 bool has_bound)
{
	return has_bound ? asking_time(index, k, rows, condition)
					 : UNCERTAIN *
			asking_time(index, Min(PASS_MARGIN * k, rows), rows, condition);
}

#endif
