/*
 * scan_sort.c
 *	  The rows of a scan, or what batches have left of them, sorted at once.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/rel.h"

#include "am/heap_order.h"
#include "am/scan_state.h"
#include "core/compat.h"

/* Is the key of a row that passes wanted for its order, or to know what it is not? */
static bool
needs_key(const VectorScan *scan, bool from_table)
{
	return !scan_leaves_anyhow(scan) ||
		(from_table && !scan->filter->only_numbers);
}

/* The row that was read last, which passes; from_table: it may have no entry */
static void
sort_passing(VectorScan *scan, ItemPointer tid, bool from_table)
{
	double key = 0;

	if (from_table && !scan_heap_indexed(scan->heap))
		return;
	if (needs_key(scan, from_table) &&
		(!scan_key_of_row(scan, &key) || (from_table && isnan(key))))
		return;
	if (isnan(key))
		key = INFINITY;
	if (key < scan->last.high && scan->order == SCAN_STRICT)
	{
		scan->totals.dropped++;
		return;
	}
	/* as the table has them, for who reads them next */
	if (scan_leaves_anyhow(scan))
		key = (double) tid_number(tid);
	scan->totals.sorted++;
	scan_rest_add(scan->rest, key, tid);
}

static void
sort_row(VectorScan *scan, ItemPointer tid, bool from_table)
{
	CHECK_FOR_INTERRUPTS();
	if (returned_has(&scan->returned, tid))
		return;
	if (scan->order == SCAN_UNORDERED)
	{
		if (!scan->tests || scan_row_passes(scan, tid))
		{
			scan->totals.sorted++;
			scan_rest_add(scan->rest, 0, tid);
		}
	}
	else if (scan_row_passes(scan, tid))
		sort_passing(scan, tid, from_table);
}

static void
sort_indexed(void *scan, ItemPointer tid)
{
	sort_row(scan, tid, false);
}

static void
sort_matching(void *scan, ItemPointer tid)
{
	sort_row(scan, tid, true);
}

/* Rows cannot be visited again: some of them are in the sort already */
pg_noreturn static void
error_replaced(const VectorScan *scan)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("index \"%s\" was replaced during the scan",
					RelationGetRelationName(scan->query.index)),
			 errhint("Run the query again.")));
}

/* All rows of the table that pass */
static void
sort_table(VectorScan *scan)
{
	ItemPointerData tid;

	while (scan_next_passing_row(scan, &tid))
	{
		if (!returned_has(&scan->returned, &tid))
			sort_passing(scan, &tid, true);
	}
}

/* All rows of the index, in the order of the table where they are looked at */
static void
sort_index(VectorScan *scan)
{
	HeapOrder order;
	bool reads = scan->order != SCAN_UNORDERED || scan->tests;

	if (reads)
		heap_order_begin(&order, sort_indexed, scan);
	if (!scan->engine->visit(scan->state, reads ? heap_order_add : sort_indexed,
							 reads ? (void *) &order : scan))
		error_replaced(scan);
	if (reads)
		heap_order_end(&order);
}

/* All rows that are left, by exact distance where the query has an order */
void
scan_sort_rest(VectorScan *scan)
{
	MemoryContext old = MemoryContextSwitchTo(scan->query.query_memory);

	returned_index(&scan->returned, scan->query.query_memory);
	scan->rest = scan_rest_begin();
	if (scan->query.tids != NULL && scan->order != SCAN_UNORDERED)
		tid_filter_visit(scan->query.tids, sort_matching, scan);
	else if (scan->tests && scan->order != SCAN_UNORDERED && !scan->bounded &&
			 scan_heap_is_readable(scan->heap))
		sort_table(scan);
	else
		sort_index(scan);
	scan->totals.batches++;
	scan_rest_sort(scan->rest);
	MemoryContextSwitchTo(old);
}
