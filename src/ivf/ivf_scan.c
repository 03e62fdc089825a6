/*
 * ivf_scan.c
 *	  A scan: batches of hits, handed out in exact order.
 *
 * A batch is one run of ivf_search for so many rows.  Its hits carry bounds of
 * their distances.  The hit with the lowest bound is handed out when no other
 * can be nearer; otherwise its row is fetched from the heap and its distance
 * computed, as the operator does.  So only rows whose order is in doubt cost a
 * look at the heap.
 *
 * When the executor wants more rows than the batch was made for, a larger one
 * is made and what was returned is left out.  A row found late that is nearer
 * than one already returned is dropped, unless the order may be relaxed.  When
 * batches no longer fit work_mem, or all lists are to be visited, the rest is
 * sorted by exact distances, on disk if need be.
 *
 * Lists may be replaced under way (README.md).  A scan goes on with those that
 * it began with.  Where it meets a page that later lists have taken, the batch is
 * void, and made again from the lists in force.
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

#include "am/limit.h"
#include "am/methods.h"
#include "am/scan_heap.h"
#include "am/tid_set.h"
#include "core/compat.h"
#include "ivf/ivf_candidates.h"
#include "ivf/ivf_handler.h"
#include "ivf/ivf_options.h"
#include "ivf/ivf_search.h"
#include "ivf/ivf_totals.h"

/* Where no LIMIT is known a scan starts for this many rows */
#define DEFAULT_LIMIT 10
#define BATCH_GROWTH 4

typedef struct IvfScan
{
	MemoryContext context;       /* the search; lives until the end */
	MemoryContext query_context; /* reset for each query */
	IvfSearch *search;
	ScanHeap *heap;
	IvfContinuation continuation;
	IvfTotals totals; /* of all queries */

	bool started;
	bool exhausted; /* there is nothing behind the hits at hand */
	bool ended;     /* the executor has been told so */
	uint32 nlists;  /* visited for this query */
	double k;       /* rows the batch was made for */
	IvfEffort effort;
	uint32 nqueue;  /* hits not looked at: a heap by their low bounds */
	uint32 allowed; /* of which so many may be returned */
	IvfHit last;    /* that was returned */

	uint64 *returned; /* TIDs, query_context */
	uint32 nreturned;
	uint32 returned_room;
	tid_set_hash *seen; /* those, once a second batch needs them */

	Tuplesortstate *sort;
	TupleTableSlot *slot;
} IvfScan;

IndexScanDesc
ivfbeginscan(Relation index, int nkeys, int norderbys)
{
	IndexScanDesc desc = RelationGetIndexScan(index, nkeys, norderbys);
	IvfScan *scan = palloc0(sizeof(IvfScan));

	scan->context = AllocSetContextCreate(CurrentMemoryContext, "ivf scan",
										  ALLOCSET_DEFAULT_SIZES);
	scan->query_context = AllocSetContextCreate(
		CurrentMemoryContext, "ivf query", ALLOCSET_DEFAULT_SIZES);
	desc->opaque = scan;
	return desc;
}

static void
end_sort(IvfScan *scan)
{
	if (scan->sort != NULL)
		tuplesort_end(scan->sort);
	if (scan->slot != NULL)
		ExecDropSingleTupleTableSlot(scan->slot);
	scan->sort = NULL;
	scan->slot = NULL;
}

void
ivfrescan(IndexScanDesc desc, ScanKey keys, int nkeys, ScanKey orderbys,
		  int norderbys)
{
	IvfScan *scan = desc->opaque;

	if (keys && desc->numberOfKeys > 0)
		memmove(desc->keyData, keys, desc->numberOfKeys * sizeof(ScanKeyData));
	if (orderbys && desc->numberOfOrderBys > 0)
		memmove(desc->orderByData, orderbys,
				desc->numberOfOrderBys * sizeof(ScanKeyData));
	end_sort(scan);
	MemoryContextReset(scan->query_context);
	scan->started = false;
	scan->exhausted = false;
	scan->ended = false;
	scan->nlists = 0;
	scan->nqueue = 0;
	scan->allowed = 0;
	scan->last = (IvfHit){.low = -INFINITY, .high = -INFINITY};
	scan->returned = NULL;
	scan->nreturned = 0;
	scan->returned_room = 0;
	scan->seen = NULL;
}

void
ivfendscan(IndexScanDesc desc)
{
	IvfScan *scan = desc->opaque;

	end_sort(scan);
	if (scan->heap != NULL)
		scan_heap_end(scan->heap);
	MemoryContextDelete(scan->query_context);
	MemoryContextDelete(scan->context);
	pfree(scan);
	desc->opaque = NULL;
}

/*
 * What has been returned
 */

static void
note_returned(IvfScan *scan, ItemPointer tid)
{
	if (scan->nreturned == scan->returned_room)
	{
		uint32 room = Max(64, scan->returned_room * 2);
		uint64 *tids =
			MemoryContextAlloc(scan->query_context, room * sizeof(uint64));

		if (scan->nreturned > 0)
			memcpy(tids, scan->returned, scan->nreturned * sizeof(uint64));
		if (scan->returned != NULL)
			pfree(scan->returned);
		scan->returned = tids;
		scan->returned_room = room;
	}
	scan->returned[scan->nreturned++] = tid_number(tid);
}

/* Before a batch: all TIDs returned so far can be looked up */
static void
index_returned(IvfScan *scan)
{
	bool found;

	if (scan->seen != NULL)
		tid_set_destroy(scan->seen);
	scan->seen =
		tid_set_create(scan->query_context, Max(scan->nreturned, 16), NULL);
	for (uint32 i = 0; i < scan->nreturned; i++)
		(void) tid_set_insert(scan->seen, scan->returned[i], &found);
}

static bool
was_returned(const IvfScan *scan, ItemPointer tid)
{
	return scan->seen != NULL &&
		tid_set_lookup(scan->seen, tid_number(tid)) != NULL;
}

/*
 * Hits in order
 */

static void
sift_down(IvfHit *hits, uint32 n, uint32 at)
{
	IvfHit hit = hits[at];

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

static IvfHit
pop_hit(IvfScan *scan)
{
	IvfHit *hits = scan->search->hits;
	IvfHit top = hits[0];

	hits[0] = hits[--scan->nqueue];
	sift_down(hits, scan->nqueue, 0);
	return top;
}

/* The key of the row that tid leads to; false where none is visible */
static bool
fetch_key(IvfScan *scan, ItemPointer tid, double *key)
{
	Datum value;

	scan->totals.fetched++;
	if (!scan_heap_fetch(scan->heap, tid, &value))
		return false;
	*key = ivf_search_key(scan->search, value);
	return true;
}

/* Fetch the first hit's row: its key becomes exact, or it goes away */
static void
resolve_first(IvfScan *scan)
{
	IvfHit *first = &scan->search->hits[0];
	double key;

	if (fetch_key(scan, &first->tid, &key))
	{
		first->low = first->high = isnan(key) ? INFINITY : key;
		sift_down(scan->search->hits, scan->nqueue, 0);
	}
	else
		(void) pop_hit(scan);
}

static inline bool
is_exact(const IvfHit *hit)
{
	return hit->low == hit->high;
}

/* May the first hit leave: is none of the others nearer? */
static bool
first_is_nearest(const IvfScan *scan)
{
	const IvfHit *hits = scan->search->hits;
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
next_hit(IvfScan *scan, IvfHit *hit)
{
	while (scan->nqueue > 0 && scan->allowed > 0)
	{
		if (was_returned(scan, &scan->search->hits[0].tid))
		{
			(void) pop_hit(scan);
			continue;
		}
		/* infinitely far, or not a number: behind all others, in any batch */
		if (scan->search->hits[0].low == INFINITY && !scan->exhausted)
			return false;
		if (!first_is_nearest(scan))
		{
			resolve_first(scan);
			continue;
		}
		if (scan->search->hits[0].low < scan->last.high &&
			!scan->continuation.relaxed)
		{
			/* from an earlier batch: nearer than the last row, or in doubt */
			if (is_exact(&scan->search->hits[0]))
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
resolve_last(IvfScan *scan)
{
	if (is_exact(&scan->last))
		return;
	if (!fetch_key(scan, &scan->last.tid, &scan->last.high))
		scan->last.high = scan->last.low;
	scan->last.low = scan->last.high;
}

/* Candidates that a batch may have, by memory */
static uint32
candidates_limit(void)
{
	Size each = 2 * (sizeof(IvfCandidate) + sizeof(double)) + sizeof(IvfHit);

	return Max((Size) work_mem * 1024 / each, 1000);
}

/*
 * How many more hits are likely to be the next ones of all rows, and not only of
 * those that were looked at: up to the number that the batch was made for, but
 * far beyond what was calibrated only to a share of what there was.
 */
static uint32
rows_allowed(const IvfScan *scan)
{
	const IvfSearch *search = scan->search;
	double calibrated = search->meta.calibrations[IVF_NCALIBRATIONS - 1].k;
	double share = (double) search->counters.rows / IVF_ROWS_EACH;
	double rank = Min(scan->k, Max(share, calibrated));

	return Max(ceil(rank) - scan->nreturned, 0);
}

/* A page of a later generation than that of any list in force is damaged */
static void
check_stale(const IvfSearch *search)
{
	const IvfMeta *meta = &ivf_model_get(search->index)->meta;

	if (meta->generation == search->meta.generation)
		page_corrupted(search->index, search->stale_block,
					   "The page is of another generation.");
}

/* The search met a page of another generation, and cannot begin anew */
pg_noreturn static void
error_stale(const IvfSearch *search)
{
	check_stale(search);
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("index \"%s\" was replaced during the scan",
					RelationGetRelationName(search->index)),
			 errhint("Run the query again.")));
}

/* What the last look at lists has added; it began with the nearest list again */
static void
count_batch(IvfScan *scan)
{
	const IvfSearch *search = scan->search;
	const IvfCounters *counters = &search->counters;
	IvfTotals *totals = &scan->totals;

	totals->batches++;
	if (counters->lists > scan->nlists)
	{
		totals->lists += counters->lists - scan->nlists;
		scan->nlists = counters->lists;
	}
	if (search->meta.codec == CODEC_NONE)
		totals->compared += counters->rows;
	else
		totals->estimated += counters->rows;
	totals->verified += counters->candidates;
}

static double
rows_wanted(const ScanKeyData *order)
{
	return limit_of(order) > 0 ? limit_of(order) : DEFAULT_LIMIT;
}

/* A search of the lists in force, for the scan's query; as ivf_search_set_query */
static bool
open_search(IndexScanDesc desc, IvfScan *scan)
{
	Relation index = desc->indexRelation;
	ScanKey order = &desc->orderByData[0];
	const IvfModel *model = ivf_model_get(index);
	MemoryContext old = MemoryContextSwitchTo(scan->context);
	bool ordered;

	if (scan->search != NULL &&
		memcmp(&scan->search->meta, &model->meta, sizeof(IvfMeta)) != 0)
	{
		if (scan->heap != NULL)
			scan_heap_end(scan->heap);
		MemoryContextReset(scan->context);
		scan->search = NULL;
		scan->heap = NULL;
	}
	if (scan->search == NULL)
		scan->search = ivf_search_new(index, NULL);
	if (scan->heap == NULL)
		scan->heap = scan_heap_new(desc);
	MemoryContextSwitchTo(old);

	scan->search->trust_estimates =
		ivf_options(index).rerank == IVF_RERANK_NONE &&
		scan->search->meta.copies == IVF_COPIES_NONE;
	scan->continuation =
		ivf_continuation(index, &scan->search->meta, rows_wanted(order));
	old = MemoryContextSwitchTo(scan->query_context);
	ordered = (order->sk_flags & SK_ISNULL) == 0 &&
		ivf_search_set_query(scan->search, order->sk_argument);
	MemoryContextSwitchTo(old);
	return ordered;
}

static void
plan_batch(IvfScan *scan, double k)
{
	IvfSearch *search = scan->search;
	IvfEffort effort = ivf_effort(search->index, &search->meta, k);

	/* whoever needs more than the first batch has found reach too short */
	scan->effort.reach = scan->effort.probes == 0 ? effort.reach : 0;
	/* each batch goes at least twice as far as the one before */
	scan->k = k;
	scan->effort.probes = Min(Max(effort.probes, 2 * scan->effort.probes),
							  scan->continuation.max_probes);
	scan->effort.candidates =
		Max(effort.candidates, 2 * scan->effort.candidates);
	if (scan->effort.candidates > candidates_limit())
		scan->effort.candidates = candidates_limit();
}

static void
run_batch(IndexScanDesc desc, IvfScan *scan, double k)
{
	IvfEffort before = scan->effort;
	IvfSearch *search;

	for (;;)
	{
		search = scan->search;
		plan_batch(scan, k);
		ivf_search_run(search, ceil(k), scan->effort.probes, scan->effort.reach,
					   scan->effort.candidates);
		if (!search->stale)
			break;
		CHECK_FOR_INTERRUPTS();
		check_stale(search);
		scan->effort = before;
		(void) open_search(desc, scan);
	}
	count_batch(scan);
	scan->nqueue = search->nhits;
	for (uint32 i = scan->nqueue / 2; i-- > 0;)
		sift_down(search->hits, scan->nqueue, i);

	scan->exhausted = search->complete &&
		scan->effort.probes == scan->continuation.max_probes;
	scan->allowed = scan->exhausted ? scan->nqueue : rows_allowed(scan);
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
	IvfScan *scan = arg;
	double key = 0;

	CHECK_FOR_INTERRUPTS();
	if (was_returned(scan, tid))
		return;
	if (scan->k > 0)
	{
		if (!fetch_key(scan, tid, &key))
			return;
		if (isnan(key))
			key = INFINITY;
		if (key < scan->last.high && !scan->continuation.relaxed)
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

/* All rows that are left, by exact distance; k = 0: in no order */
static void
sort_rest(IvfScan *scan, double k)
{
	AttrNumber attribute = 1;
	Oid less = Float8LessOperator;
	Oid collation = InvalidOid;
	bool nulls_first = false;
	TupleDesc desc;
	MemoryContext old = MemoryContextSwitchTo(scan->query_context);

	index_returned(scan);
	scan->k = k;
	desc = sort_descriptor();
	scan->slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	scan->sort =
		tuplesort_begin_heap(desc, 1, &attribute, &less, &collation,
							 &nulls_first, work_mem, NULL, TUPLESORT_NONE);
	ivf_search_visit(scan->search, scan->continuation.max_probes, sort_row,
					 scan);
	if (scan->search->stale)
		error_stale(scan->search);
	count_batch(scan);
	tuplesort_performsort(scan->sort);
	ExecDropSingleTupleTableSlot(scan->slot);
	scan->slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	MemoryContextSwitchTo(old);
}

static bool
next_sorted(IvfScan *scan, ItemPointer tid)
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
start(IndexScanDesc desc, IvfScan *scan)
{
	Relation index = desc->indexRelation;
	ScanKey order = desc->orderByData;
	bool ordered;

	/* only scans that this access method was made for */
	if (order == NULL)
		elog(ERROR, "cannot scan %s index without order",
			 ivf_method(index) == IVF_METHOD_FLAT ? "ivfflat" : "ivfpq");
	if (!IsMVCCSnapshot(desc->xs_snapshot))
		elog(ERROR, "non-MVCC snapshots are not supported with %s",
			 ivf_method(index) == IVF_METHOD_FLAT ? "ivfflat" : "ivfpq");
	pgstat_count_index_scan(index);
	count_index_search(desc);

	scan->started = true;
	scan->totals.searches++;
	scan->effort = (IvfEffort){0, 0};
	ordered = open_search(desc, scan);
	scan->totals.lists_present += scan->search->meta.nlists;
	if (ordered)
		run_batch(desc, scan, rows_wanted(order));
	else
		sort_rest(scan, 0);
}

/* There is no further row: was it a setting that said so? */
static void
note_end(IvfScan *scan)
{
	if (!scan->ended &&
		scan->continuation.max_probes < scan->search->meta.nlists)
	{
		scan->totals.ended++;
		scan->totals.budget = scan->continuation.budget;
	}
	scan->ended = true;
}

bool
ivfgettuple(IndexScanDesc desc, ScanDirection direction)
{
	IvfScan *scan = desc->opaque;
	IvfHit hit;

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
			note_returned(scan, &hit.tid);
			desc->xs_heaptid = hit.tid;
			return true;
		}
		if (scan->exhausted)
			break;
		resolve_last(scan);
		if (scan->effort.candidates >= candidates_limit())
			sort_rest(scan, scan->k);
		else
		{
			index_returned(scan);
			run_batch(desc, scan, scan->k * BATCH_GROWTH);
		}
	}
	note_end(scan);
	return false;
}

static void
explain(IndexScanDesc desc, struct ExplainState *es)
{
	const IvfScan *scan = desc->opaque;

	ivf_totals_explain(&scan->totals, es);
}

const ScanMethod ivf_scan_method = {.begin = ivfbeginscan, .explain = explain};
