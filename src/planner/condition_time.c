/*
 * condition_time.c
 *	  What it takes to ask a row a query's conditions.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"

#include "planner/condition_time.h"

/* Microseconds of a function of cost 1 */
#define FUNCTION_TIME 0.025

/*
 * To look into a value of many: tags @> '{a}' took .3 microseconds on text arrays of
 * about ten elements, a comparison of text .03
 */
#define CONTAINER_TIME 0.25

static bool
is_container(Oid type)
{
	return type == JSONBOID || type == TSVECTOROID ||
		OidIsValid(get_element_type(type));
}

static bool
count_containers(Node *node, int *n)
{
	if (node == NULL)
		return false;
	if (IsA(node, OpExpr) || IsA(node, FuncExpr))
	{
		List *arguments = IsA(node, OpExpr) ? ((OpExpr *) node)->args
											: ((FuncExpr *) node)->args;
		ListCell *cell;

		foreach(cell, arguments)
		{
			if (!IsA(lfirst(cell), Const) &&
				is_container(exprType(lfirst(cell))))
			{
				(*n)++;
				break;
			}
		}
	}
	return expression_tree_walker(node, count_containers, n);
}

double
condition_time(PlannerInfo *root, List *conditions)
{
	QualCost cost;
	int containers = 0;
	ListCell *cell;

	cost_qual_eval(&cost, conditions, root);
	foreach(cell, conditions)
		(void) count_containers(
			(Node *) lfirst_node(RestrictInfo, cell)->clause, &containers);
	return cost.per_tuple / Max(cpu_operator_cost, 1e-9) * FUNCTION_TIME +
		containers * CONTAINER_TIME;
}
