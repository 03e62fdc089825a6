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

/* A row of the heap as the build would index it */
static void
check_row(Relation index, ItemPointer tid, Datum *values, bool *isnull,
		  bool alive, void *arg)
{
	HeapCheck *check = arg;
	uint64 number = tid_number(tid);
	const void *elems;

	CHECK_FOR_INTERRUPTS();
	if (isnull[0] || tid_set_lookup(check->tids, number) != NULL)
		return;
	elems = value_elems(check->elem, values[0], check->dim);
	if (check->metric == METRIC_COSINE &&
		value_ops[check->elem].length(elems, check->dim) == 0)
		return;
	ereport(
		ERROR,
		(errcode(ERRCODE_INDEX_CORRUPTED),
		 errmsg("row (%u,%u) is missing in index \"%s\"",
				ItemPointerGetBlockNumber(tid), ItemPointerGetOffsetNumber(tid),
				RelationGetRelationName(index)),
		 errhint("Please REINDEX it.")));
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
	(void) table_index_build_scan(heap, check->index, info, true, false,
								  check_row, check, scan);
	UnregisterSnapshot(check->snapshot);
}
