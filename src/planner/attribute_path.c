/*
 * attribute_path.c
 *	  Conditions on attributes that the planner leaves out of ordered index scans.
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
is_ours(const IndexOptInfo *info)
{
	/* the planner holds a lock on it */
	Relation index = index_open(info->indexoid, NoLock);
	bool ours = methods_find(index) != NULL;

	index_close(index, NoLock);
	return ours;
}

/* column = ANY (array), or with another operator of the column's */
static bool
matches_any(PlannerInfo *root, const IndexOptInfo *info, int column,
			const Expr *clause)
{
	const ScalarArrayOpExpr *any = (const ScalarArrayOpExpr *) clause;
	Node *array;
	Oid collation = info->indexcollations[column];

	if (!IsA(clause, ScalarArrayOpExpr) || !any->useOr)
		return false;
	array = lsecond(any->args);
	return match_index_to_operand(linitial(any->args), column,
								  unconstify(IndexOptInfo *, info)) &&
		op_in_opfamily(any->opno, info->opfamily[column]) &&
		(!OidIsValid(collation) || collation == any->inputcollid) &&
		!bms_is_member(info->rel->relid, pull_varnos(root, array)) &&
		!contain_volatile_functions(array);
}

/* A condition that is the boolean column itself, as the column = true; or NULL */
static Expr *
boolean_comparison(const IndexOptInfo *info, int column, Expr *clause)
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
	if (!match_index_to_operand(operand, column,
								unconstify(IndexOptInfo *, info)))
		return NULL;
	return make_opclause(BooleanEqualOperator, BOOLOID, false, (Expr *) operand,
						 (Expr *) makeBoolConst(value, false), InvalidOid,
						 InvalidOid);
}

/* A table's condition as one of the index; NULL where it is none */
static IndexClause *
match_clause(PlannerInfo *root, const IndexOptInfo *info, RestrictInfo *rinfo)
{
	if (rinfo->pseudoconstant ||
		!restriction_is_securely_promotable(rinfo, info->rel))
		return NULL;
	for (int column = 1; column < info->nkeycolumns; column++)
	{
		IndexClause *clause = NULL;
		Expr *comparison;

		if (matches_any(root, info, column, rinfo->clause))
		{
			clause = makeNode(IndexClause);
			clause->indexquals = list_make1(rinfo);
		}
		else if ((comparison =
					  boolean_comparison(info, column, rinfo->clause)) != NULL)
		{
			clause = makeNode(IndexClause);
			clause->indexquals =
				list_make1(make_simple_restrictinfo(root, comparison));
		}
		if (clause == NULL)
			continue;
		clause->rinfo = rinfo;
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

/* The conditions that the path lacks */
static List *
missing_clauses(PlannerInfo *root, const IndexPath *path)
{
	List *missing = NIL;
	ListCell *cell;

	foreach(cell, path->indexinfo->indrestrictinfo)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, cell);
		IndexClause *clause = NULL;

		if (!has_clause(path->indexclauses, rinfo))
			clause = match_clause(root, path->indexinfo, rinfo);
		if (clause != NULL)
			missing = lappend(missing, clause);
	}
	return missing;
}

static void
add_clauses(PlannerInfo *root, RelOptInfo *rel, IndexPath *path)
{
	List *missing = missing_clauses(root, path);
	List *clauses;

	if (missing == NIL)
		return;
	clauses = list_concat_copy(path->indexclauses, missing);
	list_sort(clauses, compare_columns);
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
	List *paths = list_copy(rel->pathlist);
	ListCell *cell;

	foreach(cell, paths)
	{
		IndexPath *path = lfirst(cell);

		if (IsA(path, IndexPath) && path->indexorderbys != NIL &&
			path->path.param_info == NULL && path->indexinfo->nkeycolumns > 1 &&
			is_ours(path->indexinfo))
			add_clauses(root, rel, path);
	}
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
