/*
 * ivf_cost.c
 *	  What a scan costs, for the planner.
 *
 * A scan for k rows reads the centroids, a share of the lists, and the copies
 * of its candidates; that is its startup.  Going on to all rows costs as much
 * again for each share, so that LIMIT, which takes its part of the difference,
 * sees about what a longer scan takes.
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/plancat.h"
#include "utils/rel.h"
#include "utils/selfuncs.h"
#include "utils/spccache.h"

#include "am/cost.h"
#include "ivf/ivf_handler.h"
#include "ivf/ivf_options.h"

#define CODES_PER_UNIT 512.0 /* lookups of 4-bit codes */

/* Compare with so many rows of the lists, and verify so many candidates */
static double
search_cost(IndexOptInfo *info, const IvfMeta *meta, const IvfLayout *layout,
			double nrows, double candidates)
{
	double copy_bytes = layout->copy_slots.size;
	double npages = nrows / layout->capacity;
	double units;

	if (meta->codec == CODEC_NONE)
	{
		npages += nrows * Max(copy_bytes / PAGE_ROOM, 0.001);
		units = nrows * (1 + copy_bytes / COST_BYTES_PER_UNIT);
	}
	else
	{
		units = nrows *
				(0.02 +
				 layout->block_bytes / layout->block_lanes /
					 COST_BYTES_PER_UNIT) +
			candidates * (1 + copy_bytes / COST_BYTES_PER_UNIT);
		npages += candidates;
	}
	return cost_pages(info, npages) + units * cpu_operator_cost;
}

void
ivfcostestimate(PlannerInfo *root, IndexPath *path, double loop_count,
				Cost *startup, Cost *total, Selectivity *selectivity,
				double *correlation, double *pages)
{
	IndexOptInfo *info = path->indexinfo;
	double ntuples = Max(info->tuples, 1);
	double wanted = cost_rows_wanted(root);
	Relation index;
	const IvfModel *model;
	IvfMeta meta;
	IvfLayout layout;
	IvfEffort effort;
	double centroids;
	double visited;

	*selectivity = 1;
	*correlation = 0;
	*pages = info->pages;
	if (path->indexorderbys == NIL)
	{
		cost_forbid(path, startup, total, pages);
		return;
	}

	index = index_open(info->indexoid, NoLock);
	model = ivf_model_get(index);
	meta = model->meta;
	layout = model->layout;
	effort = ivf_effort(index, &meta, Min(wanted, ntuples));
	index_close(index, NoLock);

	centroids = meta.centroids == InvalidBlockNumber ? 0
													 : meta.nlists *
			(1 + meta.dim * 2 / COST_BYTES_PER_UNIT) * cpu_operator_cost;
	visited = ntuples * effort.probes / meta.nlists;
	*startup = centroids +
		meta.dim * meta.m / 16.0 / COST_BYTES_PER_UNIT * cpu_operator_cost +
		search_cost(info, &meta, &layout, visited, effort.candidates);
	/* the rest: all lists, and each row verified */
	*total = *startup + search_cost(info, &meta, &layout, ntuples, ntuples) +
		ntuples * cpu_index_tuple_cost;
}
