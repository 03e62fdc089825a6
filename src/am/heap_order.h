/*
 * heap_order.h
 *	  TIDs brought into the order of the table's pages, as many at a time as fit
 *	  into work_mem, so that whoever reads their rows reads each page once.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HEAP_ORDER_H
#define VECTOR_EXT_HEAP_ORDER_H

#include "storage/itemptr.h"

typedef struct HeapOrder
{
	void (*visit)(void *arg, ItemPointer tid);
	void *arg;
	uint64 *tids; /* tid_number() of those that wait */
	Size n;
	Size room;
	Size most;
} HeapOrder;

/* Memory in the current context */
extern void heap_order_begin(HeapOrder *order,
							 void (*visit)(void *arg, ItemPointer tid),
							 void *arg);

/* A ScanVisit, its argument the HeapOrder: visit comes for the TID sooner or later */
extern void heap_order_add(void *order, ItemPointer tid);

/* All that wait are visited; memory is released */
extern void heap_order_end(HeapOrder *order);

#endif
