/*
 * hnsw_cost.c
 *	  What a scan costs, for the planner.
 *
 * A search goes down the levels and then expands about ef nodes on the ground.
 * To expand a node is to read its page, where its vector and its neighbours'
 * codes lie, and to estimate each neighbour; or without codes to read those too.
 *
 * A scan for k rows is one search; that is its startup.  Where only a share of
 * the rows passes the filter, it has to find k / share of them before.  Going on
 * to all rows visits each node, in no order of pages, and sorts as it goes: that
 * is dearer than to read the table and sort it.  LIMIT takes its part of it.
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/rel.h"

#include "am/cost.h"
#include "hnsw/hnsw_cost.h"
#include "hnsw/hnsw_handler.h"

#define NODE_UNITS 20.0    /* take the next one, emit it */
#define COMPARE_UNITS 2.0  /* keep them in order: as core has it for sorts */
#define ESTIMATE_UNITS 0.1 /* of a neighbour: code, visited before? */
#define LEVEL_NODES 4.0    /* expanded on each level above the ground */
#define UNVISITED 0.5      /* of a node's neighbours, when it is expanded */

/* Expand n nodes */
static Cost
expand_cost(const IndexOptInfo *info, const HnswFacts *facts, double n)
{
	double nodes = facts->bare ? 1 + facts->degree * UNVISITED : 1;
	double reads = nodes * facts->slots_per_node;
	double node_bytes = (double) BLCKSZ / Max(facts->slots_per_page, 1);
	double units = NODE_UNITS + COMPARE_UNITS * log2(Max(n, 2)) +
		facts->degree * ESTIMATE_UNITS +
		reads * node_bytes / COST_BYTES_PER_UNIT;

	return cost_pages(info, n * reads) + n * units * cpu_operator_cost;
}

/* Rows to find until as many pass the filter as are wanted */
static double
rows_to_find(PlannerInfo *root, const IndexOptInfo *info)
{
	double share = clauselist_selectivity(root, info->indrestrictinfo,
										  info->rel->relid, JOIN_INNER, NULL);

	return cost_rows_wanted(root) / Max(share, 1e-9);
}

void
hnsw_cost_estimate(PlannerInfo *root, IndexPath *path, double loop_count,
				   Cost *startup, Cost *total, Selectivity *selectivity,
				   double *correlation, double *pages)
{
	IndexOptInfo *info = path->indexinfo;
	double ntuples = Max(info->tuples, 1);
	double wanted;
	double expanded;
	Relation index;
	HnswFacts facts;

	*selectivity = 1;
	*correlation = 0;
	*pages = info->pages;
	if (path->indexorderbys == NIL)
	{
		cost_forbid(path, startup, total, pages);
		return;
	}

	wanted = Min(rows_to_find(root, info), ntuples);
	index = index_open(info->indexoid, NoLock);
	facts = hnsw_facts(index, wanted);
	index_close(index, NoLock);

	/* a scan whose ef_search is less than wanted goes on, or ends: as if it did */
	expanded = Min(Max(facts.ef, wanted), ntuples);
	*startup =
		expand_cost(info, &facts, facts.entry_level * LEVEL_NODES + expanded);
	*total = *startup + expand_cost(info, &facts, ntuples);
}
