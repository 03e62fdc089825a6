/*
 * hnsw_check.c
 *	  Is an index what it should be?
 *
 * Twice over all blocks, each page copied under its lock and looked at
 * afterwards: first slots by themselves, then what they lead to, for which the
 * first round has noted of each name what it is, and a digest of its code.  What
 * came since is read when something leads to it.  Then row pages, by what was noted
 * of TIDs.  Last the walk from the entry.
 *
 * One file, since all rounds go by what the first one has noted.
 */
#include "postgres.h"

#include <math.h>

#include "access/xlog.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"

#include "am/heap_check.h"
#include "core/compat.h"
#include "hnsw/hnsw_check.h"
#include "hnsw/hnsw_node.h"
#include "hnsw/hnsw_record.h"
#include "hnsw/hnsw_row_page.h"

/* One in so many elements may be out of reach, and codes of links be stale */
#define TOLERATED_PART 100

/* What is noted of a name: in the first round a level and the next three */
#define KIND_UNKNOWN 0x0F /* it came later */
#define KIND_LEVEL 0x0F
#define KIND_NODE 0x10
#define KIND_LIVE 0x20
#define KIND_MORE 0x40 /* a slot of TIDs, or with a part of a record */
/* in the second round, of such a slot: its element led to it */
#define KIND_LED_TO 0x80
/* of a node: a link to it has its code, or another one */
#define KIND_FITS 0x40
#define KIND_MISFITS 0x80

/* A TID that a node, or a slot of more, has */
typedef struct NotedRow
{
	uint64 tid; /* tid_number() */
	HnswId ground;
	bool found; /* in a row page */
} NotedRow;

typedef struct HnswCheck
{
	Relation index;
	HnswModel *model;   /* ours: the relation cache may change */
	const Codec *codec; /* NULL: there are no codes to look at */
	BlockNumber first;  /* blocks before it are no nodes' */
	uint64 nnames;      /* of the first round */
	uint8 *kinds;       /* by name */
	uint32 *digests;    /* by name: of its code */
	tid_set_hash *tids;
	NotedRow *rows; /* of nodes; then by TID */
	Size nrows;
	Size rows_room;
	HnswState state; /* before the first round */
	char *page;      /* the image of one, and its block */
	BlockNumber blkno;
	HnswNode *other; /* a node of another page */
	HnswRecord record;
	float *row;
	float *work;
	uint8 *code;
	BlockNumber nrow_pages; /* that were met; twice, in both rounds */
	uint64 nlive;           /* live elements */
	uint64 nlinks;
	uint64 nstale;
	uint64 nmiscoded; /* links that lead to a node with another code */
	bool settled;     /* nobody takes rows away: not so on a standby */
} HnswCheck;

pg_attribute_printf(3, 4) pg_noreturn
	static void complain(const HnswCheck *check, HnswId id, const char *format,
						 ...);

/* The slot is named; the rest follows it: "Slot 3: ..." */
static void
complain(const HnswCheck *check, HnswId id, const char *format, ...)
{
	const HnswLayout *layout = &check->model->layout;
	char what[200];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	page_corrupted(check->index, hnsw_block(layout, id),
				   psprintf("Slot %u: %s", id % layout->slots, what));
}

static HnswNode *
slot_at(const HnswCheck *check, uint32 slot)
{
	return hnsw_node(check->page, &check->model->layout, slot);
}

static const HnswId *
links_of(const HnswCheck *check, const HnswNode *node)
{
	return HNSW_ARRAY(node, check->model->layout.links, HnswId);
}

/* Can it be the name of a slot? */
static bool
is_name(const HnswCheck *check, HnswId id)
{
	BlockNumber blkno = hnsw_block(&check->model->layout, id);

	return id != HNSW_NONE && blkno >= check->first &&
		(id < check->nnames || blkno < RelationGetNumberOfBlocks(check->index));
}

/* A copy of a slot, good until the next one */
static HnswNode *
read_slot(HnswCheck *check, HnswId id)
{
	const HnswLayout *layout = &check->model->layout;
	Buffer buffer = page_read(check->index, hnsw_block(layout, id), HNSW_MAGIC,
							  HNSW_PAGE_NODES, BUFFER_LOCK_SHARE, NULL);

	memcpy(check->other, hnsw_node(BufferGetPage(buffer), layout, id),
		   layout->size);
	UnlockReleaseBuffer(buffer);
	return check->other;
}

static uint8
kind_of(const HnswCheck *check, HnswId id)
{
	return id < check->nnames ? check->kinds[id] : KIND_UNKNOWN;
}

static bool
is_known_node(const HnswCheck *check, HnswId id)
{
	uint8 kind = kind_of(check, id);

	return kind != KIND_UNKNOWN && (kind & KIND_NODE) != 0;
}

/*
 * Slots by themselves
 */

static void
note_row(HnswCheck *check, ItemPointer tid, HnswId ground)
{
	if (check->nrows == check->rows_room)
	{
		check->rows_room *= 2;
		check->rows =
			repalloc_huge(check->rows, check->rows_room * sizeof(NotedRow));
	}
	check->rows[check->nrows++] =
		(NotedRow){.tid = tid_number(tid), .ground = ground};
}

static void
check_tid(HnswCheck *check, HnswId id, ItemPointer tid, HnswId ground)
{
	bool found;

	if (!ItemPointerIsValid(tid))
		complain(check, id, "a TID is not valid.");
	(void) tid_set_insert(check->tids, tid_number(tid), &found);
	if (found && check->settled)
		complain(check, id, "row (%u,%u) is indexed twice.",
				 ItemPointerGetBlockNumber(tid),
				 ItemPointerGetOffsetNumber(tid));
	note_row(check, tid, ground);
}

static void
check_free(const HnswCheck *check, HnswId id, const HnswNode *node)
{
	const char *bytes = (const char *) node;

	for (uint32 i = 0; i < check->model->layout.size; i++)
	{
		if (bytes[i] != 0)
			complain(check, id, "it is free, but not empty.");
	}
}

static void
check_more(HnswCheck *check, HnswId id, HnswMore *more)
{
	if (more->ntids > check->model->layout.more)
		complain(check, id, "it says it has %u TIDs.", more->ntids);
	if (!is_name(check, more->ground) ||
		(more->next != HNSW_NONE && !is_name(check, more->next)))
		complain(check, id, "a link leads beyond the end.");
	for (uint32 i = 0; i < more->ntids; i++)
		check_tid(check, id, &more->tids[i], more->ground);
}

/* Head and place of an element's node */
static void
check_head(HnswCheck *check, HnswId id, HnswNode *node)
{
	if (node->level > HNSW_MAX_LEVEL)
		complain(check, id, "it is of level %u.", node->level);
	if (node->ntids > (node->level == 0 ? HNSW_TIDS : 0))
		complain(check, id, "it says it has %u TIDs on level %u.", node->ntids,
				 node->level);
	if (node->level > 0)
	{
		if (!is_name(check, node->below) || !is_name(check, node->ground) ||
			node->more != HNSW_NONE)
			complain(check, id, "it does not lead to its ground.");
		return;
	}
	if (node->below != HNSW_NONE || node->ground != id)
		complain(check, id, "it is no ground.");
	if (node->more != HNSW_NONE && !is_name(check, node->more))
		complain(check, id, "a link leads beyond the end.");
	if ((node->ntids > 0 || node->more != HNSW_NONE) !=
		(node->state == HNSW_LIVE))
		complain(check, id,
				 node->state == HNSW_LIVE ? "it is live without a row."
										  : "it is dead with a row.");
	for (uint32 i = 0; i < node->ntids; i++)
		check_tid(check, id, &node->tids[i], id);
}

/* Parts of records are checked where nodes lead to them */
static void
check_part(const HnswCheck *check, HnswId id, const HnswPart *part)
{
	if (part->bytes == 0 || part->bytes > check->model->layout.part)
		complain(check, id, "it says it has %u bytes of a record.",
				 part->bytes);
	if (!is_name(check, part->ground) ||
		(part->next != HNSW_NONE && !is_name(check, part->next)))
		complain(check, id, "a link leads beyond the end.");
}

/*
 * Put the whole record of a node into check->record, and its image into check->row.
 * Where rows are taken away meanwhile, parts may be gone.
 */
static bool
read_record(HnswCheck *check, HnswId id, const HnswNode *node)
{
	if (hnsw_record_image(&check->record, check->index, check->model, node,
						  check->row))
		return true;
	if (check->settled && node->state == HNSW_LIVE)
		complain(check, id, "its record is not all there.");
	return false;
}

static void
check_copy(const HnswCheck *check, HnswId id, const HnswNode *node)
{
	const uint8 *copy = (const uint8 *) check->record.data;
	uint32 sum = 0;
	uint32 squares = 0;

	if (hnsw_keeps_values(&check->model->meta))
		return;
	for (int i = 0; i < check->model->meta.dim; i++)
	{
		sum += copy[i];
		squares += copy[i] * copy[i];
	}
	if (sum != node->sum || squares != node->squares)
		complain(check, id, "the sums of its copy are wrong.");
	if (!isfinite(node->low) || !isfinite(node->step) || node->step < 0 ||
		!isfinite(node->error) || node->error < 0)
		complain(check, id, "its copy has no meaning.");
}

static int
compare_ids(const void *a, const void *b)
{
	HnswId x = *(const HnswId *) a;
	HnswId y = *(const HnswId *) b;

	return x < y ? -1 : x > y;
}

/* Links by themselves: names in range, once each */
static void
check_links(HnswCheck *check, HnswId id, const HnswNode *node)
{
	const HnswLayout *layout = &check->model->layout;
	const HnswId *links = links_of(check, node);
	HnswId *sorted = palloc(layout->lanes * sizeof(HnswId));
	uint32 n = 0;

	for (uint32 lane = 0; lane < layout->lanes; lane++)
	{
		bool linked = links[lane] != HNSW_NONE;

		if (linked && !is_name(check, links[lane]))
			complain(check, id, "a link leads beyond the end.");
		if (links[lane] == id)
			complain(check, id, "it links to itself.");
		if (linked)
			sorted[n++] = links[lane];
	}
	if (n > check->model->meta.degree)
		complain(check, id, "it has %u links.", n);
	qsort(sorted, n, sizeof(HnswId), compare_ids);
	for (uint32 i = 1; i < n; i++)
	{
		if (sorted[i] == sorted[i - 1])
			complain(check, id, "it links to slot %u of block %u twice.",
					 sorted[i] % layout->slots, hnsw_block(layout, sorted[i]));
	}
	pfree(sorted);
}

static uint32
digest(const HnswCheck *check, const uint8 *code)
{
	CodecShape shape = hnsw_codec_shape(&check->model->meta);

	return hash_bytes(code, (int) check->codec->code_bytes(&shape));
}

/* The digest of the code of the image in check->row */
static uint32
digest_of_row(HnswCheck *check)
{
	hnsw_code(check->model, check->row, check->code, check->work);
	return digest(check, check->code);
}

static void
note_node(HnswCheck *check, HnswId id, const HnswNode *node)
{
	check->kinds[id] = KIND_NODE | node->level;
	if (node->state == HNSW_LIVE)
	{
		check->kinds[id] |= KIND_LIVE;
		check->nlive += node->level == 0;
	}
	if (read_record(check, id, node))
		check_copy(check, id, node);
	else
		memset(check->row, 0, check->model->meta.dim * sizeof(float));
	if (check->codec != NULL)
		check->digests[id] = digest_of_row(check);
}

static void
check_slot(HnswCheck *check, HnswId id, HnswNode *node)
{
	switch (node->state)
	{
		case HNSW_FREE:
			check_free(check, id, node);
			check->kinds[id] = 0;
			break;
		case HNSW_MORE:
			check_more(check, id, (HnswMore *) node);
			check->kinds[id] = KIND_MORE;
			break;
		case HNSW_PART:
			check_part(check, id, (HnswPart *) node);
			check->kinds[id] = KIND_MORE;
			break;
		case HNSW_HELD:
			check->kinds[id] = 0;
			break;
		case HNSW_LIVE:
		case HNSW_DEAD:
			check_head(check, id, node);
			check_links(check, id, node);
			note_node(check, id, node);
			break;
		default:
			complain(check, id, "it is in state %u.", node->state);
	}
}

/* Copy a page of nodes; false for one that was never filled, or has rows */
static bool
copy_page(HnswCheck *check, BlockNumber blkno)
{
	Buffer buffer = ReadBuffer(check->index, blkno);
	Page page = (Page) check->page;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	memcpy(page, BufferGetPage(buffer), BLCKSZ);
	UnlockReleaseBuffer(buffer);
	check->blkno = blkno;
	if (PageIsNew(page))
		return false;
	/* those in the chain are looked at by it */
	if (page_special(page)->magic == HNSW_MAGIC &&
		page_special(page)->kind == HNSW_PAGE_ROWS)
	{
		check->nrow_pages++;
		return false;
	}
	if (page_special(page)->magic != HNSW_MAGIC ||
		page_special(page)->kind != HNSW_PAGE_NODES ||
		page_special(page)->next != InvalidBlockNumber ||
		page_special(page)->generation != 0 || page_special(page)->owner != 0)
		page_corrupted(check->index, blkno,
					   "The page is not of the expected kind.");
	if (((PageHeader) page)->pd_lower != ((PageHeader) page)->pd_upper)
		page_corrupted(check->index, blkno, "The page has no room.");
	return true;
}

typedef void (*SlotCheck)(HnswCheck *check, HnswId id, HnswNode *node);

static void
check_blocks(HnswCheck *check, SlotCheck check_one)
{
	const HnswLayout *layout = &check->model->layout;
	BlockNumber end = hnsw_block(layout, check->nnames);

	for (BlockNumber blkno = check->first; blkno < end; blkno++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!copy_page(check, blkno))
			continue;
		for (uint32 slot = 0; slot < layout->slots; slot++)
			check_one(check, hnsw_id(layout, blkno, slot),
					  slot_at(check, slot));
	}
}

/*
 * What slots lead to
 */

/* Nodes of an element: its ground, and one on the level below */
static void
check_element(HnswCheck *check, HnswId id, const HnswNode *node)
{
	const HnswLayout *layout = &check->model->layout;
	/* the tail, too: both lead to the same parts */
	uint32 record = layout->tail != 0 ? layout->tail : layout->copy;
	const HnswNode *ground = read_slot(check, node->ground);

	/* what VACUUM has buried, it may not have come to free before a crash */
	if (node->state == HNSW_DEAD)
		return;
	if (!hnsw_is_node(ground) || ground->level != 0)
		complain(check, id, "its ground is none.");
	if (ground->hash != node->hash || ground->low != node->low ||
		ground->step != node->step ||
		memcmp(HNSW_ARRAY(ground, record, char), HNSW_ARRAY(node, record, char),
			   layout->copy - record + check->model->meta.kept) != 0)
		complain(check, id, "its ground is of another element.");
	ground = read_slot(check, node->below);
	if (!hnsw_is_node(ground) || ground->level + 1 != node->level ||
		ground->ground != node->ground)
		complain(check, id, "it is on top of another element.");
}

/* Whose chain a slot is of, and what comes next in it */
static HnswId
chain_owner(const HnswNode *slot, HnswId *next)
{
	if (slot->state == HNSW_PART)
	{
		*next = ((const HnswPart *) slot)->next;
		return ((const HnswPart *) slot)->ground;
	}
	*next = ((const HnswMore *) slot)->next;
	return ((const HnswMore *) slot)->ground;
}

/* Slots of TIDs, or of parts: each is of one chain, and of it once */
static void
check_chain(HnswCheck *check, HnswId id, HnswId next, uint8 state)
{
	uint64 left = (uint64) RelationGetNumberOfBlocks(check->index) *
		check->model->layout.slots;

	while (next != HNSW_NONE)
	{
		const HnswNode *slot = read_slot(check, next);
		HnswId after = HNSW_NONE;

		CHECK_FOR_INTERRUPTS();
		if (slot->state != state || chain_owner(slot, &after) != id)
			complain(check, id, "its chain leads to what is not part of it.");
		if (left-- == 0)
			complain(check, id, "its chain has no end.");
		if (kind_of(check, next) == (KIND_MORE | KIND_LED_TO))
			complain(check, id, "its chain leads to a slot twice.");
		if (next < check->nnames)
			check->kinds[next] = KIND_MORE | KIND_LED_TO;
		next = after;
		if (next != HNSW_NONE && !is_name(check, next))
			complain(check, id, "its chain leads beyond the end.");
	}
}

/* Is it the digest of the code of this node? */
static bool
is_digest_of(HnswCheck *check, HnswId id, uint32 stored)
{
	if (is_known_node(check, id) && check->digests[id] == stored)
		return true;
	return read_record(check, id, read_slot(check, id)) &&
		digest_of_row(check) == stored;
}

/* The code in a lane is that of the node it leads to */
static bool
code_fits(HnswCheck *check, const HnswNode *node, uint32 lane)
{
	HnswId to = links_of(check, node)[lane];
	uint32 stored;

	if (check->codec == NULL)
		return true;
	(void) hnsw_link_get(node, check->model, lane, check->code);
	stored = digest(check, check->code);
	return is_digest_of(check, to, stored);
}

static bool
leads_to_level(HnswCheck *check, HnswId to, uint32 level)
{
	const HnswNode *node;

	if (is_known_node(check, to))
		return (check->kinds[to] & KIND_LEVEL) == level;
	node = read_slot(check, to);
	return hnsw_is_node(node) && node->level == level;
}

static void
check_neighbours(HnswCheck *check, HnswId id, const HnswNode *node)
{
	for (uint32 lane = 0; lane < check->model->layout.lanes; lane++)
	{
		HnswId to = links_of(check, node)[lane];
		bool stale;
		bool miscoded;

		if (to == HNSW_NONE)
			continue;
		if (!is_name(check, to))
			complain(check, id, "a link leads beyond the end.");
		stale = !leads_to_level(check, to, node->level);
		miscoded = !stale && !code_fits(check, node, lane);
		if ((stale || miscoded) && check->state.freed == 0)
			complain(check, id,
					 stale ? "lane %u leads to no node of its level."
						   : "lane %u has the code of another node.",
					 lane);
		if (is_known_node(check, to) && !stale)
			check->kinds[to] |= miscoded ? KIND_MISFITS : KIND_FITS;
		check->nlinks++;
		check->nstale += stale;
		check->nmiscoded += miscoded;
	}
}

/*
 * So many slots are not used again while something leads to them.  And some link
 * to a node came with it.
 */
static void
check_codes(HnswCheck *check)
{
	for (uint64 id = 0; id < check->nnames; id++)
	{
		if (is_known_node(check, id) &&
			(check->kinds[id] & (KIND_FITS | KIND_MISFITS)) == KIND_MISFITS)
			complain(check, id, "all links to it have another code.");
	}
	if (check->nmiscoded > check->nlinks / TOLERATED_PART)
		page_corrupted(check->index, check->model->meta.model,
					   psprintf("Of " UINT64_FORMAT " links, " UINT64_FORMAT
								" have the code of another node.",
								check->nlinks, check->nmiscoded));
}

static void
check_leads(HnswCheck *check, HnswId id, HnswNode *node)
{
	if (!hnsw_is_node(node))
		return;
	if (node->level > 0)
		check_element(check, id, node);
	else if (node->more != HNSW_NONE)
		check_chain(check, id, node->more, HNSW_MORE);
	if (node->level == 0 && check->model->layout.tail != 0)
		check_chain(check, id,
					HNSW_ARRAY(node, check->model->layout.tail, HnswTail)->next,
					HNSW_PART);
	check_neighbours(check, id, node);
}

/* Slots of chains that no element leads to */
static void
check_lost(HnswCheck *check)
{
	for (uint64 id = 0; id < check->nnames; id++)
	{
		const HnswNode *slot;

		if (check->kinds[id] != KIND_MORE)
			continue;
		CHECK_FOR_INTERRUPTS();
		slot = read_slot(check, id);
		if (slot->state == HNSW_MORE)
			complain(check, id, "its TIDs are of no element.");
		/* those of an element that comes or goes, a crash may have left */
		if (slot->state == HNSW_PART &&
			read_slot(check, ((const HnswPart *) slot)->ground)->state !=
				HNSW_HELD)
			complain(check, id, "it is of no element's record.");
	}
}

/*
 * Row pages
 */

/* The lane is named; the rest follows it */
pg_attribute_printf(4, 5) pg_noreturn
	static void complain_of_lane(const HnswCheck *check, BlockNumber blkno,
								 uint32 lane, const char *format, ...);

static void
complain_of_lane(const HnswCheck *check, BlockNumber blkno, uint32 lane,
				 const char *format, ...)
{
	char what[200];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	page_corrupted(check->index, blkno, psprintf("Lane %u: %s", lane, what));
}

static int
compare_noted(const void *a, const void *b)
{
	uint64 x = ((const NotedRow *) a)->tid;
	uint64 y = ((const NotedRow *) b)->tid;

	return x < y ? -1 : x > y;
}

/* Does an element have a TID, as it is now? */
static bool
element_has(HnswCheck *check, HnswId ground, ItemPointer tid)
{
	const HnswNode *node = read_slot(check, ground);
	HnswId next;

	if (!hnsw_is_node_of(node, 0))
		return false;
	for (uint32 i = 0; i < Min(node->ntids, HNSW_TIDS); i++)
	{
		if (ItemPointerEquals((ItemPointer) &node->tids[i], tid))
			return true;
	}
	/* chains have been checked, and become longer at their begin only */
	for (next = node->more; next != HNSW_NONE && is_name(check, next);)
	{
		const HnswMore *more = (const HnswMore *) read_slot(check, next);

		CHECK_FOR_INTERRUPTS();
		if (more->state != HNSW_MORE || more->ground != ground)
			return false;
		for (uint32 i = 0; i < Min(more->ntids, check->model->layout.more); i++)
		{
			if (ItemPointerEquals((ItemPointer) &more->tids[i], tid))
				return true;
		}
		next = more->next;
	}
	return false;
}

/* Keys of a lane, as far as they say themselves, and for the comparison with the heap's */
static void
check_attributes(HnswCheck *check, BlockNumber blkno, uint32 lane,
				 const NotedRow *row)
{
	const HnswMeta *meta = &check->model->meta;
	AttributeColumn columns[ATTRIBUTE_MAX];
	AttributeRow attributes;
	TidSetEntry *entry;
	uint32 invalid;

	hnsw_row_columns((Page) check->page, meta, &check->model->layout, columns);
	invalid = attribute_columns_invalid(columns, meta->ncolumns, lane);
	if (invalid > 0)
		complain_of_lane(check, blkno, lane, "attribute %u is not valid.",
						 invalid);
	attribute_columns_get(columns, meta->ncolumns, lane, &attributes);
	entry = tid_set_lookup(check->tids, row->tid);
	if (entry != NULL)
		entry->digest = attribute_row_digest(&attributes, meta->ncolumns);
}

/* A lane leads to the element that has its TID, and has its code */
static void
check_lane(HnswCheck *check, BlockNumber blkno, uint32 lane)
{
	const HnswLayout *layout = &check->model->layout;
	Page page = (Page) check->page;
	ItemPointer tid = &hnsw_row_tids(page, layout)[lane];
	HnswId ground = hnsw_row_grounds(page, layout)[lane];
	NotedRow wanted = {.tid = tid_number(tid)};
	NotedRow *row;

	if (!ItemPointerIsValid(tid))
		complain_of_lane(check, blkno, lane, "its TID is not valid.");
	if (!is_name(check, ground))
		complain_of_lane(check, blkno, lane, "it leads beyond the end.");
	row = bsearch(&wanted, check->rows, check->nrows, sizeof(NotedRow),
				  compare_noted);
	if (row != NULL && row->found)
		complain_of_lane(check, blkno, lane, "row (%u,%u) has another lane.",
						 ItemPointerGetBlockNumber(tid),
						 ItemPointerGetOffsetNumber(tid));
	if (row != NULL
			? row->ground != ground
			: check->state.rows_stale == 0 && !element_has(check, ground, tid))
		complain_of_lane(check, blkno, lane,
						 "row (%u,%u) is not of the element it leads to.",
						 ItemPointerGetBlockNumber(tid),
						 ItemPointerGetOffsetNumber(tid));
	if (row == NULL)
		return;
	row->found = true;
	check_attributes(check, blkno, lane, row);
	if (check->codec == NULL || layout->rows.codes == 0)
		return;
	hnsw_row_get_code(page, check->model, lane, check->code);
	if (!is_digest_of(check, ground, digest(check, check->code)))
		complain_of_lane(check, blkno, lane, "it has another code.");
}

static void
check_row_page(HnswCheck *check, BlockNumber blkno)
{
	const HnswLayout *layout = &check->model->layout;
	Page page = (Page) check->page;
	const HnswRowHead *head = hnsw_row_head(page);
	uint32 nlive = 0;

	if (page_special(page)->generation != 0 || page_special(page)->owner != 0)
		page_corrupted(check->index, blkno,
					   "The page is not of the expected kind.");
	if (((PageHeader) page)->pd_lower != ((PageHeader) page)->pd_upper)
		page_corrupted(check->index, blkno, "The page has no room.");
	for (uint32 lane = 0; lane < layout->rows.lanes; lane++)
	{
		BlockNumber block = ItemPointerGetBlockNumberNoCheck(
			&hnsw_row_tids(page, layout)[lane]);

		if (!hnsw_row_is_live(page, layout, lane))
			continue;
		nlive++;
		if (block < head->low || block > head->high)
			complain_of_lane(check, blkno, lane,
							 "its TID is not in the page's range.");
		check_lane(check, blkno, lane);
	}
	if (nlive != head->nlive)
		page_corrupted(check->index, blkno,
					   psprintf("It says it has %u rows.", head->nlive));
}

/*
 * What came since TIDs were noted has a lane, too: those come together.  Pages that
 * do not lead to each other any more would have rows that are missed.
 */
static void
check_row_pages(HnswCheck *check)
{
	HnswRowWalk walk = hnsw_row_walk(check->index, check->model, NULL);
	BlockNumber nread = 0;
	BlockNumber blkno;
	bool has_space = false;
	HnswState state;

	qsort(check->rows, check->nrows, sizeof(NotedRow), compare_noted);
	(void) hnsw_model_get(check->index, &state);
	while (hnsw_row_walk_copy(&walk, check->page, &blkno))
	{
		CHECK_FOR_INTERRUPTS();
		check_row_page(check, blkno);
		has_space |= blkno == state.row_space;
		nread++;
	}
	for (Size i = 0; i < check->nrows; i++)
	{
		const NotedRow *row = &check->rows[i];

		if (!row->found)
			complain(check, row->ground, "row (%u,%u) is in no row page.",
					 (BlockNumber) (row->tid >> 16), (uint16) row->tid);
	}
	if (nread < check->nrow_pages / 2)
		page_corrupted(check->index, HNSW_META_BLOCK,
					   "There are row pages that are not in the chain.");
	if (!has_space)
		page_corrupted(check->index, HNSW_META_BLOCK,
					   "There is no row page where it says there is space.");
}

/*
 * The walk
 */

typedef struct Walk
{
	uint64 nnames;
	uint8 *reached; /* bits */
	HnswId *queue;
	uint64 nqueue;
} Walk;

static void
reach(Walk *walk, HnswId id)
{
	if (id >= walk->nnames || (walk->reached[id / 8] & 1 << id % 8) != 0)
		return;
	walk->reached[id / 8] |= 1 << id % 8;
	walk->queue[walk->nqueue++] = id;
}

/* Where a search can go from a node; what is no node is seen when it is met */
static void
step(const HnswCheck *check, Walk *walk, const HnswNode *node)
{
	if (node->level > 0)
		reach(walk, node->below);
	for (uint32 lane = 0; lane < check->model->layout.lanes; lane++)
	{
		HnswId to = links_of(check, node)[lane];

		if (to != HNSW_NONE && is_name(check, to) &&
			(!is_known_node(check, to) ||
			 (check->kinds[to] & KIND_LEVEL) == node->level))
			reach(walk, to);
	}
}

/* From an entry: how many of the live elements that are known are not reached */
static uint64
count_unreached(HnswCheck *check, HnswId entry)
{
	Walk walk = {.nnames = (uint64) RelationGetNumberOfBlocks(check->index) *
					 check->model->layout.slots};
	uint64 nreached = 0;

	walk.reached =
		MemoryContextAllocExtended(CurrentMemoryContext, walk.nnames / 8 + 1,
								   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	walk.queue = MemoryContextAllocHuge(CurrentMemoryContext,
										(walk.nnames + 1) * sizeof(HnswId));
	if (entry != HNSW_NONE)
		reach(&walk, entry);
	for (uint64 i = 0; i < walk.nqueue; i++)
	{
		HnswId id = walk.queue[i];
		uint8 kind = kind_of(check, id);
		const HnswNode *node = read_slot(check, id);

		CHECK_FOR_INTERRUPTS();
		if (!hnsw_is_node(node))
			continue;
		nreached += is_known_node(check, id) && (kind & KIND_LIVE) != 0 &&
			(kind & KIND_LEVEL) == 0;
		step(check, &walk, node);
	}
	pfree(walk.queue);
	pfree(walk.reached);
	return check->nlive - nreached;
}

/* The state of a moment in which no insertion is under way */
static HnswState
read_state(HnswCheck *check)
{
	HnswState state;

	LockPage(check->index, HNSW_META_BLOCK, ExclusiveLock);
	(void) hnsw_model_get(check->index, &state);
	UnlockPage(check->index, HNSW_META_BLOCK, ExclusiveLock);
	return state;
}

static HnswId
check_entry(HnswCheck *check)
{
	HnswState state = read_state(check);
	const HnswNode *node;

	if (state.entry == HNSW_NONE)
	{
		if (check->nlive > 0)
			page_corrupted(check->index, HNSW_META_BLOCK,
						   "There are elements, but no entry.");
		return HNSW_NONE;
	}
	if (!is_name(check, state.entry))
		page_corrupted(check->index, HNSW_META_BLOCK,
					   "The entry is beyond the end.");
	node = read_slot(check, state.entry);
	if (!hnsw_is_node(node) || node->level != state.top_level)
		page_corrupted(check->index, HNSW_META_BLOCK,
					   "The entry is no node of the highest level.");
	return state.entry;
}

/* Elements that have just come may not have been linked to in the first walk */
static void
check_reach(HnswCheck *check)
{
	uint64 limit = check->nlive / TOLERATED_PART;
	HnswId entry = check_entry(check);
	uint64 n = count_unreached(check, entry);

	if (n > limit)
		n = count_unreached(check, check_entry(check));
	if (n > limit)
		page_corrupted(check->index, HNSW_META_BLOCK,
					   psprintf("Of " UINT64_FORMAT " elements, " UINT64_FORMAT
								" cannot be reached.",
								check->nlive, n));
	if (n > 0)
		ereport(
			WARNING,
			(errmsg("index \"%s\": searches miss " UINT64_FORMAT
					" of " UINT64_FORMAT " elements",
					RelationGetRelationName(check->index), n, check->nlive)));
}

/*
 * All
 */

/* The model's pages are those that it was read from; returns the next block */
static BlockNumber
check_model(HnswCheck *check)
{
	const HnswMeta *meta = &check->model->meta;
	Size left = hnsw_floats(meta) * sizeof(float);
	const char *from = (const char *) check->model->floats;
	BlockNumber blkno = left == 0 ? HNSW_META_BLOCK + 1 : meta->model;

	for (; left > 0; blkno++)
	{
		Size part = Min(left, PAGE_ROOM);
		Buffer buffer = page_read(check->index, blkno, HNSW_MAGIC,
								  HNSW_PAGE_MODEL, BUFFER_LOCK_SHARE, NULL);
		bool same = memcmp(page_room(BufferGetPage(buffer)), from, part) == 0;

		UnlockReleaseBuffer(buffer);
		if (!same && check->settled)
			page_corrupted(check->index, blkno, "The model has changed.");
		from += part;
		left -= part;
	}
	return blkno;
}

static void
check_floats(const HnswCheck *check)
{
	Size n = hnsw_floats(&check->model->meta);

	for (Size i = 0; i < n; i++)
	{
		if (!isfinite(check->model->floats[i]))
			page_corrupted(check->index, check->model->meta.model,
						   "The model is not finite.");
	}
}

static void
check_calibrations(const HnswCheck *check)
{
	const HnswCalibration *calibrations = check->model->meta.calibrations;

	for (int i = 0; i < HNSW_NCALIBRATIONS; i++)
	{
		if (calibrations[i].k <= (i == 0 ? 0 : calibrations[i - 1].k) ||
			calibrations[i].ef < calibrations[i].k ||
			!(calibrations[i].margin > 0 &&
			  calibrations[i].margin <= HNSW_MOST_MARGIN))
			page_corrupted(check->index, HNSW_META_BLOCK,
						   "A calibration has no meaning.");
	}
}

static void
check_init(HnswCheck *check)
{
	const HnswMeta *meta;
	CodecShape shape;

	check->model = hnsw_model_copy(check->index, &check->state);
	meta = &check->model->meta;
	shape = hnsw_codec_shape(meta);
	check->codec =
		hnsw_has_codes(meta) ? codec_of((CodecKind) meta->codec) : NULL;
	check->nnames = (uint64) RelationGetNumberOfBlocks(check->index) *
		check->model->layout.slots;
	check->kinds =
		MemoryContextAllocHuge(CurrentMemoryContext, check->nnames + 1);
	memset(check->kinds, KIND_UNKNOWN, check->nnames);
	if (check->codec != NULL)
		check->digests = MemoryContextAllocHuge(
			CurrentMemoryContext, (check->nnames + 1) * sizeof(uint32));
	check->tids = tid_set_create(CurrentMemoryContext, 1024, NULL);
	check->rows_room = 1024;
	check->rows = palloc(check->rows_room * sizeof(NotedRow));
	check->page = palloc(BLCKSZ);
	check->other = palloc(check->model->layout.size);
	hnsw_record_init(&check->record, &check->model->layout);
	check->row = palloc(meta->dim * sizeof(float));
	check->work = palloc(hnsw_code_work(meta) * sizeof(float));
	check->code =
		palloc(check->codec == NULL ? 1 : check->codec->code_bytes(&shape));
}

void
hnsw_check(Relation heap, Relation index, bool heapallindexed)
{
	HnswCheck check = {.index = index, .settled = !RecoveryInProgress()};
	HeapCheck rows = {0};

	if (heapallindexed)
		heap_check_begin(&rows, index);
	check_init(&check);
	check_calibrations(&check);
	check_floats(&check);
	check.first = check_model(&check);
	check_blocks(&check, check_slot);
	if (check.settled)
	{
		check_blocks(&check, check_leads);
		check_lost(&check);
		check_codes(&check);
		check_row_pages(&check);
		check_reach(&check);
	}
	ereport(DEBUG1,
			(errmsg("index \"%s\": of " UINT64_FORMAT " links, " UINT64_FORMAT
					" lead nowhere, " UINT64_FORMAT
					" have the code of another node",
					RelationGetRelationName(index), check.nlinks, check.nstale,
					check.nmiscoded)));
	if (heapallindexed)
	{
		rows.elem = check.model->meta.elem;
		rows.metric = (Metric) check.model->meta.distance;
		rows.dim = check.model->meta.value_dim;
		rows.tids = check.tids;
		rows.nattributes = check.settled ? check.model->meta.ncolumns : 0;
		rows.attributes = check.model->meta.kinds;
		heap_check_end(&rows, heap);
	}
}
