/*
 * scan.c
 *	  Index scans of every access method: batches of hits, in exact order.
 */
#include "postgres.h"

#include <math.h>

#include "access/relscan.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/tuplesort.h"

#include "am/explain.h"
#include "am/limit.h"
#include "am/returned.h"
#include "am/scan.h"
#include "am/scan_heap.h"
#include "core/compat.h"

/* Where no LIMIT is known a scan starts for this many rows */
#define DEFAULT_LIMIT 10
#define BATCH_GROWTH 4

/* Sums over all queries; README.md says what EXPLAIN calls them */
typedef struct ScanTotals
{
	uint64 searches; /* queries it was started for */
	uint64 batches;  /* one for each search, and for each time it went on */
	uint64 fetched;  /* looks at the heap, for the order */
	uint64 sorted;   /* rows of the rest that batches left */
	uint64 dropped;  /* rows nearer than one returned before */

	uint64 ended;       /* searches that a setting kept from further rows */
	const char *budget; /* that setting; static */
} ScanTotals;

typedef struct VectorScan
{
	MemoryContext context; /* of all there is; lives until the end */
	const ScanEngine *engine;
	void *state; /* the engine's */
	ScanQuery query;
	ScanHeap *heap;
	const RowFilter *filter; /* NULL: none */
	ScanTotals totals;

	/* the query */
	bool started;
	bool ended; /* the executor has been told so */
	ScanOrder order;
	double k; /* rows the batch was made for */
	ScanBatch batch;
	uint32 nqueue;  /* hits not looked at: a heap by their low bounds */
	uint32 allowed; /* of which so many may be returned */
	ScanHit last;   /* that was returned */
	Returned returned;

	/* the rest */
	Tuplesortstate *sort;
	TupleTableSlot *slot;
} VectorScan;

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
end_sort(VectorScan *scan)
{
	if (scan->sort != NULL)
		tuplesort_end(scan->sort);
	if (scan->slot != NULL)
		ExecDropSingleTupleTableSlot(scan->slot);
	scan->sort = NULL;
	scan->slot = NULL;
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
	end_sort(scan);
	MemoryContextReset(scan->query.query_memory);
	scan->started = false;
	scan->ended = false;
	scan->k = 0;
	scan->batch = (ScanBatch){0};
	scan->nqueue = 0;
	scan->allowed = 0;
	scan->last = (ScanHit){.low = -INFINITY, .high = -INFINITY};
	scan->returned = (Returned){0};
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

	end_sort(scan);
	scan_heap_end(scan->heap);
	MemoryContextDelete(scan->context);
	desc->opaque = NULL;
}

/*
 * Hits in order
 */

static void
sift_down(ScanHit *hits, uint32 n, uint32 at)
{
	ScanHit hit = hits[at];

	for (;;)
	{
		uint32 child = 2 * at + 1;

		if (child >= n)
			break;
		if (child + 1 < n && hits[child + 1].low < hits[child].low)
			child++;
		if (hit.low <= hits[child].low)
			break;
		hits[at] = hits[child];
		at = child;
	}
	hits[at] = hit;
}

static ScanHit
pop_hit(VectorScan *scan)
{
	ScanHit *hits = scan->batch.hits;
	ScanHit top = hits[0];

	hits[0] = hits[--scan->nqueue];
	sift_down(hits, scan->nqueue, 0);
	return top;
}

/* The key of the row that tid leads to; false where none is visible */
static bool
fetch_key(VectorScan *scan, ItemPointer tid, double *key)
{
	Datum value;

	scan->totals.fetched++;
	if (!scan_heap_fetch(scan->heap, tid, &value))
		return false;
	*key = scan->engine->key(scan->state, value);
	return true;
}

/* Fetch the first hit's row: its key becomes exact, or it goes away */
static void
resolve_first(VectorScan *scan)
{
	ScanHit *first = &scan->batch.hits[0];
	double key;

	if (fetch_key(scan, &first->tid, &key))
	{
		first->low = first->high = isnan(key) ? INFINITY : key;
		sift_down(scan->batch.hits, scan->nqueue, 0);
	}
	else
		(void) pop_hit(scan);
}

static inline bool
is_exact(const ScanHit *hit)
{
	return hit->low == hit->high;
}

/* May the first hit leave: is none of the others nearer? */
static bool
first_is_nearest(const VectorScan *scan)
{
	const ScanHit *hits = scan->batch.hits;
	double second = INFINITY;

	if (is_exact(&hits[0]))
		return true;
	if (isinf(hits[0].high))
		return false;
	if (scan->nqueue > 1)
		second = hits[1].low;
	if (scan->nqueue > 2)
		second = Min(second, hits[2].low);
	return hits[0].high <= second;
}

/* The next hit of the batch in order; false when it has no more to give */
static bool
next_hit(VectorScan *scan, ScanHit *hit)
{
	while (scan->nqueue > 0 && scan->allowed > 0)
	{
		ScanHit *first = &scan->batch.hits[0];

		if (returned_has(&scan->returned, &first->tid))
		{
			(void) pop_hit(scan);
			continue;
		}
		/* infinitely far, or not a number: behind all others, in any batch */
		if (first->low == INFINITY && !scan->batch.exhausted)
			return false;
		if (!first_is_nearest(scan))
		{
			resolve_first(scan);
			continue;
		}
		if (first->low < scan->last.high && scan->order == SCAN_STRICT)
		{
			/* from an earlier batch: nearer than the last row, or in doubt */
			if (is_exact(first))
			{
				(void) pop_hit(scan);
				scan->totals.dropped++;
			}
			else
				resolve_first(scan);
			continue;
		}
		*hit = pop_hit(scan);
		scan->allowed--;
		if (hit->high > scan->last.high)
			scan->last = *hit;
		return true;
	}
	return false;
}

/*
 * Batches
 */

/*
 * Before there is another batch: what it has nearer than the last row is left
 * out, so it must be known how far that one is.
 */
static void
resolve_last(VectorScan *scan)
{
	if (is_exact(&scan->last))
		return;
	if (!fetch_key(scan, &scan->last.tid, &scan->last.high))
		scan->last.high = scan->last.low;
	scan->last.low = scan->last.high;
}

static void
run_batch(VectorScan *scan, double k)
{
	ScanBatch *batch = &scan->batch;

	*batch = (ScanBatch){0};
	while (!scan->engine->run(scan->state, k, batch))
	{
		CHECK_FOR_INTERRUPTS();
		scan->order = scan->engine->open(scan->state, &scan->query, true);
		*batch = (ScanBatch){0};
	}
	scan->totals.batches++;
	scan->k = k;
	scan->nqueue = batch->nhits;
	for (uint32 i = scan->nqueue / 2; i-- > 0;)
		sift_down(batch->hits, scan->nqueue, i);

	scan->allowed = scan->nqueue;
	if (!batch->exhausted)
		scan->allowed =
			Min(Max(ceil(batch->rank) - scan->returned.n, 0), scan->nqueue);
}

/*
 * The rest, sorted
 */

static TupleDesc
sort_descriptor(void)
{
	TupleDesc desc = CreateTemplateTupleDesc(2);

	TupleDescInitEntry(desc, 1, "key", FLOAT8OID, -1, 0);
	TupleDescInitEntry(desc, 2, "tid", TIDOID, -1, 0);
	return desc;
}

static void
sort_row(void *arg, ItemPointer tid)
{
	VectorScan *scan = arg;
	double key = 0;

	CHECK_FOR_INTERRUPTS();
	if (returned_has(&scan->returned, tid))
		return;
	if (scan->order != SCAN_UNORDERED)
	{
		if (!fetch_key(scan, tid, &key))
			return;
		if (isnan(key))
			key = INFINITY;
		if (key < scan->last.high && scan->order == SCAN_STRICT)
		{
			scan->totals.dropped++;
			return;
		}
	}
	scan->totals.sorted++;
	ExecClearTuple(scan->slot);
	scan->slot->tts_values[0] = Float8GetDatum(key);
	scan->slot->tts_values[1] = PointerGetDatum(tid);
	scan->slot->tts_isnull[0] = scan->slot->tts_isnull[1] = false;
	ExecStoreVirtualTuple(scan->slot);
	tuplesort_puttupleslot(scan->sort, scan->slot);
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

/* All rows that are left, by exact distance where the query has an order */
static void
sort_rest(VectorScan *scan)
{
	AttrNumber attribute = 1;
	Oid less = Float8LessOperator;
	Oid collation = InvalidOid;
	bool nulls_first = false;
	TupleDesc desc;
	MemoryContext old = MemoryContextSwitchTo(scan->query.query_memory);

	returned_index(&scan->returned, scan->query.query_memory);
	desc = sort_descriptor();
	scan->slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	scan->sort =
		tuplesort_begin_heap(desc, 1, &attribute, &less, &collation,
							 &nulls_first, work_mem, NULL, TUPLESORT_NONE);
	if (!scan->engine->visit(scan->state, sort_row, scan))
		error_replaced(scan);
	scan->totals.batches++;
	tuplesort_performsort(scan->sort);
	ExecDropSingleTupleTableSlot(scan->slot);
	scan->slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	MemoryContextSwitchTo(old);
}

static bool
next_sorted(VectorScan *scan, ItemPointer tid)
{
	bool isnull;

	if (!tuplesort_gettupleslot(scan->sort, true, false, scan->slot, NULL))
		return false;
	*tid = *(ItemPointer) DatumGetPointer(slot_getattr(scan->slot, 2, &isnull));
	return true;
}

/*
 * The scan
 */

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
	scan->query.tids = scan->filter != NULL ? scan->filter->tids : NULL;
	scan->query.rows = limit_of(order) > 0 ? limit_of(order) : DEFAULT_LIMIT;
	scan->order = scan->engine->open(scan->state, &scan->query, false);
	if (scan->order == SCAN_UNORDERED)
		sort_rest(scan);
	else
		run_batch(scan, scan->query.rows);
}

/* There is no further row: was it a setting that said so? */
static void
note_end(VectorScan *scan)
{
	const char *budget;

	if (scan->ended)
		return;
	scan->ended = true;
	budget = scan->engine->budget(scan->state);
	if (budget != NULL)
	{
		scan->totals.ended++;
		scan->totals.budget = budget;
	}
}

bool
scan_gettuple(IndexScanDesc desc, ScanDirection direction)
{
	VectorScan *scan = desc->opaque;
	ScanHit hit;

	if (!scan->started)
		start(desc, scan);
	desc->xs_recheck = false;
	desc->xs_recheckorderby = false;
	for (;;)
	{
		if (scan->sort != NULL)
		{
			if (next_sorted(scan, &desc->xs_heaptid))
				return true;
			break;
		}
		if (next_hit(scan, &hit))
		{
			returned_note(&scan->returned, &hit.tid, scan->query.query_memory);
			desc->xs_heaptid = hit.tid;
			return true;
		}
		if (scan->batch.exhausted)
			break;
		resolve_last(scan);
		if (scan->batch.largest)
			sort_rest(scan);
		else
		{
			returned_index(&scan->returned, scan->query.query_memory);
			run_batch(scan, scan->k * BATCH_GROWTH);
		}
	}
	note_end(scan);
	return false;
}

void
scan_explain(IndexScanDesc desc, ExplainState *es)
{
	const VectorScan *scan = desc->opaque;
	const ScanTotals *totals = &scan->totals;
	bool text = es->format == EXPLAIN_FORMAT_TEXT;

	ExplainPropertyUInteger("Searches", NULL, totals->searches, es);
	scan->engine->explain(scan->state, es);
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
