/*
 * unread_distance.c
 *	  Leaves out the distance that a plan computes and nobody reads.
 *
 * SELECT id FROM items ORDER BY v <-> $1 LIMIT 10 has the distance as a second,
 * junk column: something to sort by, had there to be a sort.  Where an index scan
 * returns the rows in order it is thrown away in the end, but was computed for
 * each row, and for a vector out of line that means to fetch it by its TOAST
 * index: a quarter of a query's time.  So it becomes a NULL, which EXPLAIN
 * (VERBOSE) shows.
 *
 * Only where no one can read it: the scan is the statement's own plan, or below
 * its Limit.  Whoever merges, sorts or joins may need it.
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/plannodes.h"
#include "optimizer/planner.h"

#include "am/methods.h"
#include "planner/filter_scan.h"
#include "planner/unread_distance.h"

static planner_hook_type next_planner;

/* Is it one of these expressions, or made of one? */
static bool
contains(Node *expression, void *expressions)
{
	return expression != NULL &&
		(list_member(expressions, expression) ||
		 expression_tree_walker(expression, contains, expressions));
}

/* plan: the scan itself, or the node that returns its rows */
static void
leave_out(const Plan *plan, const IndexScan *scan)
{
	ListCell *cell;

	if (scan->indexorderbyorig == NIL || !methods_own(scan->indexid))
		return;
	foreach(cell, plan->targetlist)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);
		Node *expression = (Node *) entry->expr;

		if (entry->resjunk && contains(expression, scan->indexorderbyorig))
			entry->expr = (Expr *) makeNullConst(exprType(expression),
												 exprTypmod(expression),
												 exprCollation(expression));
	}
}

static PlannedStmt *
plan_without_it(Query *query, const char *source, int cursor_options,
				ParamListInfo params)
{
	PlannedStmt *statement = next_planner != NULL
		? next_planner(query, source, cursor_options, params)
		: standard_planner(query, source, cursor_options, params);
	Plan *plan = statement->planTree;

	if (statement->commandType != CMD_SELECT)
		return statement;
	/* WITH TIES compares it with that of the last row */
	while (plan != NULL && IsA(plan, Limit) &&
		   ((Limit *) plan)->limitOption != LIMIT_OPTION_WITH_TIES)
		plan = outerPlan(plan);
	if (plan != NULL && IsA(plan, IndexScan))
		leave_out(plan, (IndexScan *) plan);
	if (plan != NULL && IsA(plan, CustomScan) &&
		((CustomScan *) plan)->methods == &filter_scan_methods)
		leave_out(plan, linitial(((CustomScan *) plan)->custom_plans));
	return statement;
}

void
unread_distance_init(void)
{
	next_planner = planner_hook;
	planner_hook = plan_without_it;
}
