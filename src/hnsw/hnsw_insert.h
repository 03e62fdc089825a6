/*
 * hnsw_insert.h
 *	  One more row.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_INSERT_H
#define VECTOR_EXT_HNSW_INSERT_H

#include "storage/itemptr.h"
#include "utils/rel.h"

/*
 * Insert a row by its elements.  False for one without a place in the index:
 * zero length under cosine.
 */
extern bool hnsw_insert_elems(Relation index, const void *elems,
							  ItemPointer tid);

#endif
