/*
 * scan.c
 *	  Index scans of every access method: batches of hits, in exact order.
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
#include "am/heap_order.h"
#include "am/limit.h"
#include "am/methods.h"
#include "am/returned.h"
#include "am/scan.h"
#include "am/scan_heap.h"
#include "am/scan_rest.h"
#include "am/tested.h"
#include "core/compat.h"

/* Where no LIMIT is known a scan starts for this many rows */
#define DEFAULT_LIMIT 10
#define DEFAULT_WITHIN 100 /* and only the distance of those wanted is */
#define BATCH_GROWTH 4

/*
 * Which way to filtered rows is shorter: microseconds, measured on one machine with
 * PostgreSQL 15.  Only what they are in proportion to each other matters.
 */
#define INLINE_ROW_TIME 0.5  /* read a row, compute its distance */
#define TOASTED_ROW_TIME 3.5 /* the same where the value lies out of line */
#define TESTED_ROW_TIME 0.1  /* ask a condition that it fails, in order */
#define TESTED_HIT_TIME 0.8  /* the same out of order */

#define TESTED_SET_TIME 0.3    /* the same for a row of a set */
#define MATCHING_ROW_TIME 0.15 /* have another index find a row of the set */

/* A batch is made for some more rows than seem to be needed until enough pass */
#define PASS_MARGIN 1.3
#define UNCERTAIN 2     /* a sure way counts for as much as one half as long */
#define FIRST_GROWTH 10 /* the first for so many times those wanted, at most */
#define LATER_GROWTH 16 /* than the one before, at most */

/* Sums over all queries; README.md says what EXPLAIN calls them */
typedef struct ScanTotals
{
	uint64 searches; /* queries it was started for */
	uint64 batches;  /* one for each search, and for each time it went on */
	uint64 fetched;  /* looks at the heap, for the order or the filter */
	uint64 sorted;   /* rows of the rest that batches left */
	uint64 dropped;  /* rows nearer than one returned before */
	uint64 failed;   /* the filter's condition */
	uint64 matching; /* rows of the filter's sets */
	uint64 whole;    /* blocks of them, of which any row may match */

	/* how searches with a filter went */
	uint64 by_condition;
	uint64 masked;
	uint64 exact;

	uint64 within;      /* ended where no row within the distance is left */
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
	double bound;            /* no key beyond it is wanted; infinity: none */
	ScanTotals totals;

	/* the query */
	bool started;
	bool ended;  /* the executor has been told so */
	bool within; /* because no row that is left is near enough */
	ScanOrder order;
	double k; /* rows the batch was made for */
	ScanBatch batch;
	uint32 nqueue;  /* hits not looked at: a heap by their low bounds */
	uint32 allowed; /* of which so many may be returned */
	ScanHit last;   /* that was returned */
	Returned returned;
	ScanRest *rest; /* NULL: batches */

	/* where its filter's condition is asked */
	bool tests;
	bool bounded;        /* settings say how far it may go */
	tested_hash *tested; /* rows it was asked of; NULL: none */
	ScanHit *ready; /* rows that pass, in order: nready of them, next is next */
	uint32 nready;
	uint32 next;
	uint32 ready_room;
	double wanted;  /* so many are held back */
	ScanHit before; /* the last one that was returned, before those of ready */
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

/* Is the row visible that tid leads to, and does it pass the filter's condition? */
static bool
test_row(VectorScan *scan, ItemPointer tid, bool *visible)
{
	TupleTableSlot *row = scan_heap_row(scan->heap, tid);

	scan->totals.fetched++;
	*visible = row != NULL;
	if (row == NULL)
		return false;
	if (!scan->tests || scan->filter->passes(scan->filter->arg, row))
		return true;
	scan->totals.failed++;
	return false;
}

static bool
row_passes(VectorScan *scan, ItemPointer tid)
{
	bool visible;

	return test_row(scan, tid, &visible);
}

/* The key of the row that was read last; false where it has no value */
static bool
key_of_row(VectorScan *scan, double *key)
{
	Datum value;

	if (!scan_heap_value(scan->heap, &value))
		return false;
	*key = scan->engine->key(scan->state, value);
	return true;
}

/* The key of the row that tid leads to; false where none is visible */
static bool
fetch_key(VectorScan *scan, ItemPointer tid, double *key)
{
	scan->totals.fetched++;
	return scan_heap_row(scan->heap, tid) != NULL && key_of_row(scan, key);
}

/* Does a hit pass the filter's condition?  A batch before may have had it too. */
static Tested *
test_hit(VectorScan *scan, ItemPointer tid)
{
	Tested *tested;
	double key;
	bool visible;
	bool found;

	if (scan->tested == NULL)
		scan->tested = tested_create(scan->query.query_memory, 64, NULL);
	tested = tested_insert(scan->tested, tid_number(tid), &found);
	if (!found)
	{
		tested->passed = test_row(scan, tid, &visible);
		tested->beyond = visible && !tested->passed && scan->bound < INFINITY &&
			key_of_row(scan, &key) && key > scan->bound;
	}
	return tested;
}

/*
 * Look at the first hit's row: it is known to pass, or else its key becomes exact;
 * or it goes away.
 */
static void
resolve_first(VectorScan *scan)
{
	ScanHit *first = &scan->batch.hits[0];
	double key;

	if (scan->tests && !first->passed)
	{
		const Tested *tested = test_hit(scan, &first->tid);

		first->passed = tested->passed;
		if (first->passed)
			return;
		if (tested->beyond)
		{
			/* behind whatever may be within the bound */
			first->low = first->high = INFINITY;
			sift_down(scan->batch.hits, scan->nqueue, 0);
			return;
		}
		(void) pop_hit(scan);
		scan->allowed--;
	}
	else if (fetch_key(scan, &first->tid, &key))
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

/* Do rows leave in any order? */
static inline bool
leaves_anyhow(const VectorScan *scan)
{
	return scan->filter != NULL && scan->filter->any_order;
}

/* May the first hit leave: is none of the others nearer? */
static bool
first_is_nearest(const VectorScan *scan)
{
	const ScanHit *hits = scan->batch.hits;
	double second = INFINITY;

	if (scan->tests && !hits[0].passed)
		return false;
	if (is_exact(&hits[0]) || leaves_anyhow(scan))
		return true;
	if (isinf(hits[0].high))
		return false;
	if (scan->nqueue > 1)
		second = hits[1].low;
	if (scan->nqueue > 2)
		second = Min(second, hits[2].low);
	return hits[0].high <= second;
}

/* No row that is left is near enough: nothing else is to be had */
static void
end_within(VectorScan *scan)
{
	scan->totals.within++;
	scan->within = true;
	scan->batch.exhausted = true;
	scan->nqueue = 0;
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
		if (first->low > scan->bound)
		{
			end_within(scan);
			return false;
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

/* again: as the engine's open has it */
static void
open_query(VectorScan *scan, bool again)
{
	scan->order = scan->engine->open(scan->state, &scan->query, again);
	if (scan->order == SCAN_STRICT && leaves_anyhow(scan))
		scan->order = SCAN_RELAXED;
}

static void
run_batch(VectorScan *scan, double k)
{
	ScanBatch *batch = &scan->batch;

	*batch = (ScanBatch){0};
	while (!scan->engine->run(scan->state, k, batch))
	{
		CHECK_FOR_INTERRUPTS();
		open_query(scan, true);
		*batch = (ScanBatch){0};
	}
	scan->totals.batches++;
	scan->k = k;
	scan->nqueue = batch->nhits;
	for (uint32 i = 0; i < batch->nhits; i++)
		batch->hits[i].passed = false;
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

/* Is the key of a row that passes wanted for its order, or to know what it is not? */
static bool
needs_key(const VectorScan *scan, bool from_table)
{
	return !leaves_anyhow(scan) || (from_table && !scan->filter->only_numbers);
}

/* The row that was read last, which passes; from_table: it may have no entry */
static void
sort_passing(VectorScan *scan, ItemPointer tid, bool from_table)
{
	double key = 0;

	if (from_table && !scan_heap_indexed(scan->heap))
		return;
	if (needs_key(scan, from_table) &&
		(!key_of_row(scan, &key) || (from_table && isnan(key))))
		return;
	if (isnan(key))
		key = INFINITY;
	if (key < scan->last.high && scan->order == SCAN_STRICT)
	{
		scan->totals.dropped++;
		return;
	}
	/* as the table has them, for who reads them next */
	if (leaves_anyhow(scan))
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
		if (!scan->tests || row_passes(scan, tid))
		{
			scan->totals.sorted++;
			scan_rest_add(scan->rest, 0, tid);
		}
	}
	else if (row_passes(scan, tid))
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
	TupleTableSlot *row;

	while ((row = scan_heap_next(scan->heap)) != NULL)
	{
		ItemPointerData tid;

		CHECK_FOR_INTERRUPTS();
		if (!scan->filter->passes(scan->filter->arg, row))
		{
			scan->totals.failed++;
			continue;
		}
		tid = scan_heap_tid(scan->heap);
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
static void
sort_rest(VectorScan *scan)
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

/*
 * Filters
 */

/* Rows of the table, by its statistics; 0: nobody knows */
static double
table_rows(const IndexScanDesc desc)
{
	return Max(desc->heapRelation->rd_rel->reltuples, 0);
}

/* Rows of the set, those of whole blocks guessed */
static double
matching_rows(IndexScanDesc desc, const TidFilter *tids)
{
	double pages = Max(desc->heapRelation->rd_rel->relpages, 1);

	return tids->rows + tids->whole * table_rows(desc) / pages;
}

/* A row of the table, if one is known */
static bool
some_row(const VectorScan *scan, ItemPointer tid)
{
	if (scan->query.tids != NULL)
		return tid_filter_first(scan->query.tids, tid);
	if (scan->batch.nhits > 0)
		*tid = scan->batch.hits[0].tid;
	return scan->batch.nhits > 0;
}

/* Microseconds to read one row and compute its distance */
static double
row_time(VectorScan *scan)
{
	ItemPointerData tid;
	Datum value;

	if (some_row(scan, &tid) && scan_heap_row(scan->heap, &tid) != NULL &&
		scan_heap_stored(scan->heap, &value) &&
		VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(value)))
		return TOASTED_ROW_TIME;
	return INLINE_ROW_TIME;
}

/* Is it better to look at all rows of the set than to search among them for k? */
static bool
exact_is_shorter(IndexScanDesc desc, VectorScan *scan, double k)
{
	double rows = matching_rows(desc, scan->query.tids);
	double passing = rows;
	double exact = 0;
	double masked = methods_find(desc->indexRelation)
						->masked_time(desc->indexRelation, k, rows);

	if (scan->tests)
	{
		passing = Min(scan->filter->share * table_rows(desc), rows);
		exact = rows * TESTED_SET_TIME;
		/* which may not be all: there may be fewer that pass than expected */
		masked = (masked + k * TESTED_HIT_TIME) * UNCERTAIN;
	}
	return exact + passing * row_time(scan) < masked;
}

/* From now on only rows of the filter's set are looked for */
static void
take_tids(VectorScan *scan)
{
	const TidFilter *tids = scan->filter->tids(scan->filter->arg);

	scan->query.tids = tids;
	scan->tests = !scan->filter->tids_suffice || tids->recheck;
	scan->totals.matching += tids->rows;
	scan->totals.whole += tids->whole;
	open_query(scan, false);
}

/* Share of the hits that is expected to pass */
static double
expected_share(IndexScanDesc desc, const VectorScan *scan)
{
	double share = scan->filter->share;
	double rows = table_rows(desc);

	if (scan->query.tids != NULL && rows > 0)
		share /= matching_rows(desc, scan->query.tids) / rows;
	return Max(Min(share, 1), 1e-9);
}

/* Hits to ask for until as many pass as are wanted, by what was expected */
static double
expected_k(IndexScanDesc desc, const VectorScan *scan)
{
	return Min(PASS_MARGIN * scan->wanted / expected_share(desc, scan),
			   FIRST_GROWTH * scan->wanted);
}

/* The same, by the batch before, of which those returned and nready have passed */
static double
observed_k(const VectorScan *scan)
{
	double gone = scan->returned.n;
	double k = scan->k * PASS_MARGIN * (gone + scan->wanted) /
		(gone + scan->nready + 0.5);

	return Max(Min(k, LATER_GROWTH * scan->k), 2 * scan->k);
}

/* Microseconds to find and ask the k nearest rows */
static double
asking_time(IndexScanDesc desc, double k)
{
	return k * TESTED_HIT_TIME +
		methods_find(desc->indexRelation)
			->masked_time(desc->indexRelation, k, table_rows(desc));
}

/*
 * Is it better to make the set than to ask hits, of which such a share passes?  That
 * the table has no statistics tells nothing: then the set is no mistake.
 */
static bool
set_is_shorter(IndexScanDesc desc, const VectorScan *scan, double share)
{
	double rows = scan->filter->tids_share * table_rows(desc);
	double time = rows * (MATCHING_ROW_TIME + INLINE_ROW_TIME);

	if (rows == 0)
		return true;
	time = Min(time,
			   rows * MATCHING_ROW_TIME +
				   methods_find(desc->indexRelation)
					   ->masked_time(desc->indexRelation, scan->wanted, rows));
	return time < asking_time(desc, PASS_MARGIN * scan->wanted / share);
}

/* Is it better to ask all rows of the index than the k nearest ones? */
static bool
all_is_shorter(IndexScanDesc desc, VectorScan *scan, double k)
{
	double rows = table_rows(desc);
	double time;

	if (scan->bounded || rows == 0)
		return false;
	time = TESTED_ROW_TIME;
	/* which is to compute its distance */
	if (scan->bound < INFINITY)
		time += row_time(scan);
	return rows * time < asking_time(desc, k);
}

static void
start_filtered(IndexScanDesc desc, VectorScan *scan)
{
	const RowFilter *filter = scan->filter;
	double k = scan->query.rows;

	scan->tests = true;
	scan->bounded =
		methods_find(desc->indexRelation)->reach(desc->indexRelation) !=
		REACH_ALL;
	scan->wanted = k;
	if (filter->tids != NULL && scan->order != SCAN_UNORDERED &&
		set_is_shorter(desc, scan, expected_share(desc, scan)))
		take_tids(scan);
	if (scan->tests)
		k = expected_k(desc, scan);
	if (scan->order == SCAN_UNORDERED ||
		(scan->query.tids != NULL
			 ? exact_is_shorter(desc, scan, k)
			 : all_is_shorter(desc, scan,
							  scan->wanted / expected_share(desc, scan))))
	{
		scan->totals.exact++;
		sort_rest(scan);
		return;
	}
	if (scan->query.tids != NULL)
		scan->totals.masked++;
	else
		scan->totals.by_condition++;
	run_batch(scan, k);
}

/* Fewer have passed than are wanted: which is the way to more of them? */
static void
go_on_testing(IndexScanDesc desc, VectorScan *scan)
{
	double k = observed_k(scan);
	double passed = scan->returned.n + scan->nready;
	double share = Min((passed + 0.5) / scan->k, 1);

	/* what was held back comes again */
	scan->nready = scan->next = 0;
	scan->last = scan->before;
	resolve_last(scan);
	returned_index(&scan->returned, scan->query.query_memory);
	if (scan->query.tids == NULL && scan->filter->tids != NULL &&
		set_is_shorter(desc, scan, share))
	{
		take_tids(scan);
		if (scan->tests)
			k = Max(expected_k(desc, scan), scan->returned.n * 2);
		else
			k = (scan->wanted + scan->returned.n) * 2;
	}
	if (scan->query.tids != NULL ? exact_is_shorter(desc, scan, k)
								 : all_is_shorter(desc, scan, k))
		sort_rest(scan);
	else
		run_batch(scan, k);
}

static void
hold_back(VectorScan *scan, const ScanHit *hit)
{
	if (scan->nready == scan->ready_room)
	{
		uint32 room = Max(scan->ready_room * 2, 64);
		ScanHit *ready = MemoryContextAllocHuge(scan->query.query_memory,
												room * sizeof(ScanHit));

		if (scan->nready > 0)
			memcpy(ready, scan->ready, scan->nready * sizeof(ScanHit));
		scan->ready = ready;
		scan->ready_room = room;
	}
	scan->ready[scan->nready++] = *hit;
}

/*
 * The next hit that passes.  False where the batch has fewer than are wanted, and
 * there may be more elsewhere.
 */
static bool
next_passing(VectorScan *scan, ScanHit *hit)
{
	if (scan->next == scan->nready)
	{
		if (scan->nready > 0)
			scan->wanted *= BATCH_GROWTH;
		scan->nready = scan->next = 0;
		scan->before = scan->last;
	}
	if (scan->next == 0)
	{
		while (scan->nready < scan->wanted && next_hit(scan, hit))
			hold_back(scan, hit);
		if (scan->nready < scan->wanted && !scan->batch.exhausted)
			return false;
	}
	if (scan->next == scan->nready)
		return false;
	*hit = scan->ready[scan->next++];
	return true;
}

/*
 * The scan
 */

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
	open_query(scan, false);
	if (has_distance(scan->filter))
		scan->bound = scan->engine->key_at(scan->state, scan->filter->within);
	if (scan->query.attributes != NULL && scan->query.attributes->never)
		scan->batch.exhausted = true;
	else if (scan->filter != NULL)
		start_filtered(desc, scan);
	else if (scan->order == SCAN_UNORDERED)
		sort_rest(scan);
	else
		run_batch(scan, scan->query.rows);
}

/* More rows are asked for than batches had to give */
static void
go_on(IndexScanDesc desc, VectorScan *scan)
{
	double k = scan->k * BATCH_GROWTH;

	if (scan->tests && !scan->batch.largest)
	{
		go_on_testing(desc, scan);
		return;
	}
	if (scan->tests)
	{
		scan->nready = scan->next = 0;
		scan->last = scan->before;
	}
	resolve_last(scan);
	returned_index(&scan->returned, scan->query.query_memory);
	if (scan->batch.largest ||
		(scan->query.tids != NULL && exact_is_shorter(desc, scan, k)))
		sort_rest(scan);
	else
		run_batch(scan, k);
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
		(attributes->recheck || (scan->rest != NULL && scan->filter != NULL));
}

bool
scan_gettuple(IndexScanDesc desc, ScanDirection direction)
{
	VectorScan *scan = desc->opaque;
	ScanHit hit;

	if (!scan->started)
		start(desc, scan);
	desc->xs_recheck = needs_recheck(scan);
	desc->xs_recheckorderby = false;
	for (;;)
	{
		if (scan->rest != NULL)
		{
			if (scan_rest_next(scan->rest, &desc->xs_heaptid))
				return true;
			break;
		}
		if (scan->tests ? next_passing(scan, &hit) : next_hit(scan, &hit))
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
	explain_count("Searches Filtered by Distance", totals->by_condition, es);
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
