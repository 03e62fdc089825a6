/*
 * hnsw_vacuum.c
 *	  Removing rows that nobody sees any more.
 *
 *		1  every TID of the index is offered to the callback, block by block; nodes
 *		   that are left without any become dead, emptied slots of TIDs free.  Then
 *		   every lane of row pages, so that none leads to a slot that is used again
 *		2  nodes above the ground whose element is dead become dead; the entry is
 *		   moved if it is one of them
 *		3  links to dead nodes are replaced (hnsw_repair.h), and elements to which no
 *		   way leads then get links (hnsw_reach.h)
 *		4  dead nodes become free
 *
 * A ground whose record has parts is held first (HNSW_HELD): nobody can make it live
 * any more.  Then its parts become free, and the slot last.  A slot that was held
 * when this began, and still is when the insertions of that time are done, is what a
 * crash left of an insertion, or of this: it is dealt with as one that was dead.
 *
 * Dead nodes still lead searches on, so that between any two records, which may
 * be the last ones before a crash, every element can be found.  Whoever comes
 * next finds what is dead by its state and goes on.  The heap is never read.
 *
 * An insertion that reads a node as dead may link to it when it is free, or
 * somebody else's: those under way when nodes are about to become free are waited
 * for, but others may come.  A link is no promise: searches take what is there
 * for what it is, a free slot leads nowhere, another node of the level is as good
 * a neighbour as chance has it, of whose distance the link's code tells a lie
 * once; and the next VACUUM that meets a link to a free slot takes it away.
 *
 * An insertion may give a dead element a row.  It is live again, and nothing is
 * lost but the links that led to it, which are made anew, by the next VACUUM if this
 * one is ended before.
 *
 * Names of dead nodes are kept as bits, within maintenance_work_mem; if there are
 * more, each step is done for one range of names after the other.  What of all names
 * has to be known at once is HNSW_REACH_BITS for each: more than 1 MB, the least that
 * maintenance_work_mem may be, only behind two million of them.
 *
 * Locks: one page at a time, shared, exclusively only to change it; two, in
 * ascending order, to take a slot out of a chain.  The lock of the meta page,
 * exclusively, which keeps insertions out: to move the entry, and to wait.
 *
 * A long file: what each step may free rests on what the others have noted of the
 * same names, and on the order of the steps.
 */
#include "postgres.h"

#include "commands/vacuum.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"

#include "am/foreign.h"
#include "core/compat.h"
#include "hnsw/hnsw_handler.h"
#include "hnsw/hnsw_node.h"
#include "hnsw/hnsw_record.h"
#include "hnsw/hnsw_repair.h"
#include "hnsw/hnsw_row_page.h"
#include "hnsw/hnsw_train.h"
#include "pages/wal.h"

/* Of dead nodes that are known at a time, for each name */
#define GONE_BITS 2
#define LEAST_NAMES 65536

/* Elements with emptied slots that are remembered before they are dealt with */
#define MOST_EMPTIED 65536

typedef struct HnswVacuum
{
	IndexVacuumInfo *info;
	Relation index;
	const HnswModel *model; /* ours: the relation cache may change */
	IndexBulkDeleteResult *stats;
	IndexBulkDeleteCallback callback;
	void *callback_state;
	double nrows; /* TIDs that stay */

	HnswGone gone;
	HnswReach *reach; /* while dead nodes are removed */
	uint32 names;     /* that there may be until the end */
	HnswId end;       /* names before it have been met */
	bool found_dead;  /* is there any dead node? */
	uint8 *uppers;    /* a bit for each block that has nodes above the ground */
	BlockNumber nuppers;
	BlockNumber space;     /* the first block known to have a free slot */
	BlockNumber row_space; /* likewise of row pages, and lanes */

	/* dead TIDs of the page at hand, those of slot s before tids_end[s] */
	ItemPointerData *tids;
	uint32 ntids;
	uint32 tids_room;
	uint32 *tids_end;

	HnswId *emptied; /* elements with slots of TIDs that have none */
	uint32 nemptied;

	HnswId *held; /* slots that were when this began, ascending */
	uint32 nheld;
	uint32 held_room;
	uint8 *parts; /* a bit for each block that has parts of records */

	/* a live node of the highest level there is; HNSW_NONE: none is known */
	HnswId best;
	uint32 best_level;
	HnswId ground; /* a live node on the ground */
} HnswVacuum;

static Buffer
read_block(HnswVacuum *vacuum, BlockNumber blkno, int lock)
{
	Buffer buffer = ReadBufferExtended(vacuum->index, MAIN_FORKNUM, blkno,
									   RBM_NORMAL, vacuum->info->strategy);

	LockBuffer(buffer, lock);
	return buffer;
}

/* Blocks that are the model's, or were never filled, are passed over */
static bool
holds_nodes(const HnswVacuum *vacuum, Buffer buffer)
{
	Page page = BufferGetPage(buffer);

	if (PageIsNew(page))
		return false;
	if (page_special(page)->magic != HNSW_MAGIC)
		page_corrupted(vacuum->index, BufferGetBlockNumber(buffer),
					   "The page is not of the expected kind.");
	return page_special(page)->kind == HNSW_PAGE_NODES;
}

/*
 * Names
 */

static void
note_dead(HnswVacuum *vacuum, HnswId id)
{
	hnsw_gone_set(&vacuum->gone, vacuum->gone.dead, id);
	vacuum->found_dead = true;
}

static void
note_vacant(HnswVacuum *vacuum, HnswId id)
{
	hnsw_gone_set(&vacuum->gone, vacuum->gone.vacant, id);
}

static bool
is_dead(const HnswVacuum *vacuum, HnswId id)
{
	return hnsw_gone_get(&vacuum->gone, vacuum->gone.dead, id);
}

static void
note_space(HnswVacuum *vacuum, BlockNumber blkno)
{
	vacuum->space = Min(vacuum->space, blkno);
}

static uint32 *
new_bits(uint32 n)
{
	return MemoryContextAllocExtended(CurrentMemoryContext,
									  (n + 31) / 32 * sizeof(uint32),
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

/* Bits for all names that there may be until the end, if the budget allows */
static void
allocate_names(HnswVacuum *vacuum)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(vacuum->index);
	uint64 names =
		((uint64) nblocks + nblocks / 8 + 64) * vacuum->model->layout.slots;
	uint64 budget = (uint64) maintenance_work_mem * 1024 * 8;
	uint64 others;

	names = Min(names, PG_UINT32_MAX - 31);
	others = names * HNSW_REACH_BITS;
	vacuum->names = names;
	vacuum->gone.n = Min(
		names,
		Max(budget > others ? (budget - others) / GONE_BITS : 0, LEAST_NAMES));
	vacuum->gone.dead = new_bits(vacuum->gone.n);
	vacuum->gone.vacant = new_bits(vacuum->gone.n);
	vacuum->nuppers = nblocks;
	vacuum->uppers = palloc0(nblocks / 8 + 1);
	vacuum->parts = palloc0(nblocks / 8 + 1);
	vacuum->held_room = 64;
	vacuum->held = palloc(vacuum->held_room * sizeof(HnswId));
}

/* blocks: uppers or parts */
static void
note_block(HnswVacuum *vacuum, uint8 *blocks, BlockNumber blkno)
{
	/* those added since have none of what was dead when this began */
	if (blkno < vacuum->nuppers)
		blocks[blkno / 8] |= 1 << blkno % 8;
}

static bool
is_noted(const uint8 *blocks, BlockNumber blkno)
{
	return (blocks[blkno / 8] & 1 << blkno % 8) != 0;
}

/* Until insertions that may have it are done it is as good as dead */
static void
note_held(HnswVacuum *vacuum, HnswId id)
{
	if (vacuum->nheld == vacuum->held_room)
	{
		vacuum->held_room *= 2;
		vacuum->held = repalloc_huge(vacuum->held,
									 (Size) vacuum->held_room * sizeof(HnswId));
	}
	vacuum->held[vacuum->nheld++] = id;
	note_dead(vacuum, id);
}

/*
 * 1. TIDs
 */

static void
add_tid(HnswVacuum *vacuum, const ItemPointerData *tid)
{
	if (vacuum->ntids == vacuum->tids_room)
	{
		vacuum->tids_room *= 2;
		vacuum->tids =
			repalloc(vacuum->tids, vacuum->tids_room * sizeof(ItemPointerData));
	}
	vacuum->tids[vacuum->ntids++] = *tid;
}

/* The TIDs of a slot; how many there are, and where their number stands */
static ItemPointerData *
tids_of(const HnswVacuum *vacuum, HnswNode *slot, uint32 *n)
{
	if (slot->state == HNSW_MORE)
	{
		HnswMore *more = (HnswMore *) slot;

		*n = Min(more->ntids, vacuum->model->layout.more);
		return more->tids;
	}
	*n = slot->level == 0 &&
			(slot->state == HNSW_LIVE || slot->state == HNSW_DEAD)
		? Min(slot->ntids, HNSW_TIDS)
		: 0;
	return slot->tids;
}

/* Offer the TIDs of a slot to the callback, and remember the dead ones */
static void
offer_tids(HnswVacuum *vacuum, HnswNode *slot)
{
	uint32 n;
	ItemPointerData *tids = tids_of(vacuum, slot, &n);

	for (uint32 i = 0; i < n; i++)
	{
		if (vacuum->callback(&tids[i], vacuum->callback_state))
			add_tid(vacuum, &tids[i]);
		else
			vacuum->nrows++;
	}
}

static bool
is_in(const ItemPointerData *tids, uint32 n, ItemPointer tid)
{
	for (uint32 i = 0; i < n; i++)
	{
		if (ItemPointerEquals((ItemPointer) &tids[i], tid))
			return true;
	}
	return false;
}

/* Take the dead TIDs of a slot away */
static void
remove_tids(HnswVacuum *vacuum, HnswNode *slot, const ItemPointerData *dead,
			uint32 ndead)
{
	uint32 n;
	ItemPointerData *tids = tids_of(vacuum, slot, &n);
	uint32 left = 0;

	for (uint32 i = 0; i < n; i++)
	{
		if (is_in(dead, ndead, &tids[i]))
			vacuum->stats->tuples_removed++;
		else
			tids[left++] = tids[i];
	}
	memset(&tids[left], 0, (n - left) * sizeof(ItemPointerData));
	if (slot->state == HNSW_MORE)
		((HnswMore *) slot)->ntids = left;
	else
		slot->ntids = left;
}

static bool
has_no_row(const HnswNode *node)
{
	return node->level == 0 && node->ntids == 0 && node->more == HNSW_NONE;
}

/* Does a slot change, beside losing the TIDs that were found dead? */
static bool
slot_changes(const HnswNode *slot)
{
	return slot->state == HNSW_LIVE && has_no_row(slot);
}

/* What a slot is, after its TIDs were removed */
static void
note_slot(HnswVacuum *vacuum, const HnswNode *slot, HnswId id)
{
	BlockNumber blkno = hnsw_block(&vacuum->model->layout, id);

	switch (slot->state)
	{
		case HNSW_LIVE:
			if (slot->level > 0)
				note_block(vacuum, vacuum->uppers, blkno);
			else
				vacuum->ground = id;
			break;
		case HNSW_DEAD:
			note_dead(vacuum, id);
			break;
		case HNSW_MORE:
			note_vacant(vacuum, id);
			if (((const HnswMore *) slot)->ntids == 0)
				vacuum->emptied[vacuum->nemptied++] =
					((const HnswMore *) slot)->ground;
			break;
		case HNSW_PART:
			note_vacant(vacuum, id);
			note_block(vacuum, vacuum->parts, blkno);
			break;
		case HNSW_HELD:
			note_held(vacuum, id);
			break;
		default:
			note_vacant(vacuum, id);
			note_space(vacuum, blkno);
			break;
	}
}

/* Find the dead TIDs of a page: is there anything to be changed? */
static bool
look_at_tids(HnswVacuum *vacuum, Page page)
{
	const HnswLayout *layout = &vacuum->model->layout;
	bool changes = false;

	vacuum->ntids = 0;
	for (uint32 slot = 0; slot < layout->slots; slot++)
	{
		HnswNode *node = hnsw_node(page, layout, slot);

		offer_tids(vacuum, node);
		vacuum->tids_end[slot] = vacuum->ntids;
		changes |= slot_changes(node);
	}
	return changes || vacuum->ntids > 0;
}

static void
change_tids(HnswVacuum *vacuum, Buffer buffer)
{
	const HnswLayout *layout = &vacuum->model->layout;
	PageEdit edit = edit_begin(vacuum->index);
	Page page = edit_page(&edit, buffer);
	uint32 first = 0;

	for (uint32 slot = 0; slot < layout->slots; slot++)
	{
		HnswNode *node = hnsw_node(page, layout, slot);
		uint32 end = vacuum->tids_end[slot];

		if (end > first)
			remove_tids(vacuum, node, &vacuum->tids[first], end - first);
		if (slot_changes(node))
			node->state = HNSW_DEAD;
		first = end;
	}
	edit_finish(&edit);
}

static void
vacuum_block(HnswVacuum *vacuum, BlockNumber blkno)
{
	const HnswLayout *layout = &vacuum->model->layout;
	Buffer buffer = read_block(vacuum, blkno, BUFFER_LOCK_SHARE);

	if (holds_nodes(vacuum, buffer))
	{
		Page page = BufferGetPage(buffer);

		if (look_at_tids(vacuum, page))
		{
			/* TIDs that come meanwhile were not dead when this began */
			LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
			LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
			change_tids(vacuum, buffer);
		}
		for (uint32 slot = 0; slot < layout->slots; slot++)
			note_slot(vacuum, hnsw_node(page, layout, slot),
					  hnsw_id(layout, blkno, slot));
	}
	else if (PageIsNew(BufferGetPage(buffer)))
		note_space(vacuum, blkno);
	UnlockReleaseBuffer(buffer);
}

/*
 * 1. Chains of TIDs
 */

/* The link that leads on from a node or from a slot of its TIDs */
static HnswId *
next_of(HnswNode *slot)
{
	return slot->state == HNSW_MORE ? &((HnswMore *) slot)->next : &slot->more;
}

/* Is it, still, a part of the chain of this element? */
static bool
is_of_chain(const HnswNode *slot, HnswId id, HnswId ground)
{
	if (id == ground)
		return slot->level == 0 &&
			(slot->state == HNSW_LIVE || slot->state == HNSW_DEAD);
	return slot->state == HNSW_MORE &&
		((const HnswMore *) slot)->ground == ground;
}

/* Take a slot out of the chain, if it has no TIDs, and free it */
static bool
unlink_slot(HnswVacuum *vacuum, HnswId ground, HnswId before, HnswId id)
{
	const HnswLayout *layout = &vacuum->model->layout;
	BlockNumber blocks[2] = {hnsw_block(layout, before),
							 hnsw_block(layout, id)};
	BlockNumber low = Min(blocks[0], blocks[1]);
	BlockNumber high = Max(blocks[0], blocks[1]);
	Buffer buffers[2];
	HnswNode *from;
	HnswNode *slot;
	bool empty;

	buffers[0] = page_read(vacuum->index, low, HNSW_MAGIC, HNSW_PAGE_NODES,
						   BUFFER_LOCK_EXCLUSIVE, NULL);
	buffers[1] = low == high
		? buffers[0]
		: page_read(vacuum->index, high, HNSW_MAGIC, HNSW_PAGE_NODES,
					BUFFER_LOCK_EXCLUSIVE, NULL);
	from = hnsw_node(BufferGetPage(buffers[blocks[0] != low]), layout, before);
	slot = hnsw_node(BufferGetPage(buffers[blocks[1] != low]), layout, id);
	empty = is_of_chain(from, before, ground) && *next_of(from) == id &&
		is_of_chain(slot, id, ground) && ((HnswMore *) slot)->ntids == 0;
	if (empty)
	{
		PageEdit edit = edit_begin(vacuum->index);
		Page pages[2];

		pages[0] = edit_page(&edit, buffers[0]);
		pages[1] = low == high ? pages[0] : edit_page(&edit, buffers[1]);
		from = hnsw_node(pages[blocks[0] != low], layout, before);
		slot = hnsw_node(pages[blocks[1] != low], layout, id);
		*next_of(from) = ((HnswMore *) slot)->next;
		hnsw_node_free(slot, layout);
		if (from->state == HNSW_LIVE && has_no_row(from))
		{
			from->state = HNSW_DEAD;
			note_dead(vacuum, before);
		}
		edit_finish(&edit);
		note_space(vacuum, blocks[1]);
	}
	if (low != high)
		UnlockReleaseBuffer(buffers[1]);
	UnlockReleaseBuffer(buffers[0]);
	return empty;
}

/* What a part of a chain leads to; false where it is none, or not any more */
static bool
read_chain(HnswVacuum *vacuum, HnswId ground, HnswId id, HnswId *next,
		   bool *empty)
{
	const HnswLayout *layout = &vacuum->model->layout;
	Buffer buffer = page_read(vacuum->index, hnsw_block(layout, id), HNSW_MAGIC,
							  HNSW_PAGE_NODES, BUFFER_LOCK_SHARE, NULL);
	HnswNode *slot = hnsw_node(BufferGetPage(buffer), layout, id);
	bool found = is_of_chain(slot, id, ground);

	if (found)
	{
		*next = *next_of(slot);
		*empty = slot->state == HNSW_MORE && ((HnswMore *) slot)->ntids == 0;
	}
	UnlockReleaseBuffer(buffer);
	return found;
}

/* A chain has no more parts than there are slots */
static void
vacuum_chain(HnswVacuum *vacuum, HnswId ground)
{
	uint64 left = (uint64) RelationGetNumberOfBlocks(vacuum->index) *
		vacuum->model->layout.slots;
	HnswId before = ground;
	HnswId id;
	HnswId next;
	bool empty;

	if (!read_chain(vacuum, ground, ground, &id, &empty))
		return;
	while (id != HNSW_NONE)
	{
		vacuum_pause();
		if (left-- == 0)
			page_corrupted(vacuum->index,
						   hnsw_block(&vacuum->model->layout, ground),
						   "A chain of TIDs has no end.");
		if (!read_chain(vacuum, ground, id, &next, &empty))
			return;
		if (!empty || !unlink_slot(vacuum, ground, before, id))
			before = id;
		id = next;
	}
}

static int
compare_ids(const void *a, const void *b)
{
	HnswId x = *(const HnswId *) a;
	HnswId y = *(const HnswId *) b;

	return x < y ? -1 : x > y;
}

static void
vacuum_chains(HnswVacuum *vacuum)
{
	qsort(vacuum->emptied, vacuum->nemptied, sizeof(HnswId), compare_ids);
	for (uint32 i = 0; i < vacuum->nemptied; i++)
	{
		if (i == 0 || vacuum->emptied[i] != vacuum->emptied[i - 1])
			vacuum_chain(vacuum, vacuum->emptied[i]);
	}
	vacuum->nemptied = 0;
}

/* All blocks, those too that are added meanwhile */
static void
vacuum_tids(HnswVacuum *vacuum)
{
	const HnswLayout *layout = &vacuum->model->layout;
	BlockNumber nblocks;
	BlockNumber blkno = HNSW_META_BLOCK + 1;

	vacuum->tids_room = 64;
	vacuum->tids = palloc(vacuum->tids_room * sizeof(ItemPointerData));
	vacuum->tids_end = palloc(layout->slots * sizeof(uint32));
	vacuum->emptied = palloc((MOST_EMPTIED + layout->slots) * sizeof(HnswId));
	while (blkno < (nblocks = RelationGetNumberOfBlocks(vacuum->index)))
	{
		for (; blkno < nblocks; blkno++)
		{
			vacuum_pause();
			vacuum_block(vacuum, blkno);
			if (vacuum->nemptied >= MOST_EMPTIED)
				vacuum_chains(vacuum);
		}
	}
	vacuum_chains(vacuum);
	vacuum->end = hnsw_id(layout, nblocks, 0);
}

/*
 * 1. Lanes of row pages
 */

/* Nodes have lost TIDs that lanes still have: from now on, or no more */
static void
set_rows_stale(HnswVacuum *vacuum, uint32 stale)
{
	Buffer buffer = page_read(vacuum->index, HNSW_META_BLOCK, HNSW_MAGIC,
							  HNSW_PAGE_META, BUFFER_LOCK_EXCLUSIVE, NULL);

	if (hnsw_state(BufferGetPage(buffer))->rows_stale != stale)
	{
		PageEdit edit = edit_begin(vacuum->index);

		hnsw_state(edit_page(&edit, buffer))->rows_stale = stale;
		edit_finish(&edit);
	}
	UnlockReleaseBuffer(buffer);
}

/* Which lanes of a copied page are dead: bits; false: none */
static bool
find_dead_lanes(HnswVacuum *vacuum, Page page, uint32 *dead)
{
	const HnswLayout *layout = &vacuum->model->layout;
	bool found = false;

	for (uint32 word = 0; word < hnsw_row_words(layout); word++)
	{
		uint32 bits = hnsw_row_live(page, layout)[word];

		dead[word] = 0;
		for (; bits != 0; bits &= bits - 1)
		{
			uint32 bit = pg_rightmost_one_pos32(bits);

			if (vacuum->callback(
					&hnsw_row_tids(page, layout)[word * HNSW_ROW_WORD + bit],
					vacuum->callback_state))
				dead[word] |= 1U << bit;
		}
		found |= dead[word] != 0;
	}
	return found;
}

static void
clear_lanes(HnswVacuum *vacuum, BlockNumber blkno, const uint32 *dead)
{
	Buffer buffer = page_read(vacuum->index, blkno, HNSW_MAGIC, HNSW_PAGE_ROWS,
							  BUFFER_LOCK_EXCLUSIVE, vacuum->info->strategy);
	PageEdit edit = edit_begin(vacuum->index);

	hnsw_row_clear(edit_page(&edit, buffer), vacuum->model, dead);
	edit_finish(&edit);
	UnlockReleaseBuffer(buffer);
}

/* Nobody else frees lanes: what is found dead in a copy still is */
static void
vacuum_rows(HnswVacuum *vacuum)
{
	const HnswLayout *layout = &vacuum->model->layout;
	HnswRowWalk walk =
		hnsw_row_walk(vacuum->index, vacuum->model, vacuum->info->strategy);
	uint32 *dead = palloc(hnsw_row_words(layout) * sizeof(uint32));
	char *page = palloc(BLCKSZ);
	BlockNumber blkno;

	while (hnsw_row_walk_copy(&walk, page, &blkno))
	{
		bool found = find_dead_lanes(vacuum, page, dead);

		vacuum_pause();
		if (found)
			clear_lanes(vacuum, blkno, dead);
		if (vacuum->row_space == InvalidBlockNumber &&
			(found || hnsw_row_free_lane(page, layout) >= 0))
			vacuum->row_space = blkno;
	}
	pfree(page);
	pfree(dead);
}

/*
 * 2. Nodes above the ground, and the entry
 */

static bool
was_held(const HnswVacuum *vacuum, HnswId id)
{
	return bsearch(&id, vacuum->held, vacuum->nheld, sizeof(HnswId),
				   compare_ids) != NULL;
}

/* Names from here on are known next: by what their slots are */
static void
collect_names(HnswVacuum *vacuum, HnswId first)
{
	const HnswLayout *layout = &vacuum->model->layout;
	HnswGone *gone = &vacuum->gone;
	Size bytes = (gone->n + 31) / 32 * sizeof(uint32);
	HnswId end = Min((uint64) first + gone->n, vacuum->end);

	gone->first = first;
	memset(gone->dead, 0, bytes);
	memset(gone->vacant, 0, bytes);
	for (BlockNumber blkno = hnsw_block(layout, first);
		 blkno <= hnsw_block(layout, end - 1); blkno++)
	{
		Buffer buffer;

		vacuum_pause();
		buffer = read_block(vacuum, blkno, BUFFER_LOCK_SHARE);
		for (uint32 slot = 0;
			 slot < layout->slots && holds_nodes(vacuum, buffer); slot++)
		{
			HnswId id = hnsw_id(layout, blkno, slot);
			uint8 state = hnsw_node(BufferGetPage(buffer), layout, slot)->state;

			if (state == HNSW_DEAD ||
				(state == HNSW_HELD && was_held(vacuum, id)))
				note_dead(vacuum, id);
			else if (state != HNSW_LIVE)
				note_vacant(vacuum, id);
		}
		UnlockReleaseBuffer(buffer);
	}
}

/* Is it a live node above the ground, and is its element alive? */
static bool
note_living(HnswVacuum *vacuum, const HnswNode *node, HnswId id)
{
	if (node->state != HNSW_LIVE || node->level == 0)
		return true;
	if (is_dead(vacuum, node->ground))
		return false;
	if (vacuum->best == HNSW_NONE || node->level > vacuum->best_level)
	{
		vacuum->best = id;
		vacuum->best_level = node->level;
	}
	return true;
}

static void
bury_uppers_of_block(HnswVacuum *vacuum, BlockNumber blkno)
{
	const HnswLayout *layout = &vacuum->model->layout;
	Buffer buffer = read_block(vacuum, blkno, BUFFER_LOCK_EXCLUSIVE);
	Page page = BufferGetPage(buffer);
	PageEdit edit = {NULL};

	for (uint32 slot = 0; slot < layout->slots && holds_nodes(vacuum, buffer);
		 slot++)
	{
		HnswId id = hnsw_id(layout, blkno, slot);

		if (note_living(vacuum, hnsw_node(page, layout, slot), id))
			continue;
		if (edit.state == NULL)
		{
			edit = edit_begin(vacuum->index);
			page = edit_page(&edit, buffer);
		}
		hnsw_node(page, layout, slot)->state = HNSW_DEAD;
		note_dead(vacuum, id);
	}
	if (edit.state != NULL)
		edit_finish(&edit);
	UnlockReleaseBuffer(buffer);
}

/* Nodes above the ground of elements that are known as dead */
static void
bury_uppers(HnswVacuum *vacuum, HnswRepair *repair)
{
	vacuum->best = HNSW_NONE;
	for (BlockNumber blkno = 0; blkno < vacuum->nuppers; blkno++)
	{
		if (!is_noted(vacuum->uppers, blkno))
			continue;
		vacuum_pause();
		bury_uppers_of_block(vacuum, blkno);
	}
	if (vacuum->best == HNSW_NONE)
	{
		vacuum->best = vacuum->ground;
		vacuum->best_level = 0;
	}
}

static bool
is_live(HnswVacuum *vacuum, HnswId id)
{
	const HnswLayout *layout = &vacuum->model->layout;
	Buffer buffer;
	bool lives;

	if (id == HNSW_NONE)
		return false;
	buffer = page_read(vacuum->index, hnsw_block(layout, id), HNSW_MAGIC,
					   HNSW_PAGE_NODES, BUFFER_LOCK_SHARE, NULL);
	lives = hnsw_node(BufferGetPage(buffer), layout, id)->state == HNSW_LIVE;
	UnlockReleaseBuffer(buffer);
	return lives;
}

/* A node on the ground that came to live since it was looked for; or HNSW_NONE */
static HnswId
find_ground(HnswVacuum *vacuum)
{
	const HnswLayout *layout = &vacuum->model->layout;
	BlockNumber nblocks = RelationGetNumberOfBlocks(vacuum->index);
	HnswId found = HNSW_NONE;

	for (BlockNumber blkno = HNSW_META_BLOCK + 1;
		 blkno < nblocks && found == HNSW_NONE; blkno++)
	{
		Buffer buffer;

		vacuum_pause();
		buffer = read_block(vacuum, blkno, BUFFER_LOCK_SHARE);
		for (uint32 slot = 0;
			 slot < layout->slots && holds_nodes(vacuum, buffer); slot++)
		{
			const HnswNode *node =
				hnsw_node(BufferGetPage(buffer), layout, slot);

			if (node->state == HNSW_LIVE && node->level == 0)
				found = hnsw_id(layout, blkno, slot);
		}
		UnlockReleaseBuffer(buffer);
	}
	return found;
}

/* Searches begin there, and slots may have been freed, from now on */
static void
set_entry(HnswVacuum *vacuum)
{
	Buffer buffer = page_read(vacuum->index, HNSW_META_BLOCK, HNSW_MAGIC,
							  HNSW_PAGE_META, BUFFER_LOCK_EXCLUSIVE, NULL);
	PageEdit edit = edit_begin(vacuum->index);
	HnswState *state = hnsw_state(edit_page(&edit, buffer));

	state->entry = vacuum->best;
	state->top_level = vacuum->best_level;
	state->freed = 1;
	edit_finish(&edit);
	UnlockReleaseBuffer(buffer);
}

/*
 * Searches begin at a live node from now on, if there is one.  No insertion is
 * under way: those before are seen here, those to come see the new entry.
 */
static void
move_entry(HnswVacuum *vacuum)
{
	HnswState state;

	LockPage(vacuum->index, HNSW_META_BLOCK, ExclusiveLock);
	(void) hnsw_model_get(vacuum->index, &state);
	if (is_live(vacuum, state.entry))
	{
		vacuum->best = state.entry;
		vacuum->best_level = state.top_level;
	}
	else if (!is_live(vacuum, vacuum->best))
	{
		/* it was taken for live before its slots of TIDs were emptied */
		vacuum->best = find_ground(vacuum);
		vacuum->best_level = 0;
	}
	if (vacuum->best != state.entry || state.freed == 0)
		set_entry(vacuum);
	UnlockPage(vacuum->index, HNSW_META_BLOCK, ExclusiveLock);
}

/*
 * 3., 4. Links, and slots
 */

static void
repair_links(HnswVacuum *vacuum, HnswRepair *repair)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(vacuum->index);

	hnsw_reach_begin(vacuum->reach);
	for (BlockNumber blkno = HNSW_META_BLOCK + 1; blkno < nblocks; blkno++)
	{
		vacuum_pause();
		hnsw_repair_block(repair, blkno);
	}
}

/* What all links say counts, after the last range of names was taken from them */
static void
reach_all(HnswVacuum *vacuum)
{
	uint64 n = hnsw_reach_finish(vacuum->reach);

	if (n > 0)
		elog(DEBUG1,
			 "index \"%s\": " UINT64_FORMAT
			 " elements that were out of reach have new links",
			 RelationGetRelationName(vacuum->index), n);
}

/* Has a block nodes that are known as dead? */
static bool
has_dead(const HnswVacuum *vacuum, BlockNumber blkno)
{
	const HnswLayout *layout = &vacuum->model->layout;

	for (uint32 slot = 0; slot < layout->slots; slot++)
	{
		if (is_dead(vacuum, hnsw_id(layout, blkno, slot)))
			return true;
	}
	return false;
}

/* Has its record parts?  Then they go before it does. */
static bool
has_parts(const HnswVacuum *vacuum, const HnswNode *node)
{
	return node->level == 0 && !hnsw_record_is_whole(vacuum->model, node);
}

/* It is not dead any more, but live, or free: others may hold it from now on */
static void
note_not_dead(HnswVacuum *vacuum, HnswId id)
{
	uint32 at = id - vacuum->gone.first;

	vacuum->gone.dead[at / 32] &= ~(1U << at % 32);
}

/*
 * Dead nodes become free, or are held; those that are not dead any more are noted,
 * *n
 */
static void
free_nodes(HnswVacuum *vacuum, BlockNumber blkno, HnswId *revived, uint32 *n)
{
	const HnswLayout *layout = &vacuum->model->layout;
	Buffer buffer = page_read(vacuum->index, blkno, HNSW_MAGIC, HNSW_PAGE_NODES,
							  BUFFER_LOCK_EXCLUSIVE, vacuum->info->strategy);
	PageEdit edit = edit_begin(vacuum->index);
	Page page = edit_page(&edit, buffer);

	*n = 0;
	for (uint32 slot = 0; slot < layout->slots; slot++)
	{
		HnswNode *node = hnsw_node(page, layout, slot);
		HnswId id = hnsw_id(layout, blkno, slot);

		if (!is_dead(vacuum, id))
			continue;
		if (node->state == HNSW_DEAD && (node->level > 0 || has_no_row(node)))
		{
			bool parts = has_parts(vacuum, node);

			hnsw_node_free(node, layout);
			if (parts)
				node->state = HNSW_HELD;
		}
		else if (node->state == HNSW_LIVE && node->level == 0)
			revived[(*n)++] = id;
		if (node->state == HNSW_FREE)
		{
			note_not_dead(vacuum, id);
			note_vacant(vacuum, id);
		}
	}
	edit_finish(&edit);
	UnlockReleaseBuffer(buffer);
	note_space(vacuum, blkno);
}

/* Does a slot go: a part of what is dead, or, after all parts, what was held? */
static bool
goes(const HnswVacuum *vacuum, const HnswNode *slot, HnswId id, uint8 state)
{
	if (slot->state != state)
		return false;
	return is_dead(vacuum,
				   state == HNSW_PART ? ((const HnswPart *) slot)->ground : id);
}

/* Slots of a block that are in this state and go become free */
static void
free_slots(HnswVacuum *vacuum, BlockNumber blkno, uint8 state)
{
	const HnswLayout *layout = &vacuum->model->layout;
	Buffer buffer = read_block(vacuum, blkno, BUFFER_LOCK_EXCLUSIVE);
	Page page = BufferGetPage(buffer);
	PageEdit edit = {NULL};

	for (uint32 slot = 0; slot < layout->slots && holds_nodes(vacuum, buffer);
		 slot++)
	{
		if (!goes(vacuum, hnsw_node(page, layout, slot),
				  hnsw_id(layout, blkno, slot), state))
			continue;
		if (edit.state == NULL)
		{
			edit = edit_begin(vacuum->index);
			page = edit_page(&edit, buffer);
		}
		hnsw_node_free(hnsw_node(page, layout, slot), layout);
	}
	if (edit.state != NULL)
	{
		edit_finish(&edit);
		note_space(vacuum, blkno);
	}
	UnlockReleaseBuffer(buffer);
}

/* Parts of what is dead, and then the slots that were held for it */
static void
free_held(HnswVacuum *vacuum, HnswId end)
{
	const HnswLayout *layout = &vacuum->model->layout;
	BlockNumber nblocks = vacuum->nuppers;

	if (layout->tail == 0)
		return;
	/* what an insertion that failed meanwhile has left may be anywhere */
	if (vacuum->nheld > 0)
		nblocks = RelationGetNumberOfBlocks(vacuum->index);
	for (BlockNumber blkno = HNSW_META_BLOCK + 1; blkno < nblocks; blkno++)
	{
		if (vacuum->nheld == 0 && !is_noted(vacuum->parts, blkno))
			continue;
		vacuum_pause();
		free_slots(vacuum, blkno, HNSW_PART);
	}
	for (BlockNumber blkno = hnsw_block(layout, vacuum->gone.first);
		 blkno <= hnsw_block(layout, end - 1); blkno++)
	{
		if (!has_dead(vacuum, blkno))
			continue;
		vacuum_pause();
		free_slots(vacuum, blkno, HNSW_HELD);
	}
}

static void
free_dead(HnswVacuum *vacuum, HnswRepair *repair)
{
	const HnswLayout *layout = &vacuum->model->layout;
	HnswId end = Min((uint64) vacuum->gone.first + vacuum->gone.n, vacuum->end);
	HnswId *revived = palloc(layout->slots * sizeof(HnswId));
	uint32 nrevived;

	for (BlockNumber blkno = hnsw_block(layout, vacuum->gone.first);
		 blkno <= hnsw_block(layout, end - 1); blkno++)
	{
		if (!has_dead(vacuum, blkno))
			continue;
		vacuum_pause();
		free_nodes(vacuum, blkno, revived, &nrevived);
		for (uint32 i = 0; i < nrevived; i++)
		{
			hnsw_reach_link(vacuum->reach, revived[i]);
			note_not_dead(vacuum, revived[i]);
		}
	}
	pfree(revived);
	free_held(vacuum, end);
}

/* Those that have read what is dead, and might link to it, are done */
static void
wait_for_insertions(HnswVacuum *vacuum)
{
	LockPage(vacuum->index, HNSW_META_BLOCK, ExclusiveLock);
	UnlockPage(vacuum->index, HNSW_META_BLOCK, ExclusiveLock);
}

/* Ranges of names; with enough memory there is one, which is known already */
static void
for_all_names(HnswVacuum *vacuum, HnswRepair *repair,
			  void (*step)(HnswVacuum *vacuum, HnswRepair *repair))
{
	HnswGone *gone = &vacuum->gone;

	for (uint64 first = 0; first < vacuum->end; first += gone->n)
	{
		if (!gone->complete)
			collect_names(vacuum, first);
		step(vacuum, repair);
	}
}

/* No node is freed before all links are repaired, on ways over dead nodes */
static void
remove_dead(HnswVacuum *vacuum)
{
	BufferAccessStrategy strategy = vacuum->info->strategy;
	HnswRepair *repair;

	vacuum->reach =
		hnsw_reach_new(vacuum->index, vacuum->model, vacuum->names, strategy);
	repair = hnsw_repair_new(vacuum->index, vacuum->model, &vacuum->gone,
							 vacuum->reach, strategy);

	vacuum->gone.complete = vacuum->end <= vacuum->gone.n;
	for_all_names(vacuum, repair, bury_uppers);
	move_entry(vacuum);
	for_all_names(vacuum, repair, repair_links);
	reach_all(vacuum);
	wait_for_insertions(vacuum);
	for_all_names(vacuum, repair, free_dead);
}

static void
update_state(HnswVacuum *vacuum)
{
	HnswState state;
	Buffer buffer;
	PageEdit edit;

	(void) hnsw_model_get(vacuum->index, &state);
	if (vacuum->space < state.space)
		hnsw_set_space(vacuum->index, vacuum->space);
	if (vacuum->row_space != InvalidBlockNumber &&
		vacuum->row_space != state.row_space)
		hnsw_set_row_space(vacuum->index, vacuum->row_space);
	if (vacuum->nrows == state.nrows)
		return;
	buffer = page_read(vacuum->index, HNSW_META_BLOCK, HNSW_MAGIC,
					   HNSW_PAGE_META, BUFFER_LOCK_EXCLUSIVE, NULL);
	edit = edit_begin(vacuum->index);
	hnsw_state(edit_page(&edit, buffer))->nrows = vacuum->nrows;
	edit_finish(&edit);
	UnlockReleaseBuffer(buffer);
}

IndexBulkDeleteResult *
hnsw_bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
				 IndexBulkDeleteCallback callback, void *state)
{
	MemoryContext context;
	MemoryContext old;
	HnswVacuum vacuum = {.info = info,
						 .index = info->index,
						 .callback = callback,
						 .callback_state = state,
						 .best = HNSW_NONE,
						 .ground = HNSW_NONE,
						 .space = InvalidBlockNumber,
						 .row_space = InvalidBlockNumber};

	if (foreign_index_warned(info->index))
		return stats;
	if (stats == NULL)
		stats = palloc0(sizeof(IndexBulkDeleteResult));
	vacuum.stats = stats;
	context = AllocSetContextCreate(CurrentMemoryContext, "hnsw vacuum",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	vacuum.model = hnsw_model_copy(info->index, NULL);
	allocate_names(&vacuum);
	set_rows_stale(&vacuum, 1);
	vacuum_tids(&vacuum);
	vacuum_rows(&vacuum);
	set_rows_stale(&vacuum, 0);
	if (vacuum.found_dead)
		remove_dead(&vacuum);
	update_state(&vacuum);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);

	stats->num_index_tuples = vacuum.nrows;
	stats->num_pages = RelationGetNumberOfBlocks(info->index);
	stats->estimated_count = false;
	return stats;
}

IndexBulkDeleteResult *
hnsw_vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	HnswState state;
	double nrows;
	bool counted;

	if (info->analyze_only || foreign_index_warned(info->index))
		return stats;
	counted = hnsw_train(info->index, info->strategy, &nrows);
	/* nothing was deleted: what has been inserted since may not be counted */
	if (stats == NULL)
	{
		(void) hnsw_model_get(info->index, &state);
		stats = palloc0(sizeof(IndexBulkDeleteResult));
		stats->num_index_tuples = counted ? nrows : state.nrows;
		stats->estimated_count = !counted;
	}
	stats->num_pages = RelationGetNumberOfBlocks(info->index);
	return stats;
}
