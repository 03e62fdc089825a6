/*
 * hnsw_parallel.c
 *	  Workers beside the process that builds an index.
 *
 * A worker that starts late does what is left to do; one that never starts is
 * not missed.  Errors of workers become the leader's when it next looks for
 * interrupts, as it does while it waits; the end of its transaction ends them.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/parallel.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "executor/instrument.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "tcop/tcopprot.h"
#include "utils/snapmgr.h"

#include "am/workers.h"
#include "core/export.h"
#include "hnsw/hnsw_parallel.h"

/* What lies in shared memory, beside the arrays */
enum
{
	KEY_SHARED = 1,
	KEY_SCAN,
	KEY_QUERY_TEXT,
	KEY_WAL_USAGE,
	KEY_BUFFER_USAGE
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
	char *text = shm_toc_lookup(toc, KEY_QUERY_TEXT, false);
	WalUsage *wal = shm_toc_lookup(toc, KEY_WAL_USAGE, false);
	BufferUsage *buffers = shm_toc_lookup(toc, KEY_BUFFER_USAGE, false);
	HnswTeam team = {.shared = shared,
					 .context = CurrentMemoryContext,
					 .scan = shm_toc_lookup(toc, KEY_SCAN, false)};
	LOCKMODE heap_lock =
		shared->concurrent ? ShareUpdateExclusiveLock : ShareLock;
	LOCKMODE index_lock =
		shared->concurrent ? RowExclusiveLock : AccessExclusiveLock;

	debug_query_string = text;
	pgstat_report_activity(STATE_RUNNING, text);
	team.heap = table_open(shared->heap, heap_lock);
	team.index = index_open(shared->index, index_lock);
	team.info = BuildIndexInfo(team.index);
	team.info->ii_Concurrent = shared->concurrent;

	InstrStartParallelQuery();
	hnsw_team_join(&team, BarrierAttach(&shared->barrier));
	InstrEndParallelQuery(&buffers[ParallelWorkerNumber],
						  &wal[ParallelWorkerNumber]);
	hnsw_team_free_all(&team);
	add_counts(&team);
	ereport(DEBUG1,
			(errmsg_internal("worker processed %.0f tuples", team.nindexed)));

	index_close(team.index, index_lock);
	table_close(team.heap, heap_lock);
}

static void
init_shared(HnswTeam *team, ParallelContext *context, Snapshot snapshot)
{
	HnswShared *shared = shm_toc_lookup(context->toc, KEY_SHARED, false);

	shared->heap = RelationGetRelid(team->heap);
	shared->index = RelationGetRelid(team->index);
	shared->concurrent = team->info->ii_Concurrent;
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
	if (debug_query_string != NULL)
		strcpy(shm_toc_lookup(context->toc, KEY_QUERY_TEXT, false),
			   debug_query_string);
	team->shared = shared;
}

/* False where there is no shared memory to be had */
static bool
share(HnswTeam *team, HnswWorkers *workers)
{
	ParallelContext *context = workers->context;
	WorkersChunk chunks[] = {
		{KEY_SHARED, sizeof(HnswShared)},
		{KEY_SCAN, table_parallelscan_estimate(team->heap, workers->snapshot)},
		{KEY_QUERY_TEXT,
		 debug_query_string ? strlen(debug_query_string) + 1 : 1},
		{KEY_WAL_USAGE, context->nworkers * sizeof(WalUsage)},
		{KEY_BUFFER_USAGE, context->nworkers * sizeof(BufferUsage)}};

	if (!workers_share(context, chunks, lengthof(chunks)))
		return false;
	init_shared(team, context, workers->snapshot);
	return true;
}

static void
leave(HnswWorkers *workers)
{
	if (workers->snapshot != SnapshotAny)
		UnregisterSnapshot(workers->snapshot);
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
	workers->snapshot = SnapshotAny;
	if (team->info->ii_Concurrent)
		workers->snapshot = RegisterSnapshot(GetTransactionSnapshot());
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
	ParallelContext *context;
	WalUsage *wal;
	BufferUsage *buffers;

	if (workers == NULL)
		return;
	context = workers->context;
	wal = shm_toc_lookup(context->toc, KEY_WAL_USAGE, false);
	buffers = shm_toc_lookup(context->toc, KEY_BUFFER_USAGE, false);
	ereport(DEBUG1,
			(errmsg_internal("leader processed %.0f tuples", team->nindexed)));
	WaitForParallelWorkersToFinish(context);
	for (int i = 0; i < context->nworkers_launched; i++)
		InstrAccumParallelQuery(&buffers[i], &wal[i]);
	add_counts(team);
	team->heap_tuples = team->shared->heap_tuples;
	team->nindexed = team->shared->nindexed;
	team->info->ii_BrokenHotChain = team->shared->broken_hot_chain;
	team->shared = NULL;
	leave(workers);
}
