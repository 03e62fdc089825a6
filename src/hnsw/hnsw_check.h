/*
 * hnsw_check.h
 *	  Is an index what it should be?
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_CHECK_H
#define VECTOR_EXT_HNSW_CHECK_H

#include "utils/rel.h"

#include "am/methods.h"

/*
 * Look at every slot: its state, the levels of its element, its links and their
 * codes, its copy, its TIDs, which appear once.  A link to what is no node of its
 * level is stale, and so may be its code: both count as errors where no slot has
 * ever been freed; else the former are only counted, at DEBUG1, and of the latter
 * there may be one in a hundred.  Then walk from the entry: a WARNING says how many
 * elements that misses, an error if it is more than one in a hundred.  heapallindexed: every row of the heap that a snapshot taken now
 * sees is there, too.  Errors [XX002] with block and slot.  Memory: 24 bytes a
 * TID, 10 a slot.
 *
 * The caller holds a lock on the heap that keeps VACUUM out.  Insertions go on;
 * where one might be the cause of what was found, the walk is made again.
 * On a standby, where nothing keeps VACUUM's changes out, no two things are
 * compared that are read one after the other.
 */
extern void hnsw_check(Relation heap, Relation index, bool heapallindexed);

/*
 * hnsw_describe.c: settings in force, rows, nodes by state, bytes by part; reads
 * all blocks
 */
extern void hnsw_describe(Relation index, MethodFact fact, void *arg);

#endif
