/*
 * hnsw_reach.h
 *	  VACUUM's promise: to each element that is there a way leads.
 *
 * Links that replace those to dead nodes are chosen from nearby, by each node for
 * itself: that may cut off a node, or a group of nodes that only link to one another,
 * as when rows come to a place where all others were dead, or to dead elements.  So
 * the live nodes to which links lead from the entry are marked, in passes over the
 * blocks instead of a walk from node to node: who is marked in the first pass marks its
 * neighbours as it goes by, and later passes read only blocks where somebody marked
 * has not done so.  Elements that stay without a mark are then linked as if they were
 * inserted now, to marked ones, one after the other.
 *
 * Links to nodes of other levels, which slots that are used again may leave behind,
 * count as links.
 *
 * Locks: one page at a time, shared, exclusively only to change it.  Callers hold none.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_REACH_H
#define VECTOR_EXT_HNSW_REACH_H

#include "storage/bufmgr.h"

#include "hnsw/hnsw_model.h"

/* Of memory, for each name there is */
#define HNSW_REACH_BITS 3

typedef struct HnswReach HnswReach;

/*
 * For names before n.  model: the caller's, it lives on.  strategy: for reading
 * blocks, may be NULL.  Memory in the current context.
 */
extern HnswReach *hnsw_reach_new(Relation index, const HnswModel *model,
								 uint32 n, BufferAccessStrategy strategy);

/* Only the entry is marked */
extern void hnsw_reach_begin(HnswReach *reach);

/* The first pass: each page of nodes, as its links are from now on */
extern void hnsw_reach_pass(HnswReach *reach, char *page, BlockNumber blkno);

/* The others, and links for the elements that are not marked; how many there were */
extern uint64 hnsw_reach_finish(HnswReach *reach);

/*
 * Link an element anew: one that was taken for dead when others' links were, and has
 * rows again.  After hnsw_reach_finish().
 */
extern void hnsw_reach_link(HnswReach *reach, HnswId id);

#endif
