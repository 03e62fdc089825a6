/*
 * attribute_path.c
 *	  Conditions on attributes for index scans, where the planner leaves them out.
 *
 * Before 17 an index scan that has = ANY (array) on another column than the first
 * counts as unordered, as it would be for a B-tree; and before 16 a condition that is
 * a boolean column itself, which active = true becomes, is known for PostgreSQL's own
 * operator families alone.  Ours return rows in order whatever the conditions are.  So
 * each ordered path of theirs is replaced by one that has these as well; where the
 * planner has left out nothing there is nothing to do.
 */
#include "postgres.h"

#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "utils/lsyscache.h"

#include "am/methods.h"
#include "planner/attribute_path.h"

static set_rel_pathlist_hook_type next_pathlist;

static bool
collation_fits(const IndexOptInfo *info, int column, Oid collation)
{
	return !OidIsValid(info->indexcollations[column]) ||
		info->indexcollations[column] == collation;
}

/* Is it known when the scan begins, as far as this table goes? */
static bool
is_known(PlannerInfo *root, const IndexOptInfo *info, Node *value)
{
	return !bms_is_member(info->rel->relid, pull_varnos(root, value)) &&
		!contain_volatile_functions(value);
}

/* column = ANY (array), or with another operator of the column's */
static bool
matches_any(PlannerInfo *root, IndexOptInfo *info, int column,
			const Expr *clause)
{
	const ScalarArrayOpExpr *any = (const ScalarArrayOpExpr *) clause;

	return IsA(clause, ScalarArrayOpExpr) && any->useOr &&
		match_index_to_operand(linitial(any->args), column, info) &&
		op_in_opfamily(any->opno, info->opfamily[column]) &&
		collation_fits(info, column, any->inputcollid) &&
		is_known(root, info, lsecond(any->args));
}

/* column op value */
static bool
matches_operator(PlannerInfo *root, IndexOptInfo *info, int column,
				 const Expr *clause)
{
	const OpExpr *operation = (const OpExpr *) clause;

	return IsA(clause, OpExpr) && list_length(operation->args) == 2 &&
		match_index_to_operand(linitial(operation->args), column, info) &&
		op_in_opfamily(operation->opno, info->opfamily[column]) &&
		collation_fits(info, column, operation->inputcollid) &&
		is_known(root, info, lsecond(operation->args));
}

/* value op column, the other way round; or NULL */
static RestrictInfo *
commuted(const Expr *clause, RestrictInfo *rinfo)
{
	const OpExpr *operation = (const OpExpr *) clause;
	Oid other = InvalidOid;

	if (IsA(clause, OpExpr) && list_length(operation->args) == 2)
		other = get_commutator(operation->opno);
	return OidIsValid(other) ? commute_restrictinfo(rinfo, other) : NULL;
}

/* column IS NULL, IS NOT NULL */
static bool
matches_null(IndexOptInfo *info, int column, const Expr *clause)
{
	const NullTest *test = (const NullTest *) clause;

	return IsA(clause, NullTest) && !test->argisrow &&
		match_index_to_operand((Node *) test->arg, column, info);
}

/* A condition that is the boolean column itself, as column = true; or NULL */
static Expr *
boolean_comparison(IndexOptInfo *info, int column, Expr *clause)
{
	Node *operand = (Node *) clause;
	bool value = true;

	if (info->opcintype[column] != BOOLOID ||
		!op_in_opfamily(BooleanEqualOperator, info->opfamily[column]))
		return NULL;
	if (is_notclause(clause))
	{
		operand = (Node *) get_notclausearg(clause);
		value = false;
	}
	else if (IsA(clause, BooleanTest))
	{
		BooleanTest *test = (BooleanTest *) clause;

		if (test->booltesttype != IS_TRUE && test->booltesttype != IS_FALSE)
			return NULL;
		operand = (Node *) test->arg;
		value = test->booltesttype == IS_TRUE;
	}
	if (!match_index_to_operand(operand, column, info))
		return NULL;
	return make_opclause(BooleanEqualOperator, BOOLOID, false, (Expr *) operand,
						 (Expr *) makeBoolConst(value, false), InvalidOid,
						 InvalidOid);
}

/* What the index is asked for a condition by its column; NULL: nothing */
static RestrictInfo *
match_column(PlannerInfo *root, IndexOptInfo *info, int column,
			 RestrictInfo *rinfo)
{
	Expr *clause = rinfo->clause;
	RestrictInfo *other;
	Expr *comparison;

	if (matches_any(root, info, column, clause) ||
		matches_operator(root, info, column, clause) ||
		matches_null(info, column, clause))
		return rinfo;
	other = commuted(clause, rinfo);
	if (other != NULL && matches_operator(root, info, column, other->clause))
		return other;
	comparison = boolean_comparison(info, column, clause);
	return comparison == NULL ? NULL
							  : make_simple_restrictinfo(root, comparison);
}

/* A table's condition as one of the index; NULL where it is none */
static IndexClause *
match_clause(PlannerInfo *root, IndexOptInfo *info, RestrictInfo *rinfo)
{
	if (rinfo->pseudoconstant ||
		!restriction_is_securely_promotable(rinfo, info->rel))
		return NULL;
	for (int column = 1; column < info->nkeycolumns; column++)
	{
		RestrictInfo *asked = match_column(root, info, column, rinfo);
		IndexClause *clause;

		if (asked == NULL)
			continue;
		clause = makeNode(IndexClause);
		clause->rinfo = rinfo;
		clause->indexquals = list_make1(asked);
		clause->lossy = false;
		clause->indexcol = column;
		return clause;
	}
	return NULL;
}

static bool
has_clause(const List *clauses, const RestrictInfo *rinfo)
{
	ListCell *cell;

	foreach(cell, clauses)
	{
		if (lfirst_node(IndexClause, cell)->rinfo == rinfo)
			return true;
	}
	return false;
}

/* List elements in the order of columns, as plans are made of them */
static int
compare_columns(const ListCell *a, const ListCell *b)
{
	return lfirst_node(IndexClause, a)->indexcol -
		lfirst_node(IndexClause, b)->indexcol;
}

List *
attribute_clauses(PlannerInfo *root, IndexOptInfo *index, const List *known)
{
	List *clauses = list_copy(known);
	ListCell *cell;

	if (index->nkeycolumns == 1)
		return clauses;
	foreach(cell, index->indrestrictinfo)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, cell);
		IndexClause *clause = NULL;

		if (!has_clause(known, rinfo))
			clause = match_clause(root, index, rinfo);
		if (clause != NULL)
			clauses = lappend(clauses, clause);
	}
	list_sort(clauses, compare_columns);
	return clauses;
}

static void
add_clauses(PlannerInfo *root, RelOptInfo *rel, IndexPath *path)
{
	List *clauses =
		attribute_clauses(root, path->indexinfo, path->indexclauses);

	if (list_length(clauses) == list_length(path->indexclauses))
		return;
	rel->pathlist = list_delete_ptr(rel->pathlist, path);
	add_path(rel,
			 (Path *) create_index_path(
				 root, path->indexinfo, clauses, path->indexorderbys,
				 path->indexorderbycols, path->path.pathkeys,
				 path->indexscandir, false, NULL, 1.0, false));
}

static void
attribute_pathlist(PlannerInfo *root, RelOptInfo *rel, Index rti,
				   RangeTblEntry *rte)
{
	List *paths = NIL;
	ListCell *cell;

	/* others may be freed when paths are added, index paths are not */
	foreach(cell, rel->pathlist)
	{
		IndexPath *path = lfirst(cell);

		if (IsA(path, IndexPath) && path->indexorderbys != NIL &&
			path->path.param_info == NULL && path->indexinfo->nkeycolumns > 1 &&
			methods_own(path->indexinfo->indexoid))
			paths = lappend(paths, path);
	}
	foreach(cell, paths)
		add_clauses(root, rel, lfirst(cell));
	list_free(paths);
	if (next_pathlist != NULL)
		next_pathlist(root, rel, rti, rte);
}

void
attribute_path_init(void)
{
	next_pathlist = set_rel_pathlist_hook;
	set_rel_pathlist_hook = attribute_pathlist;
}
