/*
 * hnsw_cost.c
 *	  What a scan costs, for the planner.
 *
 * A search goes down the levels and then expands about ef nodes on the ground.
 * To expand a node is to read its page, where its vector and its neighbours'
 * codes lie, and to estimate each neighbour; or without codes to read those too.
 *
 * A scan for k rows is one search; that is its startup.  Where only a share of
 * the rows passes the filter, it has to find k / share of them before, or, by
 * attributes, to pass all row pages.  Going on
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

#define ATTRIBUTE_UNITS 0.04 /* test one of a row */
#define MEMBER_UNITS 0.8     /* estimate a row that was found so */

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

/* Pass all row pages, a share of whose rows meets conditions on attributes */
static Cost
rows_cost(const IndexOptInfo *info, const HnswFacts *facts, int nconditions,
		  double share)
{
	double nrows = Max(info->tuples, 1);
	double units =
		nrows * nconditions * ATTRIBUTE_UNITS + nrows * share * MEMBER_UNITS;
	double looked_at =
		facts->bare ? nrows * share : Min(facts->ef, nrows * share);

	return cost_pages(info,
					  nrows / Max(facts->rows_per_page, 1) +
						  looked_at * facts->slots_per_node) +
		(units + looked_at * NODE_UNITS) * cpu_operator_cost;
}

void
hnsw_cost_estimate(PlannerInfo *root, IndexPath *path, double loop_count,
				   Cost *startup, Cost *total, Selectivity *selectivity,
				   double *correlation, double *pages)
{
	IndexOptInfo *info = path->indexinfo;
	double ntuples = Max(info->tuples, 1);
	int nconditions = list_length(path->indexclauses);
	double wanted;
	double expanded;
	Relation index;
	HnswFacts facts;
	HnswFacts among; /* the rows that meet conditions on attributes */

	*selectivity = 1;
	*correlation = 0;
	*pages = info->pages;
	if (!cost_can_scan(path))
	{
		cost_forbid(path, startup, total, pages);
		return;
	}

	*selectivity = cost_matching_share(root, path);
	wanted = Min(rows_to_find(root, info), ntuples);
	index = index_open(info->indexoid, NoLock);
	facts = hnsw_facts(index, wanted);
	among = hnsw_facts(index, Max(wanted * *selectivity, 1));
	index_close(index, NoLock);

	/* a scan whose ef_search is less than wanted goes on, or ends: as if it did */
	expanded = Min(Max(facts.ef, wanted), ntuples);
	*startup =
		expand_cost(info, &facts, facts.entry_level * LEVEL_NODES + expanded);
	if (nconditions > 0)
		*startup =
			Min(*startup, rows_cost(info, &among, nconditions, *selectivity));
	*total = *startup + expand_cost(info, &facts, ntuples * *selectivity);
}
