/*
 * scan_filter.c
 *	  Which way a scan takes to the rows that pass its filter.
 */
#include "postgres.h"

#include <math.h>

#include "access/relscan.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "am/filter_time.h"
#include "am/methods.h"
#include "am/scan_state.h"
#include "core/compat.h"

#define FIRST_GROWTH 10 /* the first for so many times those wanted, at most */
#define LATER_GROWTH 16 /* than the one before, at most */

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

/*
 * Whoever wants more than one row in so many of a set will look at most of them, and
 * would miss those that a search for as many finds too late
 */
#define SET_PART 4

/* Is it better to look at all rows of the set than to search among them for k? */
bool
scan_exact_is_shorter(IndexScanDesc desc, VectorScan *scan, double k)
{
	double rows = matching_rows(desc, scan->query.tids);
	double passing = rows;
	double exact = 0;
	double masked = methods_find(desc->indexRelation)
						->masked_time(desc->indexRelation, k, rows);

	/* who goes on after all rows were asked is to have all that pass in the end */
	if (k * SET_PART > rows || (scan->query.tids_asked && scan->returned.n > 0))
		return true;
	if (scan->tests)
	{
		passing = Min(scan->filter->share * table_rows(desc), rows);
		exact = rows * (TESTED_SET_TIME + scan->filter->condition_time);
		/* which may not be all: there may be fewer that pass than expected */
		masked += k * (TESTED_HIT_TIME + scan->filter->condition_time);
		masked *= UNCERTAIN;
	}
	return exact + passing * row_time(scan) < masked;
}

/* From now on only rows of this set are looked for */
static void
take_set(VectorScan *scan, const TidFilter *tids, bool suffices)
{
	scan->query.tids = tids;
	scan->tests = !suffices || tids->recheck;
	scan_open_query(scan, false);
}

/* The set of other indexes */
static void
take_tids(VectorScan *scan)
{
	const TidFilter *tids = scan->filter->tids(scan->filter->arg);

	scan->totals.matching += tids->rows;
	scan->totals.whole += tids->whole;
	take_set(scan, tids, scan->filter->tids_suffice);
}

/* May all rows of the table be asked, to have a set of those that pass? */
static bool
can_ask_all(const VectorScan *scan)
{
	return scan->order != SCAN_UNORDERED && !scan->bounded &&
		scan->bound == INFINITY && !scan_leaves_anyhow(scan) &&
		scan_heap_is_readable(scan->heap);
}

/*
 * All rows of the table that pass, asked in its order.  No distance is computed: how
 * many pass says what is the way to the nearest of them.
 */
static void
take_passing(VectorScan *scan)
{
	MemoryContext old = MemoryContextSwitchTo(scan->query.query_memory);
	TIDBitmap *bitmap = tbm_create(work_mem * (Size) 1024, NULL);
	const TidFilter *tids;
	ItemPointerData tid;

	while (scan_next_passing_row(scan, &tid))
		tbm_add_tuples(bitmap, &tid, 1, false);
	tids = tid_filter_new(bitmap);
	tbm_free(bitmap);
	MemoryContextSwitchTo(old);
	scan->totals.asked++;
	scan->query.tids_asked = true;
	take_set(scan, tids, true);
}

/*
 * Of near rows, so many times as many are to pass as are wanted, and some more: which are
 * the nearest is not known for those behind, as their neighbours by distance may lie
 * beyond what was asked.
 */
#define NEAR_PASSING 2
#define NEAR_SPARE 10

/* With this part of them they are taken all the same */
#define NEAR_LEAST 0.6

static double
near_passing(const VectorScan *scan)
{
	return NEAR_PASSING * (scan->wanted + scan->returned.n) + NEAR_SPARE;
}

typedef struct Passing
{
	VectorScan *scan;
	TIDBitmap *bitmap;
} Passing;

static void
add_passing(void *arg, ItemPointer tid)
{
	Passing *passing = arg;

	CHECK_FOR_INTERRUPTS();
	if (scan_row_passes(passing->scan, tid))
		tbm_add_tuples(passing->bitmap, tid, 1, false);
}

/*
 * Of n rows that are near by estimate those that pass, asked in the order of the table.
 * How many they are; that are enough where the set is taken.
 */
static double
take_near(VectorScan *scan, double n)
{
	MemoryContext old = MemoryContextSwitchTo(scan->query.query_memory);
	TIDBitmap *near = tbm_create(work_mem * (Size) 1024, NULL);
	Passing passing = {.scan = scan,
					   .bitmap = tbm_create(work_mem * (Size) 1024, NULL)};
	const TidFilter *tids;

	while (!scan->engine->nearest(scan->state, n, near))
	{
		CHECK_FOR_INTERRUPTS();
		scan_open_query(scan, true);
	}
	tid_filter_visit(tid_filter_new(near), add_passing, &passing);
	tids = tid_filter_new(passing.bitmap);
	tbm_free(near);
	tbm_free(passing.bitmap);
	MemoryContextSwitchTo(old);
	if (tids->rows >= NEAR_LEAST * near_passing(scan))
	{
		scan->near = tids->rows / NEAR_PASSING;
		scan->totals.asked_near++;
		scan->query.tids_asked = true;
		take_set(scan, tids, true);
	}
	return tids->rows;
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
	return time < asking_time(desc->indexRelation,
							  PASS_MARGIN * scan->wanted / share,
							  table_rows(desc), scan->filter->condition_time);
}

/* Microseconds to ask all rows of the table, and find the nearest that pass */
static double
all_time(IndexScanDesc desc, VectorScan *scan)
{
	double rows = table_rows(desc);
	double passing;
	double time;

	if (scan->bounded || rows == 0)
		return INFINITY;
	/* where there is a bound, distances are computed before conditions are asked */
	passing = rows * (scan->bound < INFINITY ? 1 : scan->filter->share);
	time = passing * row_time(scan);
	if (can_ask_all(scan))
		time =
			Min(time,
				methods_find(desc->indexRelation)
					->masked_time(desc->indexRelation, scan->wanted, passing));
	return rows * (TESTED_ROW_TIME + scan->filter->condition_time) + time;
}

/* Near rows to be asked, of which such a share is expected to pass */
static double
near_rows(const VectorScan *scan, double share)
{
	return PASS_MARGIN * near_passing(scan) / share;
}

/* Microseconds to ask so many, to be compared with a sure way */
static double
near_time(IndexScanDesc desc, const VectorScan *scan, double n)
{
	const ScanMethod *method = methods_find(desc->indexRelation);

	if (!can_ask_all(scan) || scan->query.attributes != NULL ||
		n > table_rows(desc))
		return INFINITY;
	return UNCERTAIN *
		(method->nearest_time(desc->indexRelation, n) +
		 n * (TESTED_SET_TIME + scan->filter->condition_time) +
		 method->masked_time(desc->indexRelation, scan->wanted,
							 near_passing(scan)));
}

/*
 * The way that is the shortest by what is known so far, where hits would be asked for k:
 * a set is taken, or not.  False: all that is left has to be sorted by exact distances.
 */
static bool
choose_way(IndexScanDesc desc, VectorScan *scan, double k, double share)
{
	if (scan->order == SCAN_UNORDERED)
		return false;
	if (scan->query.tids != NULL)
		return true;
	if (scan->filter->tids != NULL && set_is_shorter(desc, scan, share))
	{
		take_tids(scan);
		return true;
	}
	for (;;)
	{
		double n = near_rows(scan, share);
		double near = near_time(desc, scan, n);
		double all = all_time(desc, scan);
		double hits = wary_asking_time(desc->indexRelation, k, table_rows(desc),
									   scan->filter->condition_time,
									   scan->bound < INFINITY);
		double passed;

		if (hits <= Min(near, all))
			return true;
		if (all <= near)
		{
			if (!can_ask_all(scan))
				return false;
			take_passing(scan);
			return true;
		}
		passed = take_near(scan, n);
		if (scan->near > 0)
			return true;
		share = Min((passed + 0.5) / n, share / 2);
		k = PASS_MARGIN * scan->wanted / share;
	}
}

/* Other rows may pass: all are asked */
void
scan_go_beyond_near(IndexScanDesc desc, VectorScan *scan)
{
	double k = (scan->wanted + scan->returned.n) * 2;

	scan_resolve_last(scan);
	returned_index(&scan->returned, scan->query.query_memory);
	scan->near = 0;
	scan->tests = true;
	take_passing(scan);
	if (scan_exact_is_shorter(desc, scan, k))
		scan_sort_rest(scan);
	else
		scan_run_batch(scan, k);
}

void
scan_start_filtered(IndexScanDesc desc, VectorScan *scan)
{
	double k = scan->query.rows;
	double share;
	bool searches;

	scan->tests = true;
	scan->bounded =
		methods_find(desc->indexRelation)->reach(desc->indexRelation) !=
		REACH_ALL;
	scan->wanted = k;
	share = expected_share(desc, scan);
	searches = choose_way(desc, scan, scan->wanted / share, share);
	if (scan->tests)
		k = expected_k(desc, scan);
	if (!searches ||
		(scan->query.tids != NULL && scan->near == 0 &&
		 scan_exact_is_shorter(desc, scan, k)))
	{
		scan->totals.exact++;
		scan_sort_rest(scan);
		return;
	}
	if (scan->query.tids != NULL)
		scan->totals.masked++;
	else
		scan->totals.by_condition++;
	scan_run_batch(scan, k);
}

/* Fewer have passed than are wanted: which is the way to more of them? */
void
scan_go_on_testing(IndexScanDesc desc, VectorScan *scan)
{
	bool had_set = scan->query.tids != NULL;
	double k = observed_k(scan);
	double passed = scan->returned.n + scan->nready;
	double share = Min((passed + 0.5) / scan->k, 1);
	bool searches;

	/* what was held back comes again */
	scan->nready = scan->next = 0;
	scan->last = scan->before;
	scan_resolve_last(scan);
	returned_index(&scan->returned, scan->query.query_memory);
	searches = choose_way(desc, scan, k, share);
	if (!had_set && scan->query.tids != NULL)
	{
		if (scan->tests)
			k = Max(expected_k(desc, scan), scan->returned.n * 2);
		else
			k = (scan->wanted + scan->returned.n) * 2;
	}
	if (!searches ||
		(scan->query.tids != NULL && scan->near == 0 &&
		 scan_exact_is_shorter(desc, scan, k)))
		scan_sort_rest(scan);
	else
		scan_run_batch(scan, k);
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
		if (scan->ready != NULL)
			pfree(scan->ready);
		scan->ready = ready;
		scan->ready_room = room;
	}
	scan->ready[scan->nready++] = *hit;
}

/*
 * The next hit that passes.  False where the batch has fewer than are wanted, and
 * there may be more elsewhere.
 */
bool
scan_next_passing(VectorScan *scan, ScanHit *hit)
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
		while (scan->nready < scan->wanted && scan_next_hit(scan, hit))
			hold_back(scan, hit);
		if (scan->nready < scan->wanted && !scan->batch.exhausted)
			return false;
	}
	if (scan->next == scan->nready)
		return false;
	*hit = scan->ready[scan->next++];
	return true;
}
