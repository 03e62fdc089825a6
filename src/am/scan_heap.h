/*
 * scan_heap.h
 *	  The indexed value of a heap row, for a scan that needs to know it.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_SCAN_HEAP_H
#define VECTOR_EXT_SCAN_HEAP_H

#include "access/genam.h"
#include "storage/itemptr.h"

typedef struct ScanHeap ScanHeap;

/* For one index scan; memory in the current context, nothing is opened yet */
extern ScanHeap *scan_heap_new(IndexScanDesc scan);

/*
 * The first index column, a varlena, of the row that tid leads to, seen by the scan's
 * snapshot.  False where there is none, or the value is NULL.  The value is
 * detoasted, and valid until the next call.
 */
extern bool scan_heap_fetch(ScanHeap *heap, ItemPointer tid, Datum *value);

extern void scan_heap_end(ScanHeap *heap);

#endif
