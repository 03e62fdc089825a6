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
 *
 * A part's pages are a run of blocks, taken at once, since the rows of each list
 * have been counted; so an index looks as if one process had written it, but for
 * the order of the parts.  The leader ends the work: directory, calibration, meta
 * page.
 *
 * Files hold the rows as tuples (SharedTuplestore), one for each part and
 * participant.  Each process has its share of maintenance_work_mem.  A worker
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
#include "pages/wal.h"

/* Parts of the lists: at least so many for each process, and at most in all */
#define PARTS_EACH 4
#define MAX_PARTS 128

/* What lies in shared memory */
enum
{
	KEY_SHARED = 1,
	KEY_SCAN,
	KEY_MODEL,
	KEY_LISTS,
	KEY_STORES,
	KEY_FOUND
};

enum
{
	PHASE_SCAN,
	PHASE_HEAD,
	PHASE_WRITE
};

typedef struct IvfShared
{
	uint32 nparticipants; /* the workers asked for, then the leader */
	uint32 nlists;
	uint32 nparts;
	int memory; /* of each process, kB */
	Size found_size;

	Barrier barrier;
	SharedFileSet files;
	pg_atomic_uint32 next_part;
	pg_atomic_uint64 nwritten; /* rows, for progress */

	slock_t mutex; /* of what follows, which each adds to after its scan */
	double heap_tuples;
	double nrows;
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
	SharedTuplestoreAccessor **stores; /* nparts */
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
keep_in_store(void *arg, uint32 list, TupleTableSlot *row)
{
	Participant *self = arg;
	MinimalTuple tuple = ExecCopySlotMinimalTuple(row);

	sts_puttuple(self->stores[part_of(self->shared, list)], NULL, tuple);
	pfree(tuple);
	self->counts[list]++;
}

static void
scan_part(Participant *self)
{
	IvfShared *shared = self->shared;
	TableScanDesc scan = table_beginscan_parallel(
		self->heap, shm_toc_lookup(self->toc, KEY_SCAN, false));
	double heap_tuples;

	ivf_builder_keep(self->builder, keep_in_store, self);
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
	shared->broken_hot_chain |= self->info->ii_BrokenHotChain;
	SpinLockRelease(&shared->mutex);
}

/*
 * Write
 */

static Tuplesortstate *
sort_part(Participant *self, uint32 part)
{
	SharedTuplestoreAccessor *store = self->stores[part];
	Tuplesortstate *sort =
		ivf_builder_begin_sort(self->builder, self->shared->memory);
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
	tuplesort_performsort(sort);
	return sort;
}

static void
write_part(Participant *self, IvfWriter *writer, uint32 part)
{
	const IvfLayout *layout = &ivf_builder_model(self->builder)->layout;
	uint32 end_list = first_list(self->shared, part + 1);
	uint32 npages = 0;
	uint64 nrows = 0;
	Tuplesortstate *sort;
	BlockNumber first;

	for (uint32 list = first_list(self->shared, part); list < end_list; list++)
	{
		uint32 n = pg_atomic_read_u32(&self->lists.counts[list]);

		npages += ivf_list_npages(layout, n);
		nrows += n;
	}
	if (nrows == 0)
		return;
	sort = sort_part(self, part);
	first = wal_extend_run(self->index, MAIN_FORKNUM, npages);
	ivf_writer_begin_run(writer, first);
	ivf_builder_write_rows(self->builder, sort, writer);
	ivf_writer_end_run(writer, first + npages);
	tuplesort_end(sort);
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
	self->info->ii_BrokenHotChain = shared->broken_hot_chain;
	ivf_builder_take_over(self->builder, shared->nrows);
	ivf_builder_begin_lists(self->builder, false);
}

/*
 * The phases, from the one that the others are in.  We are attached to the
 * barrier; the leader has been since before there were workers, so none of them
 * gets past the head without him.
 */
static void
participate(Participant *self, int phase, bool leader)
{
	Barrier *barrier = &self->shared->barrier;

	if (phase == PHASE_SCAN)
	{
		scan_part(self);
		(void) BarrierArriveAndWait(barrier,
									WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
		phase++;
	}
	if (phase == PHASE_HEAD)
	{
		if (leader)
			write_head(self);
		(void) BarrierArriveAndWait(barrier,
									WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
	}
	write_parts(self);
	(void) BarrierDetach(barrier);
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

static uint32
choose_parts(const IvfShared *shared, double bytes)
{
	double parts = bytes / (shared->memory * 1024.0 / 2);

	parts = Max(parts, PARTS_EACH * shared->nparticipants);
	return Min(Min(parts, MAX_PARTS), shared->nlists);
}

/* Everything but the sizes, which choose_parts() and the caller have set */
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
	const IvfMeta *meta = ivf_builder_meta(self->builder);
	WorkersTask task = {self->heap, self->index, self->info};
	IvfShared plan = {.nparticipants = context->nworkers + 1,
					  .nlists = meta->nlists,
					  .memory = maintenance_work_mem / (context->nworkers + 1),
					  .found_size = MAXALIGN(ivf_calibrator_found_size(
						  ivf_builder_calibrator(self->builder)))};
	WorkersChunk chunks[] = {
		{KEY_SHARED, sizeof(IvfShared)},
		{KEY_SCAN, table_parallelscan_estimate(self->heap, snapshot)},
		{KEY_MODEL, ivf_builder_share_size(self->builder)},
		{KEY_LISTS, lists_size(plan.nlists)},
		{KEY_STORES,
		 choose_parts(&plan, bytes) *
			 MAXALIGN(sts_estimate(plan.nparticipants))},
		{KEY_FOUND, plan.nparticipants * plan.found_size}};

	plan.nparts = choose_parts(&plan, bytes);
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
	int nworkers = can_share ? workers_plan(heap, index) : 0;
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
