/*
 * fn_foreign.c
 *	  Which indexes pgvector has built, for who has moved over from it.
 *
 * Everyone may ask, and hears of indexes of tables that he owns; a member of
 * pg_monitor of all.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "am/foreign.h"
#include "core/compat.h"
#include "core/export.h"

/* Access methods that pgvector and this library both have */
static const char *const shared_methods[] = {"hnsw", "ivfflat"};

/* Indexes of these access methods, as far as the catalogue knows */
static List *
candidates(void)
{
	Relation pg_class = table_open(RelationRelationId, AccessShareLock);
	SysScanDesc scan =
		systable_beginscan(pg_class, InvalidOid, false, NULL, 0, NULL);
	Oid methods[lengthof(shared_methods)];
	HeapTuple tuple;
	List *result = NIL;

	for (size_t i = 0; i < lengthof(shared_methods); i++)
		methods[i] = get_index_am_oid(shared_methods[i], true);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_class row = (Form_pg_class) GETSTRUCT(tuple);

		for (size_t i = 0; i < lengthof(methods); i++)
		{
			if (row->relkind == RELKIND_INDEX && row->relam == methods[i])
				result = lappend_oid(result, row->oid);
		}
	}
	systable_endscan(scan);
	table_close(pg_class, AccessShareLock);
	return result;
}

/* The caller holds a lock on it, which nobody can have who changes its owner */
static bool
may_know(Relation index)
{
	return relation_is_owned(RelationGetRelid(index), GetUserId()) ||
		has_privs_of_role(GetUserId(), ROLE_PG_MONITOR);
}

static void
put_index(ReturnSetInfo *rsinfo, Relation index)
{
	Datum values[3] = {ObjectIdGetDatum(RelationGetRelid(index)),
					   ObjectIdGetDatum(index->rd_index->indrelid),
					   CStringGetTextDatum(foreign_command(index))};
	bool nulls[3] = {false, false, false};

	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* vector_foreign_indexes() -> setof (index regclass, table regclass, command text) */
SQL_FUNCTION(vector_foreign_indexes)
{
	ListCell *cell;

	InitMaterializedSRF(fcinfo, 0);
	foreach(cell, candidates())
	{
		Relation index = try_relation_open(lfirst_oid(cell), AccessShareLock);

		CHECK_FOR_INTERRUPTS();
		/* dropped meanwhile */
		if (index == NULL)
			continue;
		if (index->rd_rel->relkind == RELKIND_INDEX &&
			!RELATION_IS_OTHER_TEMP(index) && may_know(index) &&
			foreign_index(index))
			put_index((ReturnSetInfo *) fcinfo->resultinfo, index);
		relation_close(index, AccessShareLock);
	}
	return (Datum) 0;
}
