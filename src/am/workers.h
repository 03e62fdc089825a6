/*
 * workers.h
 *	  Parallel workers that build an index: how many, and what they share.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_WORKERS_H
#define VECTOR_EXT_WORKERS_H

#include "access/parallel.h"
#include "nodes/execnodes.h"
#include "storage/dsm.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

/* What PostgreSQL wants each process of a build to have of maintenance_work_mem, in kB */
#define WORKERS_MEMORY 32768

/*
 * How many workers a build may have: plan_create_index_workers() for a table
 * whose blocks out of line count, and where each process, the leader too, needs so
 * many kB of maintenance_work_mem.  0: the leader builds alone.
 */
extern int workers_plan(Relation heap, Relation index, int memory);

/* The snapshot of a build's scan; registered, if need be, until it is let go */
extern Snapshot workers_snapshot(const IndexInfo *info);
extern void workers_forget_snapshot(Snapshot snapshot);

/* What is built; in the leader, and once more open in each worker */
typedef struct WorkersTask
{
	Relation heap;
	Relation index;
	IndexInfo *info;
} WorkersTask;

/* A piece of the shared memory of a parallel context, by key */
typedef struct WorkersChunk
{
	uint64 key; /* small */
	Size size;
} WorkersChunk;

/*
 * Create the segment of a context; its chunks are in the table of contents,
 * zeros.  Beside them is what the functions below need.  task may be NULL, for
 * workers that open nothing.  False where there is no segment to be had.
 */
extern bool workers_share(ParallelContext *context, const WorkersTask *task,
						  const WorkersChunk *chunks, int nchunks);

/*
 * A worker's first and last deed: its query is that of the leader, what it reads
 * and logs is counted as the leader's, and the task is open with the locks that
 * the leader holds.
 */
extern WorkersTask workers_begin(shm_toc *toc);
extern void workers_end(shm_toc *toc, const WorkersTask *task);

/* The leader: wait until all have ended */
extern void workers_finish(ParallelContext *context);

/*
 * Shared memory that is large, or whose size is known late: a segment of its own,
 * which lives until dsm_detach() or the end of the current resource owner.  NULL
 * where there is not so much to be had, whatever the reason.
 */
extern dsm_segment *workers_segment(Size bytes);

#endif
