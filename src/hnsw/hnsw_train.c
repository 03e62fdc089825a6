/*
 * hnsw_train.c
 *	  An index that has grown learns: codes, and how far searches have to go.
 */
#include "postgres.h"

#include <math.h>

#include "commands/vacuum.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"

#include "am/poll.h"
#include "core/compat.h"
#include "hnsw/hnsw_calibrate.h"
#include "hnsw/hnsw_learn.h"
#include "hnsw/hnsw_node.h"
#include "hnsw/hnsw_recalibrate.h"
#include "hnsw/hnsw_record.h"
#include "hnsw/hnsw_row_page.h"
#include "hnsw/hnsw_train.h"
#include "pages/wal.h"
#include "quant/rng.h"

/*
 * What was learned from so many times fewer elements is learned anew.  A
 * calibration falls short sooner than codes do, and takes less.
 */
#define TRAINING_GROWTH 10
#define CALIBRATION_GROWTH 2

/* Blocks that are looked at to see how many elements there are */
#define SURVEYED_BLOCKS 64

#define SEED 1

typedef enum Due
{
	DUE_NOTHING,
	DUE_CALIBRATION,
	DUE_TRAINING /* and calibration */
} Due;

typedef struct HnswTraining
{
	Relation index;
	BufferAccessStrategy strategy;
	HnswModel *model;  /* ours, as the index has it */
	char *page;        /* the copy of one */
	HnswRecord record; /* of a node of it */

	double nelements;
	double nrows;
	HnswSample sample;
} HnswTraining;

/* Codes of the nodes whose names are first .. first + n - 1 */
typedef struct HnswCodeRange
{
	HnswId first;
	uint32 n;
	bool *known; /* there was a node */
	uint8 *codes;
	Size code_bytes;
} HnswCodeRange;

static HnswNode *
slot_at(const HnswTraining *training, uint32 slot)
{
	return hnsw_node(training->page, &training->model->layout, slot);
}

static bool
is_element(const HnswNode *node)
{
	return node->state == HNSW_LIVE && node->level == 0;
}

static bool
is_node(const HnswNode *node)
{
	return node->state == HNSW_LIVE || node->state == HNSW_DEAD;
}

static bool
read_block(HnswTraining *training, BlockNumber blkno)
{
	vacuum_pause();
	return hnsw_copy_block(training->index, blkno, training->strategy,
						   training->page);
}

/*
 * What is due
 */

/* Estimated from blocks at equal distances; exact where there are few */
static double
estimate_elements(HnswTraining *training)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(training->index);
	BlockNumber looked_at = Min(nblocks - 1, SURVEYED_BLOCKS);
	uint64 elements = 0;

	for (BlockNumber i = 0; i < looked_at; i++)
	{
		BlockNumber blkno =
			HNSW_META_BLOCK + 1 + (uint64) i * (nblocks - 1) / looked_at;

		if (!read_block(training, blkno))
			continue;
		for (uint32 slot = 0; slot < training->model->layout.slots; slot++)
			elements += is_element(slot_at(training, slot));
	}
	return elements * (nblocks - 1.0) / Max(looked_at, 1);
}

/* From how many elements on */
static double
training_limit(const HnswMeta *meta)
{
	if (meta->codec == CODEC_NONE)
		return INFINITY;
	return Max(HNSW_LEAST_CODED, (double) TRAINING_GROWTH * meta->trained);
}

static double
calibration_limit(const HnswMeta *meta)
{
	return Max(HNSW_LEAST_CODED,
			   (double) CALIBRATION_GROWTH * meta->calibrated);
}

static Due
find_due(HnswTraining *training)
{
	const HnswMeta *meta = &training->model->meta;
	double training_from = training_limit(meta);
	double calibration_from = calibration_limit(meta);
	double elements = (double) RelationGetNumberOfBlocks(training->index) *
		training->model->layout.slots;

	if (elements >= Min(training_from, calibration_from))
		elements = estimate_elements(training);
	if (elements >= training_from)
		return DUE_TRAINING;
	return elements >= calibration_from ? DUE_CALIBRATION : DUE_NOTHING;
}

/*
 * 1. The sample
 */

/* Rows, and what learning from them takes, within the budget */
static void
allocate_sample(HnswTraining *training, Due due)
{
	HnswSample *sample = &training->sample;
	Size row = training->model->meta.dim * sizeof(float);
	Size most =
		(Size) maintenance_work_mem * 1024 / (row * (1 + HNSW_LEARN_MEMORY));

	sample->room = due == DUE_TRAINING
		? Max(Min(most, HNSW_CODEC_ROWS), HNSW_LEAST_CODED)
		: HNSW_CALIBRATION_QUERIES;
	sample->ids = palloc(sample->room * sizeof(HnswId));
	sample->rows =
		MemoryContextAllocHuge(CurrentMemoryContext, (Size) sample->room * row);
}

/*
 * The place of the next element in the sample, or none: each of those so far is in
 * it as likely as any other (Vitter, ACM TOMS 11(1), 1985, algorithm R).
 */
static uint32
sampled_place(const HnswTraining *training, Rng *rng)
{
	const HnswSample *sample = &training->sample;

	if (sample->n < sample->room)
		return sample->n;
	return rng_below(rng, training->nelements + 1);
}

static void
survey_slot(HnswTraining *training, Rng *rng, const HnswNode *node, HnswId id)
{
	const HnswLayout *layout = &training->model->layout;
	HnswSample *sample = &training->sample;
	int dim = training->model->meta.dim;
	uint32 place;

	if (node->state == HNSW_MORE)
		training->nrows += Min(((const HnswMore *) node)->ntids, layout->more);
	if (!is_element(node))
		return;
	training->nrows += Min(node->ntids, HNSW_TIDS);
	place = sampled_place(training, rng);
	if (place < sample->room &&
		!hnsw_record_image(&training->record, training->index, training->model,
						   node, sample->rows + (Size) place * dim))
		return;
	training->nelements++;
	if (place >= sample->room)
		return;
	sample->n = Max(sample->n, place + 1);
	sample->ids[place] = id;
}

static void
take_sample(HnswTraining *training)
{
	const HnswLayout *layout = &training->model->layout;
	BlockNumber nblocks = RelationGetNumberOfBlocks(training->index);
	Rng rng = {SEED};

	for (BlockNumber blkno = HNSW_META_BLOCK + 1; blkno < nblocks; blkno++)
	{
		if (!read_block(training, blkno))
			continue;
		for (uint32 slot = 0; slot < layout->slots; slot++)
			survey_slot(training, &rng, slot_at(training, slot),
						hnsw_id(layout, blkno, slot));
	}
}

/*
 * 3., 5. Meta data and model
 */

static void
begin_change(HnswTraining *training)
{
	LockPage(training->index, HNSW_META_BLOCK, ExclusiveLock);
}

/* The meta data in the index become those of our model */
static void
write_meta(HnswTraining *training)
{
	Buffer buffer = page_read(training->index, HNSW_META_BLOCK, HNSW_MAGIC,
							  HNSW_PAGE_META, BUFFER_LOCK_EXCLUSIVE, NULL);
	PageEdit edit = edit_begin(training->index);
	Page page = edit_page(&edit, buffer);

	hnsw_meta_put(page, &training->model->meta);
	hnsw_state(page)->nrows = training->nrows;
	edit_finish(&edit);
	UnlockReleaseBuffer(buffer);
}

static void
end_change(HnswTraining *training)
{
	write_meta(training);
	UnlockPage(training->index, HNSW_META_BLOCK, ExclusiveLock);
}

static void
write_floats(HnswTraining *training)
{
	const HnswMeta *meta = &training->model->meta;
	const char *from = (const char *) training->model->floats;
	Size left = hnsw_floats(meta) * sizeof(float);

	for (BlockNumber blkno = meta->model; left > 0; blkno++)
	{
		Size part = Min(left, PAGE_ROOM);
		Buffer buffer = page_read(training->index, blkno, HNSW_MAGIC,
								  HNSW_PAGE_MODEL, BUFFER_LOCK_EXCLUSIVE, NULL);
		PageEdit edit = edit_begin(training->index);

		memcpy(page_room(edit_page(&edit, buffer)), from, part);
		edit_finish(&edit);
		UnlockReleaseBuffer(buffer);
		from += part;
		left -= part;
	}
}

/* Who has read the model's pages while they changed sees that the stage did, too */
static void
write_model(HnswTraining *training, const float *floats)
{
	HnswMeta *meta = &training->model->meta;

	begin_change(training);
	meta->stage = HNSW_UNTRAINED;
	meta->trained = 0; /* until all is done */
	write_meta(training);
	memcpy(training->model->floats, floats, hnsw_floats(meta) * sizeof(float));
	write_floats(training);
	meta->stage = HNSW_ENCODING;
	meta->model_generation++;
	end_change(training);
}

/*
 * 4. Codes
 */

static HnswCodeRange
allocate_codes(const HnswTraining *training, uint64 names)
{
	const HnswMeta *meta = &training->model->meta;
	CodecShape shape = hnsw_codec_shape(meta);
	HnswCodeRange range = {
		.code_bytes = codec_of((CodecKind) meta->codec)->code_bytes(&shape)};
	Size each = range.code_bytes + sizeof(bool);
	Size most = (Size) maintenance_work_mem * 1024 / each;
	uint32 slots = training->model->layout.slots;
	MemoryContext context = CurrentMemoryContext;

	/* whole blocks, each is encoded once */
	range.n = Min(names, most) / slots * slots;
	range.n = Max(range.n, slots);
	range.known = MemoryContextAllocHuge(context, range.n * sizeof(bool));
	range.codes = MemoryContextAllocHuge(context, range.n * range.code_bytes);
	return range;
}

/* Codes of the nodes whose names the range has, up to a block */
static void
make_codes(HnswTraining *training, HnswCodeRange *range, BlockNumber nblocks)
{
	const HnswModel *model = training->model;
	const HnswLayout *layout = &model->layout;
	int dim = model->meta.dim;
	float *row = palloc(dim * sizeof(float));
	float *work = palloc(hnsw_code_work(&model->meta) * sizeof(float));
	BlockNumber first = hnsw_block(layout, range->first);
	BlockNumber end = Min(nblocks, first + range->n / layout->slots);

	memset(range->known, 0, range->n * sizeof(bool));
	for (BlockNumber blkno = Max(first, HNSW_META_BLOCK + 1); blkno < end;
		 blkno++)
	{
		if (!read_block(training, blkno))
			continue;
		for (uint32 slot = 0; slot < layout->slots; slot++)
		{
			const HnswNode *node = slot_at(training, slot);
			Size at = hnsw_id(layout, blkno, slot) - range->first;

			if (!is_node(node) ||
				!hnsw_record_image(&training->record, training->index, model,
								   node, row))
				continue;
			hnsw_code(model, row, range->codes + at * range->code_bytes, work);
			range->known[at] = true;
		}
	}
	pfree(work);
	pfree(row);
}

/* Codes beside a node's links to names of the range */
static void
set_codes(const HnswTraining *training, const HnswCodeRange *range,
		  HnswNode *node)
{
	const HnswModel *model = training->model;
	const HnswLayout *layout = &model->layout;

	for (uint32 lane = 0; lane < layout->lanes; lane++)
	{
		HnswId id = HNSW_ARRAY(node, layout->links, HnswId)[lane];
		uint32 at = id - range->first; /* wraps below */
		HnswLink link = {.id = id};

		if (id == HNSW_NONE || at >= range->n || !range->known[at])
			continue;
		link.code = range->codes + (Size) at * range->code_bytes;
		hnsw_link_set(node, model, lane, &link);
	}
}

static void
set_codes_of_block(HnswTraining *training, const HnswCodeRange *range,
				   BlockNumber blkno)
{
	const HnswLayout *layout = &training->model->layout;
	Buffer buffer =
		page_read(training->index, blkno, HNSW_MAGIC, HNSW_PAGE_NODES,
				  BUFFER_LOCK_EXCLUSIVE, training->strategy);
	PageEdit edit = edit_begin(training->index);
	Page page = edit_page(&edit, buffer);

	for (uint32 slot = 0; slot < layout->slots; slot++)
	{
		HnswNode *node = hnsw_node(page, layout, slot);

		if (is_node(node))
			set_codes(training, range, node);
	}
	edit_finish(&edit);
	UnlockReleaseBuffer(buffer);
}

/* Codes of the rows of a page whose elements' names the range has */
static void
set_codes_of_rows(const HnswTraining *training, const HnswCodeRange *range,
				  Page page)
{
	const HnswModel *model = training->model;
	const HnswLayout *layout = &model->layout;

	for (uint32 lane = 0; lane < layout->rows.lanes; lane++)
	{
		/* wraps below */
		uint32 at = hnsw_row_grounds(page, layout)[lane] - range->first;

		if (hnsw_row_is_live(page, layout, lane) && at < range->n &&
			range->known[at])
			hnsw_row_set_code(page, model, lane,
							  range->codes + (Size) at * range->code_bytes);
	}
}

static void
set_codes_of_row_pages(HnswTraining *training, const HnswCodeRange *range)
{
	HnswRowWalk walk =
		hnsw_row_walk(training->index, training->model, training->strategy);
	Buffer buffer;

	while (BufferIsValid(buffer =
							 hnsw_row_walk_next(&walk, BUFFER_LOCK_EXCLUSIVE)))
	{
		PageEdit edit = edit_begin(training->index);

		set_codes_of_rows(training, range, edit_page(&edit, buffer));
		edit_finish(&edit);
		UnlockReleaseBuffer(buffer);
		vacuum_pause();
	}
}

/* Blocks that come meanwhile have codes, and so have all links to their nodes */
static void
encode(HnswTraining *training)
{
	const HnswLayout *layout = &training->model->layout;
	BlockNumber nblocks = RelationGetNumberOfBlocks(training->index);
	uint64 names = (uint64) nblocks * layout->slots;
	HnswCodeRange range = allocate_codes(training, names);

	for (uint64 first = 0; first < names; first += range.n)
	{
		range.first = first;
		make_codes(training, &range, nblocks);
		for (BlockNumber blkno = HNSW_META_BLOCK + 1; blkno < nblocks; blkno++)
		{
			if (read_block(training, blkno))
				set_codes_of_block(training, &range, blkno);
		}
		if (layout->rows.codes != 0)
			set_codes_of_row_pages(training, &range);
	}
	pfree(range.codes);
	pfree(range.known);
}

/*
 * All
 */

static void
learn_codes(HnswTraining *training)
{
	HnswMeta *meta = &training->model->meta;
	float *floats = hnsw_learn(meta, training->sample.rows, meta->dim,
							   training->sample.n, HNSW_CODEC_ROWS);

	if (floats == NULL)
		return;
	write_model(training, floats);
	pfree(floats);
	encode(training);
	begin_change(training);
	meta->stage = HNSW_CODED;
	end_change(training);
}

static void
calibrate(HnswTraining *training, bool trained)
{
	HnswMeta *meta = &training->model->meta;

	hnsw_recalibrate(training->index, training->strategy, &training->sample,
					 training->nelements, meta);
	if (trained)
		meta->trained = training->nelements;
	begin_change(training);
	end_change(training);
}

static bool
can_learn(Relation index)
{
	const char *error = blas_load();

	if (error == NULL)
		return true;
	ereport(WARNING,
			(errcode(ERRCODE_UNDEFINED_FILE),
			 errmsg("index \"%s\" cannot learn from its rows",
					RelationGetRelationName(index)),
			 errdetail("%s", error)));
	return false;
}

/* True where all was counted */
static bool
train(HnswTraining *training, Due due)
{
	if (due == DUE_NOTHING || !can_learn(training->index))
		return false;
	allocate_sample(training, due);
	take_sample(training);
	/* an estimate said that there were enough */
	if (training->nelements < HNSW_LEAST_CODED)
		return true;
	if (due == DUE_TRAINING)
		learn_codes(training);
	calibrate(training, due == DUE_TRAINING);
	return true;
}

static HnswTraining
training_of(Relation index, BufferAccessStrategy strategy)
{
	HnswTraining training = {.index = index,
							 .strategy = strategy,
							 .model = hnsw_model_copy(index, NULL),
							 .page = palloc(BLCKSZ)};

	hnsw_record_init(&training.record, &training.model->layout);
	return training;
}

bool
hnsw_train(Relation index, BufferAccessStrategy strategy, double *nrows)
{
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "hnsw training", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	HnswTraining training = training_of(index, strategy);
	bool counted = train(&training, find_due(&training));

	if (counted)
		*nrows = training.nrows;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return counted;
}

bool
hnsw_train_anew(Relation index)
{
	HnswTraining training = training_of(index, NULL);

	(void) train(&training,
				 training.model->meta.codec == CODEC_NONE ? DUE_CALIBRATION
														  : DUE_TRAINING);
	return true;
}
