/*
 * hnsw_row_page.c
 *	  Row pages: where each TID's element is, its attributes and its code, apart from
 *	  the graph.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "storage/bufmgr.h"

#include "hnsw/hnsw_row_page.h"
#include "pages/wal.h"

/*
 * Pages
 */

static void
set_no_range(HnswRowHead *head)
{
	head->low = InvalidBlockNumber;
	head->high = 0;
}

void
hnsw_row_page_init(Page page)
{
	page_init(page, HNSW_MAGIC, HNSW_PAGE_ROWS, 0);
	set_no_range(hnsw_row_head(page));
}

static void
widen_range(HnswRowHead *head, const ItemPointerData *tid)
{
	BlockNumber block = ItemPointerGetBlockNumberNoCheck(tid);

	head->low = Min(head->low, block);
	head->high = Max(head->high, block);
}

/*
 * Attributes
 */

void
hnsw_row_columns(Page page, const HnswMeta *meta, const HnswLayout *layout,
				 AttributeColumn *columns)
{
	const HnswRowLayout *rows = &layout->rows;
	char *keys = page_room(page) + rows->columns;

	for (uint32 i = 0; i < meta->ncolumns; i++)
	{
		columns[i] = (AttributeColumn){
			.kind = meta->kinds[i],
			.values = keys,
			.nulls = HNSW_ROW_ARRAY(page, rows->nulls, uint32) +
				i * hnsw_row_words(layout),
			.summary =
				HNSW_ROW_ARRAY(page, rows->summaries, AttributeSummary) + i};
		keys += (Size) rows->lanes * attribute_ops[meta->kinds[i]].width;
	}
}

/* Clear the bits of lanes whose TIDs are not in the set */
static void
mask_tids(Page page, const HnswLayout *layout, const TidFilter *tids,
		  uint32 *mask)
{
	const ItemPointerData *all = hnsw_row_tids(page, layout);

	for (uint32 word = 0; word < hnsw_row_words(layout); word++)
		mask[word] =
			tid_filter_lanes(tids, all + word * HNSW_ROW_WORD, mask[word]);
}

uint32
hnsw_row_find(Page page, const HnswMeta *meta, const HnswLayout *layout,
			  const HnswRowFilter *filter, uint32 *found)
{
	uint32 nwords = hnsw_row_words(layout);
	uint32 n = 0;

	if (hnsw_row_head(page)->nlive == 0)
		return 0;
	memcpy(found, hnsw_row_live(page, layout), nwords * sizeof(uint32));
	if (filter->attributes != NULL)
	{
		AttributeColumn columns[ATTRIBUTE_MAX];

		hnsw_row_columns(page, meta, layout, columns);
		if (!attribute_filter_mask(filter->attributes, columns, nwords, found))
			return 0;
	}
	if (filter->tids != NULL)
		mask_tids(page, layout, filter->tids, found);
	for (uint32 word = 0; word < nwords; word++)
		n += pg_popcount32(found[word]);
	return n;
}

/*
 * Lanes
 */

/* The block of codes that a lane is in, and where */
static uint8 *
block_of(Page page, const HnswModel *model, uint32 lane, uint32 *at)
{
	uint32 lanes = codec_of((CodecKind) model->meta.codec)->block_lanes;

	*at = lane % lanes;
	return HNSW_ROW_ARRAY(page, model->layout.rows.codes, uint8) +
		lane / lanes * model->layout.block_bytes;
}

void
hnsw_row_set_code(Page page, const HnswModel *model, uint32 lane,
				  const uint8 *code)
{
	CodecShape shape = hnsw_codec_shape(&model->meta);
	uint32 at;
	uint8 *block = block_of(page, model, lane, &at);

	codec_of((CodecKind) model->meta.codec)->put(&shape, block, at, code);
}

void
hnsw_row_get_code(Page page, const HnswModel *model, uint32 lane, uint8 *code)
{
	CodecShape shape = hnsw_codec_shape(&model->meta);
	uint32 at;
	uint8 *block = block_of(page, model, lane, &at);

	codec_of((CodecKind) model->meta.codec)->get(&shape, block, at, code);
}

static void
set_attributes(Page page, const HnswModel *model, uint32 lane,
			   const AttributeRow *attributes)
{
	const HnswMeta *meta = &model->meta;
	AttributeColumn columns[ATTRIBUTE_MAX];

	hnsw_row_columns(page, meta, &model->layout, columns);
	if (hnsw_row_head(page)->nlive == 0)
		attribute_columns_clear(columns, meta->ncolumns);
	attribute_columns_put(columns, meta->ncolumns, lane, attributes);
}

void
hnsw_row_set(Page page, const HnswModel *model, uint32 lane, const HnswRow *row)
{
	const HnswLayout *layout = &model->layout;
	HnswRowHead *head = hnsw_row_head(page);

	hnsw_row_live(page, layout)[lane / HNSW_ROW_WORD] |= 1U
		<< lane % HNSW_ROW_WORD;
	hnsw_row_tids(page, layout)[lane] = row->tid;
	hnsw_row_grounds(page, layout)[lane] = row->ground;
	if (model->meta.ncolumns > 0)
		set_attributes(page, model, lane, row->attributes);
	if (row->code != NULL && layout->rows.codes != 0)
		hnsw_row_set_code(page, model, lane, row->code);
	widen_range(head, &row->tid);
	head->nlive++;
}

/* What the page says of all its lanes is made anew */
void
hnsw_row_clear(Page page, const HnswModel *model, const uint32 *lanes)
{
	const HnswMeta *meta = &model->meta;
	const HnswLayout *layout = &model->layout;
	HnswRowHead *head = hnsw_row_head(page);
	uint32 *live = hnsw_row_live(page, layout);
	AttributeColumn columns[ATTRIBUTE_MAX];

	head->nlive = 0;
	set_no_range(head);
	hnsw_row_columns(page, meta, layout, columns);
	attribute_columns_clear(columns, meta->ncolumns);
	for (uint32 word = 0; word < hnsw_row_words(layout); word++)
	{
		live[word] &= ~lanes[word];
		for (uint32 bits = live[word]; bits != 0; bits &= bits - 1)
		{
			uint32 lane = word * HNSW_ROW_WORD + pg_rightmost_one_pos32(bits);
			AttributeRow attributes;

			attribute_columns_get(columns, meta->ncolumns, lane, &attributes);
			attribute_columns_put(columns, meta->ncolumns, lane, &attributes);
			widen_range(head, &hnsw_row_tids(page, layout)[lane]);
			head->nlive++;
		}
	}
}

int
hnsw_row_free_lane(Page page, const HnswLayout *layout)
{
	const uint32 *live = hnsw_row_live(page, layout);

	for (uint32 word = 0; word < hnsw_row_words(layout); word++)
	{
		if (live[word] != PG_UINT32_MAX)
			return word * HNSW_ROW_WORD + pg_rightmost_one_pos32(~live[word]);
	}
	return -1;
}

/*
 * A lane for a new row
 */

void
hnsw_set_row_space(Relation index, BlockNumber blkno)
{
	Buffer buffer = page_read(index, HNSW_META_BLOCK, HNSW_MAGIC,
							  HNSW_PAGE_META, BUFFER_LOCK_EXCLUSIVE, NULL);
	PageEdit edit = edit_begin(index);

	hnsw_state(edit_page(&edit, buffer))->row_space = blkno;
	edit_finish(&edit);
	UnlockReleaseBuffer(buffer);
}

/*
 * A new page behind the last one, unless another has come to be there: then the new
 * one stays empty, for nodes.  It is nobody else's as long as it is locked, and
 * nobody who has a row page locked waits for another page.
 */
static void
lengthen_chain(Relation index, BlockNumber last)
{
	Buffer new = wal_extend(index, MAIN_FORKNUM);
	Buffer buffer = page_read(index, last, HNSW_MAGIC, HNSW_PAGE_ROWS,
							  BUFFER_LOCK_EXCLUSIVE, NULL);

	if (page_special(BufferGetPage(buffer))->next == InvalidBlockNumber)
	{
		PageEdit edit = edit_begin(index);

		hnsw_row_page_init(edit_new_page(&edit, new));
		page_special(edit_page(&edit, buffer))->next =
			BufferGetBlockNumber(new);
		edit_finish(&edit);
	}
	UnlockReleaseBuffer(buffer);
	UnlockReleaseBuffer(new);
}

/* Pages that turn out to be full are passed once for all */
Buffer
hnsw_row_space(Relation index, const HnswModel *model)
{
	HnswState state;
	HnswRowWalk walk = hnsw_row_walk(index, model, NULL);
	Buffer buffer;

	(void) hnsw_model_get(index, &state);
	walk.next = state.row_space;
	while (BufferIsValid(buffer = hnsw_row_walk_next(&walk, BUFFER_LOCK_SHARE)))
	{
		BlockNumber blkno = BufferGetBlockNumber(buffer);
		bool full =
			hnsw_row_free_lane(BufferGetPage(buffer), &model->layout) < 0;

		LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
		if (!full)
		{
			if (blkno != state.row_space)
				hnsw_set_row_space(index, blkno);
			return buffer;
		}
		ReleaseBuffer(buffer);
		if (walk.next == InvalidBlockNumber)
		{
			lengthen_chain(index, blkno);
			walk.next = blkno; /* once more: it leads on now */
		}
		CHECK_FOR_INTERRUPTS();
	}
	page_corrupted(index, HNSW_META_BLOCK, "There are no row pages.");
}

int
hnsw_row_lock(Buffer buffer, const HnswLayout *layout)
{
	int lane;

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	lane = hnsw_row_free_lane(BufferGetPage(buffer), layout);
	if (lane < 0)
		LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	return lane;
}

/*
 * All row pages
 */

HnswRowWalk
hnsw_row_walk(Relation index, const HnswModel *model,
			  BufferAccessStrategy strategy)
{
	return (HnswRowWalk){.index = index,
						 .model = model,
						 .strategy = strategy,
						 .next = model->meta.rows};
}

/* A chain has no more pages than the index; asked seldom, that is a system call */
static void
count_page(HnswRowWalk *walk, BlockNumber blkno)
{
	if (walk->nread++ < walk->nblocks)
		return;
	walk->nblocks = RelationGetNumberOfBlocks(walk->index);
	if (walk->nread > walk->nblocks)
		page_corrupted(walk->index, blkno,
					   "The chain of row pages has no end.");
}

Buffer
hnsw_row_walk_next(HnswRowWalk *walk, int lock)
{
	BlockNumber blkno = walk->next;
	Buffer buffer;

	if (blkno == InvalidBlockNumber)
		return InvalidBuffer;
	count_page(walk, blkno);
	if (lock == BUFFER_LOCK_SHARE && walk->strategy == NULL &&
		walk->model != NULL)
	{
		buffer = hnsw_pin(walk->index, walk->model, blkno);
		(void) page_lock(walk->index, buffer, HNSW_MAGIC, HNSW_PAGE_ROWS);
	}
	else
		buffer = page_read(walk->index, blkno, HNSW_MAGIC, HNSW_PAGE_ROWS, lock,
						   walk->strategy);
	walk->next = page_special(BufferGetPage(buffer))->next;
	return buffer;
}

bool
hnsw_row_walk_copy(HnswRowWalk *walk, char *page, BlockNumber *blkno)
{
	Buffer buffer = hnsw_row_walk_next(walk, BUFFER_LOCK_SHARE);

	if (!BufferIsValid(buffer))
		return false;
	*blkno = BufferGetBlockNumber(buffer);
	memcpy(page, BufferGetPage(buffer), BLCKSZ);
	UnlockReleaseBuffer(buffer);
	return true;
}
