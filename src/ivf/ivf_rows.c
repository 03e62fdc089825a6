/*
 * ivf_rows.c
 *	  The rows of lists, for who replaces these.
 *
 * Each segment is copied under its lock and read afterwards.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "ivf/ivf_attributes.h"
#include "ivf/ivf_encode.h"
#include "ivf/ivf_rows.h"

struct IvfRows
{
	Relation index;
	IvfModel
		*model;    /* ours, without parameters: the relation cache may change */
	char *segment; /* the image of one */
	char *copy;
	uint8 *code;
	AttributeRow attributes;
	uint32 **lanes; /* by block: bits of the lanes read, NULL for none */
	BlockNumber nblocks;
};

IvfRows *
ivf_rows_new(Relation index, const IvfModel *cached)
{
	IvfRows *rows = palloc0(sizeof(IvfRows));
	const IvfMeta *meta = &cached->meta;

	rows->index = index;
	rows->model = palloc0(offsetof(IvfModel, params));
	rows->model->meta = *meta;
	rows->model->layout = cached->layout;
	rows->segment = palloc(BLCKSZ);
	rows->copy = palloc(TYPEALIGN(BLCKSZ, meta->dim * sizeof(float)));
	rows->code = palloc(ivf_code_bytes(meta) + 1);
	rows->nblocks = RelationGetNumberOfBlocks(index);
	rows->lanes = MemoryContextAllocHuge(
		CurrentMemoryContext, (Size) (rows->nblocks + 1) * sizeof(uint32 *));
	memset(rows->lanes, 0, (Size) rows->nblocks * sizeof(uint32 *));
	return rows;
}

/* The lanes of a segment that were read already */
static uint32 *
lanes_of(IvfRows *rows, BlockNumber blkno)
{
	Size bytes = ivf_live_words(&rows->model->layout) * sizeof(uint32);

	if (blkno >= rows->nblocks)
	{
		BlockNumber nblocks = RelationGetNumberOfBlocks(rows->index);

		rows->lanes =
			repalloc_huge(rows->lanes, (Size) nblocks * sizeof(uint32 *));
		memset(rows->lanes + rows->nblocks, 0,
			   (Size) (nblocks - rows->nblocks) * sizeof(uint32 *));
		rows->nblocks = nblocks;
	}
	if (rows->lanes[blkno] == NULL)
		rows->lanes[blkno] =
			MemoryContextAllocZero(GetMemoryChunkContext(rows), bytes);
	return rows->lanes[blkno];
}

/* A lane of the segment at hand */
static IvfListRow
lane_row(IvfRows *rows, uint32 lane)
{
	const IvfLayout *layout = &rows->model->layout;
	const Codec *codec = codec_of((CodecKind) rows->model->meta.codec);
	const IvfMeta *meta = &rows->model->meta;
	Page page = (Page) rows->segment;
	IvfListRow row = {.tid =
						  IVF_ARRAY(page, layout->tids, ItemPointerData)[lane]};

	ivf_attributes_get(page, layout, meta, lane, &rows->attributes);
	row.attributes = &rows->attributes;
	if (layout->errors != 0)
		row.error = IVF_ARRAY(page, layout->errors, uint16)[lane];
	if (codec != NULL)
	{
		CodecShape shape = ivf_codec_shape(meta);

		codec->get(&shape, ivf_code_block(page, layout, lane),
				   lane % layout->block_lanes, rows->code);
		row.code = rows->code;
		row.term = IVF_ARRAY(page, layout->terms, float)[lane];
	}
	if (layout->copy_slots.size > 0)
	{
		BlockNumber later =
			ivf_copy_read(rows->index, rows->model,
						  IVF_ARRAY(page, layout->copies,
									BlockNumber)[ivf_copy_page(layout, lane)],
						  lane, rows->copy);

		if (later != InvalidBlockNumber)
			page_corrupted(rows->index, later,
						   "The page is of another generation.");
		row.copy = rows->copy;
	}
	return row;
}

static void
read_segment(IvfRows *rows, IvfRowStep step, void *arg, uint32 *lanes)
{
	Page page = (Page) rows->segment;
	const uint32 *live = IVF_ARRAY(page, rows->model->layout.live, uint32);

	for (uint32 lane = 0; lane < ivf_segment(page)->nlanes; lane++)
	{
		uint32 bit = 1U << lane % IVF_WORD;
		IvfListRow row;

		if ((live[lane / IVF_WORD] & bit) == 0 ||
			(lanes != NULL && (lanes[lane / IVF_WORD] & bit) != 0))
			continue;
		CHECK_FOR_INTERRUPTS();
		if (lanes != NULL)
			lanes[lane / IVF_WORD] |= bit;
		row = lane_row(rows, lane);
		step(arg, &row);
	}
}

static void
read_list(IvfRows *rows, uint32 list, IvfRowStep step, void *arg, bool once)
{
	const IvfMeta *meta = &rows->model->meta;
	IvfListEntry entry = ivf_list_read(rows->index, meta, list);
	BlockNumber blkno = entry.first;
	Page page = (Page) rows->segment;

	while (blkno != InvalidBlockNumber)
	{
		Buffer buffer = page_read(rows->index, blkno, IVF_MAGIC,
								  IVF_PAGE_SEGMENT, BUFFER_LOCK_SHARE, NULL);

		CHECK_FOR_INTERRUPTS();
		memcpy(page, BufferGetPage(buffer), BLCKSZ);
		UnlockReleaseBuffer(buffer);
		if (ivf_segment(page)->nlanes > rows->model->layout.capacity ||
			ivf_segment(page)->list != list ||
			!ivf_in_force(page, entry.born, meta->generation))
			page_corrupted(rows->index, blkno,
						   "The segment is not one of its list.");
		read_segment(rows, step, arg, once ? lanes_of(rows, blkno) : NULL);
		blkno = page_special(page)->next;
	}
}

void
ivf_rows_read(IvfRows *rows, uint32 list, IvfRowStep step, void *arg)
{
	read_list(rows, list, step, arg, false);
}

void
ivf_rows_read_new(IvfRows *rows, uint32 list, IvfRowStep step, void *arg)
{
	read_list(rows, list, step, arg, true);
}
