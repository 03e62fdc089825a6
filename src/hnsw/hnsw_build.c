/*
 * hnsw_build.c
 *	  CREATE INDEX and REINDEX: an index from its table.
 *
 * As many rows as maintenance_work_mem has room for are linked in memory, all at
 * once, and written; what is left is inserted.
 */
#include "postgres.h"

#include <math.h>

#include "access/tableam.h"
#include "catalog/index.h"
#include "commands/progress.h"
#include "miscadmin.h"
#include "optimizer/plancat.h"
#include "utils/backend_progress.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "am/poll.h"
#include "hnsw/hnsw_calibrate.h"
#include "hnsw/hnsw_handler.h"
#include "hnsw/hnsw_insert.h"
#include "hnsw/hnsw_options.h"
#include "hnsw/hnsw_write.h"
#include "pages/wal.h"

/*
 * With fewer elements, or dimensions, neighbours are visited: codes would be
 * learned from too few, and tell too little.
 */
#define LEAST_CODED 1000
#define LEAST_CODED_DIM 16

/* Until it is calibrated a search keeps so many nodes more than rows wanted */
#define UNCALIBRATED_EF 60

/* Rows that codes are learned from, and rounds */
#define CODEC_ROWS 16384
#define CODEC_ROUNDS 15
#define SEED 1

typedef struct HnswBuild
{
	Relation heap;
	Relation index;
	HnswMeta meta;
	HnswRows *rows; /* NULL: they are written, what comes is inserted */
	double nindexed;
	MemoryContext row_context; /* reset for each row */
} HnswBuild;

/* Dimensions, type and metric of the column; errors for what cannot be indexed */
static void
init_meta(HnswMeta *meta, Relation index)
{
	const VectorOpclass *opclass = hnsw_check_supported(index);
	HnswOptions options = hnsw_options(index);
	HnswLayout layout;

	memset(meta, 0, sizeof(*meta));
	meta->magic = HNSW_MAGIC;
	meta->version = HNSW_VERSION;
	meta->dim = TupleDescAttr(index->rd_att, 0)->atttypmod;
	meta->elem = opclass->elem;
	meta->metric = opclass->metric;
	meta->codec = CODEC_NONE;
	meta->m = options.m;
	meta->ef_construction = options.ef_construction;
	meta->degree = 2 * options.m;
	meta->model = InvalidBlockNumber;
	for (uint32 i = 0, k = 1; i < HNSW_NCALIBRATIONS; i++, k *= 10)
		meta->calibrations[i] =
			(HnswCalibration){.k = k, .ef = UNCALIBRATED_EF + k};
	hnsw_layout_init(&layout, meta);
	hnsw_check_node_size(index, layout.size);
}

/* Parts of codes as the storage parameters want them, if they fit a page */
static void
choose_codec(HnswMeta *meta, const HnswOptions *options, uint32 nelements)
{
	static const int bits[] = {
		[HNSW_CODES_1] = 1, [HNSW_CODES_2] = 2, [HNSW_CODES_4] = 4};
	HnswMeta coded = *meta;

	if (options->codes == HNSW_CODES_NONE || nelements < LEAST_CODED ||
		meta->dim < LEAST_CODED_DIM)
		return;
	coded.codec = CODEC_PQ4;
	coded.parts = hnsw_layout_parts(&coded);
	if (coded.parts > 0 && options->codes != HNSW_CODES_AUTO)
	{
		HnswLayout layout;

		coded.parts = Max(meta->dim * bits[options->codes] / 4, 1);
		hnsw_layout_init(&layout, &coded);
		if (layout.slots == 0)
			coded.parts = 0;
	}
	if (coded.parts > 0)
		*meta = coded;
}

/*
 * What codes are made with
 */

static void
find_mean(const HnswRows *rows, float *mean)
{
	int dim = rows->meta->dim;
	double *sums = palloc0(dim * sizeof(double));

	for (uint32 i = 0; i < rows->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int d = 0; d < dim; d++)
			sums[d] += rows->rows[i * rows->stride + d];
	}
	for (int d = 0; d < dim; d++)
		mean[d] = (float) (sums[d] / rows->n);
	pfree(sums);
}

/* Rows at equal distances from each other, less the mean */
static RowSet
sample_residuals(const HnswRows *rows, const float *mean)
{
	Size dim = rows->meta->dim;
	uint32 n = Min(rows->n, CODEC_ROWS);
	float *residuals =
		MemoryContextAllocHuge(CurrentMemoryContext, n * dim * sizeof(float));

	for (uint32 i = 0; i < n; i++)
	{
		const float *row = rows->rows + (uint64) i * rows->n / n * rows->stride;

		for (Size d = 0; d < dim; d++)
			residuals[i * dim + d] = row[d] - mean[d];
	}
	return (RowSet){.rows = residuals, .stride = dim, .dim = dim, .n = n};
}

static float *
train(const HnswRows *rows)
{
	const HnswMeta *meta = rows->meta;
	const Codec *codec = codec_of((CodecKind) meta->codec);
	CodecTraining training = {.shape = hnsw_codec_shape(meta),
							  .iterations = CODEC_ROUNDS,
							  .seed = SEED,
							  .poll = poll_interrupts};
	float *floats = MemoryContextAllocHuge(CurrentMemoryContext,
										   hnsw_floats(meta) * sizeof(float));
	void *work;

	find_mean(rows, floats);
	training.rows = sample_residuals(rows, floats);
	work = MemoryContextAllocHuge(CurrentMemoryContext,
								  codec->train_work_size(&training));
	(void) codec->train(&training, floats + meta->dim, work);
	pfree(work);
	pfree((float *) training.rows.rows);
	return floats;
}

/*
 * The build
 */

/* All rows that are in memory become the index */
static void
write_rows(HnswBuild *build)
{
	HnswRows *rows = build->rows;
	HnswOptions options = hnsw_options(build->index);
	HnswGraph *graph;
	float *floats = NULL;
	HnswId ground;

	poll_load_blas();
	build->meta.scale = hnsw_rows_unite(rows);
	choose_codec(&build->meta, &options, rows->n);
	hnsw_progress_phase(HNSW_PHASE_BUILDING);
	graph = hnsw_graph_build(rows);
	if (build->meta.codec != CODEC_NONE)
	{
		hnsw_progress_phase(HNSW_PHASE_TRAINING);
		floats = train(rows);
	}
	hnsw_progress_phase(HNSW_PHASE_WRITING);
	ground = hnsw_write(build->index, MAIN_FORKNUM, &build->meta, floats, graph,
						rows);
	hnsw_calibrate(build->index, &build->meta, rows, ground);
	hnsw_write_calibrations(build->index, &build->meta);
	wal_log_built(build->index, MAIN_FORKNUM, 0);
	build->rows = NULL;
}

static void
notice_full(const HnswBuild *build)
{
	ereport(NOTICE,
			(errmsg("hnsw graph no longer fits into maintenance_work_mem "
					"after %.0f tuples",
					build->nindexed),
			 errdetail("Building will take significantly more time."),
			 errhint("Increase maintenance_work_mem to speed up builds.")));
}

static void
build_row(Relation index, ItemPointer tid, Datum *values, bool *isnull,
		  bool alive, void *arg)
{
	HnswBuild *build = arg;
	MemoryContext old;
	const void *elems;

	if (isnull[0])
		return;
	if (build->rows != NULL && !hnsw_rows_have_room(build->rows))
	{
		notice_full(build);
		write_rows(build);
		hnsw_progress_phase(HNSW_PHASE_LOADING);
	}
	old = MemoryContextSwitchTo(build->row_context);
	elems = value_elems(build->meta.elem, values[0], build->meta.dim);
	if (build->rows != NULL)
	{
		uint32 before = build->rows->n;

		hnsw_rows_add(build->rows, elems, tid);
		build->nindexed += build->rows->n - before;
	}
	else if (hnsw_insert_elems(index, elems, tid))
		build->nindexed++;
	MemoryContextSwitchTo(old);
	MemoryContextReset(build->row_context);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE,
								 (int64) build->nindexed);
}

static double
expected_rows(Relation heap)
{
	BlockNumber pages;
	double tuples;
	double visible;
	int32 *widths =
		palloc0((RelationGetNumberOfAttributes(heap) + 1) * sizeof(int32));

	estimate_rel_size(heap, widths, &pages, &tuples, &visible);
	pfree(widths);
	return tuples;
}

IndexBuildResult *
hnsw_build(Relation heap, Relation index, IndexInfo *info)
{
	IndexBuildResult *result = palloc(sizeof(IndexBuildResult));
	HnswBuild build = {.heap = heap, .index = index};
	double expected = expected_rows(heap);

	build.row_context = AllocSetContextCreate(CurrentMemoryContext, "hnsw row",
											  ALLOCSET_DEFAULT_SIZES);
	init_meta(&build.meta, index);
	build.rows = hnsw_rows_new(&build.meta, expected,
							   (Size) maintenance_work_mem * 1024);
	hnsw_progress_phase(HNSW_PHASE_LOADING);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL,
								 (int64) expected);
	/* rows that are not indexed count: statistics are made of it */
	result->heap_tuples = table_index_build_scan(heap, index, info, true, true,
												 build_row, &build, NULL);
	if (build.rows != NULL)
		write_rows(&build);
	result->index_tuples = build.nindexed;
	return result;
}

/* The init fork of an unlogged index: an index without rows */
void
hnsw_build_empty(Relation index)
{
	HnswMeta meta;

	init_meta(&meta, index);
	(void) hnsw_write(index, INIT_FORKNUM, &meta, NULL, NULL, NULL);
	wal_log_built(index, INIT_FORKNUM, 0);
}
