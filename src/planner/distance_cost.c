/*
 * distance_cost.c
 *	  What a distance costs, for the planner.
 *
 * By default every function call costs cpu_operator_cost.  For a distance that
 * is wrong twice: work grows with the dimensions, and a vector beyond about 2
 * kB lies out of line, so that reading it costs an index descent and a fetch
 * for each 2 kB chunk, which EXPLAIN shows nowhere else.  Without this the
 * planner believes that sorting a table by distance is nearly free, and takes
 * neither parallel plans nor indexes as early as it should.
 *
 * The constants are in units of cpu_operator_cost (0.0025, about 25 ns).
 * Measured on one machine with PostgreSQL 15: 784 float32 in line 0.2 us, 768
 * out of line 5.2 us.
 */
#include "postgres.h"

#include <math.h>

#include "access/heaptoast.h"
#include "catalog/pg_attribute.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "core/compat.h"
#include "core/export.h"
#include "vector/elem.h"

#define BYTES_PER_UNIT 256.0    /* arithmetic on 64 float32 */
#define TOAST_VALUE_UNITS 100.0 /* find the value's chunks */
#define TOAST_CHUNK_UNITS 50.0  /* fetch and copy one */

/* Inline values are at most about this wide, see heap_toast_insert */
#define INLINE_LIMIT ((double) TOAST_TUPLE_TARGET)

typedef struct ArgumentWidth
{
	double bytes;
	bool out_of_line;
} ArgumentWidth;

static List *
call_arguments(Node *node)
{
	if (node != NULL && IsA(node, FuncExpr))
		return ((FuncExpr *) node)->args;
	if (node != NULL && IsA(node, OpExpr))
		return ((OpExpr *) node)->args;
	return NIL;
}

/* True when the column's values leave the row as soon as they are wide */
static bool
column_is_toasted(Oid relid, AttrNumber attnum)
{
	HeapTuple tuple =
		SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(attnum));
	bool result = false;

	if (HeapTupleIsValid(tuple))
	{
		result = ((Form_pg_attribute) GETSTRUCT(tuple))->attstorage !=
			TYPSTORAGE_PLAIN;
		ReleaseSysCache(tuple);
	}
	return result;
}

/*
 * Bytes of an argument.  The statistics count 18 bytes for a value out of line,
 * so the declared dimensions are asked too: dim_bits bits each, 0 where they
 * say nothing about the width.
 */
static ArgumentWidth
argument_width(PlannerInfo *root, Node *argument, int dim_bits)
{
	ArgumentWidth width = {.bytes = 0, .out_of_line = false};
	RangeTblEntry *rte;
	Var *var;
	int32 typmod;

	argument = strip_implicit_coercions(argument);
	if (!IsA(argument, Var))
		return width; /* a constant or a computed value: in memory */
	var = (Var *) argument;
	if (root == NULL || var->varlevelsup != 0 || var->varno <= 0 ||
		var->varno >= root->simple_rel_array_size || var->varattno <= 0)
		return width;
	rte = root->simple_rte_array[var->varno];
	if (rte == NULL || rte->rtekind != RTE_RELATION)
		return width;

	typmod = exprTypmod(argument);
	width.bytes = get_attavgwidth(rte->relid, var->varattno);
	if (typmod > 0)
		width.bytes = Max(width.bytes, (double) typmod * dim_bits / 8);
	width.out_of_line = width.bytes > INLINE_LIMIT &&
		column_is_toasted(rte->relid, var->varattno);
	return width;
}

static double
call_units(PlannerInfo *root, Node *node, int dim_bits)
{
	double units = 1.0;
	double widest = 0;
	ListCell *lc;

	foreach(lc, call_arguments(node))
	{
		ArgumentWidth width = argument_width(root, lfirst(lc), dim_bits);

		widest = Max(widest, width.bytes);
		if (width.out_of_line)
			units += TOAST_VALUE_UNITS +
				TOAST_CHUNK_UNITS * ceil(width.bytes / TOAST_MAX_CHUNK_SIZE);
	}
	return units + widest / BYTES_PER_UNIT;
}

/* The planner support function of the distances of one type */
static Datum
distance_support(FunctionCallInfo fcinfo, int dim_bits)
{
	Node *request = (Node *) PG_GETARG_POINTER(0);

	if (IsA(request, SupportRequestCost))
	{
		SupportRequestCost *cost = (SupportRequestCost *) request;

		cost->startup = 0;
		cost->per_tuple =
			call_units(cost->root, cost->node, dim_bits) * cpu_operator_cost;
		PG_RETURN_POINTER(cost);
	}
	PG_RETURN_POINTER(NULL); /* no other request is ours */
}

#define X(kind, type, public, norm, ctype) \
	SQL_FUNCTION(type##_distance_support) \
	{ \
		return distance_support(fcinfo, 8 * (int) sizeof(ctype)); \
	}
ELEM_KINDS(X)
#undef X

SQL_FUNCTION(bit_distance_support)
{
	return distance_support(fcinfo, 1);
}

SQL_FUNCTION(sparsevec_distance_support)
{
	return distance_support(fcinfo, 0);
}
