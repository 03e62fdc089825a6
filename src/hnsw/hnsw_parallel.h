/*
 * hnsw_parallel.h
 *	  Workers beside the process that builds an index.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_PARALLEL_H
#define VECTOR_EXT_HNSW_PARALLEL_H

#include "hnsw/hnsw_team.h"

typedef struct HnswWorkers HnswWorkers;

/*
 * Launch as many workers as the team wants, which wait for jobs; the arrays of
 * rows are there.  NULL where the leader stays alone.  It is in parallel mode
 * from here to hnsw_workers_end().
 */
extern HnswWorkers *hnsw_workers_begin(HnswTeam *team);

/*
 * Wait until all have ended, as the team has; what they have counted is added
 * to the team.
 */
extern void hnsw_workers_end(HnswWorkers *workers, HnswTeam *team);

#endif
