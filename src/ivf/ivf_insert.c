/*
 * ivf_insert.c
 *	  A row into its list.
 *
 * Locks: the directory page of the list first, then its segment, then the copy
 * page, all exclusively and in that order; at most four pages change, in one
 * record.  The directory page is locked only where its entry changes: a free
 * lane is taken under the segment's lock alone.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "core/compat.h"
#include "ivf/ivf_encode.h"
#include "ivf/ivf_handler.h"
#include "ivf/ivf_options.h"
#include "ivf/ivf_rebuild.h"
#include "ivf/ivf_space.h"
#include "ivf/ivf_write.h"
#include "pages/wal.h"

/* What one statement's inserts share */
typedef struct IvfInserter
{
	MemoryContext context; /* reset for each row */
} IvfInserter;

static IvfInserter *
get_inserter(IndexInfo *info)
{
	IvfInserter *inserter = info->ii_AmCache;

	if (inserter == NULL)
	{
		inserter =
			MemoryContextAllocZero(info->ii_Context, sizeof(IvfInserter));
		inserter->context = AllocSetContextCreate(
			info->ii_Context, "ivf insert", ALLOCSET_DEFAULT_SIZES);
		info->ii_AmCache = inserter;
	}
	return inserter;
}

/* The list whose centroid is nearest */
static uint32
nearest_list(Relation index, const IvfModel *model, const float *row)
{
	const IvfMeta *meta = &model->meta;
	const float *prices = ivf_prices(meta, model->params);
	bool products_only = ivf_spherical(meta);
	float *products = palloc(meta->nlists * sizeof(float));
	float *sqnorms = palloc0(meta->nlists * sizeof(float));
	float best_score = INFINITY;
	uint32 best = 0;

	ivf_centroid_products(index, model, row, products,
						  products_only ? NULL : sqnorms);
	for (uint32 i = 0; i < meta->nlists; i++)
	{
		float score = sqnorms[i] - 2 * products[i] + ivf_price(meta, prices, i);

		if (score < best_score)
		{
			best_score = score;
			best = i;
		}
	}
	return best;
}

/*
 * A lane nobody uses; capacity when there is none.  While there may be holes in
 * other segments, only lanes that were used before count: those are free space.
 */
static uint32
free_lane(Page page, const IvfLayout *layout, bool holes)
{
	const uint32 *live = IVF_ARRAY(page, layout->live, uint32);
	uint32 nlanes = ivf_segment(page)->nlanes;

	for (uint32 block = 0; block * IVF_WORD < nlanes; block++)
	{
		if (live[block] != PG_UINT32_MAX)
		{
			uint32 lane =
				block * IVF_WORD + pg_rightmost_one_pos32(~live[block]);

			if (lane < nlanes)
				return lane;
		}
	}
	return holes ? layout->capacity : nlanes;
}

/*
 * A copy of several pages is written before the lane that names it, a page at a
 * time, the last one first: a crash in between leaves pages that nobody names,
 * or a dead lane's copy changed, no more.  old: the copy of a lane that was used
 * before, whose pages are taken.
 */
static BlockNumber
insert_large_copy(Relation index, const IvfModel *model, uint32 list,
				  const char *copy, BlockNumber old)
{
	const Slots *slots = &model->layout.copy_slots;
	BlockNumber *blocks = palloc(slots->pages_each * sizeof(BlockNumber));
	BlockNumber next = InvalidBlockNumber;

	for (uint32 part = 0; part < slots->pages_each; part++)
	{
		blocks[part] = old;
		if (old != InvalidBlockNumber)
		{
			Buffer buffer = page_read(index, old, IVF_MAGIC, IVF_PAGE_COPIES,
									  BUFFER_LOCK_SHARE, NULL);

			old = page_special(BufferGetPage(buffer))->next;
			UnlockReleaseBuffer(buffer);
		}
	}
	for (uint32 part = slots->pages_each; part-- > 0;)
	{
		Buffer buffer = blocks[part] == InvalidBlockNumber
			? ivf_new_block(index)
			: page_read(index, blocks[part], IVF_MAGIC, IVF_PAGE_COPIES,
						BUFFER_LOCK_EXCLUSIVE, NULL);
		PageEdit edit = edit_begin(index);
		Page page = edit_new_page(&edit, buffer);

		ivf_page_init(page, IVF_PAGE_COPIES, model->meta.generation, list);
		page_special(page)->next = next;
		memcpy(page_room(page), copy + part * PAGE_ROOM,
			   slots_part(slots, part));
		next = BufferGetBlockNumber(buffer);
		edit_finish(&edit);
		UnlockReleaseBuffer(buffer);
	}
	pfree(blocks);
	return next;
}

/* The copy page of a lane, locked; new where the lane is its first */
static Buffer
lock_copy_page(Relation index, const IvfModel *model, Page segment, uint32 lane,
			   bool *is_new)
{
	const IvfLayout *layout = &model->layout;

	*is_new = lane == ivf_segment(segment)->nlanes &&
		lane % layout->copy_slots.per_page == 0;
	if (*is_new)
		return ivf_new_block(index);
	return page_read(index,
					 IVF_ARRAY(segment, layout->copies,
							   BlockNumber)[ivf_copy_page(layout, lane)],
					 IVF_MAGIC, IVF_PAGE_COPIES, BUFFER_LOCK_EXCLUSIVE, NULL);
}

/* Put the row in a lane of a segment page that is part of an edit */
static void
fill_lane(const IvfModel *model, PageEdit *edit, Page segment, uint32 lane,
		  const IvfStoredRow *row, Buffer copies, bool is_new)
{
	const IvfLayout *layout = &model->layout;

	if (BufferIsValid(copies))
	{
		Page page =
			is_new ? edit_new_page(edit, copies) : edit_page(edit, copies);

		if (is_new)
			ivf_page_init(page, IVF_PAGE_COPIES, model->meta.generation,
						  ivf_segment(segment)->list);
		memcpy(page_room(page) + slots_offset(&layout->copy_slots, lane),
			   row->copy, layout->copy_slots.size);
		IVF_ARRAY(segment, layout->copies, BlockNumber)
		[ivf_copy_page(layout, lane)] = BufferGetBlockNumber(copies);
	}
	ivf_lane_set(segment, layout, &model->meta, lane, row);
}

/*
 * Take a lane of this segment.  False when it has none, and nothing is changed.
 */
static bool
insert_in_segment(Relation index, const IvfModel *model, IvfListEntry entry,
				  const IvfStoredRow *row)
{
	const IvfLayout *layout = &model->layout;
	BlockNumber large = InvalidBlockNumber;
	Buffer buffer = page_read(index, entry.free, IVF_MAGIC, IVF_PAGE_SEGMENT,
							  BUFFER_LOCK_EXCLUSIVE, NULL);
	Buffer copies = InvalidBuffer;
	uint32 lane = free_lane(BufferGetPage(buffer), layout, entry.holes);
	bool is_new = false;
	PageEdit edit;
	Page page;

	if (lane == layout->capacity)
	{
		UnlockReleaseBuffer(buffer);
		return false;
	}
	page = BufferGetPage(buffer);
	if (layout->copy_slots.pages_each > 1)
		large = insert_large_copy(
			index, model, ivf_segment(page)->list, row->copy,
			lane < ivf_segment(page)->nlanes
				? IVF_ARRAY(page, layout->copies,
							BlockNumber)[ivf_copy_page(layout, lane)]
				: InvalidBlockNumber);
	else if (layout->copy_slots.size > 0)
		copies = lock_copy_page(index, model, page, lane, &is_new);
	edit = edit_begin(index);
	page = edit_page(&edit, buffer);
	if (large != InvalidBlockNumber)
		IVF_ARRAY(page, layout->copies, BlockNumber)
	[ivf_copy_page(layout, lane)] = large;
	fill_lane(model, &edit, page, lane, row, copies, is_new);
	edit_finish(&edit);
	if (BufferIsValid(copies))
		UnlockReleaseBuffer(copies);
	UnlockReleaseBuffer(buffer);
	return true;
}

/*
 * Put a new segment in front of the list, with the row in it, unless another
 * backend has done so: false then.
 */
static bool
insert_new_segment(Relation index, const IvfModel *model, uint32 list,
				   BlockNumber full, const IvfStoredRow *row)
{
	const IvfLayout *layout = &model->layout;
	BlockNumber large = InvalidBlockNumber;
	Buffer directory = ivf_list_lock(index, &model->meta, list);
	IvfListEntry *entry =
		(IvfListEntry *) (page_room(BufferGetPage(directory)) +
						  ivf_list_offset(list));
	Buffer buffer;
	Buffer copies = InvalidBuffer;
	PageEdit edit;
	Page page;
	Page directory_page;

	if (entry->free != full)
	{
		UnlockReleaseBuffer(directory);
		return false;
	}
	buffer = ivf_new_block(index);
	if (layout->copy_slots.pages_each > 1)
		large = insert_large_copy(index, model, list, row->copy,
								  InvalidBlockNumber);
	else if (layout->copy_slots.size > 0)
		copies = ivf_new_block(index);
	edit = edit_begin(index);
	page = edit_new_page(&edit, buffer);
	ivf_page_init(page, IVF_PAGE_SEGMENT, model->meta.generation, list);
	page_special(page)->next = entry->first;
	ivf_segment(page)->list = list;
	if (large != InvalidBlockNumber)
		IVF_ARRAY(page, layout->copies, BlockNumber)[0] = large;
	fill_lane(model, &edit, page, 0, row, copies, true);
	directory_page = edit_page(&edit, directory);
	entry =
		(IvfListEntry *) (page_room(directory_page) + ivf_list_offset(list));
	entry->first = entry->free = BufferGetBlockNumber(buffer);
	entry->holes = 0;
	edit_finish(&edit);
	if (BufferIsValid(copies))
		UnlockReleaseBuffer(copies);
	UnlockReleaseBuffer(buffer);
	UnlockReleaseBuffer(directory);
	return true;
}

/*
 * The segment has no hole: look on behind it.  At the end of the chain there
 * are none left, and the first segment, the newest, is where lanes are.
 */
static void
advance_free(Relation index, const IvfModel *model, uint32 list,
			 BlockNumber full)
{
	Buffer segment = page_read(index, full, IVF_MAGIC, IVF_PAGE_SEGMENT,
							   BUFFER_LOCK_SHARE, NULL);
	BlockNumber next = page_special(BufferGetPage(segment))->next;
	Buffer directory;
	IvfListEntry *entry;

	/* links never change, so this one still holds without the lock */
	UnlockReleaseBuffer(segment);
	directory = ivf_list_lock(index, &model->meta, list);
	entry = (IvfListEntry *) (page_room(BufferGetPage(directory)) +
							  ivf_list_offset(list));
	if (entry->free == full && entry->holes)
	{
		PageEdit edit = edit_begin(index);
		Page page = edit_page(&edit, directory);

		entry = (IvfListEntry *) (page_room(page) + ivf_list_offset(list));
		entry->free = next != InvalidBlockNumber ? next : entry->first;
		entry->holes = next != InvalidBlockNumber;
		edit_finish(&edit);
	}
	UnlockReleaseBuffer(directory);
}

static void
insert_row(Relation index, const IvfModel *model, uint32 list,
		   const IvfStoredRow *row)
{
	for (;;)
	{
		IvfListEntry entry = ivf_list_read(index, &model->meta, list);

		CHECK_FOR_INTERRUPTS();
		if (entry.free != InvalidBlockNumber &&
			insert_in_segment(index, model, entry, row))
			return;
		if (entry.holes)
			advance_free(index, model, list, entry.free);
		else if (insert_new_segment(index, model, list, entry.free, row))
			return;
	}
}

void
ivf_insert_in(Relation index, const IvfModel *model, uint32 list,
			  ItemPointer tid, const IvfRow *row, const float *model_row)
{
	IvfStoredRow stored = {.tid = *tid,
						   .error = row->error,
						   .copy = row->copy,
						   .attributes = row->attributes};
	Size row_bytes = model->meta.model_dim * sizeof(float);

	if (model->meta.codec != CODEC_NONE)
	{
		float *centroid = palloc(row_bytes);
		uint8 *code = palloc(ivf_code_bytes(&model->meta));

		ivf_centroid_read(index, &model->meta, list, centroid);
		stored.terms = ivf_code(model, row->scaled, model_row, centroid, code,
								palloc(3 * row_bytes));
		stored.code = code;
	}
	insert_row(index, model, list, &stored);
}

void
ivf_insert(Relation index, const IvfModel *model, ItemPointer tid,
		   const IvfRow *row)
{
	const float *model_row = ivf_model_row(
		model, row->scaled, palloc(model->meta.model_dim * sizeof(float)));

	ivf_insert_in(index, model, nearest_list(index, model, model_row), tid, row,
				  model_row);
}

bool
ivfinsert(Relation index, Datum *values, bool *isnull, ItemPointer tid,
		  Relation heap, IndexUniqueCheck unique, bool unchanged,
		  IndexInfo *info)
{
	IvfInserter *inserter;
	const IvfModel *model;
	MemoryContext old;
	const void *elems;
	AttributeRow attributes;
	IvfRow row;

	if (isnull[0])
		return false;
	inserter = get_inserter(info);
	old = MemoryContextSwitchTo(inserter->context);

	/* lists are not replaced while we put a row in them: ivf_rebuild.c */
	LockPage(index, IVF_META_BLOCK, ShareLock);
	model = ivf_model_get(index);
	elems = value_elems(model->meta.elem, values[0], model->meta.dim);
	attribute_row_set(&attributes, index, model->meta.attributes,
					  model->meta.nattributes, values, isnull);
	row = ivf_row_new(&model->meta);
	row.attributes = &attributes;
	if (ivf_row_set(&row, &model->meta, elems))
		ivf_insert(index, model, tid, &row);
	UnlockPage(index, IVF_META_BLOCK, ShareLock);
	MemoryContextSwitchTo(old);
	MemoryContextReset(inserter->context);
	return false;
}
