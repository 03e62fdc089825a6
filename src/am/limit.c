/*
 * limit.c
 *	  Tells an index scan how many rows are wanted of it.
 *
 * Only constants and external parameters are evaluated: anything else may not
 * be, before the executor runs.  The walk stops at whatever may need more rows
 * than it returns: joins, sorts, aggregates, filters, set-returning functions.
 * A filter of our own scan is no obstacle: the scan starts for so many rows, and
 * goes on when some of them do not pass.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "nodes/execnodes.h"
#include "nodes/nodeFuncs.h"

#include "am/limit.h"
#include "am/methods.h"
#include "core/compat.h"

static ExecutorStart_hook_type next_start;
static const CustomExecMethods *passed_through;

/* Leave it in the order-by key, which the scan is given when it begins */
static void
tell_scan(IndexScanState *state, double limit)
{
	uint32 rows = Min(limit, LIMIT_MAX);

	if (methods_find(state->iss_RelationDesc) != NULL &&
		state->iss_NumOrderByKeys > 0)
		state->iss_OrderByKeys[0].sk_flags |= rows << LIMIT_SHIFT;
}

/* Rows that can be had through a node are limited to this many */
static void
pass_down(PlanState *state, double limit)
{
	if (state == NULL)
		return;
	switch (nodeTag(state))
	{
		case T_IndexScanState:
			tell_scan((IndexScanState *) state, limit);
			break;
		case T_CustomScanState:
			if (((CustomScanState *) state)->methods == passed_through)
				pass_down(linitial(((CustomScanState *) state)->custom_ps),
						  limit);
			break;
		case T_ResultState:
			if (state->qual == NULL)
				pass_down(outerPlanState(state), limit);
			break;
		case T_LockRowsState:
			pass_down(outerPlanState(state), limit);
			break;
		case T_IncrementalSortState:
			/* and a first one behind the last distance */
			pass_down(outerPlanState(state), limit + 1);
			break;
		case T_SubqueryScanState:
			if (state->qual == NULL)
				pass_down(((SubqueryScanState *) state)->subplan, limit);
			break;
		case T_AppendState:
			for (int i = 0; i < ((AppendState *) state)->as_nplans; i++)
				pass_down(((AppendState *) state)->appendplans[i], limit);
			break;
		case T_MergeAppendState:
			for (int i = 0; i < ((MergeAppendState *) state)->ms_nplans; i++)
				pass_down(((MergeAppendState *) state)->mergeplans[i], limit);
			break;
		default:
			break;
	}
}

/* The value of LIMIT or OFFSET; -1 where it is not known yet */
static double
bound_value(ExprState *state, EState *estate)
{
	Expr *expr = state == NULL ? NULL : state->expr;
	ParamListInfo params = estate->es_param_list_info;

	if (expr == NULL)
		return 0;
	if (IsA(expr, Const))
	{
		Const *constant = (Const *) expr;

		return constant->constisnull
			? -1
			: (double) DatumGetInt64(constant->constvalue);
	}
	if (IsA(expr, Param) && ((Param *) expr)->paramkind == PARAM_EXTERN &&
		params != NULL && ((Param *) expr)->paramid <= params->numParams)
	{
		int id = ((Param *) expr)->paramid;
		ParamExternData workspace;
		ParamExternData *param = params->paramFetch != NULL
			? params->paramFetch(params, id, true, &workspace)
			: &params->params[id - 1];

		if (param->ptype == INT8OID && !param->isnull)
			return (double) DatumGetInt64(param->value);
	}
	return -1;
}

static bool
walk(PlanState *state, void *context)
{
	if (state == NULL)
		return false;
	if (IsA(state, LimitState))
	{
		LimitState *limit = (LimitState *) state;
		double count = bound_value(limit->limitCount, state->state);
		double offset = bound_value(limit->limitOffset, state->state);

		if (limit->limitCount != NULL && count >= 0 && offset >= 0 &&
			limit->limitOption == LIMIT_OPTION_COUNT)
			pass_down(outerPlanState(state), Max(count + offset, 1));
	}
	return planstate_tree_walker(state, walk, context);
}

static void
limit_executor_start(QueryDesc *query, int flags)
{
	if (next_start != NULL)
		next_start(query, flags);
	else
		standard_ExecutorStart(query, flags);
	if ((flags & EXEC_FLAG_EXPLAIN_ONLY) == 0)
		(void) walk(query->planstate, NULL);
}

void
limit_pass_through(const CustomExecMethods *methods)
{
	passed_through = methods;
}

void
limit_init(void)
{
	next_start = ExecutorStart_hook;
	ExecutorStart_hook = limit_executor_start;
}
