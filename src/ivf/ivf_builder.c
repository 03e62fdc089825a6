/*
 * ivf_builder.c
 *	  From rows to an index: sample, train, assign, sort, write, calibrate.
 *
 * Rows are assigned to lists in batches, encoded, sorted by list (on disk when
 * they do not fit maintenance_work_mem) and written list by list.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "commands/progress.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/backend_progress.h"
#include "utils/memutils.h"
#include "utils/sampling.h"

#include "am/poll.h"
#include "core/compat.h"
#include "ivf/ivf_builder.h"
#include "ivf/ivf_choose.h"
#include "ivf/ivf_handler.h"
#include "ivf/ivf_train.h"
#include "quant/carver.h"
#include "quant/rng.h"

#define SAMPLE_SEED 1

/* Rows that are assigned together */
#define BATCH_BYTES (4 << 20)
#define MAX_BATCH 1024

/* The number of rows that lists are reckoned by is an estimate */
#define LISTS_MARGIN 2

/* What is kept of a row on its way to its list */
typedef struct SortedRow
{
	ItemPointerData tid;
	uint16 error;
	IvfTerms terms;
	char rest[FLEXIBLE_ARRAY_MEMBER]; /* the code, the copy, attributes */
} SortedRow;

struct IvfBuilder
{
	Relation index;
	MemoryContext context;
	IvfMeta meta;
	IvfGiven given;
	bool complete;   /* nothing is left to be learned */
	IvfModel *model; /* meta, layout and parameters together */
	float *centroids;
	double nrows;
	bool logged; /* beside lists in use, in VACUUM or on request */

	/* sampling */
	IvfSample sample;
	uint32 sample_room;
	KmeansTeamSize train_size; /* at most, about */
	double nsampled;           /* rows offered */
	double skip; /* reservoir: rows to leave out; below 0: not known */
	ReservoirStateData reservoir;
	float greatest; /* of all elements, unscaled */

	/* a batch */
	uint32 batch_room;
	uint32 nbatch;
	float *rows;         /* scaled */
	float *model_rows;   /* in model space; rows where these are the same */
	bool in_model_space; /* they come so, without copies to be made from */
	char *copies;
	Size copy_size;
	Size code_bytes;
	char *attributes;
	Size attributes_size;
	ItemPointerData *tids;
	uint16 *errors;
	uint32 *lists;
	void *assign_work;
	float *work;

	/* the lists that rows are for; nchoice = 0: all */
	uint32 nchoice;
	const uint32 *choice;
	const float *choice_centroids;
	IvfCalibrator *calibrator;

	TupleTableSlot *slot; /* list, payload */
	bytea *payload;
	IvfKeepRow keep; /* where rows go: to the sort, unless told otherwise */
	void *keep_arg;
	Tuplesortstate *sort;

	IvfWriter *writer;
};

uint32
ivf_builder_lists(const IvfBuilder *builder, double fraction)
{
	return ivf_choose_lists(builder->index, &builder->meta, &builder->given,
							builder->nsampled / fraction);
}

uint32
ivf_builder_sample_room(const IvfBuilder *builder)
{
	return builder->sample_room;
}

uint32
ivf_builder_nsample(const IvfBuilder *builder)
{
	return builder->sample.n;
}

double
ivf_builder_bytes(const IvfBuilder *builder, double fraction)
{
	return builder->nsampled / fraction * ivf_builder_row_size(builder);
}

Size
ivf_builder_row_size(const IvfBuilder *builder)
{
	return VARSIZE(builder->payload) - VARHDRSZ;
}

const IvfMeta *
ivf_builder_meta(const IvfBuilder *builder)
{
	return &builder->meta;
}

const IvfModel *
ivf_builder_model(const IvfBuilder *builder)
{
	return builder->model;
}

double
ivf_builder_nrows(const IvfBuilder *builder)
{
	return builder->nrows;
}

/*
 * Sampling
 */

IvfBuilder *
ivf_builder_new(Relation index, const IvfMeta *meta, double expected)
{
	IvfBuilder *builder = palloc0(sizeof(IvfBuilder));
	IvfMeta trained = *meta;
	uint32 lists;

	/* what cannot be is refused before any row is read */
	builder->given = ivf_given_read(index, meta);
	ivf_choose_codec(index, &builder->given, &trained);
	builder->complete = ivf_given_complete(&builder->given, &trained);
	/* then the sample is for calibration alone */
	lists = builder->complete
		? 1
		: ivf_choose_lists(index, meta, &builder->given, expected);
	builder->index = index;
	builder->context = CurrentMemoryContext;
	builder->meta = *meta;
	builder->train_size =
		(KmeansTeamSize){.rows = ivf_choose_sample(index, &trained, lists),
						 .stride = meta->dim,
						 .dim = trained.model_dim,
						 .k = lists * LISTS_MARGIN};
	builder->sample_room = builder->train_size.rows;
	builder->sample.rows = MemoryContextAllocHuge(
		CurrentMemoryContext,
		(Size) builder->sample_room * meta->dim * sizeof(float));

	builder->skip = -1;
	reservoir_init_selection_state(&builder->reservoir, builder->sample_room);
	/* it has seeded itself by chance: one table, one sample */
	sampler_random_init_state(SAMPLE_SEED, &builder->reservoir.randstate);
	builder->reservoir.W =
		exp(-log(sampler_random_fract(&builder->reservoir.randstate)) /
			builder->sample_room);
	return builder;
}

void
ivf_builder_call_team(IvfBuilder *builder, int nworkers)
{
	IvfSample *sample = &builder->sample;

	sample->team = kmeans_team_begin(nworkers, &builder->train_size);
	if (sample->team == NULL)
		return;
	pfree(sample->rows);
	sample->rows = kmeans_team_rows(sample->team);
}

static void
free_sample(IvfSample *sample)
{
	if (sample->team != NULL)
		kmeans_team_end(sample->team);
	else
		pfree(sample->rows);
	sample->rows = NULL;
	sample->team = NULL;
}

bool
ivf_builder_offer(IvfBuilder *builder, uint32 *place)
{
	builder->nsampled++;
	if (builder->sample.n < builder->sample_room)
	{
		*place = builder->sample.n++;
		return true;
	}
	if (builder->skip < 0)
		builder->skip = reservoir_get_next_S(
			&builder->reservoir, builder->nsampled, builder->sample_room);
	if (builder->skip-- > 0)
		return false;
	builder->skip = -1;
	*place = builder->sample_room *
		sampler_random_fract(&builder->reservoir.randstate);
	return true;
}

void
ivf_builder_sample(IvfBuilder *builder, uint32 place, const void *elems)
{
	Size dim = builder->meta.dim;
	float *row = builder->sample.rows + place * dim;
	float low;
	float high;

	value_ops[builder->meta.elem].load(elems, row, dim);
	rows_range(row, dim, &low, &high);
	builder->greatest = Max(builder->greatest, Max(-low, high));
}

/* Turn raw elements into scaled rows; zero length is left out */
static void
prepare_sample(IvfBuilder *builder)
{
	IvfSample *sample = &builder->sample;
	Size dim = builder->meta.dim;
	uint32 kept = 0;

	for (uint32 i = 0; i < sample->n; i++)
	{
		float *row = sample->rows + kept * dim;

		if (kept < i)
			memcpy(row, sample->rows + i * dim, dim * sizeof(float));
		if (ivf_query_place(&builder->meta, row))
			kept++;
	}
	sample->n = kept;
}

/*
 * Rows of the reservoir lie in the table's order up to the first exchange.  Those
 * in front, which calibration and codecs take, become a sample themselves.
 */
static void
shuffle_sample(IvfBuilder *builder)
{
	Size dim = builder->meta.dim;
	float *swap = palloc(dim * sizeof(float));
	uint32 n = builder->sample.n;
	Rng rng = {.state = SAMPLE_SEED};

	for (uint32 i = 0; i < Min(n, IVF_MODEL_ROWS); i++)
	{
		float *a = builder->sample.rows + i * dim;
		float *b = builder->sample.rows + (i + rng_below(&rng, n - i)) * dim;

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

/* What the model is to be, and room for its parameters */
static void
begin_model(IvfBuilder *builder, bool trained, uint32 lists)
{
	IvfMeta *meta = &builder->meta;

	meta->nlists = trained ? lists : 1;
	if (trained)
		ivf_choose_codec(builder->index, &builder->given, meta);
	builder->model = MemoryContextAllocHuge(
		CurrentMemoryContext,
		offsetof(IvfModel, params) + ivf_params_floats(meta) * sizeof(float));
}

/* A model came without rows to measure by: more than most data needs */
static void
guess_effort(IvfMeta *meta)
{
	for (int i = 0; i < IVF_NCALIBRATIONS; i++)
	{
		IvfCalibration *calibration = &meta->calibrations[i];

		calibration->probes = Min(ceil(2 * sqrt(meta->nlists)), meta->nlists);
		calibration->candidates = meta->codec == CODEC_NONE
			? calibration->k
			: 20 * calibration->k + 100;
	}
}

static void
train_lists(IvfBuilder *builder, double nrows)
{
	IvfMeta *meta = &builder->meta;
	MemoryContext old = CurrentMemoryContext;
	MemoryContext work =
		AllocSetContextCreate(old, "ivf training", ALLOCSET_DEFAULT_SIZES);
	float *centroids;
	Size bytes;

	ivf_given_scale(&builder->given, meta);
	builder->calibrator = ivf_calibrator_new(meta, &builder->sample, nrows);
	MemoryContextSwitchTo(work);
	centroids = ivf_train(meta, &builder->given, &builder->sample,
						  builder->model->params);
	meta->nbuilt = meta->nlists;
	bytes = (Size) meta->nlists * meta->model_dim * sizeof(float);
	builder->centroids = MemoryContextAllocHuge(old, bytes);
	memcpy(builder->centroids, centroids, bytes);

	MemoryContextSwitchTo(old);
	MemoryContextDelete(work);
	if (builder->complete && builder->sample.n < IVF_MIN_TRAINED_ROWS)
	{
		guess_effort(meta);
		builder->calibrator = NULL;
	}
	/* one list of vectors as they are: nothing to choose */
	if (meta->nlists == 1 && meta->codec == CODEC_NONE)
		builder->calibrator = NULL;
}

static void
begin_batches(IvfBuilder *builder)
{
	const IvfMeta *meta = &builder->meta;
	Size row_bytes = meta->dim * sizeof(float);
	uint32 room = Max(Min(BATCH_BYTES / row_bytes, MAX_BATCH), 16);
	Size payload;
	TupleDesc desc;

	builder->batch_room = room;
	builder->copy_size = builder->model->layout.copy_slots.size;
	builder->code_bytes = ivf_code_bytes(meta);
	builder->attributes_size = attribute_row_size(meta->nattributes);
	builder->rows = palloc(room * row_bytes);
	builder->model_rows = meta->transform == TRANSFORM_NONE
		? builder->rows
		: palloc(room * meta->model_dim * sizeof(float));
	builder->copies = palloc(room * builder->copy_size + 1);
	builder->attributes = palloc(room * builder->attributes_size + 1);
	builder->tids = palloc(room * sizeof(ItemPointerData));
	builder->errors = palloc(room * sizeof(uint16));
	builder->lists = palloc(room * sizeof(uint32));
	builder->work = palloc(3 * row_bytes);
	if (builder->centroids != NULL)
		builder->assign_work = ivf_assign_work(meta, room);
	payload = VARHDRSZ + offsetof(SortedRow, rest) + builder->code_bytes +
		builder->copy_size + builder->attributes_size;
	builder->payload = palloc(payload);
	SET_VARSIZE(builder->payload, payload);
	desc = CreateTemplateTupleDesc(2);
	TupleDescInitEntry(desc, 1, "list", INT4OID, -1, 0);
	TupleDescInitEntry(desc, 2, "row", BYTEAOID, -1, 0);
	builder->slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
}

Tuplesortstate *
ivf_builder_begin_sort(const IvfBuilder *builder, int memory)
{
	AttrNumber attribute = 1;
	Oid operator= Int4LessOperator;
	Oid collation = InvalidOid;
	bool nulls_first = false;

	return tuplesort_begin_heap(builder->slot->tts_tupleDescriptor, 1,
								&attribute, &operator, & collation,
								&nulls_first, memory, NULL, TUPLESORT_NONE);
}

void
ivf_builder_keep(IvfBuilder *builder, IvfKeepRow keep, void *arg)
{
	builder->keep = keep;
	builder->keep_arg = arg;
}

/* Rows lie in the payload until somebody keeps them, or are copied there */
TupleTableSlot *
ivf_builder_slot(IvfBuilder *builder, uint32 list, const void *row)
{
	TupleTableSlot *slot = builder->slot;
	char *payload = VARDATA(builder->payload);

	if (row != payload)
		memcpy(payload, row, ivf_builder_row_size(builder));
	ExecClearTuple(slot);
	slot->tts_values[0] = Int32GetDatum(list);
	slot->tts_values[1] = PointerGetDatum(builder->payload);
	slot->tts_isnull[0] = slot->tts_isnull[1] = false;
	return ExecStoreVirtualTuple(slot);
}

static void
keep_in_sort(void *arg, uint32 list, const void *row)
{
	IvfBuilder *builder = arg;

	if (builder->sort == NULL)
		builder->sort = ivf_builder_begin_sort(builder, maintenance_work_mem);
	tuplesort_puttupleslot(builder->sort, ivf_builder_slot(builder, list, row));
}

void
ivf_builder_train(IvfBuilder *builder, double fraction, uint32 min_rows)
{
	IvfMeta *meta = &builder->meta;
	bool trained;

	/* a scale that is there already belongs to copies that will stay */
	if (builder->greatest > HALF_SAFE && meta->scale == 0)
		meta->scale = -(int) ceil(log2(builder->greatest / HALF_SAFE));
	prepare_sample(builder);
	shuffle_sample(builder);
	trained = builder->complete || builder->sample.n >= Max(min_rows, 1);
	begin_model(builder, trained, ivf_builder_lists(builder, fraction));
	if (trained)
		train_lists(builder, builder->nsampled / fraction);
	free_sample(&builder->sample);

	builder->model->meta = *meta;
	builder->model->nhints = 0;
	ivf_layout_init(&builder->model->layout, meta);
	begin_batches(builder);
	ivf_builder_keep(builder, keep_in_sort, builder);
}

/*
 * Assignment
 */

static void
sort_batch_row(IvfBuilder *builder, uint32 i)
{
	const IvfMeta *meta = &builder->meta;
	SortedRow *row = (SortedRow *) VARDATA(builder->payload);
	uint32 list = builder->lists[i];
	Size dim = meta->model_dim;

	row->tid = builder->tids[i];
	row->error = builder->errors[i];
	if (meta->codec != CODEC_NONE)
		row->terms = ivf_code(
			builder->model, builder->rows + (Size) i * meta->dim,
			builder->model_rows + i * dim, builder->centroids + list * dim,
			(uint8 *) row->rest, builder->work);
	memcpy(row->rest + builder->code_bytes,
		   builder->copies + i * builder->copy_size, builder->copy_size);
	memcpy(row->rest + builder->code_bytes + builder->copy_size,
		   builder->attributes + i * builder->attributes_size,
		   builder->attributes_size);
	builder->keep(builder->keep_arg, list, row);
}

/* The nearest of the lists that were chosen */
static void
assign_to_choice(IvfBuilder *builder)
{
	IvfMeta meta = builder->meta;

	meta.nlists = builder->nchoice;
	if (builder->nchoice > 1)
		ivf_assign(&meta, builder->choice_centroids, builder->model_rows,
				   builder->nbatch, NULL, builder->lists, builder->assign_work);
	else
		memset(builder->lists, 0, builder->nbatch * sizeof(uint32));
	for (uint32 i = 0; i < builder->nbatch; i++)
		builder->lists[i] = builder->choice[builder->lists[i]];
}

static void
finish_batch(IvfBuilder *builder)
{
	MemoryContext old = MemoryContextSwitchTo(builder->context);

	if (builder->model_rows != builder->rows && !builder->in_model_space)
	{
		for (uint32 i = 0; i < builder->nbatch; i++)
			(void) ivf_model_row(
				builder->model, builder->rows + (Size) i * builder->meta.dim,
				builder->model_rows + (Size) i * builder->meta.model_dim);
	}
	if (builder->nchoice > 0)
		assign_to_choice(builder);
	else if (builder->centroids != NULL)
		ivf_assign(&builder->meta, builder->centroids, builder->model_rows,
				   builder->nbatch,
				   ivf_prices(&builder->meta, builder->model->params),
				   builder->lists, builder->assign_work);
	else
		memset(builder->lists, 0, builder->nbatch * sizeof(uint32));
	if (builder->calibrator != NULL)
		ivf_calibrator_add(builder->calibrator, builder->rows, builder->nbatch,
						   builder->tids, builder->lists);
	for (uint32 i = 0; i < builder->nbatch; i++)
		sort_batch_row(builder, i);
	builder->nbatch = 0;
	MemoryContextSwitchTo(old);
}

void
ivf_builder_flush(IvfBuilder *builder)
{
	if (builder->nbatch > 0)
		finish_batch(builder);
}

/* Count the row that was put behind the batch */
static void
end_row(IvfBuilder *builder, ItemPointer tid, uint16 error,
		const AttributeRow *attributes)
{
	if (builder->attributes_size > 0)
		memcpy(builder->attributes + builder->nbatch * builder->attributes_size,
			   attributes, builder->attributes_size);
	builder->tids[builder->nbatch] = *tid;
	builder->errors[builder->nbatch] = error;
	builder->nrows++;
	if (++builder->nbatch == builder->batch_room)
		finish_batch(builder);
}

static IvfRow
next_row(IvfBuilder *builder)
{
	return (IvfRow){
		.scaled = builder->rows + (Size) builder->nbatch * builder->meta.dim,
		.copy = builder->copies + builder->nbatch * builder->copy_size};
}

bool
ivf_builder_add(IvfBuilder *builder, ItemPointer tid, const void *elems,
				const AttributeRow *attributes)
{
	IvfRow row = next_row(builder);

	if (!ivf_row_set(&row, &builder->meta, elems))
		return false;
	end_row(builder, tid, row.error, attributes);
	return true;
}

void
ivf_builder_add_copy(IvfBuilder *builder, ItemPointer tid, const void *copy,
					 uint16 error, const AttributeRow *attributes)
{
	IvfRow row = next_row(builder);

	memcpy(row.copy, copy, builder->copy_size);
	ivf_row_from_copy(&builder->meta, copy, row.scaled);
	end_row(builder, tid, error, attributes);
}

/*
 * Rows for lists of a model that is there
 */

IvfBuilder *
ivf_builder_resume(Relation index, IvfModel *model, float *centroids)
{
	IvfBuilder *builder = palloc0(sizeof(IvfBuilder));

	builder->index = index;
	builder->context = CurrentMemoryContext;
	builder->meta = model->meta;
	builder->model = model;
	builder->centroids = centroids;
	builder->in_model_space = model->meta.copies == IVF_COPIES_NONE;
	begin_batches(builder);
	ivf_builder_keep(builder, keep_in_sort, builder);
	return builder;
}

void
ivf_builder_choose(IvfBuilder *builder, uint32 n, const uint32 *lists,
				   const float *centroids)
{
	if (builder->nbatch > 0)
		finish_batch(builder);
	builder->nchoice = n;
	builder->choice = lists;
	builder->choice_centroids = centroids;
}

void
ivf_builder_add_decoded(IvfBuilder *builder, ItemPointer tid,
						const float *scaled, const float *row,
						const AttributeRow *attributes)
{
	const IvfMeta *meta = &builder->meta;
	Size place = builder->nbatch;

	memcpy(builder->rows + place * meta->dim, scaled,
		   meta->dim * sizeof(float));
	memcpy(builder->model_rows + place * meta->model_dim, row,
		   meta->model_dim * sizeof(float));
	end_row(builder, tid, 0, attributes);
}

/*
 * Writing
 */

/* Progress is that of CREATE INDEX: VACUUM counts other things there */
static void
report(const IvfBuilder *builder, int parameter, int64 value)
{
	if (!builder->logged)
		pgstat_progress_update_param(parameter, value);
}

void
ivf_builder_report_written(const IvfBuilder *builder, int64 nrows)
{
	report(builder, PROGRESS_CREATEIDX_TUPLES_DONE, nrows);
}

TupleTableSlot *
ivf_builder_sort_slot(const IvfBuilder *builder)
{
	return MakeSingleTupleTableSlot(builder->slot->tts_tupleDescriptor,
									&TTSOpsMinimalTuple);
}

void
ivf_builder_write_row(const IvfBuilder *builder, uint32 list, const void *row,
					  IvfWriter *writer)
{
	const char *rest = (const char *) row + offsetof(SortedRow, rest);
	SortedRow head;
	AttributeRow attributes;
	IvfStoredRow stored;

	/* the short header of a sorted row leaves it unaligned */
	memcpy(&head, row, offsetof(SortedRow, rest));
	stored.tid = head.tid;
	stored.error = head.error;
	stored.terms = head.terms;
	stored.code = (const uint8 *) rest;
	stored.copy = rest + builder->code_bytes;
	memcpy(&attributes, rest + builder->code_bytes + builder->copy_size,
		   builder->attributes_size);
	stored.attributes = &attributes;
	ivf_writer_add(writer, list, &stored);
}

void
ivf_builder_write_rows(const IvfBuilder *builder, Tuplesortstate *sort,
					   IvfWriter *writer)
{
	TupleTableSlot *slot = ivf_builder_sort_slot(builder);
	int64 done = 0;
	bool isnull;

	while (tuplesort_gettupleslot(sort, true, false, slot, NULL))
	{
		uint32 list = DatumGetInt32(slot_getattr(slot, 1, &isnull));
		bytea *payload = DatumGetByteaPP(slot_getattr(slot, 2, &isnull));

		CHECK_FOR_INTERRUPTS();
		ivf_builder_write_row(builder, list, VARDATA_ANY(payload), writer);
		if (builder->keep == keep_in_sort)
			ivf_builder_report_written(builder, ++done);
	}
	ExecDropSingleTupleTableSlot(slot);
}

IvfWriter *
ivf_builder_write_beside(IvfBuilder *builder)
{
	IvfMeta *meta = &builder->meta;
	IvfWriter *writer;

	builder->logged = true;
	ivf_builder_flush(builder);
	writer = ivf_writer_begin(builder->index, MAIN_FORKNUM, meta,
							  builder->centroids, NULL, true);
	if (builder->sort != NULL)
	{
		tuplesort_performsort(builder->sort);
		ivf_builder_write_rows(builder, builder->sort, writer);
		tuplesort_end(builder->sort);
	}
	ExecDropSingleTupleTableSlot(builder->slot);
	builder->model->meta = *meta;
	return writer;
}

void
ivf_builder_begin_lists(IvfBuilder *builder, bool logged)
{
	IvfMeta *meta = &builder->meta;

	builder->logged = logged;
	meta->nrows = builder->nrows;
	report(builder, PROGRESS_CREATEIDX_SUBPHASE, IVF_PHASE_LOADING);
	report(builder, PROGRESS_CREATEIDX_TUPLES_TOTAL, (int64) builder->nrows);
	builder->writer =
		ivf_writer_begin(builder->index, MAIN_FORKNUM, meta, builder->centroids,
						 builder->model->params, logged);
}

const IvfMeta *
ivf_builder_end_lists(IvfBuilder *builder)
{
	IvfMeta *meta = &builder->meta;

	ivf_writer_end(builder->writer);
	ExecDropSingleTupleTableSlot(builder->slot);
	builder->model->meta = *meta;
	if (builder->calibrator != NULL)
	{
		report(builder, PROGRESS_CREATEIDX_SUBPHASE, IVF_PHASE_CALIBRATING);
		ivf_calibrator_run(builder->calibrator, builder->index, builder->model,
						   builder->centroids, meta);
	}
	if (!builder->logged)
		ivf_write_meta(builder->index, MAIN_FORKNUM, meta);
	return meta;
}

const IvfMeta *
ivf_builder_write(IvfBuilder *builder, bool logged)
{
	ivf_builder_flush(builder);
	if (builder->sort != NULL)
		tuplesort_performsort(builder->sort);
	ivf_builder_begin_lists(builder, logged);
	if (builder->sort != NULL)
	{
		ivf_builder_write_rows(builder, builder->sort, builder->writer);
		tuplesort_end(builder->sort);
	}
	return ivf_builder_end_lists(builder);
}

/*
 * Several participants
 */

/* What others need to know; behind it, as lay_out_share says, the arrays */
typedef struct IvfShare
{
	IvfMeta meta;
	uint32 nqueries;
} IvfShare;

typedef struct ShareLayout
{
	IvfShare *head;
	IvfModel *model;
	float *centroids;
	float *queries;
	Size size;
} ShareLayout;

static Size
model_size(const IvfMeta *meta)
{
	return offsetof(IvfModel, params) + ivf_params_floats(meta) * sizeof(float);
}

static ShareLayout
lay_out_share(void *bytes, const IvfMeta *meta, uint32 nqueries)
{
	Carver carver = {bytes, 0};
	ShareLayout share;

	share.head = carve(&carver, 1, sizeof(IvfShare));
	share.model = carve(&carver, 1, model_size(meta));
	share.centroids =
		carve(&carver, meta->nlists, meta->model_dim * sizeof(float));
	share.queries = carve(&carver, nqueries, meta->dim * sizeof(float));
	share.size = carver.used;
	return share;
}

Size
ivf_builder_share_size(const IvfBuilder *builder)
{
	uint32 nqueries;

	(void) ivf_calibrator_queries(builder->calibrator, &nqueries);
	return lay_out_share(NULL, &builder->meta, nqueries).size;
}

void
ivf_builder_share(IvfBuilder *builder, void *bytes)
{
	const IvfMeta *meta = &builder->meta;
	uint32 nqueries;
	const float *queries =
		ivf_calibrator_queries(builder->calibrator, &nqueries);
	ShareLayout share = lay_out_share(bytes, meta, nqueries);

	share.head->meta = *meta;
	share.head->nqueries = nqueries;
	memcpy(share.model, builder->model, model_size(meta));
	memcpy(share.centroids, builder->centroids,
		   (Size) meta->nlists * meta->model_dim * sizeof(float));
	memcpy(share.queries, queries, (Size) nqueries * meta->dim * sizeof(float));
}

IvfBuilder *
ivf_builder_join(Relation index, void *bytes)
{
	IvfBuilder *builder = palloc0(sizeof(IvfBuilder));
	IvfShare *head = bytes;
	ShareLayout share = lay_out_share(bytes, &head->meta, head->nqueries);

	poll_load_blas();
	builder->index = index;
	builder->context = CurrentMemoryContext;
	builder->meta = head->meta;
	builder->model = share.model;
	builder->centroids = share.centroids;
	builder->calibrator =
		ivf_calibrator_join(&builder->meta, share.queries, head->nqueries);
	begin_batches(builder);
	return builder;
}

IvfCalibrator *
ivf_builder_calibrator(const IvfBuilder *builder)
{
	return builder->calibrator;
}

void
ivf_builder_take_over(IvfBuilder *builder, double nrows)
{
	builder->nrows = nrows;
}

IvfWriter *
ivf_builder_writer(const IvfBuilder *builder)
{
	return builder->writer;
}
