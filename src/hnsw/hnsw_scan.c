/*
 * hnsw_scan.c
 *	  What a scan (am/scan.h) does with the graph: how far batches go.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "am/explain.h"
#include "am/key.h"
#include "am/methods.h"
#include "am/scan.h"
#include "core/compat.h"
#include "hnsw/hnsw_check.h"
#include "hnsw/hnsw_handler.h"
#include "hnsw/hnsw_masked.h"
#include "hnsw/hnsw_options.h"
#include "hnsw/hnsw_row_page.h"
#include "hnsw/hnsw_search.h"
#include "hnsw/hnsw_train.h"

/* Part of a budget with which it is spent: no search ends after so many nodes */
#define SPENT 0.9

/*
 * Microseconds, to choose how rows of a set are searched for: of a node that links
 * lead to, with its neighbours' estimates; of a row page; of each row in it, whose TID
 * or attributes are looked at, and of one of the set; of the element of a candidate; of
 * a row of the table whose attributes the executor looks at; of a candidate that is kept.
 */
#define US_NODE 1.5
#define US_ROW_PAGE 0.15
#define US_ROW 0.004
#define US_ATTRIBUTES 0.001
#define US_MEMBER 0.02
#define US_CANDIDATE 1.0
#define US_CHECKED 0.8
#define US_KEPT 0.1

/* Candidates that are kept, for each that is looked at in any case */
#define SPARE 4

/* Rows wanted in a neighbourhood, beyond those expected: standard deviations */
#define MARGIN 2

/* Where links lead to fewer than this share of those, the set lies elsewhere */
#define LEAST_LED_TO 0.5

typedef struct HnswScan
{
	HnswSearch *search;

	/* the query */
	HnswContinuation continuation;
	uint32 ef;       /* of the last batch */
	uint64 visited;  /* nodes, by the last batch */
	bool by_setting; /* it ended because of continuation.budget */
	double nrows;    /* of the index, */
	double
		members; /* and of the set that is asked for, or with the attributes */
	bool has_share; /* that of attributes is known */
	bool by_rows;   /* row pages are searched, not links, from now on */

	/* of all queries */
	uint64 nodes;
	uint64 estimates;
	uint64 seeds;
	uint64 row_pages;
	uint64 rows;
	uint64 tested; /* by attributes */
	uint64 met;
	uint64 unasked; /* searches that left attributes to the table */
} HnswScan;

static const char *
name(Relation index)
{
	return "hnsw";
}

/* A search of the index as it is now */
static void
renew_search(HnswScan *scan, const ScanQuery *query)
{
	const HnswModel *model = hnsw_model_get(query->index, NULL);
	MemoryContext old;

	if (scan->search != NULL &&
		memcmp(&scan->search->meta, &model->meta, sizeof(HnswMeta)) != 0)
	{
		MemoryContextReset(query->scan_memory);
		scan->search = NULL;
	}
	if (scan->search == NULL)
	{
		old = MemoryContextSwitchTo(query->scan_memory);
		scan->search = hnsw_search_new(query->index);
		scan->search->seeds = true;
		MemoryContextSwitchTo(old);
	}
}

/* Rows of the index, about */
static double
count_rows(Relation index, const HnswLayout *layout, const HnswState *state)
{
	return state->nrows > 0
		? state->nrows
		: (double) RelationGetNumberOfBlocks(index) * layout->slots;
}

/* Rows of a set; those of blocks as a whole guessed */
static double
count_members(const TidFilter *tids, double nrows)
{
	return tids->rows + tids->whole * nrows / Max(tids->nblocks, 1);
}

/* What there is to choose from */
static void
estimate_members(HnswScan *scan, const ScanQuery *query)
{
	const HnswSearch *search = scan->search;
	HnswState now;
	HnswRowSample sample;

	scan->has_share = false;
	if (query->tids == NULL && query->attributes == NULL)
		return;
	(void) hnsw_model_get(query->index, &now);
	scan->nrows = count_rows(query->index, &search->layout, &now);
	scan->members = query->tids != NULL
		? count_members(query->tids, scan->nrows)
		: scan->nrows;
	if (query->attributes == NULL || query->tids != NULL)
		return;
	sample = hnsw_sample_rows(search, scan->nrows);
	scan->tested += sample.tested;
	scan->met += sample.met;
	scan->has_share = sample.tested > 0;
	/* less than all: a row that was not looked at may be another */
	if (scan->has_share)
		scan->members *= sample.met / (sample.tested + 1.0);
}

static ScanOrder
open_query(void *state, const ScanQuery *query, bool again)
{
	HnswScan *scan = state;
	MemoryContext old;
	bool ordered;

	renew_search(scan, query);
	scan->search->tids = query->tids;
	scan->search->attributes = query->attributes;
	estimate_members(scan, query);
	scan->by_rows = false;
	scan->continuation = hnsw_continuation(query->index);
	scan->ef = 0;
	scan->visited = 0;
	scan->by_setting = false;
	old = MemoryContextSwitchTo(query->query_memory);
	ordered =
		!query->is_null && hnsw_search_set_query(scan->search, query->value);
	MemoryContextSwitchTo(old);
	if (!ordered)
		return SCAN_UNORDERED;
	return scan->continuation.relaxed ? SCAN_RELAXED : SCAN_STRICT;
}

/*
 * Nodes that a batch may keep, by memory.  Where no setting says how much, what
 * does not fit work_mem is sorted: that is soon cheaper than to go on by links.
 */
static uint32
ef_limit(const HnswScan *scan)
{
	const HnswLayout *layout = &scan->search->layout;
	Size memory = scan->continuation.max_memory;
	double names =
		(double) RelationGetNumberOfBlocks(scan->search->index) * layout->slots;
	/* of each node: its place in the pool, what is known of it, its rows */
	Size each = 2 * sizeof(HnswId) + sizeof(HnswFound) + sizeof(ScanHit);
	/* of each that has been met; there are no more than names */
	Size met = 4 * sizeof(HnswId);
	double limit;

	if (memory == SIZE_MAX)
		limit = work_mem * 1024.0 /
			(each + layout->lanes * met + 3 * sizeof(HnswFound));
	else
		limit = Max(memory / (double) (each + layout->lanes * met),
					(memory - names * met) / each);
	return Min(Max(limit, 1000), PG_INT32_MAX);
}

/*
 * As pgvector has it where a scan may not go on: no more elements than the
 * search kept.
 */
static void
keep_nearest(HnswSearch *search, uint32 ef)
{
	uint32 kept = 0;
	double limit;

	if (search->nfound <= ef)
		return;
	hnsw_search_sort(search);
	limit = search->found[ef - 1].key;
	for (uint32 i = 0; i < search->nhits; i++)
	{
		ScanHit hit = search->hits[i];

		/* what nothing is known of stays: its middle is no number */
		if (!((hit.low + hit.high) / 2 > limit))
			search->hits[kept++] = hit;
	}
	search->nhits = kept;
}

/*
 * Nodes that the next batch keeps: twice as many as the one before, or as many
 * as the budget seems to allow, by how many were looked at up to now.  The first
 * search is not part of the budget.
 */
static uint32
choose_ef(const HnswScan *scan, double wanted, uint32 limit)
{
	double most = scan->continuation.max_tuples;

	if (scan->visited > 0)
		most = ceil(most * scan->ef / scan->visited);
	else
		most = Max(most, wanted);
	return Min(Min(Max(wanted, 2.0 * scan->ef), limit), most);
}

/*
 * By links: the nearest of all, of which those of the set are hits, until there are k
 * that are likely to be the nearest.  At least twice as far as the batch before.
 */
static void
run_by_links(HnswScan *scan, HnswEffort effort, double k, uint32 limit)
{
	HnswSearch *search = scan->search;

	search->stop = (HnswStop){.margin = effort.margin,
							  .likely = Max(effort.likely, 2 * scan->visited),
							  .least = 2 * scan->visited};
	if (effort.margin > 0)
		search->stop.k = Min(ceil(k), PG_INT32_MAX);
	scan->ef = choose_ef(scan, effort.ef, limit);
	hnsw_search_run(search, scan->ef);
	/* those of the batches before are among them */
	scan->visited = search->counters.nodes;
	if (search->stopped)
		scan->ef = Min(scan->visited, scan->ef);
	scan->nodes += search->counters.nodes;
	scan->estimates += search->counters.estimates;
	scan->seeds += search->counters.seeds;
}

/* Settings may end it, or memory; what all batches have in common */
static void
end_batch(HnswScan *scan, ScanBatch *batch, uint32 limit)
{
	HnswSearch *search = scan->search;
	const HnswContinuation *continuation = &scan->continuation;

	batch->exhausted = false;
	if (!search->complete &&
		(!continuation->continues ||
		 scan->visited >= SPENT * continuation->max_tuples ||
		 (scan->ef >= limit && continuation->max_memory < SIZE_MAX)))
	{
		if (!continuation->continues && search->tids == NULL)
			keep_nearest(search, scan->ef);
		batch->exhausted = true;
		scan->by_setting = true;
	}
	batch->hits = search->hits;
	batch->nhits = search->nhits;
}

/*
 * Rows of a set
 */

static bool
has_row_codes(const HnswSearch *search)
{
	return hnsw_has_codes(&search->meta) && search->layout.rows.codes != 0;
}

/* The share of so many rows */
static double
share_of(double members, double nrows)
{
	return Min(Max(members, 1) / Max(nrows, 1), 1);
}

/*
 * Rows among which the nearest k of a set are that has this share of all; with a
 * margin, as where they are is chance.
 */
static double
rank_of(double k, double share)
{
	return share == 1 ? k : (k + MARGIN * sqrt(k)) / share;
}

/* Microseconds that a search for k takes by links, whose nodes are *ef, */
static double
links_time(Relation index, const HnswMeta *meta, double nrows, double k,
		   double share, double *ef)
{
	*ef = Max(hnsw_ef(index, meta, Min(rank_of(k, share), PG_INT32_MAX)),
			  hnsw_ef(index, meta, k) / share);
	return Min(*ef, nrows) * US_NODE;
}

/* and by row pages, of which a pass over these */
static double
pass_time(const HnswLayout *layout, double nrows, double us_row, double members)
{
	return (nrows / layout->rows.lanes + 1) * US_ROW_PAGE + nrows * us_row +
		members * US_MEMBER;
}

static double
rows_time(Relation index, const HnswMeta *meta, const HnswLayout *layout,
		  double nrows, double us_row, double k, double members)
{
	bool coded = hnsw_has_codes(meta) && layout->rows.codes != 0;

	return pass_time(layout, nrows, us_row, members) +
		(coded ? Min(hnsw_ef(index, meta, k), members) : members) *
		US_CANDIDATE;
}

static double
masked_time(Relation index, double k, double rows)
{
	HnswState state;
	const HnswModel *model = hnsw_model_get(index, &state);
	double nrows = count_rows(index, &model->layout, &state);
	double ef;
	double by_links =
		links_time(index, &model->meta, nrows, k, share_of(rows, nrows), &ef);

	return Min(
		by_links,
		rows_time(index, &model->meta, &model->layout, nrows, US_ROW, k, rows));
}

static double
nearest_time(Relation index, double n)
{
	HnswState state;
	const HnswModel *model = hnsw_model_get(index, &state);

	if (!hnsw_rows_have_codes(model))
		return INFINITY;
	return pass_time(&model->layout, count_rows(index, &model->layout, &state),
					 US_ROW, 0) +
		n * US_KEPT;
}

static MethodReach
reach(Relation index)
{
	HnswContinuation continuation = hnsw_continuation(index);

	if (!continuation.continues)
		return REACH_FIRST;
	return continuation.budget != NULL || continuation.max_memory < SIZE_MAX
		? REACH_BOUNDED
		: REACH_ALL;
}

/*
 * How many hits by links are among the nearest of all that the search was for, wanted
 * of them, and so are likely to be the nearest of the set.
 */
static uint32
count_led_to(HnswSearch *search, double wanted)
{
	uint32 n = 0;
	double limit;

	if (search->complete || search->nfound <= wanted)
		return search->nhits;
	hnsw_search_sort(search);
	limit = search->found[(uint32) wanted].key;
	for (uint32 i = 0; i < search->nhits; i++)
		n += (search->hits[i].low + search->hits[i].high) / 2 <= limit;
	return n;
}

/*
 * False where row pages are the shorter way, or links lead to far fewer rows of the set
 * than its share promises: then it lies elsewhere, and row pages tell where.
 */
static bool
run_filtered_by_links(HnswScan *scan, double k, ScanBatch *batch)
{
	HnswSearch *search = scan->search;
	double share = share_of(scan->members, scan->nrows);
	uint32 limit = ef_limit(scan);
	double ef;
	double time =
		links_time(search->index, &search->meta, scan->nrows, k, share, &ef);
	HnswEffort effort = hnsw_effort(search->index, &search->meta,
									Min(rank_of(k, share), PG_INT32_MAX));
	uint32 rank;

	if (ef >= limit ||
		rows_time(search->index, &search->meta, &search->layout, scan->nrows,
				  US_ROW, k, scan->members) < time)
		return false;
	effort.ef = effort.likely = ceil(ef);
	/* where it stops when there are enough: where the set is is chance */
	if (effort.margin > 0)
		effort.ef *= 2;
	run_by_links(scan, effort, k, limit);
	rank = count_led_to(search, rank_of(k, share));
	end_batch(scan, batch, limit);
	batch->largest = false;
	batch->rank = Min(k, rank);
	return batch->exhausted || rank >= LEAST_LED_TO * k;
}

/*
 * Nearest rows of all, among which so many are likely to have the attributes that the
 * executor finds k: where most rows have them that is the shorter way.  False where it
 * is not, or where settings say how far a search may go, as that counts only rows that
 * have them.
 */
static bool
run_unasked(HnswScan *scan, double k, ScanBatch *batch)
{
	HnswSearch *search = scan->search;
	double share = share_of(scan->members, scan->nrows);
	double rank = Min(rank_of(k, share), PG_INT32_MAX);
	uint32 limit = ef_limit(scan);
	HnswEffort effort;
	double ef;
	double time;

	if (!scan->has_share || scan->ef > 0 || reach(search->index) != REACH_ALL)
		return false;
	time = links_time(search->index, &search->meta, scan->nrows, k, share, &ef);
	if (ef >= limit ||
		rows_time(search->index, &search->meta, &search->layout, scan->nrows,
				  US_ATTRIBUTES, k, scan->members) < time + rank * US_CHECKED)
		return false;
	effort = hnsw_effort(search->index, &search->meta, rank);
	effort.ef = Max(effort.ef, ceil(ef));
	run_by_links(scan, effort, rank, limit);
	end_batch(scan, batch, limit);
	batch->largest = false;
	batch->unasked = true;
	batch->rank = Min(rank, scan->ef);
	scan->unasked++;
	return true;
}

/* Candidates that a batch may have, by memory */
static uint32
candidates_limit(const HnswScan *scan)
{
	Size memory = Min(scan->continuation.max_memory, work_mem * (Size) 1024);
	Size each = 2 * (sizeof(HnswRowAt) + sizeof(double)) + sizeof(ScanHit);

	return Min(Max(memory / each, 1000), PG_INT32_MAX);
}

/*
 * Candidates that are kept when so many are looked at in any case.  With attributes, as
 * many as a tenth of the time of a pass keeps: too few of them cost another one.
 */
static double
kept_for(const HnswScan *scan, double least)
{
	double time = pass_time(&scan->search->layout, scan->nrows, US_ATTRIBUTES,
							scan->members);

	if (scan->search->attributes == NULL)
		return SPARE * least;
	return Max(SPARE * least, time / (10 * US_KEPT));
}

/*
 * At least twice the candidates of the batch before, and as many as it takes; without
 * codes all that there are.
 */
static void
run_by_rows(HnswScan *scan, double k, ScanBatch *batch)
{
	HnswSearch *search = scan->search;
	uint32 limit = candidates_limit(scan);
	bool coded = has_row_codes(search);
	double least = Max(hnsw_ef(search->index, &search->meta, k), k);
	HnswMaskedResult result;

	if (scan->by_rows)
		least = Max(least, 2.0 * scan->ef);
	scan->by_rows = true;
	do
	{
		double most = coded ? Min(kept_for(scan, least), limit) : limit;

		result =
			hnsw_search_masked(search, Min(k, limit), Min(least, limit), most);
		scan->nodes += search->counters.nodes;
		scan->row_pages += result.pages;
		scan->rows += result.rows;
		scan->tested += result.tested;
		scan->met += search->attributes != NULL ? result.rows : 0;
		least = most;
	} while (!result.enough && coded && least < limit);
	scan->ef = result.n;
	scan->visited = search->counters.nodes;
	end_batch(scan, batch, limit);
	batch->largest = scan->ef >= limit || !coded;
	batch->exhausted |= search->complete;
	batch->rank = Min(k, search->nhits);
}

static bool
run(void *state, double k, ScanBatch *batch)
{
	HnswScan *scan = state;
	HnswSearch *search = scan->search;
	uint32 limit = ef_limit(scan);

	if (search->attributes != NULL)
	{
		if (search->tids != NULL || !run_unasked(scan, k, batch))
			run_by_rows(scan, k, batch);
		return true;
	}
	if (search->tids != NULL)
	{
		if (scan->by_rows || !run_filtered_by_links(scan, k, batch))
			run_by_rows(scan, k, batch);
		return true;
	}
	run_by_links(scan, hnsw_effort(search->index, &search->meta, k), k, limit);
	end_batch(scan, batch, limit);
	/* links may not lead to every node: the rest is looked for page by page */
	batch->largest = scan->ef >= limit || search->complete;
	batch->rank = Min(k, scan->ef);
	return true;
}

/* More would not fit memory */
static bool
nearest(void *state, double n, TIDBitmap *rows)
{
	HnswScan *scan = state;
	HnswMaskedResult result = hnsw_search_nearest(
		scan->search, Max(Min(n, candidates_limit(scan)), 1), rows);

	scan->row_pages += result.pages;
	scan->rows += result.rows;
	return true;
}

/* The rows of a page that are asked for: copied, as visit may take its time */
static uint32
tids_of_page(const HnswSearch *search, Page page, ItemPointerData *tids)
{
	const HnswLayout *layout = &search->layout;
	HnswRowFilter filter = {search->tids, search->attributes};
	uint32 found[HNSW_ROW_WORDS];
	uint32 n = 0;

	if (hnsw_row_find(page, &search->meta, layout, &filter, found) == 0)
		return 0;
	for (uint32 lane = 0; lane < layout->rows.lanes; lane++)
	{
		if (found[lane / HNSW_ROW_WORD] >> lane % HNSW_ROW_WORD & 1)
			tids[n++] = hnsw_row_tids(page, layout)[lane];
	}
	return n;
}

static bool
visit_rows(void *state, ScanVisit visit, void *arg)
{
	HnswScan *scan = state;
	const HnswSearch *search = scan->search;
	HnswRowWalk walk =
		hnsw_row_walk(search->index, hnsw_model_get(search->index, NULL), NULL);
	ItemPointerData *tids =
		palloc(search->layout.rows.lanes * sizeof(ItemPointerData));
	Buffer buffer;

	/* visit may look at the catalogues */
	walk.model = NULL;
	while (BufferIsValid(buffer = hnsw_row_walk_next(&walk, BUFFER_LOCK_SHARE)))
	{
		uint32 n = tids_of_page(search, BufferGetPage(buffer), tids);

		UnlockReleaseBuffer(buffer);
		CHECK_FOR_INTERRUPTS();
		for (uint32 i = 0; i < n; i++)
			visit(arg, &tids[i]);
	}
	pfree(tids);
	return true;
}

static double
key(const void *state, Datum value)
{
	const HnswScan *scan = state;

	return hnsw_search_key(scan->search, value);
}

static double
key_at(const void *state, double distance)
{
	const HnswScan *scan = state;

	return key_at_distance((Metric) scan->search->meta.distance, distance);
}

static const char *
budget(const void *state)
{
	const HnswScan *scan = state;

	if (!scan->by_setting)
		return NULL;
	return scan->continuation.budget != NULL ? scan->continuation.budget
											 : HNSW_MEMORY_BUDGET;
}

static void
explain(const void *state, struct ExplainState *es)
{
	const HnswScan *scan = state;

	explain_count("Nodes Visited", scan->nodes, es);
	explain_count("Neighbours Estimated", scan->estimates, es);
	explain_count("Seeds Estimated", scan->seeds, es);
	explain_count("Searches Leaving Attributes to the Table", scan->unasked,
				  es);
	explain_count("Row Pages Scanned", scan->row_pages, es);
	explain_count("Rows Tested by Attributes", scan->tested, es);
	explain_count("Rows Meeting Conditions", scan->met, es);
	explain_count("Rows Estimated", scan->rows, es);
}

static const ScanEngine engine = {.name = name,
								  .state_size = sizeof(HnswScan),
								  .open = open_query,
								  .run = run,
								  .visit = visit_rows,
								  .nearest = nearest,
								  .key = key,
								  .key_at = key_at,
								  .budget = budget,
								  .explain = explain};

IndexScanDesc
hnsw_begin_scan(Relation index, int nkeys, int norderbys)
{
	return scan_begin(&engine, index, nkeys, norderbys);
}

const ScanMethod hnsw_scan_method = {.begin = hnsw_begin_scan,
									 .foreign_magic = PGVECTOR_HNSW_MAGIC,
									 .explain = scan_explain,
									 .reach = reach,
									 .masked_time = masked_time,
									 .nearest_time = nearest_time,
									 .check = hnsw_check,
									 .learn = hnsw_train_anew,
									 .describe = hnsw_describe};
