/*
 * hnsw_model.c
 *	  What an index knows of itself: meta page, and what codes are made with.
 */
#include "postgres.h"

#include <float.h>

#include "miscadmin.h"

#include "am/foreign.h"
#include "am/opclass.h"
#include "core/compat.h"
#include "hnsw/hnsw_cost.h"
#include "hnsw/hnsw_form.h"
#include "hnsw/hnsw_image.h"
#include "hnsw/hnsw_model.h"
#include "hnsw/hnsw_options.h"
#include "hnsw/hnsw_seeds.h"

/* float32 numbers are below 2^128 */
#define MAX_SCALE 128

/* Hints for indexes of up to 8 GB; what lies behind is found the usual way */
#define MAX_HINTS (1 << 20)

/* It may grow by so many blocks, and by a half, until they are made anew */
#define LEAST_HINTS 128

/* What codecs ask of codes */
#define CODES_ALIGNMENT 64

/* Blocks without hints before all is read anew: a share of those with, and more */
#define FOLLOW_SHARE 8
#define FOLLOW_LEAST 16

Size
hnsw_floats(const HnswMeta *meta)
{
	const Codec *codec = codec_of((CodecKind) meta->codec);
	CodecShape shape = hnsw_codec_shape(meta);
	TransformShape transform = hnsw_transform_shape(meta);

	return codec == NULL ? 0
						 : meta->dim + (Size) meta->code_dim +
			transform_params_floats(&transform) + codec->params_floats(&shape);
}

static bool
transform_fits(const HnswMeta *meta)
{
	return meta->transform == TRANSFORM_PCA
		? meta->dim <= TRANSFORM_MAX_DENSE
		: meta->transform == TRANSFORM_NONE && meta->code_dim == meta->dim;
}

/* Values, images and records are what they can be */
static bool
is_image(Relation index, const HnswMeta *meta)
{
	const VectorOpclass *opclass = opclass_of(index, HNSW_OPCLASS_PROC);
	HnswMeta expected = *meta;

	if (meta->elem != opclass->elem || meta->distance != opclass->metric ||
		meta->form > HNSW_FORM_VALUE)
		return false;
	hnsw_image_init(&expected);
	return meta->dim == expected.dim && meta->metric == expected.metric &&
		(meta->form == HNSW_FORM_VALUE ||
		 (meta->elem < ELEM_NKINDS && meta->metric == meta->distance));
}

static bool
has_columns(Relation index, const HnswMeta *meta)
{
	if (meta->ncolumns != IndexRelationGetNumberOfAttributes(index) - 1 ||
		meta->ncolumns > ATTRIBUTE_MAX)
		return false;
	for (int i = 0; i < meta->ncolumns; i++)
	{
		if (!attribute_kind_known(meta->kinds[i]))
			return false;
	}
	return meta->column_bytes ==
		attribute_key_bytes(meta->kinds, meta->ncolumns);
}

static void
check_meta(Relation index, const HnswMeta *meta)
{
	const Codec *codec = codec_of((CodecKind) meta->codec);

	if (meta->version != HNSW_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("index \"%s\" has format version %u, this library "
						"knows version %d",
						RelationGetRelationName(index), meta->version,
						HNSW_VERSION),
				 errhint("Please REINDEX it.")));
	if (meta->value_dim != TupleDescAttr(index->rd_att, 0)->atttypmod ||
		!is_image(index, meta) || meta->kept == 0 ||
		meta->kept > hnsw_record_longest(meta) || meta->degree < 2 ||
		meta->degree > 2 * meta->m || meta->scale > 0 ||
		meta->scale < -MAX_SCALE || meta->stage > HNSW_CODED ||
		!(meta->stretch >= 1 && meta->stretch <= HNSW_MOST_STRETCH) ||
		!(meta->full_stretch >= 1 && meta->full_stretch <= HNSW_MOST_STRETCH) ||
		(codec == NULL ? meta->codec != CODEC_NONE || meta->parts != 0 ||
				 meta->stage != HNSW_UNTRAINED
					   : codec->scaled || codec->prepare_distances == NULL ||
				 meta->parts < 1 || meta->parts > meta->code_dim ||
				 meta->code_dim > meta->dim || !transform_fits(meta) ||
				 meta->model == InvalidBlockNumber) ||
		meta->rows == InvalidBlockNumber || !has_columns(index, meta))
		page_corrupted(index, HNSW_META_BLOCK, "The meta page is invalid.");
}

/* model: one that may be out of date, or NULL */
static void
read_meta(Relation index, const HnswModel *model, HnswMeta *meta,
		  HnswState *state)
{
	Buffer buffer = model == NULL ? ReadBuffer(index, HNSW_META_BLOCK)
								  : hnsw_pin(index, model, HNSW_META_BLOCK);
	Page page = BufferGetPage(buffer);
	uint32 magic = 0;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	if (!PageIsNew(page))
		memcpy(&magic, page_room(page), sizeof(magic));
	if (magic == PGVECTOR_HNSW_MAGIC)
		foreign_refuse(index);
	if (magic != HNSW_MAGIC)
		page_corrupted(index, HNSW_META_BLOCK, "The meta page is invalid.");
	hnsw_meta_get(page, meta);
	if (state != NULL)
		*state = *hnsw_state(page);
	UnlockReleaseBuffer(buffer);
}

static void
read_floats(Relation index, const HnswMeta *meta, float *floats)
{
	Size left = hnsw_floats(meta) * sizeof(float);
	char *to = (char *) floats;

	for (BlockNumber blkno = meta->model; left > 0; blkno++)
	{
		Size part = Min(left, PAGE_ROOM);
		Buffer buffer = page_read(index, blkno, HNSW_MAGIC, HNSW_PAGE_MODEL,
								  BUFFER_LOCK_SHARE, NULL);

		memcpy(to, page_room(BufferGetPage(buffer)), part);
		UnlockReleaseBuffer(buffer);
		to += part;
		left -= part;
	}
}

/*
 * Everything in one chunk, as the relation cache frees no more than that.  Memory of
 * seeds is not touched until there are any.
 */
static HnswModel *
allocate_model(Relation index, const HnswMeta *meta)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(index);
	uint32 nhints = Min(nblocks * 1.5 + LEAST_HINTS, MAX_HINTS);
	HnswLayout layout;
	uint32 nseeds;
	Size floats = MAXALIGN(offsetof(HnswModel, floats) +
						   hnsw_floats(meta) * sizeof(float));
	Size hints = MAXALIGN(nhints * sizeof(Buffer));
	Size fixed = floats + hints + MAXALIGN(sizeof(HnswSeeds));
	char *chunk;
	HnswModel *model;

	hnsw_layout_init(&layout, meta);
	nseeds = hnsw_seeds_room(meta, &layout, nblocks);
	chunk = MemoryContextAllocHuge(
		index->rd_indexcxt,
		fixed + nseeds * sizeof(HnswId) + CODES_ALIGNMENT +
			nseeds / HNSW_ROW_WORD * (Size) layout.block_bytes);
	model = (HnswModel *) chunk;
	model->meta = *meta;
	model->layout = layout;
	model->nhints = nhints;
	model->hints = (Buffer *) (chunk + floats);
	memset(model->hints, 0, nhints * sizeof(Buffer));
	model->seeds = (HnswSeeds *) (chunk + floats + hints);
	*model->seeds =
		(HnswSeeds){.room = nseeds, .grounds = (HnswId *) (chunk + fixed)};
	model->seeds->codes =
		(uint8 *) TYPEALIGN(CODES_ALIGNMENT, model->seeds->grounds + nseeds);
	return model;
}

static HnswModel *
read_model(Relation index, const HnswMeta *meta)
{
	HnswModel *model = allocate_model(index, meta);

	PG_TRY();
	{
		if (model->layout.slots == 0 || model->layout.rows.lanes == 0)
			page_corrupted(index, HNSW_META_BLOCK, "The meta page is invalid.");
		read_floats(index, meta, model->floats);
	}
	PG_CATCH();
	{
		pfree(model);
		PG_RE_THROW();
	}
	PG_END_TRY();
	return model;
}

/*
 * Pages of a model change while nobody needs them: a model whose meta data are
 * the same before and after it was read is of one training.
 */
const HnswModel *
hnsw_model_get(Relation index, HnswState *state)
{
	HnswMeta meta;

	for (;;)
	{
		HnswModel *model = index->rd_amcache;

		read_meta(index, model, &meta, state);
		if (model != NULL && memcmp(&model->meta, &meta, sizeof(meta)) == 0)
			return model;

		check_meta(index, &meta);
		model = read_model(index, &meta);
		if (index->rd_amcache != NULL)
			pfree(index->rd_amcache);
		index->rd_amcache = model;
	}
}

void
hnsw_model_follow(Relation index)
{
	HnswModel *model = index->rd_amcache;

	if (model == NULL || model->nhints == MAX_HINTS ||
		RelationGetNumberOfBlocks(index) <=
			model->nhints + model->nhints / FOLLOW_SHARE + FOLLOW_LEAST)
		return;
	index->rd_amcache = NULL;
	pfree(model);
}

HnswFacts
hnsw_facts(Relation index, double k)
{
	HnswState state;
	const HnswModel *model = hnsw_model_get(index, &state);

	return (HnswFacts){.nrows = state.nrows,
					   .npages = RelationGetNumberOfBlocks(index),
					   .entry_level =
						   state.entry == HNSW_NONE ? 0 : state.top_level,
					   .degree = model->meta.degree,
					   .ef = hnsw_ef(index, &model->meta, k),
					   .rows_per_page = model->layout.rows.lanes,
					   .slots_per_page = model->layout.slots,
					   .slots_per_node = 1 +
						   hnsw_count_parts(&model->meta, &model->layout,
											hnsw_record_bytes(&model->meta)),
					   .bare = !hnsw_has_codes(&model->meta)};
}

HnswModel *
hnsw_model_copy(Relation index, HnswState *state)
{
	const HnswModel *model = hnsw_model_get(index, state);
	Size size =
		offsetof(HnswModel, floats) + hnsw_floats(&model->meta) * sizeof(float);
	HnswModel *copy = MemoryContextAllocHuge(CurrentMemoryContext, size);

	memcpy(copy, model, size);
	copy->nhints = 0;
	copy->hints = NULL;
	copy->seeds = NULL;
	return copy;
}

Size
hnsw_code_bytes(const HnswModel *model)
{
	const Codec *codec = codec_of((CodecKind) model->meta.codec);
	CodecShape shape = hnsw_codec_shape(&model->meta);

	return hnsw_has_codes(&model->meta) ? codec->code_bytes(&shape) : 0;
}

void
hnsw_residuals(const HnswModel *model, float *rows, uint32 n, float *residuals,
			   Size stride)
{
	TransformShape shape = hnsw_transform_shape(&model->meta);
	HnswFloats floats = hnsw_model_floats(model);
	Size dim = model->meta.dim;

	for (uint32 i = 0; i < n; i++)
	{
		for (Size d = 0; d < dim; d++)
			rows[i * dim + d] -= floats.mean[d];
	}
	transform_apply_rows(&shape, floats.transform, rows, dim, n, residuals,
						 stride);
}

void
hnsw_residual(const HnswModel *model, const float *row, float *residual,
			  float *work)
{
	memcpy(work, row, model->meta.dim * sizeof(float));
	hnsw_residuals(model, work, 1, residual, model->meta.code_dim);
}

/* What the codec says of a row beside its code has no part in its distances */
void
hnsw_code_of_residual(const HnswModel *model, const float *residual,
					  uint8 *code, float *work)
{
	CodecShape shape = hnsw_codec_shape(&model->meta);
	HnswFloats floats = hnsw_model_floats(model);
	CodecRow numbers;

	codec_of((CodecKind) model->meta.codec)
		->encode(&shape, floats.codec, residual, floats.centre, code, &numbers,
				 work);
}

void
hnsw_code(const HnswModel *model, const float *row, uint8 *code, float *work)
{
	float *residual = work + model->meta.dim;

	hnsw_residual(model, row, residual, work);
	hnsw_code_of_residual(model, residual, code,
						  residual + model->meta.code_dim);
}

/* Distances are the same without: only products, and lengths, are not */
static void
add_centre(const HnswModel *model, float *projection)
{
	const float *centre = hnsw_model_floats(model).centre;

	if (model->meta.metric != METRIC_INNER_PRODUCT)
		return;
	for (int i = 0; i < model->meta.code_dim; i++)
		projection[i] += centre[i];
}

void
hnsw_projection(const HnswModel *model, const float *row, float *projection,
				float *work)
{
	hnsw_residual(model, row, projection, work);
	add_centre(model, projection);
}

void
hnsw_projection_of_code(const HnswModel *model, const uint8 *code,
						float *projection)
{
	CodecShape shape = hnsw_codec_shape(&model->meta);

	codec_of((CodecKind) model->meta.codec)
		->decode(&shape, hnsw_model_floats(model).codec, code, projection);
	add_centre(model, projection);
}
