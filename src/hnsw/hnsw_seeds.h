/*
 * hnsw_seeds.h
 *	  Seeds: rows by whose codes a search finds its ways into the ground.
 *
 * The levels above are a search of their own, of some forty nodes.  A backend that often
 * searches an index copies the codes of one row in sixteen, of each sixteen on the
 * row pages (hnsw_row_page.h), and goes by the estimates of all of these: they are no
 * fewer than the elements of level 1, and better than what a search there finds.  (Seeds:
 * Wang, Xu, Yue, Wang, VLDB 14(11), 2021, component C4, by random sampling.)
 *
 * They are copied once searches without have looked at several times as many nodes above
 * as there are row pages.  Not where memory has room for fewer than one row in 24: then
 * a group of near rows without links to others might have none.  A seed may be gone: it
 * is a link, and taken for what is at its end.  Rows that came later are no seeds, so
 * they are copied anew once the index has grown by an eighth.
 *
 * Memory: up to 512 kB for each index, with the model in the relation cache.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_SEEDS_H
#define VECTOR_EXT_HNSW_SEEDS_H

#include "hnsw/hnsw_model.h"

/* Lanes for the seeds of an index of so many blocks; 0: it is to have none */
extern uint32 hnsw_seeds_room(const HnswMeta *meta, const HnswLayout *layout,
							  BlockNumber nblocks);

/* Are there seeds?  They are copied now, if it is time; no lock is held. */
extern bool hnsw_seeds_ready(Relation index, const HnswModel *model);

/* A search has looked at so many nodes above the ground, for want of seeds */
extern void hnsw_seeds_missed(const HnswModel *model, uint64 nodes);

/* They are no good any more */
extern void hnsw_seeds_forget(const HnswModel *model);

typedef struct HnswSeed
{
	float estimate;
	HnswId ground;
} HnswSeed;

/* The nearest seeds to a query as the codec wants it, in order; how many, up to most */
extern uint32 hnsw_seeds_find(const HnswModel *model, const CodecQuery *query,
							  HnswSeed *nearest, uint32 most);

#endif
