/*
 * row_filter.h
 *	  Which rows a scan may return, beside the order: the WHERE of its query.
 *
 * Two parts.  A condition is asked of rows in the order of their distances; it
 * costs a look at the heap each.  A set of TIDs, from other indexes of the table,
 * is optional and made when it is asked for: an engine leaves out at once whatever
 * is not in it, and goes so far that enough of what is in it is found.
 *
 * What is left out certainly fails the WHERE, or is not visible.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_ROW_FILTER_H
#define VECTOR_EXT_ROW_FILTER_H

#include "executor/tuptable.h"

#include "am/tid_filter.h"

typedef struct RowFilter
{
	double share;          /* of all rows that is expected to pass */
	double condition_time; /* microseconds to ask a row that was read */

	/*
	 * Is the row in this slot, which is visible, to be returned?  No lock or pin
	 * is held: it may run queries of its own.
	 */
	bool (*passes)(void *arg, TupleTableSlot *row);

	/* No visible row that is not in this set passes.  NULL: there is no such set. */
	const TidFilter *(*tids)(void *arg);

	double tids_share; /* of all rows that is expected to be in it */

	/* All visible rows of the set pass, unless its recheck is true */
	bool tids_suffice;

	/*
	 * No row passes whose distance, as the operator has it, is greater; that this is
	 * exact is not needed, the condition decides.  Infinity or NaN: any may.
	 */
	double within;

	/* And no row passes whose distance is no number */
	bool only_numbers;

	/* Rows may leave in any order: none is kept from leaving by those that have left */
	bool any_order;

	void *arg;
} RowFilter;

#endif
