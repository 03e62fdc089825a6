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
#include "utils/tuplesort.h"

#include "core/compat.h"
#include "ivf/ivf_builder.h"
#include "ivf/ivf_calibrate.h"
#include "ivf/ivf_handler.h"
#include "ivf/ivf_train.h"
#include "ivf/ivf_write.h"
#include "quant/rng.h"

#define SAMPLE_PER_LIST 128
#define SAMPLE_SEED 1

/* Rows that are assigned together */
#define BATCH_BYTES (4 << 20)
#define MAX_BATCH 1024

/* What is kept of a row on its way to its list */
typedef struct SortedRow
{
	ItemPointerData tid;
	uint16 error;
	float term;
	char rest[FLEXIBLE_ARRAY_MEMBER]; /* m codes, then the copy */
} SortedRow;

struct IvfBuilder
{
	Relation index;
	MemoryContext context;
	IvfMeta meta;
	IvfModel *model; /* meta, layout and codebook together */
	float *centroids;
	double nrows;
	bool logged; /* beside lists in use, in VACUUM or on request */

	/* sampling */
	IvfSample sample;
	uint32 sample_room;
	double nsampled;     /* rows offered */
	double skip;         /* reservoir: rows to leave out; below 0: not known */
	uint32 sample_place; /* of the row that was chosen */
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
	float *work;

	/* the lists that rows are for; nchoice = 0: all */
	uint32 nchoice;
	const uint32 *choice;
	const float *choice_centroids;
	IvfCalibrator *calibrator;

	Tuplesortstate *sort;
	TupleTableSlot *slot;
	bytea *payload;
};

/*
 * Sizes
 */

/* Codes of a row, where none are asked for: one or two bits a dimension */
static int
automatic_m(int dim)
{
	int m = Max(dim / 4, Min(dim / 2, 64));

	return Max(Min(m, 448), 1);
}

/*
 * The lists of so many rows, where none are asked for.  To estimate a row costs
 * about a nanosecond, as much as a fraction of a centroid: ivfpq has fewer, longer
 * lists, which also fill their last pages better.
 */
static uint32
automatic_lists(Relation index, double nrows)
{
	double factor = ivf_method(index) == IVF_METHOD_FLAT ? 1.2 : 0.6;

	return Max(Min(factor * sqrt(nrows), IVF_MAX_LISTS), 1);
}

uint32
ivf_lists_wanted(Relation index, double nrows)
{
	uint32 lists = ivf_options(index).lists;

	return lists > 0 ? lists : automatic_lists(index, nrows);
}

uint32
ivf_sample_size(const IvfMeta *meta, uint32 lists)
{
	double room =
		maintenance_work_mem * 1024.0 / 2 / (meta->dim * sizeof(float) + 16);

	return Max(Min(lists * (double) SAMPLE_PER_LIST, room),
			   Max(lists, IVF_MIN_TRAINED_ROWS));
}

uint32
ivf_builder_lists(const IvfBuilder *builder, double fraction)
{
	return ivf_lists_wanted(builder->index, builder->nsampled / fraction);
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

	builder->index = index;
	builder->context = CurrentMemoryContext;
	builder->meta = *meta;
	builder->sample_room =
		ivf_sample_size(meta, ivf_lists_wanted(index, expected));
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

bool
ivf_builder_offer(IvfBuilder *builder)
{
	builder->nsampled++;
	if (builder->sample.n < builder->sample_room)
	{
		builder->sample_place = builder->sample.n++;
		return true;
	}
	if (builder->skip < 0)
		builder->skip = reservoir_get_next_S(
			&builder->reservoir, builder->nsampled, builder->sample_room);
	if (builder->skip-- > 0)
		return false;
	builder->skip = -1;
	builder->sample_place = builder->sample_room *
		sampler_random_fract(&builder->reservoir.randstate);
	return true;
}

void
ivf_builder_sample(IvfBuilder *builder, const DenseVector *vector)
{
	Size dim = builder->meta.dim;
	float *row = builder->sample.rows + builder->sample_place * dim;

	elem_ops[builder->meta.elem].load(vector->elems, row, dim);
	for (Size i = 0; i < dim; i++)
		builder->greatest = Max(builder->greatest, fabsf(row[i]));
}

/* Turn raw elements into rows of model space; zero length is left out */
static void
prepare_sample(IvfBuilder *builder)
{
	IvfSample *sample = &builder->sample;
	Size dim = builder->meta.dim;
	uint32 kept = 0;
	Size size = DENSE_SIZE(ELEM_FLOAT32, dim);
	DenseVector *vector = palloc0(size);
	IvfMeta meta = builder->meta;

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
shuffle_sample(IvfBuilder *builder)
{
	Size dim = builder->meta.dim;
	float *swap = palloc(dim * sizeof(float));
	Rng rng = {.state = SAMPLE_SEED};

	for (uint32 i = builder->sample.n; i > 1; i--)
	{
		float *a = builder->sample.rows + (i - 1) * dim;
		float *b = builder->sample.rows + rng_below(&rng, i) * dim;

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

static void
train_lists(IvfBuilder *builder, uint32 lists)
{
	IvfMeta *meta = &builder->meta;
	IvfOptions options = ivf_options(builder->index);
	MemoryContext old = CurrentMemoryContext;
	MemoryContext work =
		AllocSetContextCreate(old, "ivf training", ALLOCSET_DEFAULT_SIZES);
	float *centroids;
	Size bytes;

	MemoryContextSwitchTo(work);
	meta->nlists = lists;
	centroids = ivf_train_centroids(meta, &builder->sample);
	meta->nbuilt = meta->nlists;
	bytes = (Size) meta->nlists * meta->dim * sizeof(float);
	builder->centroids = MemoryContextAllocHuge(old, bytes);
	memcpy(builder->centroids, centroids, bytes);

	if (ivf_method(builder->index) == IVF_METHOD_PQ)
	{
		meta->codec = IVF_CODEC_PQ4;
		meta->m =
			options.m > 0 ? Min(options.m, meta->dim) : automatic_m(meta->dim);
		meta->copies = options.rerank == IVF_RERANK_INDEX ? IVF_COPIES_HALF
														  : IVF_COPIES_NONE;
		memcpy(builder->model->codebook,
			   ivf_train_codebook(meta, &builder->sample, builder->centroids),
			   (Size) PQ_ENTRIES * meta->dim * sizeof(float));
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(work);
	if (meta->nlists > 1)
		builder->calibrator =
			ivf_calibrator_new(meta, builder->centroids, &builder->sample);
}

static void
begin_batches(IvfBuilder *builder)
{
	const IvfMeta *meta = &builder->meta;
	Size row_bytes = meta->dim * sizeof(float);
	uint32 room = Max(Min(BATCH_BYTES / row_bytes, MAX_BATCH), 16);

	builder->batch_room = room;
	builder->copy_size = builder->model->layout.copy_slots.size;
	builder->rows = palloc(room * row_bytes);
	builder->copies = palloc(room * builder->copy_size + 1);
	builder->tids = palloc(room * sizeof(ItemPointerData));
	builder->errors = palloc(room * sizeof(uint16));
	builder->lists = palloc(room * sizeof(uint32));
	builder->work = palloc(row_bytes);
	if (builder->centroids != NULL)
		builder->assign_work = ivf_assign_work(meta, room);
	builder->payload = palloc(VARHDRSZ + offsetof(SortedRow, rest) + meta->m +
							  builder->copy_size);
	SET_VARSIZE(builder->payload,
				VARHDRSZ + offsetof(SortedRow, rest) + meta->m +
					builder->copy_size);
}

static void
begin_sort(IvfBuilder *builder)
{
	AttrNumber attribute = 1;
	Oid operator= Int4LessOperator;
	Oid collation = InvalidOid;
	bool nulls_first = false;
	TupleDesc desc = CreateTemplateTupleDesc(2);

	TupleDescInitEntry(desc, 1, "list", INT4OID, -1, 0);
	TupleDescInitEntry(desc, 2, "row", BYTEAOID, -1, 0);
	builder->slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	builder->sort = tuplesort_begin_heap(
		desc, 1, &attribute, &operator, & collation, &nulls_first,
		maintenance_work_mem, NULL, TUPLESORT_NONE);
}

void
ivf_builder_train(IvfBuilder *builder, double fraction, uint32 min_rows)
{
	IvfMeta *meta = &builder->meta;

	/* a scale that is there already belongs to copies that will stay */
	if (builder->greatest > HALF_SAFE && meta->scale == 0)
		meta->scale = -(int) ceil(log2(builder->greatest / HALF_SAFE));
	prepare_sample(builder);
	shuffle_sample(builder);
	builder->model = MemoryContextAllocHuge(CurrentMemoryContext,
											offsetof(IvfModel, codebook) +
												(Size) PQ_ENTRIES * meta->dim *
													sizeof(float));
	if (builder->sample.n >= Max(min_rows, 1))
		train_lists(builder, ivf_builder_lists(builder, fraction));
	pfree(builder->sample.rows);
	builder->sample.rows = NULL;

	builder->model->meta = *meta;
	builder->model->nhints = 0;
	ivf_layout_init(&builder->model->layout, meta);
	begin_batches(builder);
	begin_sort(builder);
}

/*
 * Assignment
 */

static void
sort_batch_row(IvfBuilder *builder, uint32 i)
{
	IvfMeta *meta = &builder->meta;
	SortedRow *row = (SortedRow *) VARDATA(builder->payload);
	uint32 list = builder->lists[i];

	row->tid = builder->tids[i];
	row->error = builder->errors[i];
	row->term = 0;
	if (meta->codec == IVF_CODEC_PQ4)
		row->term =
			ivf_code(builder->model, builder->rows + (Size) i * meta->dim,
					 builder->centroids + (Size) list * meta->dim,
					 (uint8 *) row->rest, builder->work);
	memcpy(row->rest + meta->m, builder->copies + i * builder->copy_size,
		   builder->copy_size);

	ExecClearTuple(builder->slot);
	builder->slot->tts_values[0] = Int32GetDatum(list);
	builder->slot->tts_values[1] = PointerGetDatum(builder->payload);
	builder->slot->tts_isnull[0] = builder->slot->tts_isnull[1] = false;
	ExecStoreVirtualTuple(builder->slot);
	tuplesort_puttupleslot(builder->sort, builder->slot);
}

/* The nearest of the lists that were chosen */
static void
assign_to_choice(IvfBuilder *builder)
{
	IvfMeta meta = builder->meta;

	meta.nlists = builder->nchoice;
	if (builder->nchoice > 1)
		ivf_assign(&meta, builder->choice_centroids, builder->rows,
				   builder->nbatch, builder->lists, builder->assign_work);
	else
		memset(builder->lists, 0, builder->nbatch * sizeof(uint32));
	for (uint32 i = 0; i < builder->nbatch; i++)
		builder->lists[i] = builder->choice[builder->lists[i]];
}

static void
finish_batch(IvfBuilder *builder)
{
	MemoryContext old = MemoryContextSwitchTo(builder->context);

	if (builder->nchoice > 0)
		assign_to_choice(builder);
	else if (builder->centroids != NULL)
		ivf_assign(&builder->meta, builder->centroids, builder->rows,
				   builder->nbatch, builder->lists, builder->assign_work);
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

/* Count the row that was put behind the batch */
static void
end_row(IvfBuilder *builder, ItemPointer tid, uint16 error)
{
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
		.model = builder->rows + (Size) builder->nbatch * builder->meta.dim,
		.copy = builder->copies + builder->nbatch * builder->copy_size};
}

bool
ivf_builder_add(IvfBuilder *builder, ItemPointer tid, const DenseVector *vector)
{
	IvfRow row = next_row(builder);

	if (!ivf_row_set(&row, &builder->meta, vector))
		return false;
	end_row(builder, tid, row.error);
	return true;
}

void
ivf_builder_add_copy(IvfBuilder *builder, ItemPointer tid, const void *copy,
					 uint16 error)
{
	IvfRow row = next_row(builder);

	memcpy(row.copy, copy, builder->copy_size);
	ivf_row_from_copy(&builder->meta, copy, row.model);
	end_row(builder, tid, error);
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
	begin_batches(builder);
	begin_sort(builder);
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

float *
ivf_builder_row(IvfBuilder *builder)
{
	return next_row(builder).model;
}

void
ivf_builder_add_stored(IvfBuilder *builder, ItemPointer tid, const void *copy,
					   uint16 error)
{
	if (builder->copy_size > 0)
		memcpy(next_row(builder).copy, copy, builder->copy_size);
	end_row(builder, tid, error);
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

static void
write_rows(IvfBuilder *builder, IvfWriter *writer)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(
		builder->slot->tts_tupleDescriptor, &TTSOpsMinimalTuple);
	int64 done = 0;
	bool isnull;

	report(builder, PROGRESS_CREATEIDX_SUBPHASE, IVF_PHASE_LOADING);
	report(builder, PROGRESS_CREATEIDX_TUPLES_TOTAL, (int64) builder->nrows);
	while (tuplesort_gettupleslot(builder->sort, true, false, slot, NULL))
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
		row.copy = rest + builder->meta.m;
		ivf_writer_add(writer, list, &row);
		report(builder, PROGRESS_CREATEIDX_TUPLES_DONE, ++done);
	}
	ExecDropSingleTupleTableSlot(slot);
}

IvfWriter *
ivf_builder_write_beside(IvfBuilder *builder)
{
	IvfMeta *meta = &builder->meta;
	BlockNumber codebook = meta->codebook;
	IvfWriter *writer;

	builder->logged = true;
	if (builder->nbatch > 0)
		finish_batch(builder);
	tuplesort_performsort(builder->sort);
	writer = ivf_writer_begin(builder->index, MAIN_FORKNUM, meta,
							  builder->centroids, NULL, true);
	meta->codebook = codebook;
	write_rows(builder, writer);
	tuplesort_end(builder->sort);
	ExecDropSingleTupleTableSlot(builder->slot);
	builder->model->meta = *meta;
	return writer;
}

const IvfMeta *
ivf_builder_write(IvfBuilder *builder, bool logged)
{
	IvfMeta *meta = &builder->meta;
	IvfWriter *writer;

	builder->logged = logged;
	if (builder->nbatch > 0)
		finish_batch(builder);
	tuplesort_performsort(builder->sort);
	meta->nrows = builder->nrows;
	writer = ivf_writer_begin(
		builder->index, MAIN_FORKNUM, meta, builder->centroids,
		meta->codec == IVF_CODEC_PQ4 ? builder->model->codebook : NULL, logged);
	write_rows(builder, writer);
	ivf_writer_end(writer);
	tuplesort_end(builder->sort);
	ExecDropSingleTupleTableSlot(builder->slot);
	builder->model->meta = *meta;
	if (builder->calibrator != NULL)
	{
		report(builder, PROGRESS_CREATEIDX_SUBPHASE, IVF_PHASE_CALIBRATING);
		ivf_calibrator_run(builder->calibrator, builder->index, builder->model,
						   meta);
	}
	if (!logged)
		ivf_write_meta(builder->index, MAIN_FORKNUM, meta);
	return meta;
}
