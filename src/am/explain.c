/*
 * explain.c
 *	  EXPLAIN (ANALYZE) says what index scans of ours have done.
 *
 * A scan counts for itself, see ScanMethod.explain; here its counters find their
 * way out.  They are read from the scan while the plan is still open: from 18 on
 * when EXPLAIN comes to its node, before when it ends the plan, which it does
 * with the group of the query still open in its output.
 *
 * What is not seen: scans of parallel workers, of which the leader only knows
 * that they ran; and before 18 EXPLAIN EXECUTE, which asks no hook, auto_explain,
 * and the statement that loads this library while it is planned.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "executor/instrument.h"
#include "lib/stringinfo.h"
#include "nodes/execnodes.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "am/explain.h"
#include "am/methods.h"
#include "core/compat.h"

void
explain_count(const char *label, uint64 count, ExplainState *es)
{
	if (count > 0 || es->format != EXPLAIN_FORMAT_TEXT)
		ExplainPropertyUInteger(label, NULL, count, es);
}

/* Workers in which the scan ran: their counters are gone with them */
static int
count_workers(const IndexScanState *state)
{
	const WorkerInstrumentation *workers = state->ss.ps.worker_instrument;
	int n = 0;

	for (int i = 0; workers != NULL && i < workers->num_workers; i++)
		n += workers->instrument[i].nloops > 0;
	return n;
}

static bool
has_run(const IndexScanState *state)
{
	return methods_find(state->iss_RelationDesc) != NULL &&
		(state->iss_ScanDesc != NULL || count_workers(state) > 0);
}

/* What is known of a scan that has run */
static void
explain_scan(const IndexScanState *state, ExplainState *es)
{
	int nworkers = count_workers(state);

	if (state->iss_ScanDesc != NULL)
		methods_find(state->iss_RelationDesc)->explain(state->iss_ScanDesc, es);
	if (nworkers > 0)
		ExplainPropertyInteger("Parallel Workers Not Counted", NULL, nworkers,
							   es);
}

#if EXPLAIN_ASKS_FOR_NODES

static explain_per_node_hook_type next_node;

static void
explain_node(PlanState *state, List *ancestors, const char *relationship,
			 const char *plan_name, ExplainState *es)
{
	if (next_node != NULL)
		next_node(state, ancestors, relationship, plan_name, es);
	if (es->analyze && IsA(state, IndexScanState) &&
		has_run((IndexScanState *) state))
		explain_scan((IndexScanState *) state, es);
}

void
explain_init(void)
{
	next_node = explain_per_node_hook;
	explain_per_node_hook = explain_node;
}

#else

/* The innermost EXPLAIN (ANALYZE) under way */
typedef struct Explained
{
	ExplainState *es;
	const char *text; /* of the statement: the executor is given this pointer */
} Explained;

static const Explained *explained;
static ExplainOneQuery_hook_type next_query;
static ExecutorEnd_hook_type next_end;

/* Gather the scans of a plan that have run */
static bool
gather_scans(PlanState *state, void *arg)
{
	List **scans = arg;

	if (IsA(state, IndexScanState) && has_run((IndexScanState *) state))
		*scans = lappend(*scans, state);
	return planstate_tree_walker(state, gather_scans, scans);
}

/* How the plan above calls a scan's table */
static const char *
scan_alias(const IndexScanState *state, const ExplainState *es)
{
	Index relid = ((Scan *) state->ss.ps.plan)->scanrelid;
	const char *name = NULL;

	if (relid > 0 && relid <= list_length(es->rtable_names))
		name = list_nth(es->rtable_names, relid - 1);
	return name != NULL ? name
						: RelationGetRelationName(state->ss.ss_currentRelation);
}

static void
explain_below(const IndexScanState *state, ExplainState *es)
{
	const char *index = RelationGetRelationName(state->iss_RelationDesc);
	const char *alias = scan_alias(state, es);

	ExplainOpenGroup("Vector Index Scan", NULL, true, es);
	if (es->format == EXPLAIN_FORMAT_TEXT)
	{
		char *title = psprintf("%s on %s", quote_identifier(index),
							   quote_identifier(alias));

		ExplainPropertyText("Vector Index Scan", title, es);
		es->indent++;
	}
	else
	{
		ExplainPropertyText("Index Name", index, es);
		ExplainPropertyText("Alias", alias, es);
	}
	explain_scan(state, es);
	if (es->format == EXPLAIN_FORMAT_TEXT)
		es->indent--;
	ExplainCloseGroup("Vector Index Scan", NULL, true, es);
}

/*
 * The end of a plan is where all of it has been printed and run, and its scans
 * are still there.  Statements inside of the explained one have other texts.
 */
static void
explain_executor_end(QueryDesc *query)
{
	if (explained != NULL && query->sourceText == explained->text &&
		query->instrument_options != 0 && query->planstate != NULL)
	{
		ExplainState *es = explained->es;
		List *scans = NIL;
		ListCell *cell;

		(void) gather_scans(query->planstate, &scans);
		if (scans != NIL)
		{
			ExplainOpenGroup("Vector Index Scans", "Vector Index Scans", false,
							 es);
			foreach(cell, scans)
				explain_below(lfirst(cell), es);
			ExplainCloseGroup("Vector Index Scans", "Vector Index Scans", false,
							  es);
		}
	}
	if (next_end != NULL)
		next_end(query);
	else
		standard_ExecutorEnd(query);
}

static void
explain_one_query(Query *query, int cursor_options, IntoClause *into,
				  ExplainState *es, const char *text, ParamListInfo params,
				  QueryEnvironment *environment)
{
	ExplainOneQuery_hook_type next =
		next_query != NULL ? next_query : standard_ExplainOneQuery;
	const Explained *outer = explained;
	Explained inner = {.es = es, .text = text};

	explained = es->analyze ? &inner : NULL;
	PG_TRY();
	{
		next(query, cursor_options, into, es, text, params, environment);
	}
	PG_FINALLY();
	{
		explained = outer;
	}
	PG_END_TRY();
}

void
explain_init(void)
{
	next_query = ExplainOneQuery_hook;
	ExplainOneQuery_hook = explain_one_query;
	next_end = ExecutorEnd_hook;
	ExecutorEnd_hook = explain_executor_end;
}

#endif
