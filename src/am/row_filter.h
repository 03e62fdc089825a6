/*
 * row_filter.h
 *	  Which rows a scan may return, beside the order: the WHERE of its query.
 *
 * Two parts, both optional.  A set of TIDs, from other indexes of the table: an
 * engine leaves out at once whatever is not in it, and goes so far that enough of
 * what is in it is found.  A condition, which is asked of rows in the order of
 * their distances: it costs a look at the heap each.
 *
 * What is left out certainly fails the WHERE.  Whoever gets the rows need not
 * check them again where there was a condition, and has to where there was none.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_ROW_FILTER_H
#define VECTOR_EXT_ROW_FILTER_H

#include "am/tid_filter.h"
#include "executor/tuptable.h"

typedef struct RowFilter
{
	const TidFilter *tids; /* NULL: all */

	/*
	 * Is the row in this slot, which is visible, to be returned?  NULL: each
	 * one is.  No lock or pin is held: it may run queries of its own.
	 */
	bool (*passes)(void *arg, TupleTableSlot *row);
	void *arg;

	/* share of the rows that is expected to pass; of those in tids, where any */
	double share;
} RowFilter;

#endif
