/*
 * ivf_model.c
 *	  What an index knows of its data: meta page, centroids, parameters of
 *	  codec and transform.
 *
 * Centroids are not cached: a query reads them once, in order, straight from
 * the buffers, and a thousand backends do not hold a thousand copies.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "am/foreign.h"
#include "core/compat.h"
#include "ivf/ivf_model.h"
#include "pages/page.h"

/* float32 numbers are below 2^128 */
#define MAX_SCALE 128

Size
ivf_codec_floats(const IvfMeta *meta)
{
	const Codec *codec = codec_of((CodecKind) meta->codec);
	CodecShape shape = ivf_codec_shape(meta);

	return codec == NULL ? 0 : codec->params_floats(&shape);
}

Size
ivf_params_floats(const IvfMeta *meta)
{
	TransformShape transform = ivf_transform_shape(meta);

	return ivf_codec_floats(meta) + transform_params_floats(&transform) +
		meta->nprices;
}

const float *
ivf_prices(const IvfMeta *meta, const float *params)
{
	return meta->nprices == 0
		? NULL
		: params + ivf_params_floats(meta) - meta->nprices;
}

/* Codec and transform as they can be together */
static bool
model_is_valid(const IvfMeta *meta)
{
	const Codec *codec = codec_of((CodecKind) meta->codec);

	if (meta->transform >= TRANSFORM_KINDS || meta->model_dim < 1 ||
		meta->model_dim > meta->dim ||
		(meta->transform != TRANSFORM_PCA &&
		 meta->transform != TRANSFORM_GIVEN && meta->model_dim != meta->dim))
		return false;
	if (codec == NULL)
		return meta->codec == CODEC_NONE && meta->m == 0;
	return meta->m >= 1 && meta->m <= meta->model_dim;
}

/* Bit strings and their metric go together, in ivfflat alone */
static bool
kind_is_valid(const IvfMeta *meta)
{
	if (!value_kind_packed(meta->elem) || meta->metric > METRIC_HAMMING ||
		(meta->elem == VALUE_BIT) != (meta->metric == METRIC_HAMMING))
		return false;
	return meta->elem != VALUE_BIT ||
		(meta->codec == CODEC_NONE && meta->copies == IVF_COPIES_EXACT);
}

/* Kinds of columns are those of the catalogue, by number */
static bool
attributes_are_valid(Relation index, const IvfMeta *meta)
{
	if (meta->nattributes != IndexRelationGetNumberOfAttributes(index) - 1 ||
		meta->nattributes > ATTRIBUTE_MAX ||
		(meta->nattributes > 0) != (meta->version == IVF_VERSION_ATTRIBUTES))
		return false;
	for (int i = 0; i < meta->nattributes; i++)
	{
		if (!attribute_kind_known(meta->attributes[i]))
			return false;
	}
	return true;
}

static void
check_meta(Relation index, const IvfMeta *meta)
{
	if (meta->magic != IVF_MAGIC)
		page_corrupted(index, IVF_META_BLOCK, "The meta page is invalid.");
	/* first: what follows means something else in another version */
	if (meta->version != IVF_VERSION && meta->version != IVF_VERSION_ATTRIBUTES)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("index \"%s\" has format version %u, this library "
						"knows version %d",
						RelationGetRelationName(index), meta->version,
						IVF_VERSION_ATTRIBUTES),
				 errhint("Please REINDEX it.")));
	if (meta->nlists < 1 || meta->nlists > IVF_MAX_LISTS || meta->nbuilt < 1 ||
		meta->nbuilt > IVF_MAX_LISTS ||
		meta->dim != TupleDescAttr(index->rd_att, 0)->atttypmod ||
		meta->centroid_elem > ELEM_FLOAT16 || meta->copies > IVF_COPIES_HALF ||
		meta->nprices > IVF_MAX_LISTS || meta->scale > 0 ||
		meta->scale < -MAX_SCALE || !kind_is_valid(meta) ||
		!model_is_valid(meta) || !attributes_are_valid(index, meta))
		page_corrupted(index, IVF_META_BLOCK, "The meta page is invalid.");
}

static void
read_meta(Relation index, IvfMeta *meta)
{
	Buffer buffer = ReadBuffer(index, IVF_META_BLOCK);
	Page page = BufferGetPage(buffer);
	uint32 magic = 0;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	if (!PageIsNew(page))
		memcpy(&magic, page_room(page), sizeof(magic));
	if (magic == PGVECTOR_IVFFLAT_MAGIC)
		foreign_refuse(index);
	if (magic != IVF_MAGIC)
		page_corrupted(index, IVF_META_BLOCK, "The meta page is invalid.");
	memcpy(meta, page_room(page), sizeof(*meta));
	UnlockReleaseBuffer(buffer);
	check_meta(index, meta);
}

void
ivf_params_read(Relation index, const IvfMeta *meta, float *params)
{
	Size left = ivf_params_floats(meta) * sizeof(float);
	char *to = (char *) params;

	for (BlockNumber blkno = meta->codebook; left > 0; blkno++)
	{
		Size part = Min(left, PAGE_ROOM);
		Buffer buffer = page_read(index, blkno, IVF_MAGIC, IVF_PAGE_CODEBOOK,
								  BUFFER_LOCK_SHARE, NULL);

		memcpy(to, page_room(BufferGetPage(buffer)), part);
		UnlockReleaseBuffer(buffer);
		to += part;
		left -= part;
	}
}

/* Hints for indexes of up to 8 GB; what lies behind is found the usual way */
#define MAX_HINTS (1 << 20)

/* Everything in one chunk, as the relation cache frees no more than that */
static IvfModel *
new_model(Relation index, const IvfMeta *meta)
{
	Size params = ivf_params_floats(meta) * sizeof(float);
	uint32 nhints = Min(RelationGetNumberOfBlocks(index), MAX_HINTS);
	Size fixed = MAXALIGN(offsetof(IvfModel, params) + params);
	IvfModel *model = MemoryContextAllocHuge(
		index->rd_indexcxt, fixed + (Size) nhints * sizeof(Buffer));

	model->meta = *meta;
	model->nhints = nhints;
	model->hints = (Buffer *) ((char *) model + fixed);
	memset(model->hints, 0, nhints * sizeof(Buffer));
	return model;
}

static IvfModel *
read_model(Relation index, const IvfMeta *meta)
{
	IvfModel *model = new_model(index, meta);

	PG_TRY();
	{
		ivf_layout_init(&model->layout, meta);
		ivf_params_read(index, meta, model->params);
	}
	PG_CATCH();
	{
		pfree(model);
		PG_RE_THROW();
	}
	PG_END_TRY();
	return model;
}

const IvfModel *
ivf_model_get(Relation index)
{
	IvfModel *model = index->rd_amcache;
	IvfMeta meta;

	read_meta(index, &meta);
	if (model != NULL && memcmp(&model->meta, &meta, sizeof(meta)) == 0)
		return model;

	model = read_model(index, &meta);
	if (index->rd_amcache != NULL)
		pfree(index->rd_amcache);
	index->rd_amcache = model;
	return model;
}

static const DenseKernels *
centroid_kernels(const IvfMeta *meta)
{
	return dense_kernels(ELEM_FLOAT32, (ElemKind) meta->centroid_elem);
}

/* Products with n centroids of one page, first being the first of it */
static void
products_of_page(Relation index, const IvfModel *model, const Slots *slots,
				 uint32 first, uint32 n, const float *query, float *products,
				 float *sqnorms)
{
	const DenseKernels *kernels = centroid_kernels(&model->meta);
	Buffer buffer =
		ivf_pin(index, model, model->meta.centroids + slots_page(slots, first));
	const char *room =
		page_room(page_lock(index, buffer, IVF_MAGIC, IVF_PAGE_CENTROIDS));

	kernels->inner_product_many(query, room + offsetof(IvfCentroid, elems),
								slots->size, n, model->meta.model_dim,
								products + first);
	if (sqnorms != NULL)
	{
		for (uint32 i = 0; i < n; i++)
			sqnorms[first + i] =
				((const IvfCentroid *) (room + i * slots->size))->sqnorm;
	}
	UnlockReleaseBuffer(buffer);
}

/* An item over several pages, put together */
static void
read_large_centroid(Relation index, const IvfMeta *meta, const Slots *slots,
					uint32 list, IvfCentroid *centroid)
{
	for (uint32 part = 0; part < slots->pages_each; part++)
	{
		Buffer buffer =
			page_read(index, meta->centroids + slots_page(slots, list) + part,
					  IVF_MAGIC, IVF_PAGE_CENTROIDS, BUFFER_LOCK_SHARE, NULL);

		memcpy((char *) centroid + part * PAGE_ROOM,
			   page_room(BufferGetPage(buffer)), slots_part(slots, part));
		UnlockReleaseBuffer(buffer);
	}
}

void
ivf_centroid_products(Relation index, const IvfModel *model, const float *query,
					  float *products, float *sqnorms)
{
	const IvfMeta *meta = &model->meta;
	Slots slots = ivf_centroid_slots(meta);
	IvfCentroid *large;

	if (meta->centroids == InvalidBlockNumber)
	{
		products[0] = 0.0f;
		if (sqnorms != NULL)
			sqnorms[0] = 0.0f;
		return;
	}
	if (slots.pages_each == 1)
	{
		for (uint32 i = 0; i < meta->nlists; i += slots.per_page)
			products_of_page(index, model, &slots, i,
							 Min(slots.per_page, meta->nlists - i), query,
							 products, sqnorms);
		return;
	}
	large = palloc(slots.size);
	for (uint32 i = 0; i < meta->nlists; i++)
	{
		CHECK_FOR_INTERRUPTS();
		read_large_centroid(index, meta, &slots, i, large);
		products[i] = centroid_kernels(meta)->inner_product(query, large->elems,
															meta->model_dim, 0);
		if (sqnorms != NULL)
			sqnorms[i] = large->sqnorm;
	}
	pfree(large);
}

void
ivf_centroid_read(Relation index, const IvfMeta *meta, uint32 list,
				  float *centroid)
{
	Slots slots = ivf_centroid_slots(meta);
	IvfCentroid *large;
	Buffer buffer;
	const char *room;

	if (meta->centroids == InvalidBlockNumber)
	{
		memset(centroid, 0, meta->model_dim * sizeof(float));
		return;
	}
	if (slots.pages_each > 1)
	{
		large = palloc(slots.size);
		read_large_centroid(index, meta, &slots, list, large);
		elem_ops[meta->centroid_elem].load(large->elems, centroid,
										   meta->model_dim);
		pfree(large);
		return;
	}
	buffer = page_read(index, meta->centroids + slots_page(&slots, list),
					   IVF_MAGIC, IVF_PAGE_CENTROIDS, BUFFER_LOCK_SHARE, NULL);
	room = page_room(BufferGetPage(buffer)) + slots_offset(&slots, list);
	elem_ops[meta->centroid_elem].load(room + offsetof(IvfCentroid, elems),
									   centroid, meta->model_dim);
	UnlockReleaseBuffer(buffer);
}

BlockNumber
ivf_copy_read(Relation index, const IvfModel *model, BlockNumber blkno,
			  uint32 lane, char *copy)
{
	const Slots *slots = &model->layout.copy_slots;
	uint32 offset = slots_offset(slots, lane);

	for (uint32 part = 0; part < slots->pages_each; part++)
	{
		Buffer buffer = ivf_pin(index, model, blkno);
		Page page = page_lock_before(index, buffer, IVF_MAGIC, IVF_PAGE_COPIES,
									 model->meta.generation);

		if (page == NULL)
		{
			UnlockReleaseBuffer(buffer);
			return blkno;
		}
		memcpy(copy + part * PAGE_ROOM, page_room(page) + offset,
			   slots_part(slots, part));
		blkno = page_special(page)->next;
		UnlockReleaseBuffer(buffer);
	}
	return InvalidBlockNumber;
}

static Buffer
directory_page(Relation index, const IvfMeta *meta, uint32 list, int lock)
{
	return page_read(index, meta->directory + list / IVF_ENTRIES_PER_PAGE,
					 IVF_MAGIC, IVF_PAGE_DIRECTORY, lock, NULL);
}

IvfListEntry
ivf_list_read(Relation index, const IvfMeta *meta, uint32 list)
{
	Buffer buffer = directory_page(index, meta, list, BUFFER_LOCK_SHARE);
	IvfListEntry entry;

	memcpy(&entry, page_room(BufferGetPage(buffer)) + ivf_list_offset(list),
		   sizeof(entry));
	UnlockReleaseBuffer(buffer);
	return entry;
}

bool
ivf_lists_read(Relation index, const IvfModel *model, uint32 first, uint32 n,
			   IvfListEntry *entries)
{
	Buffer buffer = ivf_pin(
		index, model, model->meta.directory + first / IVF_ENTRIES_PER_PAGE);
	Page page = page_lock_before(index, buffer, IVF_MAGIC, IVF_PAGE_DIRECTORY,
								 model->meta.generation);

	if (page != NULL)
		memcpy(entries, page_room(page), n * sizeof(IvfListEntry));
	UnlockReleaseBuffer(buffer);
	return page != NULL;
}

Buffer
ivf_list_lock(Relation index, const IvfMeta *meta, uint32 list)
{
	return directory_page(index, meta, list, BUFFER_LOCK_EXCLUSIVE);
}
