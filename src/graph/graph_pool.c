/*
 * graph_pool.c
 *	  The nodes that a best-first search has met.
 *
 * Entries and keys move into holes, once each, rather than being swapped.
 */
#include "graph/graph_pool.h"

/* Put an entry where there is a hole, or above it */
static void
rise(GraphPoolEntry *heap, size_t hole, GraphPoolEntry entry)
{
	while (hole > 0 && heap[(hole - 1) / 2].key > entry.key)
	{
		heap[hole] = heap[(hole - 1) / 2];
		hole = (hole - 1) / 2;
	}
	heap[hole] = entry;
}

/*
 * Fill the hole at the top of n entries with the last one, which belongs near the
 * bottom: the hole goes all the way down first.
 */
static void
fill_top(GraphPoolEntry *heap, size_t n, GraphPoolEntry last)
{
	size_t hole = 0;
	size_t child;

	while ((child = 2 * hole + 1) + 1 < n)
	{
		child += heap[child + 1].key < heap[child].key;
		heap[hole] = heap[child];
		hole = child;
	}
	if (child < n)
	{
		heap[hole] = heap[child];
		hole = child;
	}
	rise(heap, hole, last);
}

/* A key into a hole of n, the farthest of which is on top */
static void
sink(float *heap, size_t n, size_t hole, float key)
{
	size_t child;

	while ((child = 2 * hole + 1) < n)
	{
		child += child + 1 < n && heap[child + 1] > heap[child];
		if (heap[child] <= key)
			break;
		heap[hole] = heap[child];
		hole = child;
	}
	heap[hole] = key;
}

static void
keep(GraphPool *pool, float key)
{
	if (graph_pool_is_full(pool))
	{
		sink(pool->kept, pool->nkept, 0, key);
		return;
	}
	pool->kept[pool->nkept++] = key;
	if (!graph_pool_is_full(pool))
		return;
	for (size_t i = pool->nkept / 2; i-- > 0;)
		sink(pool->kept, pool->nkept, i, pool->kept[i]);
}

/* Leave out who does not count any more */
static void
leave_out(GraphPool *pool)
{
	float limit = graph_pool_limit(pool);
	size_t n = 0;

	for (size_t i = 0; i < pool->nwaiting; i++)
	{
		GraphPoolEntry entry = pool->waiting[i];

		if (entry.key <= limit)
			rise(pool->waiting, n++, entry);
	}
	pool->nwaiting = n;
}

void
graph_pool_add(GraphPool *pool, GraphPoolEntry entry, bool waits)
{
	keep(pool, entry.key);
	if (!waits)
		return;
	if (pool->nwaiting == GRAPH_POOL_ROOM(pool->wanted))
		leave_out(pool);
	rise(pool->waiting, pool->nwaiting++, entry);
}

void
graph_pool_take(GraphPool *pool)
{
	GraphPoolEntry last = pool->waiting[--pool->nwaiting];

	if (pool->nwaiting > 0)
		fill_top(pool->waiting, pool->nwaiting, last);
}
