/*
 * hnsw_train.h
 *	  An index that has grown learns: codes, and how far searches have to go.
 *
 * An index that was made with few rows, or none, has room for codes only.  VACUUM
 * learns them as soon as there are rows enough, and learns again when there are
 * ten times as many as it learned from:
 *
 *		1  all blocks: elements are counted, a sample of them is taken
 *		2  the model is learned from the sample, in memory
 *		3  no insertion is under way: HNSW_UNTRAINED, the model's pages are
 *		   written, HNSW_ENCODING
 *		4  all blocks: codes of elements from their records, in memory; all blocks:
 *		   codes beside links, one edit a block; row pages likewise.  As many names at
 *		   a time as there is memory for
 *		5  HNSW_CODED
 *		6  all blocks: what is nearest to some elements; searches for them; how far
 *		   these have to go is written
 *
 * Between 3 and 5 searches visit neighbours one by one.  From 3 on insertions
 * write codes by the new model; a name that was no node in 4 is given to one by
 * such an insertion, so that all links to it have its code already.  Names that
 * were nodes stay what they are: only VACUUM frees slots, and it is here.
 *
 * A search that runs while codes change may miss what it should have found: it
 * notices afterwards that the meta data have changed, and runs once more.  What it
 * says of distances it knows from records.
 *
 * Ended at any moment, by a crash or otherwise, the index is as good as one
 * without codes, until the next VACUUM begins from the start: trained and
 * calibrated are written last.
 *
 * Locks: one page at a time; the lock of the meta page, exclusively, for 3, 5 and
 * the end of 6.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_TRAIN_H
#define VECTOR_EXT_HNSW_TRAIN_H

#include "storage/bufmgr.h"
#include "utils/rel.h"

/*
 * Learn what is due, which takes a look at a few blocks to see.  The caller keeps
 * others away who do this or take rows away, and holds no lock of a page.
 * strategy: for blocks in order, may be NULL.  True where all rows were counted
 * for it: *nrows.  Within maintenance_work_mem.  A WARNING where OpenBLAS cannot be
 * loaded.
 */
extern bool hnsw_train(Relation index, BufferAccessStrategy strategy,
					   double *nrows);

/* The same whether it is due or not, if there are rows enough; true */
extern bool hnsw_train_anew(Relation index);

#endif
