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
#include "hnsw/hnsw_encode.h"
#include "hnsw/hnsw_form.h"
#include "hnsw/hnsw_handler.h"
#include "hnsw/hnsw_image.h"
#include "hnsw/hnsw_insert.h"
#include "hnsw/hnsw_learn.h"
#include "hnsw/hnsw_options.h"
#include "hnsw/hnsw_parallel.h"
#include "hnsw/hnsw_parts.h"
#include "hnsw/hnsw_write.h"
#include "pages/wal.h"

/*
 * Codes of fewer dimensions would tell too little: neighbours are visited.  So do
 * codes of sketches.
 */
#define LEAST_CODED_DIM 16

/* Until it is calibrated a search keeps so many nodes more than rows wanted */
#define UNCALIBRATED_EF 60

/* Bytes of rows that codes are learned from at least, however little memory */
#define LEAST_COPIED (4 << 20)

/*
 * Of maintenance_work_mem, in kB, for each process: all of them work on what memory has
 * room for, and need little of their own
 */
#define LEAST_MEMORY 4096

/* Bytes of a record, where lengths differ and none has been seen: 100 elements */
#define UNKNOWN_RECORD 816

/* Are images sketches, or angles in the place of products? */
static bool
codes_mislead(const HnswMeta *meta)
{
	return meta->dim < meta->value_dim ||
		(meta->distance == METRIC_INNER_PRODUCT &&
		 meta->metric != METRIC_INNER_PRODUCT);
}

/*
 * The layout, with parts of codes as the storage parameters want them, if they fit a
 * page.  There is room for them from the first row on, since it cannot be made later.
 * typical: bytes of a record.
 */
static void
choose_codec(HnswMeta *meta, const HnswOptions *options, Size typical)
{
	static const int bits[] = {
		[HNSW_CODES_1] = 1, [HNSW_CODES_2] = 2, [HNSW_CODES_4] = 4};
	HnswMeta coded;

	meta->codec = CODEC_NONE;
	meta->transform = TRANSFORM_NONE;
	meta->parts = meta->code_dim = 0;
	/* without codes it fits in any case */
	(void) hnsw_layout_choose(meta, typical);
	coded = *meta;
	if (options->codes == HNSW_CODES_NONE || meta->dim < LEAST_CODED_DIM ||
		(options->codes == HNSW_CODES_AUTO && codes_mislead(meta)))
		return;
	coded.codec = CODEC_PQ4;
	if (options->codes != HNSW_CODES_AUTO)
		coded.parts = Max(meta->dim * bits[options->codes] / 4, 1);
	if (hnsw_layout_choose(&coded, typical))
	{
		hnsw_layout_transform(&coded);
		*meta = coded;
	}
}

/* Do attributes fit a row page? */
static void
check_columns(const HnswMeta *meta)
{
	HnswLayout layout;

	hnsw_layout_init(&layout, meta);
	if (layout.rows.lanes == 0)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%u columns of %u bytes beside the vector do not fit "
						"an index page",
						meta->ncolumns, meta->column_bytes)));
}

/* Dimensions, type and metric of the column; errors for what cannot be indexed */
static void
init_meta(HnswMeta *meta, Relation index)
{
	static const float margins[] = HNSW_LEAST_MARGINS;
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
	meta->ncolumns = opclass_attributes(index, meta->kinds);
	meta->column_bytes = attribute_key_bytes(meta->kinds, meta->ncolumns);
	hnsw_image_init(meta);
	meta->codec = CODEC_NONE;
	meta->m = options.m;
	meta->ef_construction = options.ef_construction;
	meta->degree = 2 * options.m;
	meta->model = InvalidBlockNumber;
	for (uint32 i = 0, k = 1; i < HNSW_NCALIBRATIONS; i++, k *= 10)
		meta->calibrations[i] = (HnswCalibration){
			.k = k, .ef = UNCALIBRATED_EF + k, .margin = margins[i]};
	meta->stretch = meta->full_stretch = 1;
	choose_codec(meta, &options, UNKNOWN_RECORD);
	check_columns(meta);
}

/*
 * The build
 */

/* Nodes will have codes, learned from so many elements, if there is a model */
static void
set_stage(HnswPlan *plan, const float *floats, uint32 nelements)
{
	if (floats == NULL)
		return;
	plan->meta.stage = HNSW_CODED;
	plan->meta.trained = nelements;
}

/* What there is to know of the index when it is written */
static void
finish(HnswTeam *team, float *floats)
{
	hnsw_calibrate(team);
	hnsw_write_calibrations(team->index, &team->plan.meta);
	hnsw_write_log(team);
	if (floats != NULL)
		pfree(floats);
}

/* All rows that have gone to files become the index */
static void
write_parts(HnswTeam *team)
{
	HnswPlan *plan = &team->plan;
	HnswRows sample;
	Size row;
	Size copies;
	float *floats = NULL;

	poll_load_blas();
	hnsw_progress_phase(HNSW_PHASE_TRAINING);
	sample = hnsw_parts_sample(team);
	/* copies of rows, in the place of the graph that is not there yet */
	row = sample.stride * sizeof(float);
	copies = plan->room * (hnsw_build_bytes(&plan->meta) - row) / row;
	copies = Max(copies, LEAST_COPIED / row);
	if (plan->meta.codec != CODEC_NONE && plan->nspilled >= HNSW_LEAST_CODED)
		floats = hnsw_learn(&plan->meta, sample.rows, sample.stride, sample.n,
							Max(Min(copies, HNSW_CODEC_ROWS), 1));
	set_stage(plan, floats, plan->nspilled);
	hnsw_parts_write(team, floats);
	finish(team, floats);
}

/* All rows that are in memory become the index */
static void
write_rows(HnswTeam *team, HnswRows *rows)
{
	HnswPlan *plan = &team->plan;
	HnswState state = {.entry = HNSW_NONE};
	float *floats = NULL;
	Buffer meta;

	poll_load_blas();
	plan->meta.scale = hnsw_rows_unite(rows);
	plan->nrows = rows->n;
	plan->ntids = rows->ntids;
	/* lengths are known only now, and nothing is written yet */
	if (rows->n > 0 && hnsw_record_bytes(&plan->meta) == 0)
	{
		HnswOptions options = hnsw_options(team->index);

		choose_codec(&plan->meta, &options, hnsw_rows_mean_record(rows));
	}
	hnsw_progress_phase(HNSW_PHASE_TRAINING);
	hnsw_graph_arrange(team);
	if (plan->meta.codec != CODEC_NONE && rows->n >= HNSW_LEAST_CODED)
		floats = hnsw_learn(&plan->meta, rows->rows, rows->stride, rows->n,
							HNSW_CODEC_ROWS);
	set_stage(plan, floats, rows->n);
	meta = hnsw_write_begin(team, floats);
	hnsw_encode(team);
	hnsw_progress_phase(HNSW_PHASE_BUILDING);
	hnsw_graph_link(team);
	hnsw_progress_phase(HNSW_PHASE_WRITING);
	state.nrows = plan->ntids;
	hnsw_write_levels(team, &state);
	hnsw_write_end(team, meta, &state);
	finish(team, floats);
}

/* As pgvector tells it: at which row memory was full, and what follows from it */
static void
notice_full(uint32 nrows, bool in_parts)
{
	ereport(NOTICE,
			(errmsg("hnsw graph no longer fits into maintenance_work_mem "
					"after %u tuples",
					nrows),
			 in_parts
				 ? errdetail("The index is built in parts.")
				 : errdetail("Building will take significantly more time."),
			 errhint("Increase maintenance_work_mem to speed up builds.")));
}

/* Whatever comes from here on is inserted */
static void
end_team(HnswTeam *team, bool full)
{
	bool in_parts = team->plan.nspilled > 0;
	HnswRows rows = {.n = 0};

	if (in_parts)
		hnsw_parts_spill(team);
	else
		rows = hnsw_rows_collect(team);
	if (full)
		notice_full(in_parts ? team->plan.nspilled : rows.n, false);
	if (in_parts)
		write_parts(team);
	else
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
	uint32 nspilled;           /* when they were claimed */
	MemoryContext row_context; /* reset for each row */
} Reader;

/*
 * Rows in memory go to a file, unless they are values, or records have parts; or
 * that would be of no use: there may be no more than fit, or so many that numbers
 * and codes alone are too much.
 */
static bool
spill(HnswTeam *team)
{
	HnswPlan *plan = &team->plan;
	bool first = plan->nspilled == 0;

	if (hnsw_keeps_values(&plan->meta) || plan->meta.kept < plan->meta.dim ||
		plan->nspilled + (uint64) plan->room >
			hnsw_parts_most(plan, (Size) maintenance_work_mem * 1024))
		return false;
	hnsw_parts_spill(team);
	if (first)
		notice_full(plan->nspilled, true);
	return true;
}

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
		if (hnsw_rows_grow(team) || spill(team))
			hnsw_team_start(team, HNSW_JOB_SCAN, 0, 1);
		else
			end_team(team, true);
	}
	if (team->ended)
		return;
	reader->rows = hnsw_rows_of(team);
	if (reader->nspilled != team->plan.nspilled)
		reader->places = (HnswPlaces){0};
	reader->nspilled = team->plan.nspilled;
}

/*
 * Locks on pages are not between processes of one group, from 17 on; so those who
 * may change the entry, rare as they are, see to it here that they do so alone.
 */
static bool
insert_row(HnswTeam *team, const void *elems, const AttributeRow *attributes,
		   ItemPointer tid)
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
	inserted =
		hnsw_insert_elems(team->index, team->info, elems, attributes, tid);
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
	AttributeRow attributes;

	if (isnull[0])
		return;
	CHECK_FOR_INTERRUPTS();
	old = MemoryContextSwitchTo(reader->row_context);
	elems = value_elems(meta->elem, values[0], meta->value_dim);
	hnsw_check_value(meta, elems);
	attribute_row_set(&attributes, index, meta->kinds, meta->ncolumns, values,
					  isnull);
	MemoryContextSwitchTo(old);
	while (
		!team->ended &&
		!hnsw_rows_have_room(team, &reader->places,
							 value_bytes(meta->elem, elems, meta->value_dim)))
		make_room(reader);
	MemoryContextSwitchTo(reader->row_context);
	if (team->ended)
		team->nindexed += insert_row(team, elems, &attributes, tid);
	else
		team->nindexed += hnsw_rows_add(&reader->rows, &reader->places, elems,
										&attributes, tid);
	MemoryContextSwitchTo(old);
	MemoryContextReset(reader->row_context);
	if (!IsParallelWorker())
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE,
									 (int64) Max(team->nindexed,
												 (uint64) team->plan.nspilled +
													 hnsw_team_nplaces(team)));
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
		if (waiting && (hnsw_rows_grow(team) || spill(team)))
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
	team->nworkers = workers_plan(heap, index, LEAST_MEMORY);
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
