/*
 * ivf_build.c
 *	  CREATE INDEX and REINDEX.
 *
 * Two passes over the table: a sample for training, then all rows, which are
 * assigned to lists in batches, encoded, sorted by list (on disk when they do
 * not fit maintenance_work_mem) and written list by list.
 *
 * The sample is a reservoir over randomly chosen blocks, read like every scan
 * of a build: only what the build's snapshot may index is detoasted.
 */
#include "postgres.h"

#include <math.h>

#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "commands/progress.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "utils/backend_progress.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/sampling.h"
#include "utils/tuplesort.h"

#include "am/opclass.h"
#include "core/compat.h"
#include "core/errors.h"
#include "ivf/ivf_calibrate.h"
#include "ivf/ivf_encode.h"
#include "ivf/ivf_handler.h"
#include "ivf/ivf_options.h"
#include "ivf/ivf_train.h"
#include "ivf/ivf_write.h"
#include "pages/wal.h"
#include "quant/rng.h"

#define SAMPLE_PER_LIST 128
#define SAMPLE_SEED 1

/* Fewer rows are compared one by one: there is nothing to learn from them */
#define MIN_TRAINED_ROWS 1000

/* Rows that are assigned together */
#define BATCH_BYTES (4 << 20)
#define MAX_BATCH 1024

/* What the table holds of a row, on its way to its list */
typedef struct SortedRow
{
	ItemPointerData tid;
	uint16 error;
	float term;
	char rest[FLEXIBLE_ARRAY_MEMBER]; /* m codes, then the copy */
} SortedRow;

typedef struct IvfBuild
{
	Relation heap;
	Relation index;
	IndexInfo *info;
	IvfMeta meta;
	IvfModel *model; /* meta, layout and codebook together */
	float *centroids;
	MemoryContext row_context; /* reset for each row */
	double nindexed;

	/* sampling */
	IvfSample sample;
	uint32 sample_room;
	double nsampled; /* rows seen */
	double next;     /* reservoir: rows to skip */
	ReservoirStateData reservoir;
	float greatest; /* of all elements, unscaled */

	/* a batch */
	uint32 batch_room;
	uint32 nbatch;
	float *rows;
	char *copies;
	Size copy_size;
	ItemPointerData *tids;
	uint16 *errors;
	uint32 *lists;
	void *assign_work;
	uint8 *codes;
	float *work;
	IvfCalibrator *calibrator;

	Tuplesortstate *sort;
	TupleTableSlot *slot;
	bytea *payload;
} IvfBuild;

/*
 * What is indexed
 */

/* Dimensions, type and metric of the column; errors for what cannot be indexed */
static void
init_meta(IvfMeta *meta, Relation index)
{
	IvfMethod method = ivf_method(index);
	const VectorOpclass *opclass = opclass_of(
		index,
		method == IVF_METHOD_FLAT ? IVFFLAT_OPCLASS_PROC : IVFPQ_OPCLASS_PROC);
	const char *name = method == IVF_METHOD_FLAT ? "ivfflat" : "ivfpq";
	int dim = TupleDescAttr(index->rd_att, 0)->atttypmod;
	int max_dim = DENSE_MAX_DIM;

	/* pgvector's limits: as many elements as fit a page */
	if (method == IVF_METHOD_FLAT)
		max_dim = opclass->elem == ELEM_FLOAT32 ? 2000 : 4000;
	if (dim < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column does not have dimensions")));
	if (dim > max_dim)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("column cannot have more than %d dimensions for %s "
						"index",
						max_dim, name)));
	if (dim == 1 && method == IVF_METHOD_FLAT && opclass->metric != METRIC_L2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("dimensions must be greater than one for this "
						"opclass")));

	memset(meta, 0, sizeof(*meta));
	meta->magic = IVF_MAGIC;
	meta->version = IVF_VERSION;
	meta->dim = dim;
	meta->elem = opclass->elem;
	meta->metric = opclass->metric;
	meta->codec = IVF_CODEC_NONE;
	meta->copies = IVF_COPIES_EXACT;
	meta->nlists = 1;
	meta->generation = 1;
	for (int i = 0, k = 1; i < IVF_NCALIBRATIONS; i++, k *= 10)
		meta->calibrations[i] =
			(IvfCalibration){.k = k, .probes = 1, .candidates = k};
}

/* Codes of a row, where none are asked for: one or two bits a dimension */
static int
automatic_m(int dim)
{
	int m = Max(dim / 4, Min(dim / 2, 64));

	return Max(Min(m, 448), 1);
}

/* The lists of so many rows, where none are asked for */
static uint32
automatic_lists(double nrows)
{
	return Max(Min(1.2 * sqrt(nrows), IVF_MAX_LISTS), 1);
}

/*
 * Sampling
 */

static DenseVector *
row_vector(IvfBuild *build, Datum value)
{
	DenseVector *vector = dense_from_datum((ElemKind) build->meta.elem, value);

	/* a domain or an expression may have lied about its modifier */
	if (vector->dim != build->meta.dim)
		error_unexpected_dimensions(NULL, build->meta.dim, vector->dim);
	return vector;
}

static void
sample_row(Relation index, ItemPointer tid, Datum *values, bool *isnull,
		   bool alive, void *arg)
{
	IvfBuild *build = arg;
	Size dim = build->meta.dim;
	uint32 place = build->sample.n;
	MemoryContext old;
	DenseVector *vector;
	float *row;

	if (isnull[0])
		return;
	build->nsampled++;
	if (build->sample.n == build->sample_room)
	{
		if (build->next < 0)
			build->next = reservoir_get_next_S(
				&build->reservoir, build->nsampled, build->sample_room);
		if (build->next-- > 0)
			return;
		place = build->sample_room *
			sampler_random_fract(&build->reservoir.randstate);
		build->next = -1;
	}
	else
		build->sample.n++;

	old = MemoryContextSwitchTo(build->row_context);
	vector = row_vector(build, values[0]);
	row = build->sample.rows + place * dim;
	elem_ops[build->meta.elem].load(vector->elems, row, dim);
	for (Size i = 0; i < dim; i++)
		build->greatest = Max(build->greatest, fabsf(row[i]));
	MemoryContextSwitchTo(old);
	MemoryContextReset(build->row_context);
}

/* Read the sample: raw elements, yet */
static void
read_sample(IvfBuild *build)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(build->heap);
	BlockSamplerData sampler;

	build->next = -1;
	(void) BlockSampler_Init(&sampler, nblocks, build->sample_room,
							 SAMPLE_SEED);
	reservoir_init_selection_state(&build->reservoir, build->sample_room);
	/* it has seeded itself by chance: one table, one sample */
	sampler_random_init_state(SAMPLE_SEED, &build->reservoir.randstate);
	build->reservoir.W =
		exp(-log(sampler_random_fract(&build->reservoir.randstate)) /
			build->sample_room);
	while (BlockSampler_HasMore(&sampler))
	{
		CHECK_FOR_INTERRUPTS();
		table_index_build_range_scan(
			build->heap, build->index, build->info, false, false, false,
			BlockSampler_Next(&sampler), 1, sample_row, build, NULL);
	}
	if (nblocks > build->sample_room)
		build->nsampled *= (double) nblocks / build->sample_room;
}

/* Turn raw elements into rows of model space; zero length is left out */
static void
prepare_sample(IvfBuild *build)
{
	IvfSample *sample = &build->sample;
	Size dim = build->meta.dim;
	uint32 kept = 0;
	Size size = DENSE_SIZE(ELEM_FLOAT32, dim);
	DenseVector *vector = palloc0(size);
	IvfMeta meta = build->meta;

	SET_VARSIZE(vector, size);
	vector->dim = dim;
	meta.elem = ELEM_FLOAT32; /* as it was loaded */
	for (uint32 i = 0; i < sample->n; i++)
	{
		memcpy(vector->elems, sample->rows + i * dim, dim * sizeof(float));
		if (ivf_query_set(&meta, vector, sample->rows + kept * dim))
			kept++;
	}
	sample->n = kept;
	pfree(vector);
}

/* Rows of the reservoir lie in the table's order up to the first exchange */
static void
shuffle_sample(IvfBuild *build)
{
	Size dim = build->meta.dim;
	float *swap = palloc(dim * sizeof(float));
	Rng rng = {.state = SAMPLE_SEED};

	for (uint32 i = build->sample.n; i > 1; i--)
	{
		float *a = build->sample.rows + (i - 1) * dim;
		float *b = build->sample.rows + rng_below(&rng, i) * dim;

		if (a == b)
			continue;
		memcpy(swap, a, dim * sizeof(float));
		memcpy(a, b, dim * sizeof(float));
		memcpy(b, swap, dim * sizeof(float));
	}
	pfree(swap);
}

/*
 * Training
 */

/* Rows that may be sampled for so many lists: half of the memory at most */
static uint32
sample_size(const IvfMeta *meta, uint32 lists)
{
	double room =
		maintenance_work_mem * 1024.0 / 2 / (meta->dim * sizeof(float) + 16);

	return Max(Min(lists * (double) SAMPLE_PER_LIST, room),
			   Max(lists, MIN_TRAINED_ROWS));
}

/* An estimate, before a row was read */
static double
estimate_rows(IvfBuild *build)
{
	BlockNumber nblocks;
	double ntuples;
	double allvisible;

	table_relation_estimate_size(build->heap, NULL, &nblocks, &ntuples,
								 &allvisible);
	return ntuples;
}

static void
notice_little_data(void)
{
	ereport(NOTICE,
			(errmsg("ivfflat index created with little data"),
			 errdetail("This will cause low recall."),
			 errhint("Drop the index until the table has more data.")));
}

/* Sample and train; without enough rows, one list without codes remains */
static void
train(IvfBuild *build)
{
	IvfMeta *meta = &build->meta;
	IvfOptions options = ivf_options(build->index);
	bool flat = ivf_method(build->index) == IVF_METHOD_FLAT;
	uint32 lists = options.lists;
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "ivf training", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE,
								 IVF_PHASE_TRAINING);
	if (lists == 0)
		lists = automatic_lists(estimate_rows(build));
	build->sample_room = sample_size(meta, lists);
	build->sample.rows = MemoryContextAllocHuge(
		context, (Size) build->sample_room * meta->dim * sizeof(float));
	read_sample(build);
	if (options.lists == 0)
		lists = automatic_lists(build->nsampled);
	if (flat && build->sample.n < lists)
		notice_little_data();

	if (build->greatest > HALF_SAFE)
		meta->scale = -(int) ceil(log2(build->greatest / HALF_SAFE));
	prepare_sample(build);
	shuffle_sample(build);
	if (build->sample.n > 0 && (flat || build->sample.n >= MIN_TRAINED_ROWS))
	{
		float *centroids;
		float *codebook = NULL;

		meta->nlists = lists;
		centroids = ivf_train_centroids(meta, &build->sample);
		if (!flat)
		{
			meta->codec = IVF_CODEC_PQ4;
			meta->m = options.m > 0 ? Min(options.m, meta->dim)
									: automatic_m(meta->dim);
			meta->copies = options.rerank == IVF_RERANK_INDEX ? IVF_COPIES_HALF
															  : IVF_COPIES_NONE;
			codebook = ivf_train_codebook(meta, &build->sample, centroids);
		}
		build->centroids = MemoryContextAllocHuge(
			old, (Size) meta->nlists * meta->dim * sizeof(float));
		memcpy(build->centroids, centroids,
			   (Size) meta->nlists * meta->dim * sizeof(float));
		build->model = MemoryContextAllocHuge(
			old,
			offsetof(IvfModel, codebook) +
				(Size) PQ_ENTRIES * meta->dim * sizeof(float));
		MemoryContextSwitchTo(old);
		if (meta->nlists > 1)
			build->calibrator =
				ivf_calibrator_new(meta, build->centroids, &build->sample);
		if (codebook != NULL)
			memcpy(build->model->codebook, codebook,
				   (Size) PQ_ENTRIES * meta->dim * sizeof(float));
	}
	else
		build->model = MemoryContextAlloc(old, offsetof(IvfModel, codebook));
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/*
 * Assignment
 */

static void
sort_batch_row(IvfBuild *build, uint32 i)
{
	IvfMeta *meta = &build->meta;
	SortedRow *row = (SortedRow *) VARDATA(build->payload);
	uint32 list = build->lists[i];

	row->tid = build->tids[i];
	row->error = build->errors[i];
	row->term = 0;
	if (meta->codec == IVF_CODEC_PQ4)
		row->term = ivf_code(build->model, build->rows + (Size) i * meta->dim,
							 build->centroids + (Size) list * meta->dim,
							 (uint8 *) row->rest, build->work);
	memcpy(row->rest + meta->m, build->copies + i * build->copy_size,
		   build->copy_size);

	ExecClearTuple(build->slot);
	build->slot->tts_values[0] = Int32GetDatum(list);
	build->slot->tts_values[1] = PointerGetDatum(build->payload);
	build->slot->tts_isnull[0] = build->slot->tts_isnull[1] = false;
	ExecStoreVirtualTuple(build->slot);
	tuplesort_puttupleslot(build->sort, build->slot);
}

static void
finish_batch(IvfBuild *build)
{
	if (build->nbatch == 0)
		return;
	if (build->centroids != NULL)
		ivf_assign(&build->meta, build->centroids, build->rows, build->nbatch,
				   build->lists, build->assign_work);
	else
		memset(build->lists, 0, build->nbatch * sizeof(uint32));
	if (build->calibrator != NULL)
		ivf_calibrator_add(build->calibrator, build->rows, build->nbatch,
						   build->tids, build->lists);
	for (uint32 i = 0; i < build->nbatch; i++)
		sort_batch_row(build, i);
	build->nbatch = 0;
}

static void
assign_row(Relation index, ItemPointer tid, Datum *values, bool *isnull,
		   bool alive, void *arg)
{
	IvfBuild *build = arg;
	MemoryContext old;
	IvfRow row;
	DenseVector *vector;
	uint32 i = build->nbatch;

	if (isnull[0])
		return;
	CHECK_FOR_INTERRUPTS();
	old = MemoryContextSwitchTo(build->row_context);
	vector = row_vector(build, values[0]);
	row.model = build->rows + (Size) i * build->meta.dim;
	row.copy = build->copies + i * build->copy_size;
	if (ivf_row_set(&row, &build->meta, vector))
	{
		build->tids[i] = *tid;
		build->errors[i] = row.error;
		build->nbatch++;
		build->nindexed++;
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(build->row_context);
	if (build->nbatch == build->batch_room)
		finish_batch(build);
}

static void
begin_batches(IvfBuild *build)
{
	const IvfMeta *meta = &build->meta;
	Size row_bytes = meta->dim * sizeof(float);
	uint32 room = Max(Min(BATCH_BYTES / row_bytes, MAX_BATCH), 16);

	build->batch_room = room;
	build->copy_size = build->model->layout.copy_slots.size;
	build->rows = palloc(room * row_bytes);
	build->copies = palloc(room * build->copy_size + 1);
	build->tids = palloc(room * sizeof(ItemPointerData));
	build->errors = palloc(room * sizeof(uint16));
	build->lists = palloc(room * sizeof(uint32));
	build->work = palloc(row_bytes);
	if (build->centroids != NULL)
		build->assign_work = ivf_assign_work(meta, room);
	build->payload = palloc(VARHDRSZ + offsetof(SortedRow, rest) + meta->m +
							build->copy_size);
	SET_VARSIZE(build->payload,
				VARHDRSZ + offsetof(SortedRow, rest) + meta->m +
					build->copy_size);
}

static void
begin_sort(IvfBuild *build)
{
	AttrNumber attribute = 1;
	Oid operator= Int4LessOperator;
	Oid collation = InvalidOid;
	bool nulls_first = false;
	TupleDesc desc = CreateTemplateTupleDesc(2);

	TupleDescInitEntry(desc, 1, "list", INT4OID, -1, 0);
	TupleDescInitEntry(desc, 2, "row", BYTEAOID, -1, 0);
	build->slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	build->sort = tuplesort_begin_heap(
		desc, 1, &attribute, &operator, & collation, &nulls_first,
		maintenance_work_mem, NULL, TUPLESORT_NONE);
}

static void
assign_rows(IvfBuild *build)
{
	begin_batches(build);
	begin_sort(build);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE,
								 IVF_PHASE_ASSIGNING);
	(void) table_index_build_scan(build->heap, build->index, build->info, true,
								  true, assign_row, build, NULL);
	finish_batch(build);
	tuplesort_performsort(build->sort);
}

/*
 * Writing
 */

static void
write_rows(IvfBuild *build, IvfWriter *writer)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(
		build->slot->tts_tupleDescriptor, &TTSOpsMinimalTuple);
	int64 done = 0;
	bool isnull;

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE,
								 IVF_PHASE_LOADING);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL,
								 (int64) build->nindexed);
	while (tuplesort_gettupleslot(build->sort, true, false, slot, NULL))
	{
		uint32 list = DatumGetInt32(slot_getattr(slot, 1, &isnull));
		bytea *payload = DatumGetByteaPP(slot_getattr(slot, 2, &isnull));
		SortedRow head;
		const char *bytes = VARDATA_ANY(payload);
		const char *rest = bytes + offsetof(SortedRow, rest);
		IvfStoredRow row;

		CHECK_FOR_INTERRUPTS();
		/* a short header leaves it unaligned */
		memcpy(&head, bytes, offsetof(SortedRow, rest));
		row.tid = head.tid;
		row.error = head.error;
		row.term = head.term;
		row.codes = (const uint8 *) rest;
		row.copy = rest + build->meta.m;
		ivf_writer_add(writer, list, &row);
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, ++done);
	}
	ExecDropSingleTupleTableSlot(slot);
}

IndexBuildResult *
ivfbuild(Relation heap, Relation index, IndexInfo *info)
{
	IndexBuildResult *result = palloc(sizeof(IndexBuildResult));
	IvfBuild build = {.heap = heap, .index = index, .info = info};
	IvfWriter *writer;

	build.row_context = AllocSetContextCreate(CurrentMemoryContext, "ivf row",
											  ALLOCSET_DEFAULT_SIZES);
	init_meta(&build.meta, index);
	train(&build);
	build.model->meta = build.meta;
	ivf_layout_init(&build.model->layout, &build.meta);
	build.model->nhints = 0;
	assign_rows(&build);

	build.meta.nrows = build.nindexed;
	writer = ivf_writer_begin(
		index, MAIN_FORKNUM, &build.meta, build.centroids,
		build.meta.codec == IVF_CODEC_PQ4 ? build.model->codebook : NULL);
	write_rows(&build, writer);
	ivf_writer_end(writer);
	tuplesort_end(build.sort);
	ExecDropSingleTupleTableSlot(build.slot);
	if (build.calibrator != NULL)
	{
		pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE,
									 IVF_PHASE_CALIBRATING);
		ivf_calibrator_run(build.calibrator, index, &build.meta);
	}
	ivf_write_meta(index, MAIN_FORKNUM, &build.meta);
	wal_log_built(index, MAIN_FORKNUM, 0);

	result->heap_tuples = result->index_tuples = build.nindexed;
	return result;
}

/* The init fork of an unlogged index: an index without rows */
void
ivfbuildempty(Relation index)
{
	IvfMeta meta;

	init_meta(&meta, index);
	ivf_writer_end(ivf_writer_begin(index, INIT_FORKNUM, &meta, NULL, NULL));
	wal_log_built(index, INIT_FORKNUM, 0);
}
