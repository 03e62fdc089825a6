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
 * Write an empty relation's fork of an index without rows: the meta page, room
 * for a model.  Sets where that is.  Nothing is logged.
 */
extern void hnsw_write_empty(Relation index, ForkNumber fork, HnswMeta *meta);

/*
 * Write an empty relation's main fork: meta page, model, nodes; nothing is
 * logged.  floats: of the model, hnsw_floats(meta) of them, NULL unless it has
 * been trained.
 * Sets where the model is in the plan's meta, and the names of nodes.
 */
extern void hnsw_write(HnswTeam *team, const float *floats);

/* Write the calibrations of meta into the meta page, unlogged */
extern void hnsw_write_calibrations(Relation index, const HnswMeta *meta);

/* Log all that was written */
extern void hnsw_write_log(HnswTeam *team);

/* HNSW_JOB_ENCODE, HNSW_JOB_WRITE, HNSW_JOB_LOG */
extern void hnsw_encode_job(HnswTeam *team);
extern void hnsw_write_job(HnswTeam *team);
extern void hnsw_log_job(HnswTeam *team);

#endif
