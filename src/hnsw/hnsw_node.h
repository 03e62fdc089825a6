/*
 * hnsw_node.h
 *	  Nodes as they are written: slots, links, TIDs.
 *
 * Callers hold the page: an exclusively locked buffer's image of an edit
 * (pages/wal.h), or a page of an index that is being built.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_NODE_H
#define VECTOR_EXT_HNSW_NODE_H

#include "hnsw/hnsw_copy.h"
#include "hnsw/hnsw_model.h"
#include "pages/wal.h"

/* A neighbour, as a node keeps it */
typedef struct HnswLink
{
	HnswId id;
	const uint8 *code; /* of the codec; where links come with it */
} HnswLink;

/* The slot with this name, of a page that has content, to be changed by an edit */
extern HnswNode *hnsw_edit_node(PageEdit *edit, const HnswLayout *layout,
								Buffer buffer, HnswId id);

/*
 * A free slot becomes a node of this level without links, TIDs and copy; below
 * and ground are the caller's to set.
 */
extern void hnsw_node_init(HnswNode *node, const HnswLayout *layout,
						   uint8 level);

/* Put a neighbour into a lane, or take it away */
extern void hnsw_link_set(HnswNode *node, const HnswModel *model, uint32 lane,
						  const HnswLink *link);
extern void hnsw_link_clear(HnswNode *node, const HnswModel *model,
							uint32 lane);

/* The neighbour in a lane; code: room for its code, unused without codec */
extern HnswLink hnsw_link_get(const HnswNode *node, const HnswModel *model,
							  uint32 lane, uint8 *code);

/* A slot is free from now on: zeros */
extern void hnsw_node_free(HnswNode *node, const HnswLayout *layout);

/*
 * Copy a page of nodes; false, and no copy, for a block that holds none.  page:
 * BLCKSZ bytes.  Locks the page for a moment, shared; strategy may be NULL.
 */
extern bool hnsw_copy_block(Relation index, BlockNumber blkno,
							BufferAccessStrategy strategy, char *page);

/* A free slot, by number, in a page of nodes; -1: there is none */
extern int hnsw_free_slot(Page page, const HnswLayout *layout);

/*
 * A page of nodes with a free slot, pinned and exclusively locked: one that has
 * been there, or a new one (then *is_new: the caller's edit must log it as new,
 * page_init() it, and may leave it unused only by filling nothing).  Locks the meta
 * page for a moment, before; callers hold no lock.
 */
extern Buffer hnsw_space(Relation index, const HnswModel *model, bool *is_new);

/* Say from which block on slots are free: after VACUUM */
extern void hnsw_set_space(Relation index, BlockNumber blkno);

#endif
