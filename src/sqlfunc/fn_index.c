/*
 * fn_index.c
 *	  What people ask about an index: its state, its health.
 *
 * Everyone may execute these, but only for indexes of tables that he owns, or
 * as a member of pg_monitor: in a trusted extension, grants would be the
 * superuser's to give.
 */
#include "postgres.h"

#include "access/genam.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "am/methods.h"
#include "core/export.h"
#include "sqlfunc/open_index.h"

/* vector_index_check(index regclass, heapallindexed boolean) -> void */
SQL_FUNCTION(vector_index_check)
{
	OpenIndex open =
		open_index(PG_GETARG_OID(0), INDEX_FOR_OWNER, ShareUpdateExclusiveLock);

	methods_find(open.index)->check(open.heap, open.index, PG_GETARG_BOOL(1));
	close_index(&open);
	PG_RETURN_VOID();
}

/* vector_index_rebalance(index regclass) -> void */
SQL_FUNCTION(vector_index_rebalance)
{
	OpenIndex open;

	PreventCommandDuringRecovery("vector_index_rebalance()");
	open =
		open_index(PG_GETARG_OID(0), INDEX_FOR_OWNER, ShareUpdateExclusiveLock);
	if (!methods_find(open.index)->learn(open.index))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("index \"%s\" holds no copies of its vectors",
						RelationGetRelationName(open.index)),
				 errhint("REINDEX INDEX CONCURRENTLY trains it again.")));
	close_index(&open);
	PG_RETURN_VOID();
}

static void
put_fact(void *arg, const char *name, const char *value)
{
	ReturnSetInfo *rsinfo = arg;
	Datum values[2] = {CStringGetTextDatum(name), CStringGetTextDatum(value)};
	bool nulls[2] = {false, false};

	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* vector_index_info(index regclass) -> setof (name text, value text) */
SQL_FUNCTION(vector_index_info)
{
	OpenIndex open =
		open_index(PG_GETARG_OID(0), INDEX_FOR_OWNER, AccessShareLock);

	InitMaterializedSRF(fcinfo, 0);
	methods_find(open.index)
		->describe(open.index, put_fact, fcinfo->resultinfo);
	close_index(&open);
	return (Datum) 0;
}
