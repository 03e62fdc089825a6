/*
 * distance_path.c
 *	  Scans of vector indexes that PostgreSQL does not think of by itself.
 *
 * It takes an index for ORDER BY v <-> q alone, ascending.  The same order has
 * whatever grows with the distance, and what shrinks with it the opposite one:
 * ORDER BY 1 - (v <=> q) DESC.  Where there are further keys, ORDER BY v <-> q, id, rows
 * that come by the first one are all that PostgreSQL needs to sort them by the others,
 * distance by distance; since 17 it asks for that itself.
 *
 * Rows whose vector is NULL are not in the index.  Where the query wants NULLs
 * first the index is not taken unless there can be none.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "am/methods.h"
#include "core/compat.h"
#include "planner/attribute_path.h"
#include "planner/distance_form.h"
#include "planner/distance_path.h"

bool
distance_index_usable(const IndexOptInfo *index)
{
	return index->amcanorderbyop && !index->hypothetical &&
		(index->indpred == NIL || index->predOK) &&
		methods_own(index->indexoid);
}

static IndexPath *
ordered_path(PlannerInfo *root, IndexOptInfo *index, OpExpr *distance,
			 List *pathkeys, Relids outer)
{
	return create_index_path(root, index, attribute_clauses(root, index, NIL),
							 list_make1(distance), list_make1_int(0), pathkeys,
							 ForwardScanDirection, false, outer, 1.0, false);
}

/*
 * The order of a distance.  The plan of an index scan is made with it, which asks for
 * the operator that sorts; nothing else looks at it.
 */
static PathKey *
distance_pathkey(const IndexOptInfo *index, const OpExpr *distance)
{
	PathKey *key = makeNode(PathKey);

	key->pk_opfamily =
		get_op_opfamily_sortfamily(distance->opno, index->opfamily[0]);
	pathkey_set_ascending(key);
	return key;
}

IndexPath *
distance_range_path(PlannerInfo *root, IndexOptInfo *index, OpExpr *distance,
					Relids outer)
{
	return ordered_path(root, index, distance,
						list_make1(distance_pathkey(index, distance)), outer);
}

/* May the table's column that this is have no NULL? */
static bool
is_not_null_column(PlannerInfo *root, const RelOptInfo *rel, const Node *value)
{
	const Var *column = (const Var *) value;
	Relation table;
	bool result;

	if (!IsA(value, Var) || column->varattno <= 0)
		return false;
	/* the planner holds a lock on it */
	table = table_open(planner_rt_fetch(rel->relid, root)->relid, NoLock);
	result = TupleDescAttr(RelationGetDescr(table), column->varattno - 1)
				 ->attnotnull;
	table_close(table, NoLock);
	return result;
}

/* Has every row that the query wants this value? */
static bool
is_never_null(PlannerInfo *root, const RelOptInfo *rel, Node *value)
{
	NullTest *test;

	if (is_not_null_column(root, rel, value))
		return true;
	test = makeNode(NullTest);
	test->arg = (Expr *) value;
	test->nulltesttype = IS_NOT_NULL;
	test->location = -1;
	return predicate_implied_by(list_make1(test), rel->baserestrictinfo, false);
}

/* Does the order of a form, nearest rows first, meet a path key of its expression? */
static bool
meets_order(PlannerInfo *root, const RelOptInfo *rel, const PathKey *key,
			const DistanceForm *form)
{
	return pathkey_ascends(key) == (form->scale > 0) &&
		(!key->pk_nulls_first ||
		 is_never_null(root, rel, linitial(form->distance->args)));
}

/* Is it a distance as it stands, in the place where PostgreSQL knows? */
static bool
is_plain(const PlannerInfo *root, const PathKey *key, const DistanceForm *form,
		 const Expr *expression)
{
	return (PLANNER_TAKES_FIRST_KEY ||
			list_length(root->query_pathkeys) == 1) &&
		IsA(expression, OpExpr) && !key->pk_nulls_first &&
		((const OpExpr *) expression)->opno == form->distance->opno;
}

/* The form of the path key that the index can order by; false: none */
static bool
find_form(PlannerInfo *root, const IndexOptInfo *index, const PathKey *key,
		  DistanceForm *form)
{
	List *expressions = class_expressions(key->pk_eclass, index->rel->relids);
	ListCell *cell;

	foreach(cell, expressions)
	{
		Expr *expression = lfirst(cell);

		if (distance_form_of(root, expression, index, form) &&
			!is_plain(root, key, form, expression) &&
			meets_order(root, index->rel, key, form))
			return true;
	}
	return false;
}

List *
distance_order_paths(PlannerInfo *root, RelOptInfo *rel)
{
	List *paths = NIL;
	const PathKey *key;
	ListCell *cell;

	/* what depends on other tables has no order of its own */
	if (root->query_pathkeys == NIL || rel->lateral_relids != NULL)
		return NIL;
	key = linitial(root->query_pathkeys);
	if (key->pk_eclass->ec_has_volatile ||
		!op_in_opfamily(Float8LessOperator, key->pk_opfamily))
		return NIL;
	foreach(cell, rel->indexlist)
	{
		IndexOptInfo *index = lfirst_node(IndexOptInfo, cell);
		DistanceForm form;

		if (distance_index_usable(index) && find_form(root, index, key, &form))
			paths = lappend(paths,
							ordered_path(root, index, form.distance,
										 list_make1(unconstify(PathKey *, key)),
										 NULL));
	}
	return paths;
}
