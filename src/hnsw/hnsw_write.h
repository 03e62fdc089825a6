/*
 * hnsw_write.h
 *	  Writes the pages of an index that is being built.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_WRITE_H
#define VECTOR_EXT_HNSW_WRITE_H

#include "hnsw/hnsw_graph.h"
#include "hnsw/hnsw_model.h"
#include "utils/rel.h"

/*
 * Write an empty relation's fork: meta page, model, nodes; nothing is logged.
 * floats: of the model, hnsw_floats(meta) of them, NULL without codec.  Sets
 * where the model is in meta.  graph, rows: NULL for an index without rows.
 * Returns the name of the first element's node; the others follow.
 */
extern HnswId hnsw_write(Relation index, ForkNumber fork, HnswMeta *meta,
						 const float *floats, const HnswGraph *graph,
						 const HnswRows *rows);

/* Write the calibrations of meta into the meta page, unlogged */
extern void hnsw_write_calibrations(Relation index, const HnswMeta *meta);

#endif
