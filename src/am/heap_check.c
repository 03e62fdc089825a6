/*
 * heap_check.c
 *	  Is every row of a table in its index?
 */
#include "postgres.h"

#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "am/heap_check.h"
#include "core/compat.h"

/*
 * An index may lack rows that an older snapshot still sees, where HOT chains
 * were broken when it was built: core keeps such a snapshot from using it.
 */
static void
check_snapshot(Relation index, Snapshot snapshot)
{
	if (IsolationUsesXactSnapshot() && index->rd_index->indcheckxmin &&
		!TransactionIdPrecedes(
			HeapTupleHeaderGetXmin(index->rd_indextuple->t_data),
			snapshot->xmin))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("index \"%s\" cannot be checked with the snapshot of "
						"this transaction",
						RelationGetRelationName(index))));
}

void
heap_check_begin(HeapCheck *check, Relation index)
{
	check->index = index;
	check->snapshot = RegisterSnapshot(GetTransactionSnapshot());
	check_snapshot(index, check->snapshot);
}

pg_noreturn static void
complain(Relation index, ItemPointer tid, const char *what)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_INDEX_CORRUPTED),
		 errmsg("row (%u,%u) %s index \"%s\"", ItemPointerGetBlockNumber(tid),
				ItemPointerGetOffsetNumber(tid), what,
				RelationGetRelationName(index)),
		 errhint("Please REINDEX it.")));
}

/* A row of the heap that the index should have, which is not NULL */
static void
check_values(HeapCheck *check, ItemPointer tid, Datum *values, bool *isnull)
{
	const TidSetEntry *entry = tid_set_lookup(check->tids, tid_number(tid));
	AttributeRow attributes;
	const void *elems;

	if (entry != NULL)
	{
		attribute_row_set(&attributes, check->index, check->attributes,
						  check->nattributes, values, isnull);
		if (entry->digest !=
			attribute_row_digest(&attributes, check->nattributes))
			complain(check->index, tid, "has other attributes in");
		return;
	}
	elems = value_elems(check->elem, values[0], check->dim);
	if (check->metric == METRIC_COSINE &&
		value_ops[check->elem].length(elems, check->dim) == 0)
		return;
	complain(check->index, tid, "is missing in");
}

/* A row of the heap as the build would index it */
static void
check_row(Relation index, ItemPointer tid, Datum *values, bool *isnull,
		  bool alive, void *arg)
{
	HeapCheck *check = arg;
	MemoryContext old;

	CHECK_FOR_INTERRUPTS();
	if (isnull[0])
		return;
	old = MemoryContextSwitchTo(check->row_context);
	check_values(check, tid, values, isnull);
	MemoryContextSwitchTo(old);
	MemoryContextReset(check->row_context);
}

void
heap_check_end(HeapCheck *check, Relation heap)
{
	IndexInfo *info = BuildIndexInfo(check->index);
	TableScanDesc scan =
		table_beginscan_strat(heap, check->snapshot, 0, NULL, true, true);

	/* an MVCC snapshot, as CREATE INDEX CONCURRENTLY uses it */
	info->ii_Concurrent = true;
	info->ii_Unique = false;
	info->ii_ExclusionOps = NULL;
	check->row_context = AllocSetContextCreate(
		CurrentMemoryContext, "heap check row", ALLOCSET_DEFAULT_SIZES);
	(void) table_index_build_scan(heap, check->index, info, true, false,
								  check_row, check, scan);
	MemoryContextDelete(check->row_context);
	UnregisterSnapshot(check->snapshot);
}
