/*
 * scan_heap.c
 *	  The indexed value of a heap row, for a scan that needs to know it.
 */
#include "postgres.h"

#include "access/relscan.h"
#include "access/tableam.h"
#include "catalog/index.h"
#include "executor/executor.h"
#include "utils/memutils.h"

#include "am/scan_heap.h"
#include "core/compat.h"

struct ScanHeap
{
	IndexScanDesc scan;
	MemoryContext context; /* lives as long as the scan */
	IndexFetchTableData *fetch;
	TupleTableSlot *slot;
	IndexInfo *info;
	EState *estate; /* for index expressions */
};

ScanHeap *
scan_heap_new(IndexScanDesc scan)
{
	ScanHeap *heap = palloc0(sizeof(ScanHeap));

	heap->scan = scan;
	heap->context = CurrentMemoryContext;
	return heap;
}

/* Most scans never need the heap, so it is opened for the first that does */
static void
open_heap(ScanHeap *heap)
{
	MemoryContext old = MemoryContextSwitchTo(heap->context);

	heap->slot = table_slot_create(heap->scan->heapRelation, NULL);
	heap->info = BuildIndexInfo(heap->scan->indexRelation);
	heap->estate = CreateExecutorState();
	GetPerTupleExprContext(heap->estate)->ecxt_scantuple = heap->slot;
	heap->fetch = table_index_fetch_begin(heap->scan->heapRelation);
	MemoryContextSwitchTo(old);
}

bool
scan_heap_fetch(ScanHeap *heap, ItemPointer tid, Datum *value)
{
	Datum values[INDEX_MAX_KEYS];
	bool isnull[INDEX_MAX_KEYS];
	ItemPointerData place = *tid;
	bool call_again = false;
	bool all_dead;
	MemoryContext old;

	if (heap->fetch == NULL)
		open_heap(heap);
	ResetPerTupleExprContext(heap->estate);
	if (!table_index_fetch_tuple(heap->fetch, &place, heap->scan->xs_snapshot,
								 heap->slot, &call_again, &all_dead))
		return false;
	old = MemoryContextSwitchTo(GetPerTupleMemoryContext(heap->estate));
	FormIndexDatum(heap->info, heap->slot, heap->estate, values, isnull);
	if (!isnull[0])
		*value = PointerGetDatum(PG_DETOAST_DATUM(values[0]));
	MemoryContextSwitchTo(old);
	return !isnull[0];
}

void
scan_heap_end(ScanHeap *heap)
{
	if (heap->fetch == NULL)
		return;
	table_index_fetch_end(heap->fetch);
	ExecDropSingleTupleTableSlot(heap->slot);
	FreeExecutorState(heap->estate);
	heap->fetch = NULL;
}
