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
	MemoryContext row;     /* lives as long as a row */
	IndexFetchTableData *fetch;
	TupleTableSlot *slot;

	/* where an expression is indexed, not a column */
	IndexInfo *info;
	EState *estate;
};

ScanHeap *
scan_heap_new(IndexScanDesc scan)
{
	ScanHeap *heap = palloc0(sizeof(ScanHeap));

	heap->scan = scan;
	heap->context = CurrentMemoryContext;
	return heap;
}

static AttrNumber
indexed_column(const ScanHeap *heap)
{
	return heap->scan->indexRelation->rd_index->indkey.values[0];
}

/* Most scans never need the heap, so it is opened for the first that does */
static void
open_heap(ScanHeap *heap)
{
	MemoryContext old = MemoryContextSwitchTo(heap->context);

	heap->slot = table_slot_create(heap->scan->heapRelation, NULL);
	if (indexed_column(heap) != InvalidAttrNumber)
		heap->row = AllocSetContextCreate(heap->context, "vector row",
										  ALLOCSET_SMALL_SIZES);
	else
	{
		heap->info = BuildIndexInfo(heap->scan->indexRelation);
		heap->estate = CreateExecutorState();
		GetPerTupleExprContext(heap->estate)->ecxt_scantuple = heap->slot;
		heap->row = GetPerTupleMemoryContext(heap->estate);
	}
	heap->fetch = table_index_fetch_begin(heap->scan->heapRelation);
	MemoryContextSwitchTo(old);
}

/* The indexed value of the row in the slot; false where it is NULL */
static bool
read_value(ScanHeap *heap, Datum *value)
{
	Datum values[INDEX_MAX_KEYS];
	bool isnull[INDEX_MAX_KEYS];

	if (heap->info == NULL)
		values[0] = slot_getattr(heap->slot, indexed_column(heap), &isnull[0]);
	else
		FormIndexDatum(heap->info, heap->slot, heap->estate, values, isnull);
	if (!isnull[0])
		*value = PointerGetDatum(PG_DETOAST_DATUM(values[0]));
	return !isnull[0];
}

bool
scan_heap_fetch(ScanHeap *heap, ItemPointer tid, Datum *value)
{
	ItemPointerData place = *tid;
	bool call_again = false;
	bool all_dead;
	bool has_value;
	MemoryContext old;

	if (heap->fetch == NULL)
		open_heap(heap);
	MemoryContextReset(heap->row);
	if (!table_index_fetch_tuple(heap->fetch, &place, heap->scan->xs_snapshot,
								 heap->slot, &call_again, &all_dead))
		return false;
	old = MemoryContextSwitchTo(heap->row);
	has_value = read_value(heap, value);
	MemoryContextSwitchTo(old);
	return has_value;
}

void
scan_heap_end(ScanHeap *heap)
{
	if (heap->fetch == NULL)
		return;
	table_index_fetch_end(heap->fetch);
	ExecDropSingleTupleTableSlot(heap->slot);
	if (heap->estate != NULL)
		FreeExecutorState(heap->estate);
	heap->fetch = NULL;
}
