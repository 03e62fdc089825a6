/*
 * hnsw_build.c
 *	  CREATE INDEX and REINDEX: an index from its table.
 *
 * As many rows as maintenance_work_mem has room for are linked in memory, all at
 * once, and written; what is left is inserted.  With workers (hnsw_team.h) all
 * processes read the table.  One that has no room for a row waits within its
 * scan, and takes part in what follows, until there is room, or the index is
 * written and the rest of the scan is inserted.
 */
#include "postgres.h"

#include <math.h>

#include "access/tableam.h"
#include "catalog/index.h"
#include "commands/progress.h"
#include "miscadmin.h"
#include "optimizer/plancat.h"
#include "utils/backend_progress.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "am/poll.h"
#include "am/workers.h"
#include "hnsw/hnsw_build.h"
#include "hnsw/hnsw_calibrate.h"
#include "hnsw/hnsw_form.h"
#include "hnsw/hnsw_handler.h"
#include "hnsw/hnsw_image.h"
#include "hnsw/hnsw_insert.h"
#include "hnsw/hnsw_options.h"
#include "hnsw/hnsw_parallel.h"
#include "hnsw/hnsw_write.h"
#include "pages/wal.h"

/*
 * With fewer elements, or dimensions, neighbours are visited: codes would be
 * learned from too few, and tell too little.  So do codes of sketches.
 */
#define LEAST_CODED 1000
#define LEAST_CODED_DIM 16

/* Until it is calibrated a search keeps so many nodes more than rows wanted */
#define UNCALIBRATED_EF 60

/* Rows that codes are learned from, and rounds */
#define CODEC_ROWS 16384
#define CODEC_ROUNDS 15
#define SEED 1

/* Bytes of a record, where lengths differ and none has been seen: 100 elements */
#define UNKNOWN_RECORD 816

/* Dimensions, type and metric of the column; errors for what cannot be indexed */
static void
init_meta(HnswMeta *meta, Relation index)
{
	HnswFormKind form;
	const VectorOpclass *opclass = hnsw_check_supported(index, &form);
	HnswOptions options = hnsw_options(index);

	memset(meta, 0, sizeof(*meta));
	meta->magic = HNSW_MAGIC;
	meta->version = HNSW_VERSION;
	meta->value_dim = TupleDescAttr(index->rd_att, 0)->atttypmod;
	meta->elem = opclass->elem;
	meta->distance = opclass->metric;
	meta->form = form;
	hnsw_image_init(meta);
	meta->codec = CODEC_NONE;
	meta->m = options.m;
	meta->ef_construction = options.ef_construction;
	meta->degree = 2 * options.m;
	meta->model = InvalidBlockNumber;
	for (uint32 i = 0, k = 1; i < HNSW_NCALIBRATIONS; i++, k *= 10)
		meta->calibrations[i] =
			(HnswCalibration){.k = k, .ef = UNCALIBRATED_EF + k};
	(void) hnsw_layout_choose(meta, UNKNOWN_RECORD);
}

/* Are images sketches, or angles in the place of products? */
static bool
codes_mislead(const HnswMeta *meta)
{
	return meta->dim < meta->value_dim ||
		(meta->distance == METRIC_INNER_PRODUCT &&
		 meta->metric != METRIC_INNER_PRODUCT);
}

/* Parts of codes as the storage parameters want them, if they fit a page */
static void
choose_codec(HnswMeta *meta, const HnswOptions *options, uint32 nelements,
			 Size typical)
{
	static const int bits[] = {
		[HNSW_CODES_1] = 1, [HNSW_CODES_2] = 2, [HNSW_CODES_4] = 4};
	HnswMeta coded;

	/* without codes they fit in any case */
	(void) hnsw_layout_choose(meta, typical);
	coded = *meta;
	if (options->codes == HNSW_CODES_NONE || nelements < LEAST_CODED ||
		meta->dim < LEAST_CODED_DIM ||
		(options->codes == HNSW_CODES_AUTO && codes_mislead(meta)))
		return;
	coded.codec = CODEC_PQ4;
	if (options->codes != HNSW_CODES_AUTO)
		coded.parts = Max(meta->dim * bits[options->codes] / 4, 1);
	if (hnsw_layout_choose(&coded, typical))
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
write_rows(HnswTeam *team, HnswRows *rows)
{
	HnswPlan *plan = &team->plan;
	HnswOptions options = hnsw_options(team->index);
	float *floats = NULL;

	poll_load_blas();
	plan->meta.scale = hnsw_rows_unite(rows);
	plan->nrows = rows->n;
	plan->ntids = rows->ntids;
	choose_codec(&plan->meta, &options, rows->n, hnsw_rows_mean_record(rows));
	hnsw_progress_phase(HNSW_PHASE_BUILDING);
	hnsw_graph_build(team);
	if (plan->meta.codec != CODEC_NONE)
	{
		hnsw_progress_phase(HNSW_PHASE_TRAINING);
		floats = train(rows);
	}
	hnsw_progress_phase(HNSW_PHASE_WRITING);
	hnsw_write(team, floats);
	hnsw_calibrate(team);
	hnsw_write_calibrations(team->index, &plan->meta);
	hnsw_write_log(team);
	if (floats != NULL)
		pfree(floats);
}

static void
notice_full(uint32 nrows)
{
	ereport(NOTICE,
			(errmsg("hnsw graph no longer fits into maintenance_work_mem "
					"after %u tuples",
					nrows),
			 errdetail("Building will take significantly more time."),
			 errhint("Increase maintenance_work_mem to speed up builds.")));
}

/* Whatever comes from here on is inserted */
static void
end_team(HnswTeam *team, bool full)
{
	HnswRows rows = hnsw_rows_collect(team);

	if (full)
		notice_full(rows.n);
	write_rows(team, &rows);
	hnsw_team_free_all(team);
	team->ended = true;
	hnsw_team_start(team, HNSW_JOB_END, 0, 1);
	if (full)
		hnsw_progress_phase(HNSW_PHASE_LOADING);
}

/*
 * Reading the table
 */

/* One process' part */
typedef struct Reader
{
	HnswTeam *team;
	HnswRows rows; /* unless the team has ended */
	HnswPlaces places;
	MemoryContext row_context; /* reset for each row */
} Reader;

/* There is no room for a row: the scan waits for some, or for the index */
static void
make_room(Reader *reader)
{
	HnswTeam *team = reader->team;

	if (IsParallelWorker())
	{
		(void) pg_atomic_fetch_add_u32(&team->shared->nwaiting, 1);
		hnsw_team_follow(team);
	}
	else
	{
		hnsw_team_stop(team);
		if (hnsw_rows_grow(team))
			hnsw_team_start(team, HNSW_JOB_SCAN, 0, 1);
		else
			end_team(team, true);
	}
	if (!team->ended)
		reader->rows = hnsw_rows_of(team);
}

/*
 * Locks on pages are not between processes of one group, from 17 on; so those who
 * may change the entry, rare as they are, see to it here that they do so alone.
 */
static bool
insert_row(HnswTeam *team, const void *elems, ItemPointer tid)
{
	HnswShared *shared = team->shared;
	bool raises = shared != NULL &&
		hnsw_level(tid, team->plan.meta.m) >= team->plan.nlevels;
	bool inserted;

	while (raises && !pg_atomic_test_set_flag(&shared->raising))
	{
		CHECK_FOR_INTERRUPTS();
		pg_usleep(1000);
	}
	inserted = hnsw_insert_elems(team->index, elems, tid);
	if (raises)
		pg_atomic_clear_flag(&shared->raising);
	return inserted;
}

static void
read_row(Relation index, ItemPointer tid, Datum *values, bool *isnull,
		 bool alive, void *arg)
{
	Reader *reader = arg;
	HnswTeam *team = reader->team;
	const HnswMeta *meta = &team->plan.meta;
	MemoryContext old;
	const void *elems;

	if (isnull[0])
		return;
	CHECK_FOR_INTERRUPTS();
	old = MemoryContextSwitchTo(reader->row_context);
	elems = value_elems(meta->elem, values[0], meta->value_dim);
	hnsw_check_value(meta, elems);
	MemoryContextSwitchTo(old);
	while (
		!team->ended &&
		!hnsw_rows_have_room(team, &reader->places,
							 value_bytes(meta->elem, elems, meta->value_dim)))
		make_room(reader);
	MemoryContextSwitchTo(reader->row_context);
	if (team->ended)
		team->nindexed += insert_row(team, elems, tid);
	else
		team->nindexed +=
			hnsw_rows_add(&reader->rows, &reader->places, elems, tid);
	MemoryContextSwitchTo(old);
	MemoryContextReset(reader->row_context);
	if (!IsParallelWorker())
		pgstat_progress_update_param(
			PROGRESS_CREATEIDX_TUPLES_DONE,
			(int64) Max(team->nindexed, hnsw_team_nplaces(team)));
}

/* Each process has one scan, however often it has to wait for room */
void
hnsw_scan_job(HnswTeam *team)
{
	Reader reader = {.team = team, .rows = hnsw_rows_of(team)};
	TableScanDesc scan = NULL;

	if (team->scanned)
		return;
	team->scanned = true;
	reader.row_context = AllocSetContextCreate(CurrentMemoryContext, "hnsw row",
											   ALLOCSET_DEFAULT_SIZES);
	if (team->scan != NULL)
		scan = table_beginscan_parallel(team->heap, team->scan);
	/* rows that are not indexed count: statistics are made of it */
	team->heap_tuples =
		table_index_build_scan(team->heap, team->index, team->info, true,
							   !IsParallelWorker(), read_row, &reader, scan);
	MemoryContextDelete(reader.row_context);
}

/* The whole of the table, and the index of what there is memory for */
static void
read_table(HnswTeam *team)
{
	hnsw_progress_phase(HNSW_PHASE_LOADING);
	hnsw_team_start(team, HNSW_JOB_SCAN, 0, 1);
	hnsw_scan_job(team);
	while (!team->ended)
	{
		bool waiting;

		hnsw_team_stop(team);
		waiting = team->shared != NULL &&
			pg_atomic_read_u32(&team->shared->nwaiting) > 0;
		if (waiting && hnsw_rows_grow(team))
			hnsw_team_start(team, HNSW_JOB_SCAN, 0, 1);
		else
			end_team(team, waiting);
	}
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

/* Of a value, where lengths differ: by what is known of the column */
static Size
expected_bytes(const HnswTeam *team)
{
	const HnswMeta *meta = &team->plan.meta;
	AttrNumber column = team->info->ii_IndexAttrNumbers[0];
	int32 width =
		column > 0 ? get_attavgwidth(RelationGetRelid(team->heap), column) : 0;

	if (hnsw_record_bytes(meta) > 0)
		return hnsw_record_bytes(meta);
	return width > 0 ? width : UNKNOWN_RECORD;
}

IndexBuildResult *
hnsw_build(Relation heap, Relation index, IndexInfo *info)
{
	IndexBuildResult *result = palloc(sizeof(IndexBuildResult));
	HnswTeam *team = palloc0(sizeof(HnswTeam));
	double expected = expected_rows(heap);
	HnswWorkers *workers;

	team->heap = heap;
	team->index = index;
	team->info = info;
	team->context = CurrentMemoryContext;
	init_meta(&team->plan.meta, index);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL,
								 (int64) expected);
	team->nworkers = workers_plan(heap, index);
	hnsw_rows_allocate(team, expected, expected_bytes(team),
					   (Size) maintenance_work_mem * 1024);
	workers = hnsw_workers_begin(team);
	read_table(team);
	hnsw_workers_end(workers, team);
	result->heap_tuples = team->heap_tuples;
	result->index_tuples = team->nindexed;
	pfree(team);
	return result;
}

/* The init fork of an unlogged index: an index without rows */
void
hnsw_build_empty(Relation index)
{
	HnswMeta meta;

	init_meta(&meta, index);
	hnsw_write_empty(index, INIT_FORKNUM, &meta);
	wal_log_built(index, INIT_FORKNUM, 0);
}
