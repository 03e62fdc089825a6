/*
 * version_check.c
 *	  Does the SQL of this database belong to this library?
 *
 * Packages replace the library under databases whose SQL is still that of the
 * former version, and a server that was not restarted keeps the former library
 * under new SQL.  What they have in common goes on working, so that it is a
 * warning, once a session.
 *
 * A library that is preloaded cannot look: there is no transaction, and before
 * the fork no database.  The alias extension "vector" has versions of its own.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/parallel.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_extension.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

#include "sqlfunc/version_check.h"

/* The version of an extension of this database, palloc'd; NULL: there is none */
static char *
extension_version(const char *name)
{
	Relation pg_extension = table_open(ExtensionRelationId, AccessShareLock);
	char *version = NULL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber,
				F_NAMEEQ, CStringGetDatum(name));
	scan = systable_beginscan(pg_extension, ExtensionNameIndexId, true, NULL, 1,
							  &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool isnull;
		Datum value = heap_getattr(tuple, Anum_pg_extension_extversion,
								   RelationGetDescr(pg_extension), &isnull);

		if (!isnull)
			version = TextDatumGetCString(value);
	}
	systable_endscan(scan);
	table_close(pg_extension, AccessShareLock);
	return version;
}

void
version_check(void)
{
	char *version;

	if (!IsTransactionState() || !OidIsValid(MyDatabaseId) ||
		IsParallelWorker() || IsBinaryUpgrade)
		return;
	version = extension_version("vector_ext");
	if (version != NULL && strcmp(version, VECTOR_EXT_VERSION) != 0)
		ereport(
			WARNING,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("extension \"vector_ext\" has version %s in this database, "
					"but its library has version %s",
					version, VECTOR_EXT_VERSION),
			 errhint("Run ALTER EXTENSION vector_ext UPDATE, or reconnect if "
					 "the new version was installed just now.")));
}
