/*
 * hnsw_cost.c
 *	  What a scan costs, for the planner.
 *
 * A search goes down the upper layers and then expands about ef nodes of the
 * lowest one.  To expand a node is to read its page, where its vector and its
 * neighbours' codes lie, and to estimate each neighbour.
 *
 * A scan for k rows is one search; that is its startup.  Where only a share of
 * the rows passes the filter, it has to find k / share of them before.  Going on
 * to all rows visits each node in no order of pages and sorts as it goes, which
 * is never cheaper than reading the table and sorting it; LIMIT takes its part
 * of that.
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
#include "hnsw/hnsw_options.h"

#define NODE_UNITS 20.0    /* candidates: look up, keep in order */
#define ESTIMATE_UNITS 0.1 /* of a neighbour: code, visited before? */
#define LAYER_NODES 4.0    /* expanded in each upper layer */
#define LAYER_DEGREE 0.5   /* of the lowest layer's: looked at, not estimated */

/* Of what a sort of the table takes: at least */
#define ALL_ROWS_FACTOR 2.0

static double
node_bytes(const HnswFacts *facts)
{
	return (double) BLCKSZ / Max(facts->slots_per_page, 1);
}

/* Expand n nodes of the lowest layer */
static Cost
expand_cost(const IndexOptInfo *info, const HnswFacts *facts, double n)
{
	double units = NODE_UNITS + node_bytes(facts) / COST_BYTES_PER_UNIT +
		facts->degree * ESTIMATE_UNITS;

	return cost_pages(info, n) + n * units * cpu_operator_cost;
}

/* From the entry point down: each neighbour is read */
static Cost
descend_cost(const IndexOptInfo *info, const HnswFacts *facts)
{
	double nodes =
		facts->entry_level * LAYER_NODES * facts->degree * LAYER_DEGREE;

	return cost_pages(info, nodes) +
		nodes * (1 + node_bytes(facts) / COST_BYTES_PER_UNIT) *
		cpu_operator_cost;
}

/* Compute the distance of every row and sort: what the index saves */
static Cost
sort_cost(PlannerInfo *root, IndexPath *path, double nrows)
{
	QualCost distance;

	cost_qual_eval(&distance, path->indexorderbys, root);
	return nrows *
		(distance.per_tuple + 2 * log2(Max(nrows, 2)) * cpu_operator_cost +
		 cpu_tuple_cost);
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
	*startup = descend_cost(info, &facts) + expand_cost(info, &facts, expanded);
	*total = *startup +
		Max(expand_cost(info, &facts, ntuples),
			ALL_ROWS_FACTOR * sort_cost(root, path, ntuples));
}
