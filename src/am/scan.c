/*
 * scan.c
 *	  Index scans of every access method: their callbacks.
 */
#include "postgres.h"

#include <math.h>

#include "access/relscan.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "am/explain.h"
#include "am/limit.h"
#include "am/methods.h"
#include "am/scan_state.h"
#include "core/compat.h"

/* Where no LIMIT is known a scan starts for this many rows */
#define DEFAULT_LIMIT 10
#define DEFAULT_WITHIN 100 /* and only the distance of those wanted is */

IndexScanDesc
scan_begin(const ScanEngine *engine, Relation index, int nkeys, int norderbys)
{
	IndexScanDesc desc = RelationGetIndexScan(index, nkeys, norderbys);
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "vector scan", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	VectorScan *scan = palloc0(sizeof(VectorScan));

	scan->context = context;
	scan->engine = engine;
	scan->state = palloc0(engine->state_size);
	scan->heap = scan_heap_new(desc);
	scan->query.index = index;
	scan->query.scan_memory =
		AllocSetContextCreate(context, "vector search", ALLOCSET_DEFAULT_SIZES);
	scan->query.query_memory =
		AllocSetContextCreate(context, "vector query", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(old);
	desc->opaque = scan;
	return desc;
}

static void
end_rest(VectorScan *scan)
{
	if (scan->rest != NULL)
		scan_rest_end(scan->rest);
	scan->rest = NULL;
}

void
scan_rescan(IndexScanDesc desc, ScanKey keys, int nkeys, ScanKey orderbys,
			int norderbys)
{
	VectorScan *scan = desc->opaque;

	if (keys && desc->numberOfKeys > 0)
		memmove(desc->keyData, keys, desc->numberOfKeys * sizeof(ScanKeyData));
	if (orderbys && desc->numberOfOrderBys > 0)
		memmove(desc->orderByData, orderbys,
				desc->numberOfOrderBys * sizeof(ScanKeyData));
	end_rest(scan);
	MemoryContextReset(scan->query.query_memory);
	scan->started = false;
	scan->ended = false;
	scan->within = false;
	scan->k = 0;
	scan->batch = (ScanBatch){0};
	scan->nqueue = 0;
	scan->allowed = 0;
	scan->last = (ScanHit){.low = -INFINITY, .high = -INFINITY};
	scan->returned = (Returned){0};
	scan->bound = INFINITY;
	scan->tests = false;
	scan->near = 0;
	scan->query.tids_asked = false;
	scan->tested = NULL;
	scan->ready = NULL;
	scan->nready = scan->next = scan->ready_room = 0;
}

void
scan_set_filter(IndexScanDesc desc, const RowFilter *filter)
{
	VectorScan *scan = desc->opaque;

	scan->filter = filter;
}

void
scan_end(IndexScanDesc desc)
{
	VectorScan *scan = desc->opaque;

	end_rest(scan);
	scan_heap_end(scan->heap);
	MemoryContextDelete(scan->context);
	desc->opaque = NULL;
}

/* Is it known how far wanted rows are at most? */
static bool
has_distance(const RowFilter *filter)
{
	return filter != NULL && !isnan(filter->within) &&
		filter->within < INFINITY;
}

/* The conditions that the scan's keys are */
static const AttributeFilter *
attributes_of(IndexScanDesc desc, VectorScan *scan)
{
	MemoryContext old = MemoryContextSwitchTo(scan->query.query_memory);
	const AttributeFilter *filter = attribute_filter_new(
		desc->indexRelation, desc->keyData, desc->numberOfKeys);

	MemoryContextSwitchTo(old);
	return filter;
}

static void
start(IndexScanDesc desc, VectorScan *scan)
{
	Relation index = desc->indexRelation;
	ScanKey order = desc->orderByData;

	/* only scans that our access methods were made for */
	if (order == NULL)
		elog(ERROR, "cannot scan %s index without order",
			 scan->engine->name(index));
	if (!IsMVCCSnapshot(desc->xs_snapshot))
		elog(ERROR, "non-MVCC snapshots are not supported with %s",
			 scan->engine->name(index));
	pgstat_count_index_scan(index);
	count_index_search(desc);

	scan->started = true;
	scan->totals.searches++;
	scan->query.value = order->sk_argument;
	scan->query.is_null = (order->sk_flags & SK_ISNULL) != 0;
	scan->query.attributes = attributes_of(desc, scan);
	scan->query.rows = limit_of(order) > 0 ? limit_of(order)
		: has_distance(scan->filter)       ? DEFAULT_WITHIN
										   : DEFAULT_LIMIT;
	scan->query.tids = NULL;
	scan_open_query(scan, false);
	if (has_distance(scan->filter))
		scan->bound = scan->engine->key_at(scan->state, scan->filter->within);
	if (scan->query.attributes != NULL && scan->query.attributes->never)
		scan->batch.exhausted = true;
	else if (scan->filter != NULL)
		scan_start_filtered(desc, scan);
	else if (scan->order == SCAN_UNORDERED)
		scan_sort_rest(scan);
	else
		scan_run_batch(scan, scan->query.rows);
}

/* More rows are asked for than batches had to give */
static void
go_on(IndexScanDesc desc, VectorScan *scan)
{
	double k = scan->k * BATCH_GROWTH;

	if (scan->near > 0)
	{
		scan_go_beyond_near(desc, scan);
		return;
	}
	if (scan->tests && !scan->batch.largest)
	{
		scan_go_on_testing(desc, scan);
		return;
	}
	if (scan->tests)
	{
		scan->nready = scan->next = 0;
		scan->last = scan->before;
	}
	scan_resolve_last(scan);
	returned_index(&scan->returned, scan->query.query_memory);
	if (scan->batch.largest ||
		(scan->query.tids != NULL && scan_exact_is_shorter(desc, scan, k)))
		scan_sort_rest(scan);
	else
		scan_run_batch(scan, k);
}

/* There is no further row: was it a setting that said so? */
static void
note_end(VectorScan *scan)
{
	const char *budget;

	if (scan->ended)
		return;
	scan->ended = true;
	budget = scan->within ? NULL : scan->engine->budget(scan->state);
	if (budget != NULL)
	{
		scan->totals.ended++;
		scan->totals.budget = budget;
	}
}

/* Has the executor to look whether rows meet the scan's keys? */
static bool
needs_recheck(const VectorScan *scan)
{
	const AttributeFilter *attributes = scan->query.attributes;

	/* those of a set, or of the table, were not asked */
	return attributes != NULL &&
		(attributes->recheck || scan->batch.unasked ||
		 (scan->rest != NULL && scan->filter != NULL));
}

bool
scan_gettuple(IndexScanDesc desc, ScanDirection direction)
{
	VectorScan *scan = desc->opaque;
	ScanHit hit;

	if (!scan->started)
		start(desc, scan);
	desc->xs_recheckorderby = false;
	for (;;)
	{
		desc->xs_recheck = needs_recheck(scan);
		if (scan->rest != NULL)
		{
			if (scan_rest_next(scan->rest, &desc->xs_heaptid))
				return true;
			break;
		}
		if (scan->tests ? scan_next_passing(scan, &hit)
						: scan_next_hit(scan, &hit))
		{
			returned_note(&scan->returned, &hit.tid, scan->query.query_memory);
			desc->xs_heaptid = hit.tid;
			return true;
		}
		if (scan->batch.exhausted)
			break;
		go_on(desc, scan);
	}
	note_end(scan);
	return false;
}

static void
explain_filter(const ScanTotals *totals, ExplainState *es)
{
	explain_count("Searches by Exact Distances of Matching Rows", totals->exact,
				  es);
	explain_count("Searches among Matching Rows", totals->masked, es);
	explain_count("Searches after Asking Near Rows", totals->asked_near, es);
	explain_count("Searches Filtered by Distance", totals->by_condition, es);
	explain_count("Searches after Asking All Rows", totals->asked, es);
	explain_count("Rows Matching Other Indexes", totals->matching, es);
	explain_count("Blocks Matching Other Indexes", totals->whole, es);
	explain_count("Rows Failing the Filter", totals->failed, es);
	explain_count("Searches Ended at the Distance Wanted", totals->within, es);
}

void
scan_explain(IndexScanDesc desc, ExplainState *es)
{
	const VectorScan *scan = desc->opaque;
	const ScanTotals *totals = &scan->totals;
	bool text = es->format == EXPLAIN_FORMAT_TEXT;

	ExplainPropertyUInteger("Searches", NULL, totals->searches, es);
	scan->engine->explain(scan->state, es);
	if (scan->filter != NULL)
		explain_filter(totals, es);
	explain_count("Heap Rows Fetched for Order", totals->fetched, es);
	ExplainPropertyUInteger("Batches", NULL, totals->batches, es);
	explain_count("Rows Sorted", totals->sorted, es);
	explain_count("Rows Found Too Late", totals->dropped, es);
	if (text && totals->ended > 0)
		ExplainPropertyText(
			"Searches Ended Early",
			psprintf(UINT64_FORMAT " by %s", totals->ended, totals->budget),
			es);
	else
		explain_count("Searches Ended Early", totals->ended, es);
	if (!text && totals->ended > 0)
		ExplainPropertyText("Ended Early By", totals->budget, es);
}
