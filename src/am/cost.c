/*
 * cost.c
 *	  What the costs of all our index scans are made of.
 */
#include "postgres.h"

#include <math.h>

#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/spccache.h"

#include "am/cost.h"
#include "core/compat.h"

/* Without a LIMIT that is known while planning */
#define ROWS_USUAL 10

Cost
cost_pages(const IndexOptInfo *info, double n)
{
	double random_page;
	double missing;

	get_tablespace_page_costs(info->reltablespace, &random_page, NULL);
	missing = 1 - Min((double) effective_cache_size / Max(info->pages, 1), 1);
	return n * (missing * random_page + COST_PAGE_UNITS * cpu_operator_cost);
}

double
cost_rows_wanted(const PlannerInfo *root)
{
	return root->limit_tuples > 0 ? root->limit_tuples : ROWS_USUAL;
}

void
cost_forbid(IndexPath *path, Cost *startup, Cost *total, double *pages)
{
	*startup = *total = INFINITY;
	*pages = 0;
	disable_path(&path->path);
}
