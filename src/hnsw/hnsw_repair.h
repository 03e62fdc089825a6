/*
 * hnsw_repair.h
 *	  Nodes that had links to what VACUUM takes away get others.
 *
 * A node with links to dead nodes chooses anew among its own other neighbours and
 * the neighbours of the dead ones (Singh, Subramanya, Krishnaswamy, Simhadri,
 * FreshDiskANN, arXiv 2105.09613, 2021, algorithm 4), of which it learns by
 * reading these, not by a search.  Two departures: links to live nodes stay, as
 * they may be the only way to where they lead; and where most nodes are dead, so
 * that too few candidates are found, the walk goes on from dead nodes to their
 * dead neighbours until there are enough.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_REPAIR_H
#define VECTOR_EXT_HNSW_REPAIR_H

#include "storage/bufmgr.h"

#include "hnsw/hnsw_model.h"
#include "hnsw/hnsw_reach.h"

/* What names lead to, as far as they are known: bits for a range of them */
typedef struct HnswGone
{
	HnswId first; /* names from here on */
	uint32 n;
	bool complete;  /* no other name leads to a node that is dead */
	uint32 *dead;   /* nodes that lead to no row */
	uint32 *vacant; /* slots that were no node when they were looked at */
} HnswGone;

static inline bool
hnsw_gone_get(const HnswGone *gone, const uint32 *bits, HnswId id)
{
	uint32 at = id - gone->first; /* wraps below */

	return at < gone->n && (bits[at / 32] >> at % 32 & 1) != 0;
}

static inline void
hnsw_gone_set(const HnswGone *gone, uint32 *bits, HnswId id)
{
	uint32 at = id - gone->first;

	if (at < gone->n)
		bits[at / 32] |= 1U << at % 32;
}

typedef struct HnswRepair HnswRepair;

/*
 * model, gone, reach: the caller's, they live on.  strategy: for reading blocks in
 * order, may be NULL.  Memory in the current context.
 */
extern HnswRepair *hnsw_repair_new(Relation index, const HnswModel *model,
								   const HnswGone *gone, HnswReach *reach,
								   BufferAccessStrategy strategy);

/*
 * Replace the links to what is gone in the live nodes of a block: one edit; and pass
 * it on to hnsw_reach_pass().  Callers hold no lock; one page at a time is locked,
 * exclusively only to change it.
 */
extern void hnsw_repair_block(HnswRepair *repair, BlockNumber blkno);

#endif
