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
#include "ivf/ivf_check.h"
#include "ivf/ivf_given.h"
#include "ivf/ivf_rebuild.h"
#include "ivf/ivf_rows.h"
#include "pages/wal.h"

typedef struct IvfRebuild
{
	Relation index;
	IvfMeta old;
	IvfRows *rows; /* of the old lists */
	IvfBuilder *builder;
	const IvfModel *model;     /* that replaces the old one */
	float *floats;             /* scratch, dim */
	MemoryContext row_context; /* reset for each row */
} IvfRebuild;

/* All rows of the old lists; once: only those not read so before */
static void
read_rows(IvfRebuild *rebuild, IvfRowStep step, bool once)
{
	for (uint32 list = 0; list < rebuild->old.nlists; list++)
	{
		if (once)
			ivf_rows_read_new(rebuild->rows, list, step, rebuild);
		else
			ivf_rows_read(rebuild->rows, list, step, rebuild);
	}
}

/*
 * What becomes of a row
 */

static void
sample_row(void *arg, IvfListRow *row)
{
	IvfRebuild *rebuild = arg;
	const IvfMeta *meta = &rebuild->old;
	float *floats = rebuild->floats;
	uint32 place;

	if (!ivf_builder_offer(rebuild->builder, &place))
		return;
	if (!ivf_copies_rounded(meta))
	{
		ivf_builder_sample(rebuild->builder, place, row->copy);
		return;
	}
	/* the builder loads it by the column's type; scale is taken back */
	elem_ops[ELEM_FLOAT16].load(row->copy, floats, meta->dim);
	for (int i = 0; i < meta->dim; i++)
		floats[i] = ldexpf(floats[i], -meta->scale);
	ivf_builder_sample(rebuild->builder, place, floats);
}

static void
add_row(void *arg, IvfListRow *row)
{
	IvfRebuild *rebuild = arg;

	/* an exact copy is the elements themselves */
	if (ivf_copies_rounded(&rebuild->old))
		ivf_builder_add_copy(rebuild->builder, &row->tid, row->copy, row->error,
							 row->attributes);
	else
		(void) ivf_builder_add(rebuild->builder, &row->tid, row->copy,
							   row->attributes);
}

/* A row that came while the new lists were written */
static void
insert_row(void *arg, IvfListRow *row)
{
	IvfRebuild *rebuild = arg;
	const IvfModel *model = rebuild->model;
	MemoryContext old = MemoryContextSwitchTo(rebuild->row_context);
	IvfRow new_row = ivf_row_new(&model->meta);
	bool fits = true;

	new_row.attributes = row->attributes;
	if (ivf_copies_rounded(&rebuild->old))
	{
		memcpy(new_row.copy, row->copy, model->layout.copy_slots.size);
		new_row.error = row->error;
		ivf_row_from_copy(&model->meta, row->copy, new_row.scaled);
	}
	else
		fits = ivf_row_set(&new_row, &model->meta, row->copy);
	if (fits)
		ivf_insert(rebuild->index, model, &row->tid, &new_row);
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
	meta.nlists = meta.nbuilt = 1;
	meta.generation = highest_generation(index) + 1;
	return meta;
}

void
ivf_replace_meta(Relation index, IvfMeta *meta)
{
	Buffer buffer = ReadBuffer(index, IVF_META_BLOCK);
	PageEdit edit;
	Page page;

	meta->replaced = U64FromFullTransactionId(ReadNextFullTransactionId());
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	edit = edit_begin(index);
	page = edit_page(&edit, buffer);
	memcpy(page_room(page), meta, sizeof(*meta));
	page_special(page)->generation = meta->generation;
	edit_finish(&edit);
	UnlockReleaseBuffer(buffer);
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
	rebuild.old = cached->meta;
	rebuild.rows = ivf_rows_new(index, cached);
	rebuild.floats = palloc(cached->meta.dim * sizeof(float));
	rebuild.row_context =
		AllocSetContextCreate(context, "ivf row", ALLOCSET_DEFAULT_SIZES);
	meta = empty_meta(index, &rebuild.old);
	rebuild.builder =
		ivf_builder_new(index, &meta, ivf_count_rows(index, &rebuild.old));
	read_rows(&rebuild, sample_row, false);
	ivf_builder_train(
		rebuild.builder, 1,
		ivf_method(index) == IVF_METHOD_FLAT ? 1 : IVF_MIN_TRAINED_ROWS);
	read_rows(&rebuild, add_row, true);
	meta = *ivf_builder_write(rebuild.builder, true);

	LockPage(index, IVF_META_BLOCK, ExclusiveLock);
	rebuild.model = ivf_builder_model(rebuild.builder);
	read_rows(&rebuild, insert_row, true);
	ivf_replace_meta(index, &meta);
	UnlockPage(index, IVF_META_BLOCK, ExclusiveLock);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return true;
}
