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
#include "hnsw/hnsw_options.h"
#include "hnsw/hnsw_search.h"
#include "hnsw/hnsw_train.h"

/* Part of a budget with which it is spent: no search ends after so many nodes */
#define SPENT 0.9

typedef struct HnswScan
{
	HnswSearch *search;

	/* the query */
	HnswContinuation continuation;
	uint32 ef;       /* of the last batch */
	double nrows;    /* of the index */
	uint64 visited;  /* nodes, by the last batch */
	bool by_setting; /* it ended because of continuation.budget */

	/* of all queries */
	uint64 nodes;
	uint64 estimates;
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

static ScanOrder
open_query(void *state, const ScanQuery *query, bool again)
{
	HnswScan *scan = state;
	HnswState now;
	MemoryContext old;
	bool ordered;

	renew_search(scan, query);
	scan->continuation = hnsw_continuation(query->index);
	scan->search->tids = query->tids;
	if (query->tids != NULL)
	{
		(void) hnsw_model_get(query->index, &now);
		scan->nrows = count_rows(query->index, &scan->search->layout, &now);
	}
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

/* Nodes among which the nearest k of so many rows are, of nrows in all */
static uint32
masked_ef(Relation index, const HnswMeta *meta, double nrows, double k,
		  double rows)
{
	double all = Max(nrows, 1);
	double share = Max(Min(rows, all), 1) / all;

	return hnsw_ef(index, meta, Min(k / share, all));
}

#define NODE_TIME 1.5 /* microseconds to look at one */

static double
masked_time(Relation index, double k, double rows)
{
	HnswState state;
	const HnswModel *model = hnsw_model_get(index, &state);

	return masked_ef(index, &model->meta,
					 count_rows(index, &model->layout, &state), k, rows) *
		NODE_TIME;
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

static bool
run(void *state, double k, ScanBatch *batch)
{
	HnswScan *scan = state;
	HnswSearch *search = scan->search;
	const HnswContinuation *continuation = &scan->continuation;
	uint32 wanted = search->tids == NULL
		? hnsw_ef(search->index, &search->meta, k)
		: masked_ef(search->index, &search->meta, scan->nrows, k,
					search->tids->rows);
	uint32 limit = ef_limit(scan);

	scan->ef = choose_ef(scan, wanted, limit);
	hnsw_search_run(search, scan->ef);
	/* those of the batches before are among them */
	scan->visited = search->counters.nodes;
	scan->nodes += search->counters.nodes;
	scan->estimates += search->counters.estimates;

	/* links may not lead to every node: the rest is looked for page by page */
	batch->largest = scan->ef >= limit || search->complete;
	batch->exhausted = false;
	if (!search->complete &&
		(!continuation->continues ||
		 scan->visited >= SPENT * continuation->max_tuples))
	{
		if (!continuation->continues)
			keep_nearest(search, scan->ef);
		batch->exhausted = true;
		scan->by_setting = true;
	}
	batch->hits = search->hits;
	batch->nhits = search->nhits;
	batch->rank = Min(k, scan->ef);
	if (!search->complete && scan->ef >= limit &&
		continuation->max_memory < SIZE_MAX)
	{
		batch->exhausted = true;
		scan->by_setting = true;
	}
	return true;
}

/* Which TIDs a page has: copied, so that no lock is held while they are used */
static uint32
tids_of_page(const HnswSearch *search, Page page, ItemPointerData *tids)
{
	const HnswLayout *layout = &search->layout;
	uint32 n = 0;

	for (uint32 slot = 0; slot < layout->slots; slot++)
	{
		const HnswNode *node = hnsw_node(page, layout, slot);
		const HnswMore *more = (const HnswMore *) node;

		if (node->state == HNSW_LIVE && node->level == 0)
		{
			for (int i = 0; i < Min(node->ntids, HNSW_TIDS); i++)
				tids[n++] = node->tids[i];
		}
		else if (node->state == HNSW_MORE)
		{
			for (uint32 i = 0; i < Min(more->ntids, layout->more); i++)
				tids[n++] = more->tids[i];
		}
	}
	return n;
}

static bool
visit_rows(void *state, ScanVisit visit, void *arg)
{
	HnswScan *scan = state;
	const HnswSearch *search = scan->search;
	BlockNumber nblocks = RelationGetNumberOfBlocks(search->index);
	ItemPointerData *tids =
		palloc(BLCKSZ / sizeof(ItemPointerData) * sizeof(ItemPointerData));

	for (BlockNumber blkno = HNSW_META_BLOCK + 1; blkno < nblocks; blkno++)
	{
		Buffer buffer = ReadBuffer(search->index, blkno);
		Page page = BufferGetPage(buffer);
		uint32 n = 0;

		CHECK_FOR_INTERRUPTS();
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		if (!PageIsNew(page) && page_special(page)->magic == HNSW_MAGIC &&
			page_special(page)->kind == HNSW_PAGE_NODES)
			n = tids_of_page(search, page, tids);
		UnlockReleaseBuffer(buffer);
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
}

static const ScanEngine engine = {.name = name,
								  .state_size = sizeof(HnswScan),
								  .open = open_query,
								  .run = run,
								  .visit = visit_rows,
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
									 .explain = scan_explain,
									 .reach = reach,
									 .masked_time = masked_time,
									 .check = hnsw_check,
									 .learn = hnsw_train_anew,
									 .describe = hnsw_describe};
