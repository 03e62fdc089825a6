/*
 * hnsw_node.c
 *	  Nodes as they are written: slots, links, TIDs.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/bufmgr.h"

#include "hnsw/hnsw_node.h"

HnswNode *
hnsw_edit_node(PageEdit *edit, const HnswLayout *layout, Buffer buffer,
			   HnswId id)
{
	return (HnswNode *) edit_room(edit, buffer, hnsw_offset(layout, id),
								  layout->size);
}

void
hnsw_link_clear(HnswNode *node, const HnswModel *model, uint32 lane)
{
	HNSW_ARRAY(node, model->layout.links, HnswId)[lane] = HNSW_NONE;
}

void
hnsw_node_init(HnswNode *node, const HnswLayout *layout, uint8 level)
{
	memset(node, 0, layout->size);
	node->state = HNSW_LIVE;
	node->level = level;
	node->below = node->ground = node->more = HNSW_NONE;
	for (uint32 lane = 0; lane < layout->lanes; lane++)
		HNSW_ARRAY(node, layout->links, HnswId)[lane] = HNSW_NONE;
}

static uint8 *
block_of(const HnswNode *node, const HnswLayout *layout, uint32 block)
{
	return HNSW_ARRAY(node, layout->codes, uint8) + block * layout->block_bytes;
}

void
hnsw_link_set(HnswNode *node, const HnswModel *model, uint32 lane,
			  const HnswLink *link)
{
	const HnswLayout *layout = &model->layout;
	const Codec *codec = codec_of((CodecKind) model->meta.codec);
	CodecShape shape = hnsw_codec_shape(&model->meta);

	HNSW_ARRAY(node, layout->links, HnswId)[lane] = link->id;
	if (!hnsw_writes_codes(&model->meta))
		return;
	codec->put(&shape, block_of(node, layout, lane / codec->block_lanes),
			   lane % codec->block_lanes, link->code);
}

HnswLink
hnsw_link_get(const HnswNode *node, const HnswModel *model, uint32 lane,
			  uint8 *code)
{
	const HnswLayout *layout = &model->layout;
	const Codec *codec = codec_of((CodecKind) model->meta.codec);
	CodecShape shape = hnsw_codec_shape(&model->meta);
	HnswLink link = {.id = HNSW_ARRAY(node, layout->links, HnswId)[lane],
					 .code = code};

	if (codec == NULL)
		return link;
	codec->get(&shape, block_of(node, layout, lane / codec->block_lanes),
			   lane % codec->block_lanes, code);
	return link;
}

void
hnsw_node_free(HnswNode *node, const HnswLayout *layout)
{
	memset(node, 0, layout->size);
}

bool
hnsw_copy_block(Relation index, BlockNumber blkno,
				BufferAccessStrategy strategy, char *page)
{
	Buffer buffer =
		ReadBufferExtended(index, MAIN_FORKNUM, blkno, RBM_NORMAL, strategy);
	Page from = BufferGetPage(buffer);
	bool nodes;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	nodes = !PageIsNew(from) && page_special(from)->magic == HNSW_MAGIC &&
		page_special(from)->kind == HNSW_PAGE_NODES;
	if (nodes)
		memcpy(page, from, BLCKSZ);
	UnlockReleaseBuffer(buffer);
	return nodes;
}

int
hnsw_free_slot(Page page, const HnswLayout *layout)
{
	for (uint32 slot = 0; slot < layout->slots; slot++)
	{
		if (hnsw_node(page, layout, slot)->state == HNSW_FREE)
			return (int) slot;
	}
	return -1;
}

void
hnsw_set_space(Relation index, BlockNumber blkno)
{
	Buffer buffer = page_read(index, HNSW_META_BLOCK, HNSW_MAGIC,
							  HNSW_PAGE_META, BUFFER_LOCK_EXCLUSIVE, NULL);
	PageEdit edit = edit_begin(index);

	hnsw_state(edit_page(&edit, buffer))->space = blkno;
	edit_finish(&edit);
	UnlockReleaseBuffer(buffer);
}

/* Nodes of one more block must have names */
static void
check_names(Relation index, const HnswLayout *layout, BlockNumber blkno)
{
	if (blkno >= HNSW_NONE / layout->slots)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("index \"%s\" has as many blocks as it can have",
						RelationGetRelationName(index))));
}

/*
 * From the block that the meta page names on.  Blocks that turn out to be full
 * are passed once for all.
 */
Buffer
hnsw_space(Relation index, const HnswModel *model, bool *is_new)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(index);
	BlockNumber first;
	BlockNumber blkno;
	HnswState state;
	Buffer buffer;

	(void) hnsw_model_get(index, &state);
	first = state.space;
	for (blkno = first; blkno < nblocks; blkno++)
	{
		Page page;

		CHECK_FOR_INTERRUPTS();
		buffer = ReadBuffer(index, blkno);
		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		page = BufferGetPage(buffer);
		/* zeros: a crash came before it was filled */
		*is_new = PageIsNew(page);
		if (*is_new ||
			(page_special(page)->magic == HNSW_MAGIC &&
			 page_special(page)->kind == HNSW_PAGE_NODES &&
			 hnsw_free_slot(page, &model->layout) >= 0))
			break;
		UnlockReleaseBuffer(buffer);
	}
	if (blkno >= nblocks)
	{
		check_names(index, &model->layout, nblocks);
		buffer = wal_extend(index, MAIN_FORKNUM);
		blkno = BufferGetBlockNumber(buffer);
		*is_new = true;
	}
	if (blkno != first)
	{
		/* no two locks at a time: the slot may be gone when it is back */
		LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
		hnsw_set_space(index, blkno);
		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		*is_new = PageIsNew(BufferGetPage(buffer));
		if (!*is_new &&
			hnsw_free_slot(BufferGetPage(buffer), &model->layout) < 0)
		{
			UnlockReleaseBuffer(buffer);
			return hnsw_space(index, model, is_new);
		}
	}
	return buffer;
}
