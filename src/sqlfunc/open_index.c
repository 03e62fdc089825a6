/*
 * open_index.c
 *	  Indexes of ours as arguments of SQL functions: found, allowed, locked.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xlog.h"
#include "catalog/index.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"

#include "am/methods.h"
#include "core/compat.h"
#include "ivf/ivf_handler.h"
#include "sqlfunc/open_index.h"

/* For messages: whatever it is, or was */
static const char *
relation_name(Oid oid)
{
	const char *name = get_rel_name(oid);

	return name != NULL ? name : psprintf("%u", oid);
}

static void
check_right(Oid oid, Oid heap, IndexRight right)
{
	Oid user = GetUserId();

	switch (right)
	{
		case INDEX_FOR_OWNER:
			if (!relation_is_owned(heap, user) &&
				!has_privs_of_role(user, ROLE_PG_MONITOR))
				aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_INDEX,
							   relation_name(oid));
			break;
		case INDEX_FOR_READER:
			if (pg_class_aclcheck(heap, user, ACL_SELECT) != ACLCHECK_OK)
				aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE,
							   relation_name(heap));
			if (check_enable_rls(heap, InvalidOid, true) == RLS_ENABLED)
				ereport(ERROR,
						(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						 errmsg("row-level security hides rows of table \"%s\" "
								"that index \"%s\" has learned from",
								relation_name(heap), relation_name(oid))));
			break;
	}
}

OpenIndex
open_index(Oid oid, IndexRight right, LOCKMODE heap_lock)
{
	OpenIndex open = {.heap_lock = heap_lock};
	Oid heap = IndexGetRelation(oid, true);

	if (!OidIsValid(heap))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not an index", relation_name(oid))));
	check_right(oid, heap, right);
	if (RecoveryInProgress())
		open.heap_lock = Min(open.heap_lock, AccessShareLock);
	/* the table first, as everyone does */
	open.heap = table_open(heap, open.heap_lock);
	open.index = index_open(oid, AccessShareLock);
	if (open.index->rd_rel->relkind != RELKIND_INDEX ||
		methods_find(open.index) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not an index of vector_ext",
						RelationGetRelationName(open.index))));
	return open;
}

OpenIndex
open_ivf_index(Oid oid, IndexRight right, LOCKMODE heap_lock)
{
	OpenIndex open = open_index(oid, right, heap_lock);

	if (methods_find(open.index) != &ivf_scan_method)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("index \"%s\" has no lists",
						RelationGetRelationName(open.index)),
				 errdetail("Only those of ivfflat and ivfpq do.")));
	return open;
}

void
close_index(OpenIndex *open)
{
	index_close(open->index, AccessShareLock);
	table_close(open->heap, open->heap_lock);
}
