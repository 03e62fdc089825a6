/*
 * filter_path.c
 *	  Plans a filtered vector search (filter_scan.h).
 *
 * PostgreSQL has made index paths of ours already, for tables whose order the query
 * wants; their conditions would be asked of row after row.  Each one becomes the
 * child of a filtered search instead, together with the bitmap that PostgreSQL itself
 * would choose for the same conditions, and the better of them stays: so that
 * operator classes, security barriers, partial indexes, ANDs and ORs are its
 * business and not ours.
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "nodes/makefuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "utils/guc.h"
#include "utils/spccache.h"

#include "am/cost.h"
#include "am/filter_time.h"
#include "am/methods.h"
#include "core/compat.h"
#include "planner/condition_time.h"
#include "planner/distance_form.h"
#include "planner/distance_path.h"
#include "planner/filter_path.h"
#include "planner/filter_scan.h"

/* A filtered search */
typedef struct Search
{
	IndexPath *scan; /* that orders */
	List *pathkeys;  /* NIL: nobody wants its order */
	List *bounds;    /* DistanceBound: of the distance that it orders by */
	double wanted;   /* rows */
	double share;    /* of all rows that passes, of those within the bounds */
	double condition_time; /* microseconds to ask a row that was read */
} Search;

static bool enable_filtered_scan = true;
static set_rel_pathlist_hook_type next_pathlist;

/* Units of cost in a microsecond: cpu_operator_cost is about 25 ns */
#define MICROSECOND (cpu_operator_cost / 0.025)

/*
 * So many rows are thought to be within a distance: no statistics tell.  Where there
 * are many more the search costs about what asking all rows does, since it does that
 * then.
 */
#define ROWS_WITHIN 100

/* Does every row that an index of ours has meet it: is the vector not NULL? */
static bool
holds_for_indexed(const IndexOptInfo *info, const Node *condition)
{
	const NullTest *test = (const NullTest *) condition;

	return IsA(condition, NullTest) && test->nulltesttype == IS_NOT_NULL &&
		!test->argisrow &&
		match_index_to_operand((Node *) test->arg, 0, (IndexOptInfo *) info);
}

/* Microseconds to make what of bitmaps is one unit of cost, when pages are cached */
#define BITMAP_TIME 2.5

/* Conditions that rows of the scan have to meet beside those it looks for */
static List *
conditions_left(const IndexPath *scan)
{
	List *left = NIL;
	ListCell *cell;

	foreach(cell, scan->indexinfo->indrestrictinfo)
	{
		RestrictInfo *condition = lfirst_node(RestrictInfo, cell);

		if (!condition->pseudoconstant &&
			!holds_for_indexed(scan->indexinfo, (Node *) condition->clause) &&
			!is_redundant_with_indexclauses(condition, scan->indexclauses))
			left = lappend(left, condition);
	}
	return left;
}

/* Is it an index scan of ours that may go on until enough rows meet conditions? */
static bool
can_be_filtered(const Path *path)
{
	const IndexPath *scan = (const IndexPath *) path;
	const ScanMethod *method;
	Relation index;
	bool result;

	if (!IsA(path, IndexPath) || scan->indexorderbys == NIL ||
		cost_is_forbidden(path))
		return false;
	/* the planner holds a lock on it */
	index = index_open(scan->indexinfo->indexoid, NoLock);
	method = methods_find(index);
	result = method != NULL && method->reach(index) != REACH_FIRST;
	index_close(index, NoLock);
	return result;
}

/* And do its rows have to meet more conditions, all of them of the table alone? */
static bool
is_to_be_filtered(const Path *path)
{
	return can_be_filtered(path) && path->param_info == NULL &&
		conditions_left((const IndexPath *) path) != NIL;
}

/*
 * The bitmap that PostgreSQL would make of the table's other indexes for the
 * query's conditions; NULL: they say nothing.  It is asked as if the query had no
 * order, for a relation that takes the paths instead of the real one.
 */
static Path *
best_bitmap(PlannerInfo *root, RelOptInfo *rel)
{
	RelOptInfo *shadow = makeNode(RelOptInfo);
	List *pathkeys = root->query_pathkeys;
	Path *best = NULL;
	Cost least = 0;
	ListCell *cell;

	*shadow = *rel;
	shadow->pathlist = shadow->partial_pathlist = NIL;
	root->query_pathkeys = NIL;
	create_index_paths(root, shadow);
	root->query_pathkeys = pathkeys;
	foreach(cell, shadow->pathlist)
	{
		Path *path = lfirst(cell);
		Path *bitmap = path;
		Cost cost;
		Selectivity selectivity;

		if (path->param_info != NULL)
			continue;
		if (IsA(path, BitmapHeapPath))
			bitmap = ((BitmapHeapPath *) path)->bitmapqual;
		else if (!IsA(path, IndexPath) ||
				 ((IndexPath *) path)->indexclauses == NIL ||
				 !((IndexPath *) path)->indexinfo->amhasgetbitmap)
			continue;
		cost_bitmap_tree_node(bitmap, &cost, &selectivity);
		/* more bitmaps take less time than rows that are asked in vain */
		cost = cost * BITMAP_TIME + selectivity * rel->tuples * TESTED_SET_TIME;
		if (best == NULL || cost < least)
		{
			best = bitmap;
			least = cost;
		}
	}
	return best == NULL
		? NULL
		: (Path *) create_bitmap_heap_path(root, rel, best, NULL, 1.0, 0);
}

/* Cost of a row that is read out of order, where not all of the table is cached */
static Cost
random_row_cost(const RelOptInfo *rel)
{
	double missing =
		1 - Min((double) effective_cache_size / Max(rel->pages, 1), 1);
	double random_page;

	get_tablespace_page_costs(rel->reltablespace, &random_page, NULL);
	return cpu_tuple_cost + missing * random_page;
}

/* So much more than a sequential scan is asking all rows thought to cost */
#define ASKED_SURPLUS 0.1

/* Cost of asking all rows of the table: a little more than by a sequential scan */
static Cost
ask_all_cost(PlannerInfo *root, const RelOptInfo *rel)
{
	QualCost asked;
	double page;

	cost_qual_eval(&asked, rel->baserestrictinfo, root);
	get_tablespace_page_costs(rel->reltablespace, NULL, &page);
	return rel->pages * page +
		rel->tuples * ((1 + ASKED_SURPLUS) * cpu_tuple_cost + asked.per_tuple);
}

/* What it costs to compute the distance of a row that was read */
static Cost
distance_cost(PlannerInfo *root, const IndexPath *scan)
{
	QualCost distance;

	cost_qual_eval(&distance, scan->indexorderbys, root);
	return distance.per_tuple;
}

/* Of rows that meet the conditions which the index looks at itself, who passes */
static double
share_of_hits(const Search *search)
{
	double met = Max(search->scan->indexselectivity, 1e-9);

	return Max(Min(search->share / met, 1), 1e-9);
}

/*
 * Microseconds of a search for the k nearest of so many rows, in a set; or to ask each
 * of the k nearest of all, in which case there are as many rows as the table has
 */
typedef double (*SearchTime)(Relation index, double k, double rows,
							 double condition);

static double
masked_time(Relation index, double k, double rows, double condition)
{
	return methods_find(index)->masked_time(index, k, rows);
}

static double
wary_time(Relation index, double k, double rows, double condition)
{
	return wary_asking_time(index, k, rows, condition, false);
}

static Cost
time_cost(const Search *search, SearchTime time, double k, double rows)
{
	/* the planner holds a lock on it */
	Relation index = index_open(search->scan->indexinfo->indexoid, NoLock);
	double microseconds = time(index, k, rows, search->condition_time);

	index_close(index, NoLock);
	return microseconds * MICROSECOND;
}

/*
 * What rows that pass, all of which are known, cost beside that: their distances, or a
 * search among them
 */
static Cost
passing_cost(PlannerInfo *root, const RelOptInfo *rel, const Search *search,
			 double wanted)
{
	double passing = search->share * rel->tuples;
	Cost by_distance = passing * distance_cost(root, search->scan);

	if (search->bounds != NIL)
		return by_distance;
	return Min(by_distance,
			   time_cost(search, masked_time, wanted, passing) +
				   wanted * random_row_cost(rel));
}

/* To find the rows that are wanted: the cheapest that the scan may do (scan_filter.c) */
static Cost
search_cost(PlannerInfo *root, const RelOptInfo *rel, const Search *search,
			const Path *bitmap, double wanted)
{
	double found = Min(wanted / share_of_hits(search), rel->tuples);
	Cost passing = passing_cost(root, rel, search, wanted);
	Cost by_condition = time_cost(search, asking_time, found, rel->tuples);
	Cost wary =
		time_cost(search, search->bounds != NIL ? asking_time : wary_time,
				  found, rel->tuples);
	Cost by_bitmap;
	Cost make;
	Selectivity selectivity;

	/*
	 * Pages that are cached cost less than PostgreSQL says: whether hits or all
	 * rows are to be asked is a question of the time that takes.  All rows may as
	 * well be asked by a sequential scan, so that is to be the cheaper plan where
	 * all distances are computed then.
	 */
	if (wary <
		rel->tuples * (TESTED_ROW_TIME + search->condition_time) * MICROSECOND +
			passing)
		by_condition += found * random_row_cost(rel);
	else
		by_condition = ask_all_cost(root, rel) + passing;
	if (bitmap == NULL)
		return by_condition;
	cost_bitmap_tree_node(((const BitmapHeapPath *) bitmap)->bitmapqual, &make,
						  &selectivity);
	by_bitmap = make +
		Min(time_cost(search, masked_time, wanted, selectivity * rel->tuples) +
				wanted * random_row_cost(rel),
			selectivity * rel->tuples *
				(random_row_cost(rel) + distance_cost(root, search->scan)));
	return Min(by_condition, by_bitmap);
}

static Plan *plan_filtered(PlannerInfo *root, RelOptInfo *rel, CustomPath *path,
						   List *targets, List *clauses, List *plans);

static const CustomPathMethods path_methods = {
	.CustomName = "VectorFilteredScan",
	.PlanCustomPath = plan_filtered,
};

static Float *
make_float(double number)
{
	return makeFloat(psprintf("%.17g", number));
}

/* As FILTER_SCAN_BOUNDS has them; what they evaluate goes to expressions */
static List *
bound_lists(const List *bounds, const OpExpr *order, List **expressions)
{
	List *result = NIL;
	ListCell *cell;

	foreach(cell, bounds)
	{
		const DistanceBound *bound = lfirst(cell);
		const DistanceForm *form = &bound->form;
		bool compares = !equal(form->distance, order);

		result = lappend(
			result,
			list_make4(make_float(form->scale), make_float(form->offset),
					   make_float(form->terms), makeInteger(compares)));
		*expressions = lappend(*expressions, bound->limit);
		if (compares)
		{
			*expressions = lappend(*expressions, lsecond(order->args));
			*expressions = lappend(*expressions, lsecond(form->distance->args));
		}
	}
	return result;
}

/* The same in the place of an index scan.  matching: share of rows in the bitmap. */
static Path *
filtered_path(PlannerInfo *root, RelOptInfo *rel, const Search *search,
			  Path *bitmap, double matching)
{
	CustomPath *path = makeNode(CustomPath);
	IndexPath *scan = search->scan;
	List *expressions = NIL;
	List *bounds;

	path->path.pathtype = T_CustomScan;
	path->path.parent = rel;
	path->path.pathtarget = rel->reltarget;
	path->path.param_info = scan->path.param_info;
	path->path.parallel_safe = scan->path.parallel_safe;
	path->path.pathkeys = search->pathkeys;
	path->path.rows = scan->path.rows;
	path->path.startup_cost =
		search_cost(root, rel, search, bitmap, search->wanted);
	/* all rows: each is asked, those that pass are sorted by their distances */
	path->path.total_cost = path->path.startup_cost + ask_all_cost(root, rel) +
		scan->path.rows * distance_cost(root, scan);
	if (search->bounds != NIL)
		path->path.total_cost =
			Max(path->path.startup_cost,
				search_cost(root, rel, search, bitmap, ROWS_WITHIN));
	path->flags = CUSTOMPATH_SUPPORT_PROJECTION;
	path->custom_paths = list_make1(scan);
	if (bitmap != NULL)
		path->custom_paths = lappend(path->custom_paths, bitmap);
	bounds = bound_lists(search->bounds, linitial(scan->indexorderbys),
						 &expressions);
	/* the plan's, but whether the bitmap suffices; its expressions */
	path->custom_private = list_make2(
		list_make5(make_float(share_of_hits(search)), make_float(matching),
				   makeInteger(search->pathkeys == NIL), bounds,
				   make_float(search->condition_time)),
		expressions);
	path->methods = &path_methods;
	return &path->path;
}

/* PostgreSQL asks pseudo-constant conditions above the node itself */
static Plan *
without_gate(Plan *plan)
{
	return IsA(plan, Result) ? outerPlan(plan) : plan;
}

/* Do all rows of a bitmap scan's set meet what it does not check itself? */
static bool
set_suffices(const IndexOptInfo *info, const Plan *table)
{
	ListCell *cell;

	foreach(cell, table->qual)
	{
		if (!holds_for_indexed(info, lfirst(cell)))
			return false;
	}
	return true;
}

static Plan *
plan_filtered(PlannerInfo *root, RelOptInfo *rel, CustomPath *path,
			  List *targets, List *clauses, List *plans)
{
	CustomScan *node = makeNode(CustomScan);
	IndexScan *scan = castNode(IndexScan, without_gate(linitial(plans)));
	Plan *table = list_length(plans) > 1 ? without_gate(lsecond(plans)) : NULL;
	const IndexPath *ordered = linitial(path->custom_paths);
	/* conditions of joins are not among those of the bitmap */
	bool suffices = table != NULL && path->path.param_info == NULL &&
		set_suffices(ordered->indexinfo, table);

	/* rows are taken from the scan's slot, and asked here */
	node->scan.plan.targetlist = targets;
	node->scan.plan.qual = scan->scan.plan.qual;
	scan->scan.plan.qual = NIL;
	scan->scan.plan.targetlist = NIL;
	node->scan.scanrelid = rel->relid;
	node->flags = path->flags;
	node->custom_plans = list_make1(scan);
	if (table != NULL)
		node->custom_plans = lappend(node->custom_plans, outerPlan(table));
	node->custom_exprs = lsecond(path->custom_private);
	node->custom_private = lappend(list_copy(linitial(path->custom_private)),
								   makeInteger(suffices));
	node->methods = &filter_scan_methods;
	return &node->scan.plan;
}

/*
 * May the distance of a bound turn out to be that which a scan orders by?  Values that
 * are not known yet may be the same: a statement's parameters, each named once.
 */
static bool
is_of_order(const DistanceBound *bound, const OpExpr *order)
{
	const OpExpr *distance = bound->form.distance;

	return equal(distance, order) ||
		(!IsA(lsecond(distance->args), Const) &&
		 !IsA(lsecond(order->args), Const));
}

/* The bounds of an index's table that are bounds of a scan of it */
static List *
bounds_of_order(const List *bounds, const OpExpr *order)
{
	List *result = NIL;
	ListCell *cell;

	foreach(cell, bounds)
	{
		if (is_of_order(lfirst(cell), order))
			result = lappend(result, lfirst(cell));
	}
	return result;
}

/* Of rows within some distance as many pass as of others */
static double
share_passing(PlannerInfo *root, const RelOptInfo *rel, const IndexPath *scan,
			  const List *bounds)
{
	List *others = list_copy(rel->baserestrictinfo);
	double share = Max(scan->path.rows, 1) / Max(rel->tuples, 1);
	ListCell *cell;

	if (bounds != NIL)
	{
		foreach(cell, bounds)
			others = list_delete_ptr(
				others, ((const DistanceBound *) lfirst(cell))->condition);
		share = clauselist_selectivity(root, others, 0, JOIN_INNER, NULL);
	}
	return Min(Max(share, 1 / Max(rel->tuples, 1)), 1);
}

static Search *
new_search(PlannerInfo *root, RelOptInfo *rel, IndexPath *scan, List *bounds,
		   List *pathkeys)
{
	Search *search = palloc(sizeof(Search));

	*search = (Search){
		.scan = scan,
		.pathkeys = pathkeys,
		.bounds = bounds_of_order(bounds, linitial(scan->indexorderbys)),
		.wanted = cost_rows_wanted(root),
		.condition_time = condition_time(root, conditions_left(scan))};
	search->share = share_passing(root, rel, scan, search->bounds);
	if (search->bounds != NIL && root->limit_tuples <= 0)
		search->wanted = ROWS_WITHIN;
	else if (search->bounds != NIL)
		search->wanted = Min(search->wanted, ROWS_WITHIN);
	return search;
}

static List *
add_ordered(PlannerInfo *root, RelOptInfo *rel, List *searches, IndexPath *scan)
{
	return lappend(searches,
				   new_search(root, rel, scan,
							  distance_bounds(root, scan->indexinfo),
							  scan->path.pathkeys));
}

/* Index scans that order as the query wants it, those found here with them */
static List *
ordered_searches(PlannerInfo *root, RelOptInfo *rel)
{
	List *searches = NIL;
	ListCell *cell;

	foreach(cell, rel->pathlist)
	{
		if (is_to_be_filtered(lfirst(cell)))
			searches = add_ordered(root, rel, searches, lfirst(cell));
	}
	foreach(cell, distance_order_paths(root, rel))
	{
		Path *path = lfirst(cell);

		if (is_to_be_filtered(path))
			searches = add_ordered(root, rel, searches, (IndexPath *) path);
		else
			add_path(rel, path);
	}
	return searches;
}

/* Is there a search by this distance already? */
static bool
has_search(const List *searches, const IndexOptInfo *index,
		   const OpExpr *distance, Relids outer)
{
	ListCell *cell;

	foreach(cell, searches)
	{
		const Search *search = lfirst(cell);

		if (search->scan->indexinfo == index &&
			equal(linitial(search->scan->indexorderbys), distance) &&
			bms_equal(PATH_REQ_OUTER(&search->scan->path), outer))
			return true;
	}
	return false;
}

/*
 * Adds a search for what is within one of these bounds: those of the table, or of a
 * join for each row of other tables.
 */
static List *
add_range(PlannerInfo *root, RelOptInfo *rel, IndexOptInfo *index,
		  const DistanceBound *bound, List *bounds, List *searches)
{
	Relids outer = bms_difference(bound->condition->clause_relids, rel->relids);
	OpExpr *distance = bound->form.distance;
	IndexPath *scan;

	outer = bms_add_members(outer, rel->lateral_relids);
	if (bms_is_empty(outer))
		outer = NULL;
	if (has_search(searches, index, distance, outer))
		return searches;
	scan = distance_range_path(root, index, distance, outer);
	if (!can_be_filtered(&scan->path))
		return searches;
	return lappend(searches, new_search(root, rel, scan, bounds, NIL));
}

/* Searches for what is within a distance, in any order */
static List *
range_searches(PlannerInfo *root, RelOptInfo *rel, List *searches)
{
	ListCell *cell;
	ListCell *next;

	foreach(cell, rel->indexlist)
	{
		IndexOptInfo *index = lfirst_node(IndexOptInfo, cell);
		List *bounds;

		if (!distance_index_usable(index))
			continue;
		bounds = distance_bounds(root, index);
		foreach(next, bounds)
			searches =
				add_range(root, rel, index, lfirst(next), bounds, searches);
		foreach(next, distance_join_bounds(root, index))
			searches =
				add_range(root, rel, index, lfirst(next),
						  lappend(list_copy(bounds), lfirst(next)), searches);
	}
	return searches;
}

static void
filter_paths(PlannerInfo *root, RelOptInfo *rel)
{
	Path *bitmap = NULL;
	bool asked = false;
	List *searches = range_searches(root, rel, ordered_searches(root, rel));
	ListCell *cell;

	foreach(cell, searches)
	{
		Search *search = lfirst(cell);
		Cost make;
		Selectivity selectivity = 1;

		if (!asked)
			bitmap = best_bitmap(root, rel);
		asked = true;
		if (bitmap != NULL)
			cost_bitmap_tree_node(((BitmapHeapPath *) bitmap)->bitmapqual,
								  &make, &selectivity);
		rel->pathlist = list_delete_ptr(rel->pathlist, search->scan);
		add_path(rel, filtered_path(root, rel, search, bitmap, selectivity));
	}
}

static void
filter_pathlist(PlannerInfo *root, RelOptInfo *rel, Index rti,
				RangeTblEntry *entry)
{
	if (next_pathlist != NULL)
		next_pathlist(root, rel, rti, entry);
	if (enable_filtered_scan && enable_indexscan &&
		rel->rtekind == RTE_RELATION && IS_SIMPLE_REL(rel) &&
		(rel->baserestrictinfo != NIL || rel->joininfo != NIL ||
		 root->query_pathkeys != NIL))
		filter_paths(root, rel);
}

void
filter_path_init(void)
{
	DefineCustomBoolVariable(
		"vector_ext.enable_filtered_scan",
		"Enables the planner's use of filtered vector searches.",
		"Without them conditions are asked of the rows of a vector index one "
		"after another.",
		&enable_filtered_scan, true, PGC_USERSET, 0, NULL, NULL, NULL);
	next_pathlist = set_rel_pathlist_hook;
	set_rel_pathlist_hook = filter_pathlist;
}
