/*
 * graph_pool.h
 *	  The nodes that a best-first search has met: whose turn is next, and who is too
 *	  far to come.
 *
 * Of all nodes that were added the nearest `wanted` count (Malkov and Yashunin,
 * IEEE TPAMI 42(4), 2020, algorithm 2: W and C in one).  Those that wait for their
 * turn are a heap, nearest first; the keys that count are another, farthest first,
 * which is made when there are as many as wanted: most searches with a large pool stop
 * before.  Who has become too far while it waited is left out when the heap is full.
 *
 * Plain C: no PostgreSQL header, no allocation.
 */
#ifndef VECTOR_EXT_GRAPH_POOL_H
#define VECTOR_EXT_GRAPH_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct GraphPoolEntry
{
	float key;
	uint32_t id;
	bool exact; /* the caller's: the key is no estimate */
} GraphPoolEntry;

/* Entries that wait at most: as many as count, and as many that equal the farthest */
#define GRAPH_POOL_ROOM(wanted) (2 * (size_t) (wanted) + 64)

typedef struct GraphPool
{
	size_t wanted;           /* the caller's, at least 1 */
	GraphPoolEntry *waiting; /* the caller's: GRAPH_POOL_ROOM(wanted) */
	float *kept;             /* the caller's: wanted */

	size_t nwaiting;
	size_t nkept;
} GraphPool;

static inline void
graph_pool_reset(GraphPool *pool)
{
	pool->nwaiting = pool->nkept = 0;
}

static inline bool
graph_pool_is_full(const GraphPool *pool)
{
	return pool->nkept == pool->wanted;
}

/* A full pool takes only what is below this key */
static inline float
graph_pool_limit(const GraphPool *pool)
{
	return pool->kept[0];
}

/* waits: false for one whose turn was already.  Its key is below a full pool's limit. */
extern void graph_pool_add(GraphPool *pool, GraphPoolEntry entry, bool waits);

/* The nearest one that waits; NULL: there is none that counts */
static inline const GraphPoolEntry *
graph_pool_next(const GraphPool *pool)
{
	const GraphPoolEntry *next = pool->waiting;

	return pool->nwaiting > 0 &&
			(!graph_pool_is_full(pool) || next->key <= graph_pool_limit(pool))
		? next
		: NULL;
}

/* That which graph_pool_next() said waits no more */
extern void graph_pool_take(GraphPool *pool);

#endif
