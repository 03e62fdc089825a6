/*
 * scan_heap.c
 *	  The indexed value of a heap row, for a scan that needs to know it.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/relscan.h"
#include "access/tableam.h"
#include "catalog/index.h"
#include "catalog/pg_am.h"
#include "executor/executor.h"
#include "utils/memutils.h"

#include "am/scan_heap.h"
#include "am/toast_reader.h"
#include "core/compat.h"
#include "pages/page.h"

struct ScanHeap
{
	IndexScanDesc scan;
	MemoryContext context; /* lives as long as the scan */
	IndexFetchTableData *fetch;
	TupleTableSlot *slot;
	IndexInfo *info;
	EState *estate;       /* for index expressions */
	ExprState *predicate; /* of a partial index, once it was asked for */
	ToastReader *reader;  /* NULL: no value out of line yet */

	/* all rows: */
	TableScanDesc rows; /* NULL: has not begun */
	BlockNumber block;  /* of which roots are known */
	OffsetNumber roots[MaxHeapTuplesPerPage];
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
scan_heap_is_readable(const ScanHeap *heap)
{
	return heap->scan->heapRelation->rd_rel->relam == HEAP_TABLE_AM_OID;
}

void
scan_heap_expect(ScanHeap *heap, ItemPointer tid)
{
	if (scan_heap_is_readable(heap))
		page_read_ahead(heap->scan->heapRelation,
						ItemPointerGetBlockNumber(tid));
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

/* Who reads values out of line; made for the first of them */
static ToastReader *
reader_of(ScanHeap *heap, Datum value)
{
	MemoryContext old;

	if (heap->reader == NULL &&
		VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(value)))
	{
		old = MemoryContextSwitchTo(heap->context);
		heap->reader = toast_reader_new(heap->scan->heapRelation);
		MemoryContextSwitchTo(old);
	}
	return heap->reader;
}

void
scan_heap_expect_stored(ScanHeap *heap, Datum value)
{
	ToastReader *reader = reader_of(heap, value);

	if (reader != NULL)
		toast_reader_expect(reader, value);
}

Datum
scan_heap_detoast(ScanHeap *heap, Datum value)
{
	ToastReader *reader = reader_of(heap, value);
	MemoryContext old =
		MemoryContextSwitchTo(GetPerTupleMemoryContext(heap->estate));

	if (reader != NULL)
		value = toast_reader_value(reader, value);
	value = PointerGetDatum(PG_DETOAST_DATUM(value));
	MemoryContextSwitchTo(old);
	return value;
}

bool
scan_heap_value(ScanHeap *heap, Datum *value)
{
	if (!scan_heap_stored(heap, value))
		return false;
	*value = scan_heap_detoast(heap, *value);
	return true;
}

void
scan_heap_forget(ScanHeap *heap)
{
	ResetPerTupleExprContext(heap->estate);
}

TupleTableSlot *
scan_heap_next(ScanHeap *heap)
{
	if (heap->fetch == NULL)
		open_heap(heap);
	if (heap->rows == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(heap->context);

		heap->rows = table_beginscan(heap->scan->heapRelation,
									 heap->scan->xs_snapshot, 0, NULL);
		MemoryContextSwitchTo(old);
		heap->block = InvalidBlockNumber;
	}
	ResetPerTupleExprContext(heap->estate);
	if (table_scan_getnextslot(heap->rows, ForwardScanDirection, heap->slot))
		return heap->slot;
	table_endscan(heap->rows);
	heap->rows = NULL;
	return NULL;
}

/* A row that was updated without a new entry is known by the first of its chain */
ItemPointerData
scan_heap_tid(ScanHeap *heap)
{
	ItemPointerData tid = heap->slot->tts_tid;
	BlockNumber block = ItemPointerGetBlockNumber(&tid);
	OffsetNumber offset = ItemPointerGetOffsetNumber(&tid);
	Buffer buffer;

	if (!HeapTupleIsHeapOnly(((HeapTupleTableSlot *) heap->slot)->tuple))
		return tid;
	if (block != heap->block)
	{
		buffer = ((BufferHeapTupleTableSlot *) heap->slot)->buffer;
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		heap_get_root_tuples(BufferGetPage(buffer), heap->roots);
		LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
		heap->block = block;
	}
	if (OffsetNumberIsValid(heap->roots[offset - 1]))
		ItemPointerSetOffsetNumber(&tid, heap->roots[offset - 1]);
	return tid;
}

void
scan_heap_end(ScanHeap *heap)
{
	if (heap->fetch == NULL)
		return;
	if (heap->rows != NULL)
		table_endscan(heap->rows);
	heap->rows = NULL;
	if (heap->reader != NULL)
		toast_reader_end(heap->reader);
	heap->reader = NULL;
	table_index_fetch_end(heap->fetch);
	ExecDropSingleTupleTableSlot(heap->slot);
	FreeExecutorState(heap->estate);
	heap->fetch = NULL;
	heap->predicate = NULL;
}
