/*
 * hnsw_parallel.c
 *	  Workers beside the process that builds an index.
 *
 * A worker that starts late does what is left to do; one that never starts is
 * not missed.  Errors of workers become the leader's when it next looks for
 * interrupts, as it does while it waits; the end of its transaction ends them.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "miscadmin.h"

#include "am/workers.h"
#include "core/export.h"
#include "hnsw/hnsw_parallel.h"

/* What lies in shared memory, beside the arrays */
enum
{
	KEY_SHARED = 1,
	KEY_SCAN
};

struct HnswWorkers
{
	ParallelContext *context;
	Snapshot snapshot; /* registered, or SnapshotAny */
};

static void
add_counts(HnswTeam *team)
{
	HnswShared *shared = team->shared;

	SpinLockAcquire(&shared->mutex);
	shared->heap_tuples += team->heap_tuples;
	shared->nindexed += team->nindexed;
	shared->broken_hot_chain |= team->info->ii_BrokenHotChain;
	SpinLockRelease(&shared->mutex);
}

WORKER_FUNCTION(hnsw_parallel_worker)
{
	HnswShared *shared = shm_toc_lookup(toc, KEY_SHARED, false);
	WorkersTask task = workers_begin(toc);
	HnswTeam team = {.shared = shared,
					 .heap = task.heap,
					 .index = task.index,
					 .info = task.info,
					 .context = CurrentMemoryContext,
					 .scan = shm_toc_lookup(toc, KEY_SCAN, false)};

	hnsw_team_join(&team, BarrierAttach(&shared->barrier));
	hnsw_team_free_all(&team);
	add_counts(&team);
	ereport(DEBUG1,
			(errmsg_internal("worker processed %.0f tuples", team.nindexed)));
	workers_end(toc, &task);
}

static void
init_shared(HnswTeam *team, ParallelContext *context, Snapshot snapshot)
{
	HnswShared *shared = shm_toc_lookup(context->toc, KEY_SHARED, false);

	BarrierInit(&shared->barrier, 0);
	pg_atomic_init_u32(&shared->next, 0);
	pg_atomic_init_u32(&shared->next_place, 0);
	pg_atomic_init_u32(&shared->next_value, 0);
	pg_atomic_init_u32(&shared->nwaiting, 0);
	pg_atomic_init_flag(&shared->raising);
	SpinLockInit(&shared->mutex);
	for (int array = 0; array < HNSW_NARRAYS; array++)
	{
		dsm_segment *segment = team->arrays[array].segment;

		if (segment != NULL)
			shared->arrays[array] = dsm_segment_handle(segment);
	}
	team->scan = shm_toc_lookup(context->toc, KEY_SCAN, false);
	table_parallelscan_initialize(team->heap, team->scan, snapshot);
	team->shared = shared;
}

/* False where there is no shared memory to be had */
static bool
share(HnswTeam *team, HnswWorkers *workers)
{
	ParallelContext *context = workers->context;
	WorkersTask task = {team->heap, team->index, team->info};
	WorkersChunk chunks[] = {
		{KEY_SHARED, sizeof(HnswShared)},
		{KEY_SCAN, table_parallelscan_estimate(team->heap, workers->snapshot)}};

	if (!workers_share(context, &task, chunks, lengthof(chunks)))
		return false;
	init_shared(team, context, workers->snapshot);
	return true;
}

static void
leave(HnswWorkers *workers)
{
	workers_forget_snapshot(workers->snapshot);
	DestroyParallelContext(workers->context);
	ExitParallelMode();
	pfree(workers);
}

HnswWorkers *
hnsw_workers_begin(HnswTeam *team)
{
	HnswWorkers *workers;

	if (team->nworkers == 0)
		return NULL;
	workers = palloc(sizeof(HnswWorkers));
	EnterParallelMode();
	workers->context = CreateParallelContext(
		"vector_ext", "hnsw_parallel_worker", team->nworkers);
	workers->snapshot = workers_snapshot(team->info);
	if (!share(team, workers))
	{
		leave(workers);
		team->nworkers = 0;
		return NULL;
	}
	/* before there are workers: none of them gets past a phase without us */
	(void) BarrierAttach(&team->shared->barrier);
	LaunchParallelWorkers(workers->context);
	team->nworkers = workers->context->nworkers_launched;
	ereport(DEBUG1,
			(errmsg_internal("using %d parallel workers", team->nworkers)));
	return workers;
}

void
hnsw_workers_end(HnswWorkers *workers, HnswTeam *team)
{
	if (workers == NULL)
		return;
	ereport(DEBUG1,
			(errmsg_internal("leader processed %.0f tuples", team->nindexed)));
	workers_finish(workers->context);
	add_counts(team);
	team->heap_tuples = team->shared->heap_tuples;
	team->nindexed = team->shared->nindexed;
	team->info->ii_BrokenHotChain = team->shared->broken_hot_chain;
	team->shared = NULL;
	leave(workers);
}
