/*
 * scan_heap.h
 *	  The indexed value of a heap row, for a scan that needs to know it.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_SCAN_HEAP_H
#define VECTOR_EXT_SCAN_HEAP_H

#include "access/genam.h"
#include "executor/tuptable.h"
#include "storage/itemptr.h"

typedef struct ScanHeap ScanHeap;

/* For one index scan; memory in the current context, nothing is opened yet */
extern ScanHeap *scan_heap_new(IndexScanDesc scan);

/* Its row will be asked for soon: have the page read */
extern void scan_heap_expect(ScanHeap *heap, ItemPointer tid);

/*
 * The row that tid leads to, seen by the scan's snapshot; NULL where there is none.
 * Valid until the next call.
 */
extern TupleTableSlot *scan_heap_row(ScanHeap *heap, ItemPointer tid);

/* Of that row: has the index, which may be partial, an entry for it? */
extern bool scan_heap_indexed(ScanHeap *heap);

/*
 * Its first index column, a varlena, as it is stored; false where that is NULL.  Valid
 * as long as the row.
 */
extern bool scan_heap_stored(ScanHeap *heap, Datum *value);

/* The same detoasted */
extern bool scan_heap_value(ScanHeap *heap, Datum *value);

/*
 * A value as it is stored, of a row that may be another one by now: it will be asked for
 * soon; it detoasted, valid until the next row or until it is forgotten.
 */
extern void scan_heap_expect_stored(ScanHeap *heap, Datum value);
extern Datum scan_heap_detoast(ScanHeap *heap, Datum value);
extern void scan_heap_forget(ScanHeap *heap);

/*
 * All visible rows of the table, in its order: NULL after the last one.  Not for
 * tables of other kinds than PostgreSQL's own: false.
 */
extern bool scan_heap_is_readable(const ScanHeap *heap);
extern TupleTableSlot *scan_heap_next(ScanHeap *heap);

/* The TID by which indexes know the row that scan_heap_next() returned last */
extern ItemPointerData scan_heap_tid(ScanHeap *heap);

extern void scan_heap_end(ScanHeap *heap);

#endif
