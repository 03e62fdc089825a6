/*
 * ivf_rebuild.c
 *	  An index built anew from what it holds, while others use it.
 *
 * The heap is not read: VACUUM's snapshot would not protect what lies out of
 * line.  Copy on write: the new lists are written to pages of their own, and one
 * record changes the meta page.  Scans that have begun go on with the old pages,
 * which are used again only when no snapshot from before is left (ivf_space.h).
 *
 * Inserts go on meanwhile, into the old lists.  Each holds the meta page's
 * heavyweight lock in share mode.  At the end we take it exclusively, put in
 * what was added since we read the lists, and change the meta page.
 *
 *		read all rows, remember which	(shared page locks, one at a time)
 *		write new lists					(pages nobody else knows)
 *		LockPage(meta, exclusive)		waits for inserts under way
 *		  read again, insert rows not remembered into the new lists
 *		  one record: meta page
 *		UnlockPage
 *
 * A crash before the record leaves pages of a generation that the meta page does
 * not know; the next rebuild takes a higher one, and they become old pages.
 */
#include "postgres.h"

#include "access/transam.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"

#include "core/compat.h"
#include "ivf/ivf_builder.h"
#include "ivf/ivf_given.h"
#include "ivf/ivf_rebuild.h"
#include "pages/wal.h"

typedef struct IvfRebuild
{
	Relation index;
	IvfModel *old; /* ours: the relation cache may change */
	IvfBuilder *builder;
	const IvfModel *model; /* that replaces the old one */
	char *segment;         /* page images */
	char *copy;
	float *floats;  /* scratch, dim */
	uint32 **lanes; /* by block: bits of the lanes read, NULL for none */
	BlockNumber nblocks;
	MemoryContext row_context; /* reset for each row */
} IvfRebuild;

typedef void (*RowStep)(IvfRebuild *rebuild, ItemPointer tid, const char *copy,
						uint16 error);

/*
 * Reading the old lists
 */

/* The lanes of a segment that were read already */
static uint32 *
lanes_of(IvfRebuild *rebuild, BlockNumber blkno)
{
	Size bytes = ivf_live_words(&rebuild->old->layout) * sizeof(uint32);

	if (blkno >= rebuild->nblocks)
	{
		BlockNumber nblocks = RelationGetNumberOfBlocks(rebuild->index);

		rebuild->lanes =
			repalloc_huge(rebuild->lanes, (Size) nblocks * sizeof(uint32 *));
		memset(rebuild->lanes + rebuild->nblocks, 0,
			   (Size) (nblocks - rebuild->nblocks) * sizeof(uint32 *));
		rebuild->nblocks = nblocks;
	}
	if (rebuild->lanes[blkno] == NULL)
		rebuild->lanes[blkno] = palloc0(bytes);
	return rebuild->lanes[blkno];
}

/* Call step for each live row; once: only for those not read before */
static void
read_segment(IvfRebuild *rebuild, BlockNumber blkno, RowStep step, bool once)
{
	const IvfLayout *layout = &rebuild->old->layout;
	Page page = (Page) rebuild->segment;
	const uint32 *live = IVF_ARRAY(page, layout->live, uint32);
	const uint16 *errors = IVF_ARRAY(page, layout->errors, uint16);
	uint32 *lanes = once ? lanes_of(rebuild, blkno) : NULL;

	for (uint32 lane = 0; lane < ivf_segment(page)->nlanes; lane++)
	{
		uint32 bit = 1U << lane % IVF_WORD;

		if ((live[lane / IVF_WORD] & bit) == 0 ||
			(once && (lanes[lane / IVF_WORD] & bit) != 0))
			continue;
		CHECK_FOR_INTERRUPTS();
		if (once)
			lanes[lane / IVF_WORD] |= bit;
		ivf_copy_read(rebuild->index, layout,
					  IVF_ARRAY(page, layout->copies,
								BlockNumber)[ivf_copy_page(layout, lane)],
					  lane, rebuild->copy);
		step(rebuild, &IVF_ARRAY(page, layout->tids, ItemPointerData)[lane],
			 rebuild->copy, layout->errors == 0 ? 0 : errors[lane]);
	}
}

static void
read_rows(IvfRebuild *rebuild, RowStep step, bool once)
{
	const IvfMeta *meta = &rebuild->old->meta;

	for (uint32 list = 0; list < meta->nlists; list++)
	{
		BlockNumber blkno = ivf_list_read(rebuild->index, meta, list).first;

		while (blkno != InvalidBlockNumber)
		{
			Buffer buffer =
				page_read(rebuild->index, blkno, IVF_MAGIC, IVF_PAGE_SEGMENT,
						  BUFFER_LOCK_SHARE, NULL);

			memcpy(rebuild->segment, BufferGetPage(buffer), BLCKSZ);
			UnlockReleaseBuffer(buffer);
			if (ivf_segment((Page) rebuild->segment)->nlanes >
				rebuild->old->layout.capacity)
				page_corrupted(rebuild->index, blkno,
							   "The segment has too many lanes.");
			read_segment(rebuild, blkno, step, once);
			blkno = page_special((Page) rebuild->segment)->next;
		}
	}
}

/*
 * What becomes of a row
 */

static void
sample_row(IvfRebuild *rebuild, ItemPointer tid, const char *copy, uint16 error)
{
	const IvfMeta *meta = &rebuild->old->meta;
	float *floats = rebuild->floats;

	if (!ivf_builder_offer(rebuild->builder))
		return;
	if (!ivf_copies_rounded(meta))
	{
		ivf_builder_sample(rebuild->builder, copy);
		return;
	}
	/* the builder loads it by the column's type; scale is taken back */
	elem_ops[ELEM_FLOAT16].load(copy, floats, meta->dim);
	for (int i = 0; i < meta->dim; i++)
		floats[i] = ldexpf(floats[i], -meta->scale);
	ivf_builder_sample(rebuild->builder, floats);
}

static void
add_row(IvfRebuild *rebuild, ItemPointer tid, const char *copy, uint16 error)
{
	/* an exact copy is the elements themselves */
	if (ivf_copies_rounded(&rebuild->old->meta))
		ivf_builder_add_copy(rebuild->builder, tid, copy, error);
	else
		(void) ivf_builder_add(rebuild->builder, tid, copy);
}

/* A row that came while the new lists were written */
static void
insert_row(IvfRebuild *rebuild, ItemPointer tid, const char *copy, uint16 error)
{
	const IvfModel *model = rebuild->model;
	MemoryContext old = MemoryContextSwitchTo(rebuild->row_context);
	IvfRow row = ivf_row_new(&model->meta);
	bool fits = true;

	if (ivf_copies_rounded(&rebuild->old->meta))
	{
		memcpy(row.copy, copy, model->layout.copy_slots.size);
		row.error = error;
		ivf_row_from_copy(&model->meta, copy, row.scaled);
	}
	else
		fits = ivf_row_set(&row, &model->meta, copy);
	if (fits)
		ivf_insert(rebuild->index, model, tid, &row);
	MemoryContextSwitchTo(old);
	MemoryContextReset(rebuild->row_context);
}

/*
 * The rebuild
 */

/* The highest generation of any page: crashed rebuilds leave unknown ones */
static uint32
highest_generation(Relation index)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(index);
	uint32 highest = 0;

	for (BlockNumber blkno = 0; blkno < nblocks; blkno++)
	{
		Buffer buffer = ReadBuffer(index, blkno);
		Page page = BufferGetPage(buffer);

		CHECK_FOR_INTERRUPTS();
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		if (!PageIsNew(page) && page_special(page)->magic == IVF_MAGIC)
			highest = Max(highest, page_special(page)->generation);
		UnlockReleaseBuffer(buffer);
	}
	return highest;
}

/* An index without lists, of the same column */
static IvfMeta
empty_meta(Relation index, const IvfMeta *old)
{
	IvfMeta meta = *old;

	/* rounded copies stay as they are: their scale does, too */
	if (!ivf_copies_rounded(old))
		meta.scale = 0;
	meta.codec = CODEC_NONE;
	meta.centroid_elem = ELEM_FLOAT16;
	meta.nprices = 0;
	meta.transform = TRANSFORM_NONE;
	meta.model_dim = meta.dim;
	meta.copies = IVF_COPIES_EXACT;
	meta.m = 0;
	meta.nlists = 1;
	meta.generation = highest_generation(index) + 1;
	return meta;
}

static void
replace_meta(Relation index, const IvfMeta *meta)
{
	Buffer buffer = ReadBuffer(index, IVF_META_BLOCK);
	PageEdit edit;
	Page page;

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	edit = edit_begin(index);
	page = edit_page(&edit, buffer);
	memcpy(page_room(page), meta, sizeof(*meta));
	page_special(page)->generation = meta->generation;
	edit_finish(&edit);
	UnlockReleaseBuffer(buffer);
}

static void
begin_rebuild(IvfRebuild *rebuild, const IvfModel *cached)
{
	Size size = offsetof(IvfModel, params);

	rebuild->old = palloc(size);
	memcpy(rebuild->old, cached, size);
	rebuild->segment = palloc(BLCKSZ);
	rebuild->copy = palloc(TYPEALIGN(BLCKSZ, cached->meta.dim * sizeof(float)));
	rebuild->floats = palloc(cached->meta.dim * sizeof(float));
	rebuild->row_context = AllocSetContextCreate(
		CurrentMemoryContext, "ivf row", ALLOCSET_DEFAULT_SIZES);
	rebuild->nblocks = RelationGetNumberOfBlocks(rebuild->index);
	rebuild->lanes = MemoryContextAllocHuge(
		CurrentMemoryContext, (Size) rebuild->nblocks * sizeof(uint32 *));
	memset(rebuild->lanes, 0, (Size) rebuild->nblocks * sizeof(uint32 *));
}

bool
ivf_rebuild_is_due(Relation index)
{
	const IvfMeta *meta = &ivf_model_get(index)->meta;
	double nrows = 0;

	/* VACUUM's snapshot would not protect rows of a model's tables either */
	if (ivf_method(index) != IVF_METHOD_PQ ||
		meta->centroids != InvalidBlockNumber || ivf_given_named(index))
		return false;
	for (uint32 list = 0; list < meta->nlists; list++)
		nrows += ivf_list_read(index, meta, list).nrows;
	return nrows >= IVF_MIN_TRAINED_ROWS;
}

bool
ivf_rebuild(Relation index)
{
	const IvfModel *cached = ivf_model_get(index);
	IvfRebuild rebuild = {.index = index};
	MemoryContext context;
	MemoryContext old;
	IvfMeta meta;

	if (cached->meta.copies == IVF_COPIES_NONE)
		return false;
	context = AllocSetContextCreate(CurrentMemoryContext, "ivf rebuild",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	begin_rebuild(&rebuild, cached);
	meta = empty_meta(index, &rebuild.old->meta);
	rebuild.builder = ivf_builder_new(index, &meta, rebuild.old->meta.nrows);
	read_rows(&rebuild, sample_row, false);
	ivf_builder_train(
		rebuild.builder, 1,
		ivf_method(index) == IVF_METHOD_FLAT ? 1 : IVF_MIN_TRAINED_ROWS);
	read_rows(&rebuild, add_row, true);
	meta = *ivf_builder_write(rebuild.builder, true);

	LockPage(index, IVF_META_BLOCK, ExclusiveLock);
	rebuild.model = ivf_builder_model(rebuild.builder);
	read_rows(&rebuild, insert_row, true);
	meta.replaced = U64FromFullTransactionId(ReadNextFullTransactionId());
	replace_meta(index, &meta);
	UnlockPage(index, IVF_META_BLOCK, ExclusiveLock);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return true;
}
