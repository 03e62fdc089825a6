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
#include "storage/buf.h"
#include "utils/rel.h"

/*
 * Write an empty relation's fork of an index without rows: the meta page, room
 * for a model.  Sets where that is.  Nothing is logged.
 */
extern void hnsw_write_empty(Relation index, ForkNumber fork, HnswMeta *meta);

/*
 * Write an empty relation's main fork, in steps: meta page, pinned, and model; nodes
 * of the rows in memory, which are linked and have their codes, from the plan's
 * lowest level on; the meta page's content.  Nothing is logged.  floats: of the model,
 * hnsw_floats(meta) of them, NULL unless it has been trained.
 * Sets where the model is in the plan's meta, and the names of nodes.
 */
extern Buffer hnsw_write_begin(HnswTeam *team, const float *floats);
extern void hnsw_write_levels(HnswTeam *team, HnswState *state);
extern void hnsw_write_end(HnswTeam *team, Buffer buffer,
						   const HnswState *state);

/*
 * Slots with n more TIDs of the element with this node on the ground, from a name
 * on; the name behind the last one.
 */
extern HnswId hnsw_write_more(HnswTeam *team, HnswId ground,
							  const ItemPointerData *tids, uint32 n, HnswId id);

/* Where an element belongs whose nodes below are written, in HNSW_UPPER */
typedef struct HnswUpper
{
	HnswId ground;
	HnswId below;
} HnswUpper;

/* Write the calibrations of meta into the meta page, unlogged */
extern void hnsw_write_calibrations(Relation index, const HnswMeta *meta);

/* Log all that was written */
extern void hnsw_write_log(HnswTeam *team);

/* HNSW_JOB_WRITE, HNSW_JOB_LOG */
extern void hnsw_write_job(HnswTeam *team);
extern void hnsw_log_job(HnswTeam *team);

#endif
