/*
 * ivf_cost.c
 *	  What a scan costs, for the planner.
 *
 * Where only a share of the rows meets the conditions on attributes, a search goes as
 * far as for k / share of all: it reads the columns of all these rows, and codes only of
 * segments that have one of those.
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

#define COLUMN_UNITS 0.01 /* test an attribute of a row */

/* Rows of the lists that are visited, and what is done with them */
typedef struct SearchWork
{
	double nrows;
	double share; /* that meets the conditions */
	int nconditions;
	double candidates; /* that are verified */
} SearchWork;

static double
search_cost(IndexOptInfo *info, const IvfMeta *meta, const IvfLayout *layout,
			SearchWork work)
{
	double nrows = work.nrows;
	double candidates = work.candidates;
	/* segments with such a row */
	double matching = 1 - pow(1 - Min(work.share, 1), layout->capacity);
	double copy_bytes = layout->copy_slots.size;
	double npages = nrows / layout->capacity;
	double units;

	if (meta->codec == CODEC_NONE)
	{
		double compared = nrows * work.share;

		npages += compared * Max(copy_bytes / PAGE_ROOM, 0.001);
		units = compared * (1 + copy_bytes / COST_BYTES_PER_UNIT);
	}
	else
	{
		units = nrows * matching *
				(0.02 +
				 layout->block_bytes / layout->block_lanes /
					 COST_BYTES_PER_UNIT) +
			candidates * (1 + copy_bytes / COST_BYTES_PER_UNIT);
		npages += candidates;
	}
	units += nrows * work.nconditions * COLUMN_UNITS;
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
	uint32 candidates;
	double centroids;
	SearchWork work = {.share = 1,
					   .nconditions = list_length(path->indexclauses)};

	*selectivity = 1;
	*correlation = 0;
	*pages = info->pages;
	if (!cost_can_scan(path))
	{
		cost_forbid(path, startup, total, pages);
		return;
	}

	*selectivity = work.share = cost_matching_share(root, path);
	index = index_open(info->indexoid, NoLock);
	model = ivf_model_get(index);
	meta = model->meta;
	layout = model->layout;
	candidates = ivf_effort(index, &meta, Min(wanted, ntuples)).candidates;
	effort =
		ivf_effort(index, &meta, Min(wanted / Max(work.share, 1e-9), ntuples));
	index_close(index, NoLock);

	centroids = meta.centroids == InvalidBlockNumber ? 0
													 : meta.nlists *
			(1 + meta.dim * 2 / COST_BYTES_PER_UNIT) * cpu_operator_cost;
	work.nrows = ntuples * effort.probes / meta.nlists;
	work.candidates = Min(candidates, work.nrows * work.share);
	*startup = centroids +
		meta.dim * meta.m / 16.0 / COST_BYTES_PER_UNIT * cpu_operator_cost +
		search_cost(info, &meta, &layout, work);
	/* the rest: all lists, and each row verified */
	work.nrows = ntuples;
	work.candidates = ntuples * work.share;
	*total = *startup + search_cost(info, &meta, &layout, work) +
		ntuples * work.share * cpu_index_tuple_cost;
}
