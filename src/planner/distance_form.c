/*
 * distance_form.c
 *	  Expressions that grow or shrink with a distance that an index orders by.
 *
 * Operators are known by their functions: those of float8 by number, distances by
 * what the operator class orders by.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "core/compat.h"
#include "planner/distance_form.h"

/* Beyond it distances times a scale could become 0 or infinite: all alike */
#define SCALE_MOST 1e30

/* Function and arguments of an operator or a function; NIL: it is neither */
static List *
call_of(const Expr *expression, Oid *function)
{
	if (IsA(expression, OpExpr))
	{
		const OpExpr *call = (const OpExpr *) expression;

		*function = get_opcode(call->opno);
		return call->args;
	}
	if (IsA(expression, FuncExpr))
	{
		const FuncExpr *call = (const FuncExpr *) expression;

		*function = call->funcid;
		return call->args;
	}
	*function = InvalidOid;
	return NIL;
}

/* Is it the same for all rows of the index's table? */
static bool
is_given(PlannerInfo *root, Node *expression, const IndexOptInfo *index)
{
	return !bms_is_member(index->rel->relid, pull_varnos(root, expression)) &&
		!contain_volatile_functions(expression) &&
		!contain_subplans(expression);
}

/* The operator by which an index orders where it has that function; else 0 */
static Oid
ordering_operator(const IndexOptInfo *index, Oid function)
{
	Oid type = index->opcintype[0];
	Oid op = get_opfamily_member(index->opfamily[0], type, type, 1);

	if (!OidIsValid(op) || get_opcode(op) != function ||
		get_func_rettype(function) != FLOAT8OID ||
		!OidIsValid(get_op_opfamily_sortfamily(op, index->opfamily[0])))
		return InvalidOid;
	return op;
}

/* A distance by which the index orders, as index scans have it; else NULL */
static OpExpr *
match_distance(PlannerInfo *root, const Expr *expression,
			   const IndexOptInfo *index)
{
	Oid function;
	List *args = call_of(expression, &function);
	Oid op;

	if (list_length(args) != 2)
		return NULL;
	op = ordering_operator(index, function);
	if (!OidIsValid(op))
		return NULL;
	if (!match_index_to_operand(linitial(args), 0, (IndexOptInfo *) index) &&
		get_commutator(op) == op)
		args = list_make2(lsecond(args), linitial(args));
	if (!match_index_to_operand(linitial(args), 0, (IndexOptInfo *) index) ||
		!is_given(root, lsecond(args), index))
		return NULL;
	return (OpExpr *) make_opclause(
		op, FLOAT8OID, false, linitial(args), lsecond(args), InvalidOid,
		exprInputCollation((const Node *) expression));
}

/* A constant that is a finite number */
static bool
is_number(const Expr *expression, double *number)
{
	const Const *constant = (const Const *) expression;

	if (!IsA(expression, Const) || constant->consttype != FLOAT8OID ||
		constant->constisnull)
		return false;
	*number = DatumGetFloat8(constant->constvalue);
	return isfinite(*number);
}

static void
scale_form(DistanceForm *form, double factor)
{
	form->scale *= factor;
	form->offset *= factor;
	form->terms *= fabs(factor);
}

static void
add_term(DistanceForm *form, double number)
{
	form->offset += number;
	form->terms += fabs(number);
}

/* A sum, difference, product or quotient of a form and a number */
static bool
form_of_two(PlannerInfo *root, Oid function, const List *args,
			const IndexOptInfo *index, DistanceForm *form)
{
	double number;
	bool number_first = is_number(linitial(args), &number);

	if (!number_first && !is_number(lsecond(args), &number))
		return false;
	if (!distance_form_of(root, number_first ? lsecond(args) : linitial(args),
						  index, form))
		return false;
	switch (function)
	{
		case F_FLOAT8PL:
			add_term(form, number);
			return true;
		case F_FLOAT8MI:
			if (number_first)
				scale_form(form, -1);
			add_term(form, number_first ? number : -number);
			return true;
		case F_FLOAT8MUL:
			scale_form(form, number);
			return true;
		case F_FLOAT8DIV:
			scale_form(form, 1 / number);
			return !number_first;
		default:
			return false;
	}
}

static bool
is_monotone(const DistanceForm *form)
{
	double scale = fabs(form->scale);

	return isfinite(form->terms) && scale < SCALE_MOST &&
		scale > 1 / SCALE_MOST;
}

bool
distance_form_of(PlannerInfo *root, const Expr *expression,
				 const IndexOptInfo *index, DistanceForm *form)
{
	Oid function;
	List *args = call_of(expression, &function);

	check_stack_depth();
	*form = (DistanceForm){.scale = 1,
						   .distance = match_distance(root, expression, index)};
	if (form->distance != NULL)
		return true;
	if (list_length(args) == 2)
		return form_of_two(root, function, args, index, form) &&
			is_monotone(form);
	if (list_length(args) != 1 ||
		(function != F_FLOAT8UM && function != F_FLOAT8UP) ||
		!distance_form_of(root, linitial(args), index, form))
		return false;
	if (function == F_FLOAT8UM)
		scale_form(form, -1);
	return true;
}

/*
 * Comparisons of numbers
 */

typedef struct Comparison
{
	Oid function;
	bool above
		[2]; /* may the left side be greater than the right one, or less? */
} Comparison;

#define COMPARISONS(kind) \
	{F_##kind##LT, {false, true}}, {F_##kind##LE, {false, true}}, \
		{F_##kind##GT, {true, false}}, {F_##kind##GE, {true, false}}, \
	{ \
		F_##kind##EQ, \
		{ \
			false, false \
		} \
	}

/* float8 with float8; with float4 on either side */
static const Comparison comparisons[] = {
	COMPARISONS(FLOAT8), COMPARISONS(FLOAT84), COMPARISONS(FLOAT48)};

static const Comparison *
find_comparison(Oid function)
{
	for (int i = 0; i < lengthof(comparisons); i++)
	{
		if (comparisons[i].function == function)
			return &comparisons[i];
	}
	return NULL;
}

/* As float8; the other type of a comparison is float4 */
static Expr *
as_float8(Expr *expression)
{
	if (exprType((Node *) expression) == FLOAT8OID)
		return expression;
	return (Expr *) makeFuncExpr(F_FLOAT8_FLOAT4, FLOAT8OID,
								 list_make1(expression), InvalidOid, InvalidOid,
								 COERCE_EXPLICIT_CAST);
}

/* A condition as a bound; NULL: it is none */
static DistanceBound *
bound_of(PlannerInfo *root, RestrictInfo *condition, const IndexOptInfo *index)
{
	Oid function;
	List *args = call_of(condition->clause, &function);
	const Comparison *comparison;
	DistanceForm form;
	DistanceBound *bound;

	if (list_length(args) != 2)
		return NULL;
	comparison = find_comparison(function);
	if (comparison == NULL)
		return NULL;
	for (int side = 0; side < 2; side++)
	{
		/* the farther, the greater the form, or the less: may that go on for ever? */
		bool greater = side == 0;
		Expr *limit = list_nth(args, 1 - side);

		if (!distance_form_of(root, list_nth(args, side), index, &form))
			continue;
		if (form.scale < 0)
			greater = !greater;
		if (comparison->above[greater ? 0 : 1] ||
			!is_given(root, (Node *) limit, index))
			return NULL;
		bound = palloc(sizeof(DistanceBound));
		*bound = (DistanceBound){condition, form, as_float8(limit)};
		return bound;
	}
	return NULL;
}

static List *
bounds_of(PlannerInfo *root, const List *conditions, const IndexOptInfo *index)
{
	List *bounds = NIL;
	ListCell *cell;

	foreach(cell, conditions)
	{
		RestrictInfo *condition = lfirst_node(RestrictInfo, cell);
		DistanceBound *bound =
			condition->pseudoconstant ? NULL : bound_of(root, condition, index);

		if (bound != NULL)
			bounds = lappend(bounds, bound);
	}
	return bounds;
}

List *
distance_bounds(PlannerInfo *root, const IndexOptInfo *index)
{
	return bounds_of(root, index->rel->baserestrictinfo, index);
}

List *
distance_join_bounds(PlannerInfo *root, const IndexOptInfo *index)
{
	List *movable = NIL;
	ListCell *cell;

	foreach(cell, index->rel->joininfo)
	{
		if (join_clause_is_movable_to(lfirst(cell), index->rel))
			movable = lappend(movable, lfirst(cell));
	}
	return bounds_of(root, movable, index);
}
