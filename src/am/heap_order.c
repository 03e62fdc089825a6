/*
 * heap_order.c
 *	  TIDs brought into the order of the table's pages.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "am/heap_order.h"
#include "am/tid_set.h"

#define ROOM_FIRST 1024

#define ST_SORT sort_tids
#define ST_ELEMENT_TYPE uint64
#define ST_COMPARE(a, b) (*(a) < *(b) ? -1 : *(a) > *(b))
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

void
heap_order_begin(HeapOrder *order, void (*visit)(void *arg, ItemPointer tid),
				 void *arg)
{
	*order = (HeapOrder){
		.visit = visit,
		.arg = arg,
		.room = ROOM_FIRST,
		.tids = palloc(ROOM_FIRST * sizeof(uint64)),
		.most = Max((Size) work_mem * 1024 / sizeof(uint64), ROOM_FIRST)};
}

static void
visit_all(HeapOrder *order)
{
	ItemPointerData tid;

	sort_tids(order->tids, order->n);
	for (Size i = 0; i < order->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		ItemPointerSet(&tid, order->tids[i] >> 16, order->tids[i] & 0xFFFF);
		order->visit(order->arg, &tid);
	}
	order->n = 0;
}

void
heap_order_add(void *arg, ItemPointer tid)
{
	HeapOrder *order = arg;

	if (order->n == order->room && order->room < order->most)
	{
		order->room = Min(order->room * 2, order->most);
		order->tids = repalloc_huge(order->tids, order->room * sizeof(uint64));
	}
	if (order->n == order->room)
		visit_all(order);
	order->tids[order->n++] = tid_number(tid);
}

void
heap_order_end(HeapOrder *order)
{
	visit_all(order);
	pfree(order->tids);
}
