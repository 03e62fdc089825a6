/*
 * workers.c
 *	  Parallel workers that build an index: how many, and what they share.
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "access/table.h"
#include "catalog/index.h"
#include "executor/instrument.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "optimizer/planner.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "am/workers.h"

/* What every segment has, by keys that no build uses */
#define KEY_TASK UINT64CONST(0xE000000000000001)
#define KEY_QUERY_TEXT UINT64CONST(0xE000000000000002)
#define KEY_WAL_USAGE UINT64CONST(0xE000000000000003)
#define KEY_BUFFER_USAGE UINT64CONST(0xE000000000000004)

/* Locks of CREATE INDEX and CREATE INDEX CONCURRENTLY */
#define HEAP_LOCK(concurrent) \
	((concurrent) ? ShareUpdateExclusiveLock : ShareLock)
#define INDEX_LOCK(concurrent) \
	((concurrent) ? RowExclusiveLock : AccessExclusiveLock)

/* A WorkersTask in shared memory; no heap: there is none */
typedef struct SharedTask
{
	Oid heap;
	Oid index;
	bool concurrent;
} SharedTask;

static void
set_locally(const char *name, double value)
{
	char text[32];

	snprintf(text, sizeof(text), "%.0f", floor(Min(value, MAX_KILOBYTES)));
	(void) set_config_option(name, text, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

/*
 * PostgreSQL counts the table's own blocks; vectors often lie out of line, and
 * to read them is part of the work.  So the threshold is lowered by the share
 * of blocks it does not see.  Its rule for memory is that of sorts; for a build
 * that needs less, memory is made as much more as it takes to make that the rule.
 */
int
workers_plan(Relation heap, Relation index, int memory)
{
	Oid toast_id = heap->rd_rel->reltoastrelid;
	double nblocks = RelationGetNumberOfBlocks(heap);
	double all = nblocks;
	int level;
	int nworkers;

	if (OidIsValid(toast_id))
	{
		Relation toast = table_open(toast_id, AccessShareLock);

		all += RelationGetNumberOfBlocks(toast);
		table_close(toast, AccessShareLock);
	}
	if (nblocks == 0)
		return 0;
	level = NewGUCNestLevel();
	set_locally("min_parallel_table_scan_size",
				min_parallel_table_scan_size * nblocks / all);
	set_locally("maintenance_work_mem",
				(double) maintenance_work_mem * WORKERS_MEMORY / memory);
	nworkers = plan_create_index_workers(RelationGetRelid(heap),
										 RelationGetRelid(index));
	AtEOXact_GUC(true, level);
	return nworkers;
}

Snapshot
workers_snapshot(const IndexInfo *info)
{
	return info->ii_Concurrent ? RegisterSnapshot(GetTransactionSnapshot())
							   : SnapshotAny;
}

void
workers_forget_snapshot(Snapshot snapshot)
{
	if (snapshot != SnapshotAny)
		UnregisterSnapshot(snapshot);
}

static void
share_chunks(ParallelContext *context, const WorkersChunk *chunks, int nchunks)
{
	for (int i = 0; i < nchunks; i++)
	{
		char *bytes = shm_toc_allocate(context->toc, chunks[i].size);

		memset(bytes, 0, chunks[i].size);
		shm_toc_insert(context->toc, chunks[i].key, bytes);
	}
}

static void
estimate_chunks(ParallelContext *context, const WorkersChunk *chunks,
				int nchunks)
{
	for (int i = 0; i < nchunks; i++)
		shm_toc_estimate_chunk(&context->estimator, chunks[i].size);
	shm_toc_estimate_keys(&context->estimator, nchunks);
}

bool
workers_share(ParallelContext *context, const WorkersTask *task,
			  const WorkersChunk *chunks, int nchunks)
{
	const char *text = debug_query_string ? debug_query_string : "";
	WorkersChunk own[] = {
		{KEY_TASK, sizeof(SharedTask)},
		{KEY_QUERY_TEXT, strlen(text) + 1},
		{KEY_WAL_USAGE, context->nworkers * sizeof(WalUsage)},
		{KEY_BUFFER_USAGE, context->nworkers * sizeof(BufferUsage)}};

	estimate_chunks(context, own, lengthof(own));
	estimate_chunks(context, chunks, nchunks);
	InitializeParallelDSM(context);
	if (context->seg == NULL)
		return false;
	share_chunks(context, own, lengthof(own));
	share_chunks(context, chunks, nchunks);
	strcpy(shm_toc_lookup(context->toc, KEY_QUERY_TEXT, false), text);
	if (task != NULL)
		*(SharedTask *) shm_toc_lookup(context->toc, KEY_TASK, false) =
			(SharedTask){.heap = RelationGetRelid(task->heap),
						 .index = RelationGetRelid(task->index),
						 .concurrent = task->info->ii_Concurrent};
	return true;
}

WorkersTask
workers_begin(shm_toc *toc)
{
	const SharedTask *shared = shm_toc_lookup(toc, KEY_TASK, false);
	WorkersTask task = {.heap = NULL};

	debug_query_string = shm_toc_lookup(toc, KEY_QUERY_TEXT, false);
	pgstat_report_activity(STATE_RUNNING, debug_query_string);
	if (OidIsValid(shared->heap))
	{
		task.heap = table_open(shared->heap, HEAP_LOCK(shared->concurrent));
		task.index = index_open(shared->index, INDEX_LOCK(shared->concurrent));
		task.info = BuildIndexInfo(task.index);
		task.info->ii_Concurrent = shared->concurrent;
	}
	InstrStartParallelQuery();
	return task;
}

void
workers_end(shm_toc *toc, const WorkersTask *task)
{
	WalUsage *wal = shm_toc_lookup(toc, KEY_WAL_USAGE, false);
	BufferUsage *buffers = shm_toc_lookup(toc, KEY_BUFFER_USAGE, false);

	InstrEndParallelQuery(&buffers[ParallelWorkerNumber],
						  &wal[ParallelWorkerNumber]);
	if (task->heap == NULL)
		return;
	index_close(task->index, INDEX_LOCK(task->info->ii_Concurrent));
	table_close(task->heap, HEAP_LOCK(task->info->ii_Concurrent));
}

void
workers_finish(ParallelContext *context)
{
	WalUsage *wal = shm_toc_lookup(context->toc, KEY_WAL_USAGE, false);
	BufferUsage *buffers =
		shm_toc_lookup(context->toc, KEY_BUFFER_USAGE, false);

	WaitForParallelWorkersToFinish(context);
	for (int i = 0; i < context->nworkers_launched; i++)
		InstrAccumParallelQuery(&buffers[i], &wal[i]);
}

/*
 * No error of dsm_create() ends a build, as none says that the index cannot be built;
 * which it is tells nothing: where a file takes the place of shared memory and is cut
 * short, errno, and so the SQLSTATE, is that of some earlier call.  Only an end that
 * somebody asked for is passed on.  What a failure leaves behind belongs to a resource
 * owner of its own, which is released.
 */
dsm_segment *
workers_segment(Size bytes)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner caller = CurrentResourceOwner;
	ResourceOwner owner = ResourceOwnerCreate(caller, "index build");
	dsm_segment *volatile segment = NULL;

	CurrentResourceOwner = owner;
	PG_TRY();
	{
		segment = dsm_create(bytes, 0);
		dsm_pin_mapping(segment);
	}
	PG_CATCH();
	{
		CurrentResourceOwner = caller;
		if (ERRCODE_TO_CATEGORY(geterrcode()) ==
			ERRCODE_TO_CATEGORY(ERRCODE_OPERATOR_INTERVENTION))
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
		ResourceOwnerRelease(owner, RESOURCE_RELEASE_BEFORE_LOCKS, false,
							 false);
		ResourceOwnerRelease(owner, RESOURCE_RELEASE_LOCKS, false, false);
		ResourceOwnerRelease(owner, RESOURCE_RELEASE_AFTER_LOCKS, false, false);
	}
	PG_END_TRY();
	CurrentResourceOwner = caller;
	ResourceOwnerDelete(owner);
	if (segment != NULL)
		dsm_unpin_mapping(segment);
	return segment;
}
