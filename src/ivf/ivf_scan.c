/*
 * ivf_scan.c
 *	  What a scan (am/scan.h) does with lists: how far batches go.
 *
 * Lists may be replaced under way (README.md).  A scan goes on with those that
 * it began with.  Where it meets a page that later lists have taken, the batch is
 * void, and made again from the lists in force.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "am/key.h"
#include "am/methods.h"
#include "am/scan.h"
#include "ivf/ivf_candidates.h"
#include "ivf/ivf_check.h"
#include "ivf/ivf_handler.h"
#include "ivf/ivf_options.h"
#include "ivf/ivf_rebuild.h"
#include "ivf/ivf_search.h"
#include "ivf/ivf_totals.h"

typedef struct IvfScan
{
	IvfSearch *search;
	IvfTotals totals; /* of all queries */

	/* the query */
	IvfContinuation continuation;
	uint32 nlists;    /* visited */
	bool thorough;    /* near lists are visited in any case */
	IvfEffort effort; /* of the last batch */
	IvfEffort before; /* of the one before */
} IvfScan;

static const char *
name(Relation index)
{
	return ivf_method(index) == IVF_METHOD_FLAT ? "ivfflat" : "ivfpq";
}

/* A search of the lists in force */
static void
renew_search(IvfScan *scan, const ScanQuery *query)
{
	const IvfModel *model = ivf_model_get(query->index);
	MemoryContext old;

	if (scan->search != NULL &&
		memcmp(&scan->search->meta, &model->meta, sizeof(IvfMeta)) != 0)
	{
		MemoryContextReset(query->scan_memory);
		scan->search = NULL;
	}
	if (scan->search == NULL)
	{
		old = MemoryContextSwitchTo(query->scan_memory);
		scan->search = ivf_search_new(query->index, NULL);
		MemoryContextSwitchTo(old);
	}
	scan->search->trust_estimates =
		ivf_options(query->index).rerank == IVF_RERANK_NONE &&
		scan->search->meta.copies == IVF_COPIES_NONE;
}

static ScanOrder
open_query(void *state, const ScanQuery *query, bool again)
{
	IvfScan *scan = state;
	MemoryContext old;
	bool ordered;

	renew_search(scan, query);
	if (again)
		scan->effort = scan->before;
	else
	{
		scan->effort = (IvfEffort){0};
		scan->nlists = 0;
		scan->totals.lists_present += scan->search->meta.nlists;
	}
	scan->continuation =
		ivf_continuation(query->index, &scan->search->meta, query->rows);
	scan->search->attributes = query->attributes;
	scan->search->tids = query->tids;
	scan->thorough = query->tids_asked;
	scan->search->most_probes = scan->continuation.max_probes;
	old = MemoryContextSwitchTo(query->query_memory);
	ordered =
		!query->is_null && ivf_search_set_query(scan->search, query->value);
	MemoryContextSwitchTo(old);
	if (!ordered)
		return SCAN_UNORDERED;
	return scan->continuation.relaxed ? SCAN_RELAXED : SCAN_STRICT;
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

/* What the last look at lists has added; it began with the nearest list again */
static void
count_batch(IvfScan *scan)
{
	const IvfSearch *search = scan->search;
	const IvfCounters *counters = &search->counters;
	IvfTotals *totals = &scan->totals;

	if (counters->lists > scan->nlists)
	{
		totals->lists += counters->lists - scan->nlists;
		scan->nlists = counters->lists;
	}
	if (search->attributes != NULL)
	{
		totals->tested += counters->lanes;
		totals->meeting += counters->matching;
	}
	if (search->meta.codec == CODEC_NONE)
		totals->compared += counters->rows;
	else
		totals->estimated += counters->rows;
	totals->verified += counters->candidates;
}

/* Candidates that a batch may have, by memory */
static uint32
candidates_limit(void)
{
	Size each = 2 * (sizeof(IvfCandidate) + sizeof(double)) + sizeof(ScanHit);

	return Max((Size) work_mem * 1024 / each, 1000);
}

/*
 * Rows of near lists that a filtered search looks at in any case: that takes about
 * as long as all else that a query does.
 */
#define CHEAP_ROWS 65536.0

/* And so many take no time, however sure it is that fewer would do */
#define FREE_ROWS 4096.0

/* Lists with so many rows, as long as the mean */
static uint32
lists_of_rows(const IvfMeta *meta, double rows)
{
	return Min(ceil(meta->nlists * rows / Max(meta->nrows, 1)), meta->nlists);
}

static uint32
cheap_lists(const IvfMeta *meta)
{
	return lists_of_rows(meta, CHEAP_ROWS);
}

static double
matching_share(const IvfMeta *meta, double rows)
{
	double nrows = Max(meta->nrows, 1);

	return Max(Min(rows, nrows), 1) / nrows;
}

#define ROW_TIME \
	0.005 /* microseconds to see that it is not in the set; a code */
#define CANDIDATE_TIME 0.4
#define KEPT_TIME 0.1          /* a candidate that is not verified */
#define COPY_BYTES_TIME 0.0002 /* a byte of a copy that is compared */

static double
masked_time(Relation index, double k, double rows)
{
	const IvfModel *model = ivf_model_get(index);
	const IvfMeta *meta = &model->meta;
	IvfEffort effort =
		ivf_masked_effort(index, meta, k, matching_share(meta, rows));
	double part = (double) Max(effort.probes, cheap_lists(meta)) / meta->nlists;
	double matching = meta->codec == CODEC_NONE ? part * rows : 0;

	return part * meta->nrows * ROW_TIME + effort.candidates * CANDIDATE_TIME +
		matching *
		(CANDIDATE_TIME + model->layout.copy_slots.size * COPY_BYTES_TIME);
}

/*
 * Near rows are in near lists: in those with so many times as many rows as are wanted,
 * but for few.
 */
#define NEAR_LISTS 8

static uint32
lists_of_nearest(const IvfMeta *meta, double n)
{
	return Max(lists_of_rows(meta, NEAR_LISTS * n), cheap_lists(meta));
}

static double
nearest_time(Relation index, double n)
{
	const IvfMeta *meta = &ivf_model_get(index)->meta;
	double rows =
		meta->nrows * lists_of_nearest(meta, n) / (double) meta->nlists;

	return meta->codec == CODEC_NONE ? INFINITY
									 : rows * ROW_TIME + n * KEPT_TIME;
}

static MethodReach
reach(Relation index)
{
	IvfContinuation continuation =
		ivf_continuation(index, &ivf_model_get(index)->meta, 1);

	if (!continuation.continues)
		return REACH_FIRST;
	return continuation.budget != NULL ? REACH_BOUNDED : REACH_ALL;
}

/*
 * A query that has none near needs more lists than rows do: a search that knows when
 * to stop may visit so many times as many.
 */
#define STOP_PROBES 4

/*
 * Rows that meet conditions may all be far, and then estimates are off by more: so many
 * times as many candidates are verified at most, as far as errors in proportion to the
 * distance have it.
 */
#define FAR_CANDIDATES 8

/* A calibration says how many lists up to so many times its rows need */
#define UNSURE_ROWS 15

static void
plan_batch(IvfScan *scan, double k)
{
	IvfSearch *search = scan->search;
	const IvfMeta *meta = &search->meta;
	const TidFilter *tids = search->tids;
	bool filtered = tids != NULL || search->attributes != NULL;
	/* what share of the rows meets conditions on attributes will be seen */
	double share = tids != NULL ? matching_share(meta, tids->rows) : 1;
	IvfEffort effort = filtered
		? ivf_masked_effort(search->index, meta, k, share)
		: ivf_effort(search->index, meta, k);

	/*
	 * Attributes are tested in no time, and then the share is known better; and so far
	 * beyond what was calibrated the lists to visit are but guessed.
	 */
	if (filtered && !effort.probes_set &&
		(search->attributes != NULL || scan->thorough ||
		 k / share > UNSURE_ROWS * meta->calibrations[IVF_NCALIBRATIONS - 1].k))
		effort.probes = Max(effort.probes, cheap_lists(meta));
	if (filtered && !effort.probes_set)
		effort.probes = Max(effort.probes, lists_of_rows(meta, FREE_ROWS));
	scan->before = scan->effort;
	/* whoever needs more than the first batch has found reach too short */
	scan->effort.reach = scan->before.probes == 0 ? effort.reach : 0;
	scan->effort.stop = (IvfStop){0};
	if (filtered && meta->copies != IVF_COPIES_NONE &&
		effort.stop.candidates > 0)
	{
		scan->effort.stop.candidates = effort.stop.candidates;
		scan->effort.stop.bias = effort.stop.bias;
		effort.candidates *= FAR_CANDIDATES;
	}
	if (!filtered)
	{
		if (scan->before.probes == 0)
			scan->effort.stop = effort.stop;
		/* a stop knows more than reach does */
		if (effort.stop.lists > 0 ||
			k > search->meta.calibrations[IVF_NCALIBRATIONS - 1].k)
			scan->effort.reach = 0;
		if (scan->effort.stop.lists > 0)
			effort.probes *= STOP_PROBES;
		/* that stop ends verification, too, where it costs little to know distances */
		if (scan->effort.stop.candidates > 0 && meta->copies != IVF_COPIES_NONE)
			effort.candidates = Max(2 * effort.candidates, 10 * k + 100);
	}
	/* each batch goes at least twice as far as the one before */
	scan->effort.probes = Min(Max(effort.probes, 2 * scan->before.probes),
							  scan->continuation.max_probes);
	scan->effort.candidates =
		Max(effort.candidates, 2 * scan->before.candidates);
	if (scan->effort.candidates > candidates_limit())
		scan->effort.candidates = candidates_limit();
	search->least_probes = filtered ? cheap_lists(meta) : 0;
	search->matching_share = tids != NULL && !effort.probes_set ? share : 0;
}

/*
 * How many hits are likely to be the next ones of all rows, and not only of those
 * that were looked at: up to the number that the batch was made for, but far
 * beyond what was calibrated only to a share of what there was.
 */
static double
rank_of_hits(const IvfSearch *search, double k)
{
	double calibrated = search->meta.calibrations[IVF_NCALIBRATIONS - 1].k;
	double share = (double) search->counters.rows / IVF_ROWS_EACH;

	if (search->tids != NULL || search->attributes != NULL)
		share = k;
	return Min(k, Max(share, calibrated));
}

static bool
run(void *state, double k, ScanBatch *batch)
{
	IvfScan *scan = state;
	IvfSearch *search = scan->search;

	plan_batch(scan, k);
	ivf_search_run(search, ceil(k), &scan->effort);
	if (search->stale)
	{
		check_stale(search);
		return false;
	}
	if (search->attributes != NULL)
		scan->effort.probes = Max(scan->effort.probes, search->counters.lists);
	count_batch(scan);
	batch->hits = search->hits;
	batch->nhits = search->nhits;
	batch->rank = rank_of_hits(search, k);
	batch->exhausted = search->complete &&
		Max(scan->effort.probes, search->counters.lists) >=
			scan->continuation.max_probes;
	batch->largest = scan->effort.candidates >= candidates_limit();
	return true;
}

/* More would not fit memory */
static bool
nearest(void *state, double n, TIDBitmap *rows)
{
	IvfScan *scan = state;
	IvfSearch *search = scan->search;
	const IvfCandidate *found;
	uint32 nfound;

	search->least_probes = 0;
	search->matching_share = 0;
	found = ivf_search_estimates(
		search,
		Min(lists_of_nearest(&search->meta, n), scan->continuation.max_probes),
		Max(Min(n, candidates_limit()), 1), &nfound);
	if (search->stale)
	{
		check_stale(search);
		return false;
	}
	count_batch(scan);
	for (uint32 i = 0; i < nfound; i++)
		tbm_add_tuples(rows, (ItemPointer) &found[i].tid, 1, false);
	return true;
}

static bool
visit_rows(void *state, ScanVisit visit, void *arg)
{
	IvfScan *scan = state;

	ivf_search_visit(scan->search, scan->continuation.max_probes, visit, arg);
	if (scan->search->stale)
	{
		check_stale(scan->search);
		return false;
	}
	count_batch(scan);
	return true;
}

static double
key(const void *state, Datum value)
{
	const IvfScan *scan = state;

	return ivf_search_key(scan->search, value);
}

static double
key_at(const void *state, double distance)
{
	const IvfScan *scan = state;

	return key_at_distance((Metric) scan->search->meta.metric, distance);
}

static const char *
budget(const void *state)
{
	const IvfScan *scan = state;

	return scan->continuation.max_probes < scan->search->meta.nlists
		? scan->continuation.budget
		: NULL;
}

static void
explain(const void *state, struct ExplainState *es)
{
	const IvfScan *scan = state;

	ivf_totals_explain(&scan->totals, es);
}

static const ScanEngine engine = {.name = name,
								  .state_size = sizeof(IvfScan),
								  .open = open_query,
								  .run = run,
								  .visit = visit_rows,
								  .nearest = nearest,
								  .key = key,
								  .key_at = key_at,
								  .budget = budget,
								  .explain = explain};

IndexScanDesc
ivfbeginscan(Relation index, int nkeys, int norderbys)
{
	return scan_begin(&engine, index, nkeys, norderbys);
}

const ScanMethod ivf_scan_method = {.begin = ivfbeginscan,
									.foreign_magic = PGVECTOR_IVFFLAT_MAGIC,
									.explain = scan_explain,
									.reach = reach,
									.masked_time = masked_time,
									.nearest_time = nearest_time,
									.check = ivf_check,
									.learn = ivf_rebuild,
									.describe = ivf_describe};
