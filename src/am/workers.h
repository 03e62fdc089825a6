/*
 * workers.h
 *	  Parallel workers that build an index: how many, and what they share.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_WORKERS_H
#define VECTOR_EXT_WORKERS_H

#include "access/parallel.h"
#include "storage/dsm.h"
#include "utils/rel.h"

/*
 * How many workers a build may have: plan_create_index_workers() for a table
 * whose blocks out of line count.  0: the leader builds alone.
 */
extern int workers_plan(Relation heap, Relation index);

/* A piece of the shared memory of a parallel context, by key */
typedef struct WorkersChunk
{
	uint64 key;
	Size size;
} WorkersChunk;

/*
 * Create the segment of a context; its chunks are in the table of contents,
 * zeros.  False where there is no segment to be had.
 */
extern bool workers_share(ParallelContext *context, const WorkersChunk *chunks,
						  int nchunks);

/*
 * Shared memory that is large, or whose size is known late: a segment of its own,
 * which lives until dsm_detach() or the end of the current resource owner.  NULL
 * where there is not so much to be had.
 */
extern dsm_segment *workers_segment(Size bytes);

#endif
