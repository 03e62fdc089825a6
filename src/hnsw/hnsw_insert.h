/*
 * hnsw_insert.h
 *	  One more row.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_INSERT_H
#define VECTOR_EXT_HNSW_INSERT_H

#include "nodes/execnodes.h"
#include "storage/itemptr.h"
#include "utils/rel.h"

#include "am/attribute.h"

/*
 * Insert a row by its elements.  False for one without a place in the index:
 * zero length under cosine.  attributes: unused without columns.  What rows share is
 * kept in info; what a row needs is in the current context, the caller's to reset.
 */
extern bool hnsw_insert_elems(Relation index, IndexInfo *info,
							  const void *elems, const AttributeRow *attributes,
							  ItemPointer tid);

#endif
