/*
 * cost.c
 *	  What the costs of all our index scans are made of.
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/spccache.h"

#include "am/cost.h"
#include "am/foreign.h"
#include "core/compat.h"

/*
 * Above all other costs, and finite: the planner adds, subtracts and multiplies it by
 * rows
 */
#define COST_FORBIDDEN 1e100

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

/* The planner holds a lock on it */
static bool
is_foreign(Oid oid)
{
	Relation index = index_open(oid, NoLock);
	bool result = foreign_index_warned(index);

	index_close(index, NoLock);
	return result;
}

bool
cost_can_scan(const IndexPath *path)
{
	ListCell *cell;

	foreach(cell, path->indexclauses)
	{
		const IndexClause *clause = lfirst_node(IndexClause, cell);
		const Expr *condition = clause->rinfo->clause;

		if (clause->indexcol == 0 && IsA(condition, NullTest) &&
			((const NullTest *) condition)->nulltesttype == IS_NULL)
			return false;
	}
	return path->indexorderbys != NIL && !is_foreign(path->indexinfo->indexoid);
}

double
cost_matching_share(PlannerInfo *root, const IndexPath *path)
{
	List *conditions = NIL;
	ListCell *cell;

	foreach(cell, path->indexclauses)
	{
		IndexClause *clause = lfirst_node(IndexClause, cell);

		if (clause->indexcol > 0)
			conditions = lappend(conditions, clause->rinfo);
	}
	return clauselist_selectivity(root, conditions, path->indexinfo->rel->relid,
								  JOIN_INNER, NULL);
}

void
cost_forbid(IndexPath *path, Cost *startup, Cost *total, double *pages)
{
	*startup = *total = COST_FORBIDDEN;
	*pages = 0;
	disable_path(&path->path);
}

bool
cost_is_forbidden(const Path *path)
{
	return path->total_cost >= COST_FORBIDDEN;
}
