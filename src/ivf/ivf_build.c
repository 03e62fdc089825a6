/*
 * ivf_build.c
 *	  CREATE INDEX and REINDEX: an index from its table.
 *
 * Two passes over the table: a sample for training, then all rows.  The sample
 * is a reservoir over randomly chosen blocks, read like every scan of a build:
 * only what the build's snapshot may index is detoasted.  The second pass may be
 * shared with workers (ivf_parallel.c).
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/parallel.h"
#include "access/tableam.h"
#include "catalog/index.h"
#include "catalog/pg_type.h"
#include "commands/progress.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/backend_progress.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/sampling.h"

#include "am/opclass.h"
#include "am/toast_reader.h"
#include "am/workers.h"
#include "core/compat.h"
#include "ivf/ivf_build.h"
#include "ivf/ivf_handler.h"
#include "ivf/ivf_parallel.h"
#include "pages/wal.h"
#include "vector/dense.h"

#define SAMPLE_SEED 1

/* Bits of a row that ivfflat takes at most */
#define MAX_FLAT_BITS 64000

/* Rows that pgvector's default number of lists would need */
#define LITTLE_DATA 100

/* A row of the sample that is not read yet; value is invalid where there is none */
typedef struct LateRow
{
	Oid value;
	uint32 place;
	char datum[TOAST_POINTER_SIZE];
} LateRow;

typedef struct IvfBuild
{
	Relation heap;
	Relation index;
	IndexInfo *info;
	IvfMeta meta;
	IvfBuilder *builder;
	LateRow *late; /* by place in the sample */
	ToastReader *reader;
	MemoryContext row_context; /* reset for each row */
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
		max_dim = MAX_FLAT_BITS / value_ops[opclass->elem].bits;
	/* bit strings have one length here, which theirs is no type modifier for */
	if (TupleDescAttr(index->rd_att, 0)->atttypid == VARBITOID)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("type not supported for %s index", name)));
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
	if (dim == 1 && method == IVF_METHOD_FLAT &&
		!metric_is_sqdist(opclass->metric))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("dimensions must be greater than one for this "
						"opclass")));

	memset(meta, 0, sizeof(*meta));
	meta->magic = IVF_MAGIC;
	meta->nattributes = opclass_attributes(index, meta->attributes);
	meta->version =
		meta->nattributes > 0 ? IVF_VERSION_ATTRIBUTES : IVF_VERSION;
	meta->dim = dim;
	meta->elem = opclass->elem;
	meta->metric = opclass->metric;
	meta->codec = CODEC_NONE;
	meta->centroid_elem = ELEM_FLOAT16;
	meta->model_dim = dim;
	meta->copies = IVF_COPIES_EXACT;
	meta->nlists = meta->nbuilt = 1;
	meta->generation = 1;
	for (int i = 0, k = 1; i < IVF_NCALIBRATIONS; i++, k *= 10)
		meta->calibrations[i] =
			(IvfCalibration){.k = k, .probes = 1, .candidates = k};
}

/*
 * Reading the table
 */

/*
 * Rows of the sample whose values lie out of line are read when it is known that
 * they stay in the sample: a reservoir passes more than twice as many.  Nothing
 * can remove these values meanwhile: the rows are alive for the build's snapshot,
 * and its lock keeps VACUUM away.
 */
static void
load_row(IvfBuild *build, uint32 place, Datum value)
{
	MemoryContext old = MemoryContextSwitchTo(build->row_context);

	value = toast_reader_value(build->reader, value);
	ivf_builder_sample(build->builder, place,
					   value_elems(build->meta.elem, value, build->meta.dim));
	MemoryContextSwitchTo(old);
	MemoryContextReset(build->row_context);
}

static void
sample_row(Relation index, ItemPointer tid, Datum *values, bool *isnull,
		   bool alive, void *arg)
{
	IvfBuild *build = arg;
	uint32 place;

	if (isnull[0] || !alive || !ivf_builder_offer(build->builder, &place))
		return;
	build->late[place].value = InvalidOid;
	if (VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(values[0])))
	{
		LateRow *late = &build->late[place];
		struct varatt_external pointer;

		VARATT_EXTERNAL_GET_POINTER(pointer, DatumGetPointer(values[0]));
		late->value = pointer.va_valueid;
		late->place = place;
		memcpy(late->datum, DatumGetPointer(values[0]), TOAST_POINTER_SIZE);
	}
	else
		load_row(build, place, values[0]);
}

static int
compare_late(const void *a, const void *b)
{
	Oid first = ((const LateRow *) a)->value;
	Oid second = ((const LateRow *) b)->value;

	return first < second ? -1 : first > second;
}

/* In the order of values, which is about that of their pages */
static void
load_late_rows(IvfBuild *build)
{
	uint32 n = ivf_builder_nsample(build->builder);

	qsort(build->late, n, sizeof(LateRow), compare_late);
	for (uint32 i = 0; i < n; i++)
	{
		LateRow *late = &build->late[i];

		CHECK_FOR_INTERRUPTS();
		if (late->value != InvalidOid)
			load_row(build, late->place, PointerGetDatum(late->datum));
	}
}

/* All rows, or those of some blocks; which share of the blocks */
static double
choose_rows(IvfBuild *build, uint32 wanted)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(build->heap);
	BlockSamplerData sampler;

	/* a scan of each block counts as one of the table: none where all are read */
	if (nblocks <= wanted)
	{
		(void) table_index_build_scan(build->heap, build->index, build->info,
									  false, false, sample_row, build, NULL);
		return 1;
	}
	(void) BlockSampler_Init(&sampler, nblocks, wanted, SAMPLE_SEED);
	while (BlockSampler_HasMore(&sampler))
	{
		CHECK_FOR_INTERRUPTS();
		table_index_build_range_scan(
			build->heap, build->index, build->info, false, false, false,
			BlockSampler_Next(&sampler), 1, sample_row, build, NULL);
	}
	return (double) wanted / nblocks;
}

/* Read the sample; which share of the blocks it comes from */
static double
read_sample(IvfBuild *build)
{
	uint32 room = ivf_builder_sample_room(build->builder);
	double fraction;

	build->late = MemoryContextAllocHuge(CurrentMemoryContext,
										 (Size) room * sizeof(LateRow));
	build->reader = toast_reader_new(build->heap);
	fraction = choose_rows(build, room);
	load_late_rows(build);
	toast_reader_end(build->reader);
	pfree(build->late);
	return fraction;
}

typedef struct AllRows
{
	IvfBuilder *builder;
	const IvfMeta *meta;
	ToastReader *reader;
	MemoryContext row_context; /* reset for each row */
} AllRows;

static void
add_row(Relation index, ItemPointer tid, Datum *values, bool *isnull,
		bool alive, void *arg)
{
	AllRows *all = arg;
	AttributeRow attributes;
	MemoryContext old;
	const void *elems;

	if (isnull[0])
		return;
	CHECK_FOR_INTERRUPTS();
	old = MemoryContextSwitchTo(all->row_context);
	elems =
		value_elems(all->meta->elem, toast_reader_value(all->reader, values[0]),
					all->meta->dim);
	attribute_row_set(&attributes, index, all->meta->attributes,
					  all->meta->nattributes, values, isnull);
	MemoryContextSwitchTo(old);
	(void) ivf_builder_add(all->builder, tid, elems, &attributes);
	MemoryContextReset(all->row_context);
}

double
ivf_build_scan(Relation heap, Relation index, IndexInfo *info,
			   TableScanDesc scan, IvfBuilder *builder)
{
	AllRows all = {.builder = builder,
				   .meta = ivf_builder_meta(builder),
				   .reader = toast_reader_new(heap)};
	double nrows;

	all.row_context = AllocSetContextCreate(CurrentMemoryContext, "ivf row",
											ALLOCSET_DEFAULT_SIZES);
	nrows = table_index_build_scan(heap, index, info, true, !IsParallelWorker(),
								   add_row, &all, scan);
	MemoryContextDelete(all.row_context);
	toast_reader_end(all.reader);
	ivf_builder_flush(builder);
	return nrows;
}

/* An estimate, before a row was read */
static double
estimate_rows(Relation heap)
{
	BlockNumber nblocks;
	double ntuples;
	double allvisible;

	table_relation_estimate_size(heap, NULL, &nblocks, &ntuples, &allvisible);
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

void
ivf_progress_phase(int64 phase)
{
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, phase);
}

IndexBuildResult *
ivfbuild(Relation heap, Relation index, IndexInfo *info)
{
	IndexBuildResult *result = palloc(sizeof(IndexBuildResult));
	bool flat = ivf_method(index) == IVF_METHOD_FLAT;
	int lists = ivf_options(index).lists;
	IvfBuild build = {.heap = heap, .index = index, .info = info};
	double fraction;
	double heap_tuples;

	build.row_context = AllocSetContextCreate(CurrentMemoryContext, "ivf row",
											  ALLOCSET_DEFAULT_SIZES);
	init_meta(&build.meta, index);

	ivf_progress_phase(IVF_PHASE_TRAINING);
	build.builder = ivf_builder_new(index, &build.meta, estimate_rows(heap));
	ivf_builder_call_team(build.builder,
						  workers_plan(heap, index, WORKERS_MEMORY));
	fraction = read_sample(&build);
	if (flat &&
		ivf_builder_nsample(build.builder) <
			(lists > 0 ? (uint32) lists : LITTLE_DATA))
		notice_little_data();
	ivf_builder_train(build.builder, fraction, flat ? 1 : IVF_MIN_TRAINED_ROWS);

	ivf_progress_phase(IVF_PHASE_ASSIGNING);
	if (!ivf_parallel_build(heap, index, info, build.builder,
							ivf_builder_bytes(build.builder, fraction),
							&heap_tuples))
	{
		heap_tuples = ivf_build_scan(heap, index, info, NULL, build.builder);
		(void) ivf_builder_write(build.builder, false);
		wal_log_built(index, MAIN_FORKNUM, 0);
	}

	/* rows that are not indexed count: the table's statistics are made of it */
	result->heap_tuples = heap_tuples;
	result->index_tuples = ivf_builder_nrows(build.builder);
	return result;
}

/* The init fork of an unlogged index: an index without rows */
void
ivfbuildempty(Relation index)
{
	IvfMeta meta;

	init_meta(&meta, index);
	ivf_writer_end(
		ivf_writer_begin(index, INIT_FORKNUM, &meta, NULL, NULL, false));
	wal_log_built(index, INIT_FORKNUM, 0);
}
