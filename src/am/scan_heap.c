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
	EState *estate;       /* for index expressions */
	ExprState *predicate; /* of a partial index, once it was asked for */
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

TupleTableSlot *
scan_heap_row(ScanHeap *heap, ItemPointer tid)
{
	ItemPointerData place = *tid;
	bool call_again = false;
	bool all_dead;

	if (heap->fetch == NULL)
		open_heap(heap);
	ResetPerTupleExprContext(heap->estate);
	return table_index_fetch_tuple(heap->fetch, &place, heap->scan->xs_snapshot,
								   heap->slot, &call_again, &all_dead)
		? heap->slot
		: NULL;
}

bool
scan_heap_indexed(ScanHeap *heap)
{
	MemoryContext old;

	if (heap->info->ii_Predicate == NIL)
		return true;
	if (heap->predicate == NULL)
	{
		old = MemoryContextSwitchTo(heap->estate->es_query_cxt);
		heap->predicate =
			ExecPrepareQual(heap->info->ii_Predicate, heap->estate);
		MemoryContextSwitchTo(old);
	}
	return ExecQual(heap->predicate, GetPerTupleExprContext(heap->estate));
}

bool
scan_heap_stored(ScanHeap *heap, Datum *value)
{
	Datum values[INDEX_MAX_KEYS];
	bool isnull[INDEX_MAX_KEYS];
	MemoryContext old =
		MemoryContextSwitchTo(GetPerTupleMemoryContext(heap->estate));

	FormIndexDatum(heap->info, heap->slot, heap->estate, values, isnull);
	MemoryContextSwitchTo(old);
	*value = values[0];
	return !isnull[0];
}

bool
scan_heap_value(ScanHeap *heap, Datum *value)
{
	MemoryContext old;

	if (!scan_heap_stored(heap, value))
		return false;
	old = MemoryContextSwitchTo(GetPerTupleMemoryContext(heap->estate));
	*value = PointerGetDatum(PG_DETOAST_DATUM(*value));
	MemoryContextSwitchTo(old);
	return true;
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
	heap->predicate = NULL;
}
