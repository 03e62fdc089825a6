/*
 * filter_scan.c
 *	  The plan node of a filtered vector search: how it runs.
 *
 * The index scan's rows are this node's: they are taken from its slot.  A row
 * whose conditions were asked during the search is not asked again, so that
 * volatile ones are evaluated once for each row that leaves.
 *
 * EvalPlanQual() puts a row in the place of the search: then only the
 * conditions count.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "access/relscan.h"
#include "access/tableam.h"
#include "executor/executor.h"
#include "executor/nodeIndexscan.h"
#include "miscadmin.h"
#include "nodes/tidbitmap.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "am/limit.h"
#include "am/scan.h"
#include "core/compat.h"
#include "planner/filter_scan.h"

/* A condition that is a bound, see filter_scan.h */
typedef struct FilterBound
{
	double scale;
	double offset;
	double terms;
	ExprState *limit;
	ExprState *ordered; /* NULL: by the value that the index scan orders by */
	ExprState *value;
} FilterBound;

typedef struct FilterScanState
{
	CustomScanState css;
	IndexScanState *index;
	PlanState *bitmap; /* NULL: no other index says anything */

	RowFilter filter;
	ExprState *condition;
	FilterBound *bounds;
	int nbounds;
	bool bounded; /* the filter has what they say */
	bool nothing; /* no row can pass */
	MemoryContext tids_memory;
	TidFilter *tids; /* NULL: not made, or not valid any more */
} FilterScanState;

static FilterScanState *
state_of(CustomScanState *node)
{
	return (FilterScanState *) node;
}

/* Does a row meet what the index scan looks for, beside its order? */
static bool
meets_index_conditions(const FilterScanState *state, TupleTableSlot *row)
{
	IndexScanState *index = state->index;
	ExprContext *context = index->ss.ps.ps_ExprContext;

	if (index->indexqualorig == NULL)
		return true;
	context->ecxt_scantuple = row;
	return ExecQualAndReset(index->indexqualorig, context);
}

/*
 * Conditions of the index first: rows of a set, or of the table, were not asked, and
 * those may be what keeps a row from the eyes of the others (security barriers).
 */
static bool
passes(void *arg, TupleTableSlot *row)
{
	FilterScanState *state = arg;
	ExprContext *context = state->css.ss.ps.ps_ExprContext;

	if (!meets_index_conditions(state, row))
		return false;
	ResetExprContext(context);
	context->ecxt_scantuple = row;
	if (ExecQual(state->condition, context))
		return true;
	InstrCountFiltered1(&state->css, 1);
	return false;
}

/* The bitmap is read once, and its rows are kept while nothing it depends on changes */
static const TidFilter *
tids(void *arg)
{
	FilterScanState *state = arg;
	TIDBitmap *bitmap;
	MemoryContext old;

	if (state->tids != NULL)
		return state->tids;
	bitmap = (TIDBitmap *) MultiExecProcNode(state->bitmap);
	if (bitmap == NULL || !IsA(bitmap, TIDBitmap))
		elog(ERROR, "unrecognized result from subplan");
	old = MemoryContextSwitchTo(state->tids_memory);
	state->tids = tid_filter_new(bitmap);
	MemoryContextSwitchTo(old);
	tbm_free(bitmap);
	return state->tids;
}

static Datum
value_of(FilterScanState *state, ExprState *expression, bool *is_null)
{
	return ExecEvalExprSwitchContext(expression,
									 state->css.ss.ps.ps_ExprContext, is_null);
}

/* Is the value of the bound's distance that which the index scan orders by? */
static bool
is_of_order(FilterScanState *state, const FilterBound *bound)
{
	bool no_ordered;
	bool no_value;
	Datum ordered;
	Datum value;

	if (bound->ordered == NULL)
		return true;
	ordered = value_of(state, bound->ordered, &no_ordered);
	value = value_of(state, bound->value, &no_value);
	return !no_ordered && !no_value && datumIsEqual(ordered, value, false, -1);
}

/*
 * The distance that a bound's limit stands for, and what its condition's arithmetic may
 * be off.  A distance that is no number counts as beyond any.
 */
static double
distance_at(const FilterBound *bound, double limit)
{
	double distance = (limit - bound->offset) / bound->scale;

	if (isinf(limit))
		return distance;
	return distance +
		8 * DBL_EPSILON * (fabs(limit) + bound->terms) / fabs(bound->scale);
}

/* What conditions say of the distance, now that their values are known */
static void
find_bound(FilterScanState *state)
{
	state->filter.within = INFINITY;
	state->filter.only_numbers = false;
	state->nothing = false;
	for (int i = 0; i < state->nbounds; i++)
	{
		const FilterBound *bound = &state->bounds[i];
		bool is_null;
		Datum limit = value_of(state, bound->limit, &is_null);
		double distance;

		if (is_null)
			state->nothing = true;
		else if (is_of_order(state, bound))
		{
			/* which is greater than any number */
			if (bound->scale > 0)
				state->filter.only_numbers = true;
			distance = distance_at(bound, DatumGetFloat8(limit));
			if (distance < state->filter.within)
				state->filter.within = distance;
		}
	}
	ResetExprContext(state->css.ss.ps.ps_ExprContext);
	state->bounded = true;
}

/* The search of the index scan, which would else begin with its first row */
static void
begin_search(FilterScanState *state)
{
	IndexScanState *index = state->index;
	EState *estate = state->css.ss.ps.state;

	if (index->iss_ScanDesc != NULL)
		return;
	index->iss_ScanDesc =
		begin_index_scan(index->ss.ss_currentRelation, index->iss_RelationDesc,
						 estate->es_snapshot, index, index->iss_NumScanKeys,
						 index->iss_NumOrderByKeys);
	scan_set_filter(index->iss_ScanDesc, &state->filter);
	/* with keys that are to be evaluated the scan does this itself */
	if (index->iss_NumRuntimeKeys == 0 || index->iss_RuntimeKeysReady)
		index_rescan(index->iss_ScanDesc, index->iss_ScanKeys,
					 index->iss_NumScanKeys, index->iss_OrderByKeys,
					 index->iss_NumOrderByKeys);
}

static TupleTableSlot *
next_row(ScanState *node)
{
	FilterScanState *state = (FilterScanState *) node;
	TupleTableSlot *row;

	if (!state->bounded)
		find_bound(state);
	if (state->nothing)
		return ExecClearTuple(node->ss_ScanTupleSlot);
	begin_search(state);
	row = ExecProcNode(&state->index->ss.ps);
	if (TupIsNull(row))
		return ExecClearTuple(node->ss_ScanTupleSlot);
	ExecCopySlot(node->ss_ScanTupleSlot, state->index->ss.ss_ScanTupleSlot);
	/* which the copy lacks */
	node->ss_ScanTupleSlot->tts_tableOid =
		RelationGetRelid(node->ss_currentRelation);
	return node->ss_ScanTupleSlot;
}

/* A newer version of a row: the scan's own conditions; those of the node come next */
static bool
recheck(ScanState *node, TupleTableSlot *row)
{
	return meets_index_conditions((FilterScanState *) node, row);
}

static TupleTableSlot *
exec_node(CustomScanState *node)
{
	return ExecScan(&node->ss, next_row, recheck);
}

/*
 * Rows are those of the table, in its slots.  Expressions were compiled before for
 * slots of another kind.
 */
static void
use_table_slots(FilterScanState *state)
{
	ScanState *scan = &state->css.ss;
	Scan *plan = (Scan *) scan->ps.plan;
	Relation table = scan->ss_currentRelation;

	scan->ps.subPlan = NIL; /* they come again */
	ExecInitScanTupleSlot(scan->ps.state, scan, RelationGetDescr(table),
						  table_slot_callbacks(table));
	ExecAssignScanProjectionInfo(scan);
	state->condition = ExecInitQual(plan->plan.qual, &scan->ps);
	scan->ps.qual = state->condition;
}

static void
begin_bounds(FilterScanState *state, CustomScan *plan)
{
	List *bounds = list_nth(plan->custom_private, FILTER_SCAN_BOUNDS);
	List *expressions = ExecInitExprList(plan->custom_exprs, &state->css.ss.ps);
	ListCell *cell;
	int at = 0;

	state->bounds = palloc(list_length(bounds) * sizeof(FilterBound));
	foreach(cell, bounds)
	{
		List *bound = lfirst(cell);
		FilterBound *to = &state->bounds[state->nbounds++];

		*to = (FilterBound){
			.scale = floatVal(list_nth(bound, FILTER_BOUND_SCALE)),
			.offset = floatVal(list_nth(bound, FILTER_BOUND_OFFSET)),
			.terms = floatVal(list_nth(bound, FILTER_BOUND_TERMS)),
			.limit = list_nth(expressions, at++)};
		if (intVal(list_nth(bound, FILTER_BOUND_COMPARES)) != 0)
		{
			to->ordered = list_nth(expressions, at++);
			to->value = list_nth(expressions, at++);
		}
	}
}

static void
begin_node(CustomScanState *node, EState *estate, int flags)
{
	FilterScanState *state = state_of(node);
	CustomScan *plan = (CustomScan *) node->ss.ps.plan;

	use_table_slots(state);
	state->index =
		castNode(IndexScanState,
				 ExecInitNode(linitial(plan->custom_plans), estate, flags));
	node->custom_ps = list_make1(state->index);
	if (list_length(plan->custom_plans) > 1)
	{
		state->bitmap =
			ExecInitNode(lsecond(plan->custom_plans), estate, flags);
		node->custom_ps = lappend(node->custom_ps, state->bitmap);
	}
	state->tids_memory = AllocSetContextCreate(
		CurrentMemoryContext, "vector filter", ALLOCSET_DEFAULT_SIZES);
	state->filter = (RowFilter){
		.share = floatVal(list_nth(plan->custom_private, FILTER_SCAN_SHARE)),
		.condition_time =
			floatVal(list_nth(plan->custom_private, FILTER_SCAN_TIME)),
		.passes = passes,
		.tids = state->bitmap != NULL ? tids : NULL,
		.tids_share =
			floatVal(list_nth(plan->custom_private, FILTER_SCAN_MATCHING)),
		.tids_suffice =
			intVal(list_nth(plan->custom_private, FILTER_SCAN_SUFFICE)) != 0,
		.within = INFINITY,
		.any_order =
			intVal(list_nth(plan->custom_private, FILTER_SCAN_ANY)) != 0,
		.arg = state};
	begin_bounds(state, plan);
	/* whoever was not asked is in a set that suffices, or will be asked here */
	if (!state->filter.tids_suffice && estate->es_epq_active == NULL)
		node->ss.ps.qual = NULL;
}

static void
end_node(CustomScanState *node)
{
	FilterScanState *state = state_of(node);

	ExecEndNode(&state->index->ss.ps);
	if (state->bitmap != NULL)
		ExecEndNode(state->bitmap);
}

static void
rescan_node(CustomScanState *node)
{
	FilterScanState *state = state_of(node);
	Bitmapset *changed = node->ss.ps.chgParam;

	if (changed != NULL)
	{
		UpdateChangedParamSet(&state->index->ss.ps, changed);
		if (state->bitmap != NULL)
			UpdateChangedParamSet(state->bitmap, changed);
	}
	if (state->bitmap != NULL && state->bitmap->chgParam != NULL)
	{
		state->tids = NULL;
		MemoryContextReset(state->tids_memory);
	}
	state->bounded = false;
	if (state->index->ss.ps.chgParam == NULL)
		ExecReScan(&state->index->ss.ps);
	ExecScanReScan(&node->ss);
}

static const CustomExecMethods exec_methods = {
	.CustomName = "VectorFilteredScan",
	.BeginCustomScan = begin_node,
	.ExecCustomScan = exec_node,
	.EndCustomScan = end_node,
	.ReScanCustomScan = rescan_node,
};

static Node *
create_state(CustomScan *plan)
{
	FilterScanState *state =
		(FilterScanState *) newNode(sizeof(FilterScanState), T_CustomScanState);

	state->css.methods = &exec_methods;
	return (Node *) state;
}

const CustomScanMethods filter_scan_methods = {
	.CustomName = "VectorFilteredScan",
	.CreateCustomScanState = create_state,
};

void
filter_scan_init(void)
{
	RegisterCustomScanMethods(&filter_scan_methods);
	limit_pass_through(&exec_methods);
}
