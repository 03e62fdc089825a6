/*
 * ivf_parallel.c
 *	  CREATE INDEX by several processes.
 *
 * The leader has trained the model.  Then leader and workers alike, in phases
 * with a barrier behind each:
 *
 *		scan	a part of the table: assign, encode, and put each row into the
 *				file of its part of the lists
 *		head	(the leader) count, write what stands before the lists
 *		write	take one part of the lists after the other: sort, write, log
 *		leave	the memory of rows is given back
 *
 * A part's pages are a run of blocks, taken at once, since the rows of each list
 * have been counted; so an index looks as if one process had written it, but for
 * the order of the parts.  The leader ends the work: directory, calibration, meta
 * page.
 *
 * In between, rows lie in shared memory (ivf_spool.h) where they are expected to
 * fit.  Else, and those that come when it is full, in files, as tuples
 * (SharedTuplestore), one for each part and participant.  Each process has its
 * share of maintenance_work_mem, or of what rows in memory leave.  A worker
 * that starts late does what is left to do; one that never starts is not missed.
 * Errors of workers become the leader's when it next looks for interrupts, as it
 * does while it waits; the end of its transaction ends them.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "commands/progress.h"
#include "miscadmin.h"
#include "storage/barrier.h"
#include "storage/spin.h"
#include "utils/memutils.h"
#include "utils/sharedtuplestore.h"
#include "utils/wait_event.h"

#include "am/workers.h"
#include "core/export.h"
#include "ivf/ivf_build.h"
#include "ivf/ivf_handler.h"
#include "ivf/ivf_parallel.h"
#include "ivf/ivf_spool.h"
#include "pages/wal.h"

/* Parts of the lists: at least so many for each process, and at most in all */
#define PARTS_EACH 4
#define MAX_PARTS 128

/* Of maintenance_work_mem: rows in memory */
#define SPOOL_SHARE 0.75
#define SORT_MEMORY_MIN 64 /* kB: less is no sort */

/* What lies in shared memory */
enum
{
	KEY_SHARED = 1,
	KEY_SCAN,
	KEY_MODEL,
	KEY_LISTS,
	KEY_SPOOL,
	KEY_STORES,
	KEY_FOUND
};

enum
{
	PHASE_SCAN,
	PHASE_HEAD,
	PHASE_WRITE,
	PHASE_LEAVE
};

typedef struct IvfShared
{
	uint32 nparticipants; /* the workers asked for, then the leader */
	uint32 nlists;
	uint32 nparts;
	int memory; /* of each process, kB */
	IvfSpoolPlan spool;
	Size found_size;

	Barrier barrier;
	SharedFileSet files;
	pg_atomic_uint32 next_part;
	pg_atomic_uint64 nwritten; /* rows, for progress */

	slock_t mutex; /* of what follows, which each adds to after its scan */
	double heap_tuples;
	double nrows;
	bool in_files; /* some rows, or all */
	bool broken_hot_chain;
} IvfShared;

/* A list, in shared memory: rows counted while they are added */
typedef struct SharedLists
{
	IvfListEntry *entries; /* nlists */
	pg_atomic_uint32 *counts;
} SharedLists;

/* One process of the build */
typedef struct Participant
{
	IvfShared *shared;
	Relation heap;
	Relation index;
	IndexInfo *info;
	IvfBuilder *builder;
	uint32 number;
	shm_toc *toc;
	SharedLists lists;
	IvfSpool *spool;                   /* or NULL */
	SharedTuplestoreAccessor **stores; /* nparts */
	bool in_files;                     /* some rows that we have added */
	uint32 *counts;                    /* nlists: rows of our own */
} Participant;

/*
 * Shared memory
 */

static SharedLists
lists_at(void *bytes, uint32 nlists)
{
	return (SharedLists){
		.entries = bytes,
		.counts = (pg_atomic_uint32 *) ((IvfListEntry *) bytes + nlists)};
}

static Size
lists_size(uint32 nlists)
{
	return nlists * (sizeof(IvfListEntry) + sizeof(pg_atomic_uint32));
}

static SharedTuplestore *
store_at(shm_toc *toc, const IvfShared *shared, uint32 part)
{
	char *stores = shm_toc_lookup(toc, KEY_STORES, false);

	return (
		SharedTuplestore *) (stores +
							 part *
								 MAXALIGN(sts_estimate(shared->nparticipants)));
}

static void *
found_at(shm_toc *toc, const IvfShared *shared, uint32 participant)
{
	return (char *) shm_toc_lookup(toc, KEY_FOUND, false) +
		participant * shared->found_size;
}

/*
 * Parts of the lists: neighbours stay together
 */

static uint32
part_of(const IvfShared *shared, uint32 list)
{
	return (uint64) list * shared->nparts / shared->nlists;
}

/* The first list of a part; of the part behind the last: nlists */
static uint32
first_list(const IvfShared *shared, uint32 part)
{
	return ((uint64) part * shared->nlists + shared->nparts - 1) /
		shared->nparts;
}

/*
 * Scan
 */

/* IvfKeepRow */
static void
keep_row(void *arg, uint32 list, const void *row)
{
	Participant *self = arg;
	MinimalTuple tuple;

	self->counts[list]++;
	if (self->spool != NULL && ivf_spool_add(self->spool, list, row))
		return;
	tuple =
		ExecCopySlotMinimalTuple(ivf_builder_slot(self->builder, list, row));
	sts_puttuple(self->stores[part_of(self->shared, list)], NULL, tuple);
	pfree(tuple);
	self->in_files = true;
}

static void
scan_part(Participant *self)
{
	IvfShared *shared = self->shared;
	TableScanDesc scan = table_beginscan_parallel(
		self->heap, shm_toc_lookup(self->toc, KEY_SCAN, false));
	double heap_tuples;

	ivf_builder_keep(self->builder, keep_row, self);
	heap_tuples = ivf_build_scan(self->heap, self->index, self->info, scan,
								 self->builder);
	for (uint32 part = 0; part < shared->nparts; part++)
		sts_end_write(self->stores[part]);
	for (uint32 list = 0; list < shared->nlists; list++)
		(void) pg_atomic_fetch_add_u32(&self->lists.counts[list],
									   (int32) self->counts[list]);
	ivf_calibrator_store(ivf_builder_calibrator(self->builder),
						 found_at(self->toc, shared, self->number));

	SpinLockAcquire(&shared->mutex);
	shared->heap_tuples += heap_tuples;
	shared->nrows += ivf_builder_nrows(self->builder);
	shared->in_files |= self->in_files;
	shared->broken_hot_chain |= self->info->ii_BrokenHotChain;
	SpinLockRelease(&shared->mutex);
}

/*
 * Write
 */

/* A visit to a row in memory that is to be sorted with those in files */
typedef struct SortRow
{
	IvfBuilder *builder;
	Tuplesortstate *sort;
} SortRow;

static void
sort_row(void *arg, uint32 list, const void *row)
{
	SortRow *with = arg;

	tuplesort_puttupleslot(with->sort,
						   ivf_builder_slot(with->builder, list, row));
}

static void
sort_stored(Participant *self, uint32 part, Tuplesortstate *sort)
{
	SharedTuplestoreAccessor *store = self->stores[part];
	TupleTableSlot *slot = ivf_builder_sort_slot(self->builder);
	MinimalTuple tuple;

	sts_begin_parallel_scan(store);
	while ((tuple = sts_parallel_scan_next(store, NULL)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		ExecStoreMinimalTuple(tuple, slot, false);
		tuplesort_puttupleslot(sort, slot);
	}
	sts_end_parallel_scan(store);
	ExecDropSingleTupleTableSlot(slot);
}

static void
write_sorted(Participant *self, IvfWriter *writer, uint32 part)
{
	uint32 end_list = first_list(self->shared, part + 1);
	SortRow with = {
		.builder = self->builder,
		.sort = ivf_builder_begin_sort(self->builder, self->shared->memory)};

	sort_stored(self, part, with.sort);
	for (uint32 list = first_list(self->shared, part);
		 self->spool != NULL && list < end_list; list++)
		ivf_spool_visit(self->spool, list, sort_row, &with);
	tuplesort_performsort(with.sort);
	ivf_builder_write_rows(self->builder, with.sort, writer);
	tuplesort_end(with.sort);
}

typedef struct WriteRow
{
	const IvfBuilder *builder;
	IvfWriter *writer;
} WriteRow;

static void
write_row(void *arg, uint32 list, const void *row)
{
	WriteRow *with = arg;

	ivf_builder_write_row(with->builder, list, row, with->writer);
}

static void
write_spooled(Participant *self, IvfWriter *writer, uint32 part)
{
	uint32 end_list = first_list(self->shared, part + 1);
	WriteRow with = {self->builder, writer};

	for (uint32 list = first_list(self->shared, part); list < end_list; list++)
		ivf_spool_visit(self->spool, list, write_row, &with);
}

static void
write_part(Participant *self, IvfWriter *writer, uint32 part)
{
	const IvfLayout *layout = &ivf_builder_model(self->builder)->layout;
	uint32 end_list = first_list(self->shared, part + 1);
	uint32 npages = 0;
	uint64 nrows = 0;
	BlockNumber first;

	for (uint32 list = first_list(self->shared, part); list < end_list; list++)
	{
		uint32 n = pg_atomic_read_u32(&self->lists.counts[list]);

		npages += ivf_list_npages(layout, n);
		nrows += n;
	}
	if (nrows == 0)
		return;
	first = wal_extend_run(self->index, MAIN_FORKNUM, npages);
	ivf_writer_begin_run(writer, first);
	if (self->shared->in_files)
		write_sorted(self, writer, part);
	else
		write_spooled(self, writer, part);
	ivf_writer_end_run(writer, first + npages);
	wal_log_run(self->index, first, first + npages);
	(void) pg_atomic_fetch_add_u64(&self->shared->nwritten, (int64) nrows);
}

static void
write_parts(Participant *self)
{
	IvfShared *shared = self->shared;
	IvfWriter *writer = ivf_writer_join(
		self->index, ivf_builder_meta(self->builder), self->lists.entries);
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "ivf part", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);

	for (;;)
	{
		uint32 part = pg_atomic_fetch_add_u32(&shared->next_part, 1);

		if (part >= shared->nparts)
			break;
		write_part(self, writer, part);
		MemoryContextReset(context);
		if (!IsParallelWorker())
			ivf_builder_report_written(self->builder,
									   pg_atomic_read_u64(&shared->nwritten));
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/*
 * Participants
 */

static void
attach_stores(Participant *self, bool create)
{
	IvfShared *shared = self->shared;

	self->stores = palloc(shared->nparts * sizeof(*self->stores));
	for (uint32 part = 0; part < shared->nparts; part++)
	{
		SharedTuplestore *store = store_at(self->toc, shared, part);
		char name[32];

		snprintf(name, sizeof(name), "lists%u", part);
		self->stores[part] = create
			? sts_initialize(store, shared->nparticipants, self->number, 0,
							 SHARED_TUPLESTORE_SINGLE_PASS, &shared->files,
							 name)
			: sts_attach(store, self->number, &shared->files);
	}
	if (shared->spool.nblocks > 0)
		self->spool =
			ivf_spool_join(shm_toc_lookup(self->toc, KEY_SPOOL, false));
	self->counts = palloc0(shared->nlists * sizeof(uint32));
	self->lists =
		lists_at(shm_toc_lookup(self->toc, KEY_LISTS, false), shared->nlists);
}

/* Sum up what all have found, and write what stands before the lists */
static void
write_head(Participant *self)
{
	IvfShared *shared = self->shared;
	IvfCalibrator *calibrator = ivf_builder_calibrator(self->builder);

	for (uint32 i = 0; i < shared->nparticipants; i++)
	{
		if (i != self->number)
			ivf_calibrator_merge(calibrator, found_at(self->toc, shared, i));
	}
	/* before others who have added rows can leave */
	if (self->spool != NULL)
		ivf_spool_open(self->spool, shared->nlists);
	self->info->ii_BrokenHotChain = shared->broken_hot_chain;
	ivf_builder_take_over(self->builder, shared->nrows);
	ivf_builder_begin_lists(self->builder, false);
}

static void
meet(Participant *self)
{
	(void) BarrierArriveAndWait(&self->shared->barrier,
								WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
}

/*
 * The phases, from the one that the others are in.  We are attached to the
 * barrier; the leader has been since before there were workers, so none of them
 * gets past the head without him.
 */
static void
participate(Participant *self, int phase, bool leader)
{
	if (phase == PHASE_SCAN)
	{
		scan_part(self);
		meet(self);
		phase++;
	}
	if (phase == PHASE_HEAD)
	{
		if (leader)
			write_head(self);
		meet(self);
		phase++;
	}
	if (phase == PHASE_WRITE)
	{
		if (!leader && self->spool != NULL)
			ivf_spool_open(self->spool, self->shared->nlists);
		write_parts(self);
		if (self->spool != NULL)
			ivf_spool_leave_others(self->spool);
		meet(self);
	}
	if (self->spool != NULL)
		ivf_spool_leave(self->spool);
	(void) BarrierDetach(&self->shared->barrier);
}

WORKER_FUNCTION(ivf_parallel_worker)
{
	IvfShared *shared = shm_toc_lookup(toc, KEY_SHARED, false);
	WorkersTask task = workers_begin(toc);
	Participant self = {.shared = shared,
						.heap = task.heap,
						.index = task.index,
						.info = task.info,
						.toc = toc,
						.number = ParallelWorkerNumber};

	SharedFileSetAttach(&shared->files, segment);
	attach_stores(&self, false);
	self.builder =
		ivf_builder_join(self.index, shm_toc_lookup(toc, KEY_MODEL, false));
	participate(&self, BarrierAttach(&shared->barrier), false);
	workers_end(toc, &task);
}

/*
 * The leader
 */

/* Each small enough to be sorted in half of the memory, where rows are in files */
static uint32
choose_parts(const IvfShared *plan, double bytes)
{
	double parts =
		plan->spool.nblocks > 0 ? 0 : bytes / (plan->memory * 1024.0 / 2);

	parts = Max(parts, PARTS_EACH * plan->nparticipants);
	return Min(Min(parts, MAX_PARTS), plan->nlists);
}

/* Memory for rows, and for sorts beside them; parts */
static IvfShared
plan_build(const IvfBuilder *builder, int nworkers, double bytes)
{
	double memory = maintenance_work_mem * 1024.0;
	IvfShared plan = {.nparticipants = nworkers + 1,
					  .nlists = ivf_builder_meta(builder)->nlists,
					  .found_size = MAXALIGN(ivf_calibrator_found_size(
						  ivf_builder_calibrator(builder)))};

	plan.spool = ivf_spool_plan(ivf_builder_row_size(builder), bytes,
								memory * SPOOL_SHARE, plan.nparticipants);
	if (plan.spool.nblocks > 0)
		memory *= 1 - SPOOL_SHARE;
	plan.memory = Max(memory / 1024 / plan.nparticipants, SORT_MEMORY_MIN);
	plan.nparts = choose_parts(&plan, bytes);
	return plan;
}

/* Everything but what plan_build() has set */
static void
init_shared(Participant *self, ParallelContext *context, Snapshot snapshot,
			const IvfShared *plan)
{
	IvfShared *shared = shm_toc_lookup(context->toc, KEY_SHARED, false);

	*shared = *plan;
	BarrierInit(&shared->barrier, 0);
	SharedFileSetInit(&shared->files, context->seg);
	pg_atomic_init_u32(&shared->next_part, 0);
	pg_atomic_init_u64(&shared->nwritten, 0);
	SpinLockInit(&shared->mutex);
	self->shared = shared;
	self->toc = context->toc;
	self->number = shared->nparticipants - 1;

	table_parallelscan_initialize(
		self->heap, shm_toc_lookup(context->toc, KEY_SCAN, false), snapshot);
	ivf_spool_init(shm_toc_lookup(context->toc, KEY_SPOOL, false),
				   &shared->spool);
	ivf_builder_share(self->builder,
					  shm_toc_lookup(context->toc, KEY_MODEL, false));
	attach_stores(self, true);
	ivf_entries_init(ivf_builder_meta(self->builder), self->lists.entries,
					 shared->nlists);
	for (uint32 list = 0; list < shared->nlists; list++)
		pg_atomic_init_u32(&self->lists.counts[list], 0);
}

/* Create what is shared; false where there is no shared memory to be had */
static bool
share(Participant *self, ParallelContext *context, Snapshot snapshot,
	  double bytes)
{
	WorkersTask task = {self->heap, self->index, self->info};
	IvfShared plan = plan_build(self->builder, context->nworkers, bytes);
	WorkersChunk chunks[] = {
		{KEY_SHARED, sizeof(IvfShared)},
		{KEY_SCAN, table_parallelscan_estimate(self->heap, snapshot)},
		{KEY_MODEL, ivf_builder_share_size(self->builder)},
		{KEY_LISTS, lists_size(plan.nlists)},
		{KEY_SPOOL, ivf_spool_share_size()},
		{KEY_STORES, plan.nparts * MAXALIGN(sts_estimate(plan.nparticipants))},
		{KEY_FOUND, plan.nparticipants * plan.found_size}};

	if (!workers_share(context, &task, chunks, lengthof(chunks)))
		return false;
	init_shared(self, context, snapshot, &plan);
	return true;
}

/* Launch, and work with those who come; false: nobody does */
static bool
build_together(Participant *self, ParallelContext *context)
{
	int phase = BarrierAttach(&self->shared->barrier);

	LaunchParallelWorkers(context);
	ereport(DEBUG1,
			(errmsg_internal("index \"%s\" is built using %d parallel workers",
							 RelationGetRelationName(self->index),
							 context->nworkers_launched)));
	if (context->nworkers_launched == 0)
		return false;
	participate(self, phase, true);
	workers_finish(context);
	ivf_writer_set_entries(ivf_builder_writer(self->builder),
						   self->lists.entries);
	return true;
}

bool
ivf_parallel_build(Relation heap, Relation index, IndexInfo *info,
				   IvfBuilder *builder, double bytes, double *heap_tuples)
{
	Participant self = {
		.heap = heap, .index = index, .info = info, .builder = builder};
	bool can_share = ivf_builder_calibrator(builder) != NULL;
	int nworkers = can_share ? workers_plan(heap, index, WORKERS_MEMORY) : 0;
	Snapshot snapshot;
	ParallelContext *context;
	BlockNumber end_of_head;
	bool done;

	if (nworkers == 0)
		return false;
	EnterParallelMode();
	context =
		CreateParallelContext("vector_ext", "ivf_parallel_worker", nworkers);
	snapshot = workers_snapshot(info);
	done = share(&self, context, snapshot, bytes) &&
		build_together(&self, context);
	if (done)
		*heap_tuples = self.shared->heap_tuples;
	workers_forget_snapshot(snapshot);
	DestroyParallelContext(context);
	ExitParallelMode();
	if (!done)
		return false;

	end_of_head = ivf_writer_head(ivf_builder_writer(builder));
	(void) ivf_builder_end_lists(builder);
	wal_log_run(index, 0, end_of_head);
	return true;
}
