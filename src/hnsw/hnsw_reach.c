/*
 * hnsw_reach.c
 *	  VACUUM's promise: to each element that is there a way leads.
 *
 * An element gives up its own links for new ones: those to whom they led are marked,
 * or get their turn.  Only links to nodes that came since the first pass stay: they
 * may be all that leads there.
 */
#include "postgres.h"

#include "commands/vacuum.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"

#include "core/compat.h"
#include "hnsw/hnsw_link.h"
#include "hnsw/hnsw_reach.h"
#include "hnsw/hnsw_record.h"
#include "hnsw/hnsw_search.h"
#include "pages/wal.h"

/* How much farther a search goes that found only what is dead, or not marked */
#define FURTHER 4

/* Of the memory that maintenance may take: bytes of a node that a search keeps */
#define BYTES_PER_KEPT 256

struct HnswReach
{
	Relation index;
	const HnswModel *model;
	BufferAccessStrategy strategy;
	uint32 n;

	uint32 *marked; /* a way leads there */
	uint32 *passed; /* has marked its neighbours, or is no live node */
	uint32 *ground; /* live elements */

	char *page;

	/* of an element that gets links; made when there is one */
	HnswSearch *search;
	HnswChooser chooser;
	HnswRecord own;
	HnswRecord other;
	float *row;
	uint8 *code;
	float *work;
};

static Size
words(uint32 n)
{
	return (n + 31) / 32;
}

static bool
get_bit(const HnswReach *reach, const uint32 *bits, HnswId id)
{
	return id < reach->n && (bits[id / 32] >> id % 32 & 1) != 0;
}

static void
set_bit(const HnswReach *reach, uint32 *bits, HnswId id)
{
	if (id < reach->n)
		bits[id / 32] |= 1U << id % 32;
}

static uint32 *
new_bits(uint32 n)
{
	return MemoryContextAllocExtended(CurrentMemoryContext,
									  words(n) * sizeof(uint32),
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

HnswReach *
hnsw_reach_new(Relation index, const HnswModel *model, uint32 n,
			   BufferAccessStrategy strategy)
{
	HnswReach *reach = palloc0(sizeof(HnswReach));

	reach->index = index;
	reach->model = model;
	reach->strategy = strategy;
	reach->n = n;
	reach->marked = new_bits(n);
	reach->passed = new_bits(n);
	reach->ground = new_bits(n);
	reach->page = palloc(BLCKSZ);
	return reach;
}

/*
 * Marks
 */

void
hnsw_reach_begin(HnswReach *reach)
{
	Size bytes = words(reach->n) * sizeof(uint32);
	HnswState state;

	memset(reach->marked, 0, bytes);
	memset(reach->passed, 0, bytes);
	memset(reach->ground, 0, bytes);
	(void) hnsw_model_get(reach->index, &state);
	set_bit(reach, reach->marked, state.entry);
}

static void
pass_on(HnswReach *reach, const HnswNode *node, HnswId id)
{
	const HnswLayout *layout = &reach->model->layout;
	const HnswId *links = HNSW_ARRAY(node, layout->links, HnswId);

	set_bit(reach, reach->passed, id);
	if (node->state != HNSW_LIVE)
		return;
	for (uint32 lane = 0; lane < layout->lanes; lane++)
		set_bit(reach, reach->marked, links[lane]);
	if (node->level > 0)
		set_bit(reach, reach->marked, node->below);
}

void
hnsw_reach_pass(HnswReach *reach, char *page, BlockNumber blkno)
{
	const HnswLayout *layout = &reach->model->layout;

	for (uint32 slot = 0; slot < layout->slots; slot++)
	{
		const HnswNode *node = hnsw_node(page, layout, slot);
		HnswId id = hnsw_id(layout, blkno, slot);

		if (node->state == HNSW_LIVE && node->level == 0)
			set_bit(reach, reach->ground, id);
		if (node->state != HNSW_LIVE || get_bit(reach, reach->marked, id))
			pass_on(reach, node, id);
	}
}

static bool
is_waiting(const HnswReach *reach, HnswId id)
{
	return get_bit(reach, reach->marked, id) &&
		!get_bit(reach, reach->passed, id);
}

static bool
has_waiting(const HnswReach *reach, BlockNumber blkno)
{
	const HnswLayout *layout = &reach->model->layout;

	for (uint32 slot = 0; slot < layout->slots; slot++)
	{
		if (is_waiting(reach, hnsw_id(layout, blkno, slot)))
			return true;
	}
	return false;
}

static void
pass_block(HnswReach *reach, BlockNumber blkno)
{
	const HnswLayout *layout = &reach->model->layout;
	bool holds_nodes =
		hnsw_copy_block(reach->index, blkno, reach->strategy, reach->page);

	for (uint32 slot = 0; slot < layout->slots; slot++)
	{
		HnswId id = hnsw_id(layout, blkno, slot);

		if (!is_waiting(reach, id))
			continue;
		if (holds_nodes)
			pass_on(reach, hnsw_node(reach->page, layout, slot), id);
		else
			set_bit(reach, reach->passed, id);
	}
}

/* Until nobody who is marked has neighbours that are not */
static void
pass_all(HnswReach *reach)
{
	BlockNumber nblocks = hnsw_block(&reach->model->layout, reach->n - 1) + 1;
	bool again = true;

	nblocks = Min(nblocks, RelationGetNumberOfBlocks(reach->index));
	while (again)
	{
		again = false;
		for (BlockNumber blkno = HNSW_META_BLOCK + 1; blkno < nblocks; blkno++)
		{
			if (!has_waiting(reach, blkno))
				continue;
			vacuum_pause();
			pass_block(reach, blkno);
			again = true;
		}
	}
}

/*
 * New links
 */

static void
prepare_links(HnswReach *reach)
{
	const HnswModel *model = reach->model;
	const HnswMeta *meta = &model->meta;
	const Codec *codec = codec_of((CodecKind) meta->codec);
	CodecShape shape = hnsw_codec_shape(meta);

	if (reach->search != NULL)
		return;
	reach->search = hnsw_search_new(reach->index);
	hnsw_record_init(&reach->own, &model->layout);
	hnsw_record_init(&reach->other, &model->layout);
	hnsw_chooser_init(&reach->chooser, meta, meta->dim, meta->ef_construction);
	reach->row = palloc(meta->dim * sizeof(float));
	reach->code = palloc(codec == NULL ? 1 : codec->code_bytes(&shape));
	reach->work = palloc(hnsw_code_work(meta) * sizeof(float));
}

/*
 * Candidates for the element's links, of what was found: marked ones.  Those that came
 * since may be among the links that stay.
 */
static void
gather(HnswReach *reach, HnswId id)
{
	const HnswModel *model = reach->model;
	const HnswSearch *search = reach->search;
	HnswChooser *chooser = &reach->chooser;

	memcpy(hnsw_chooser_begin(chooser), reach->row,
		   model->meta.dim * sizeof(float));
	hnsw_chooser_own_record(chooser, reach->own.data, reach->own.bytes);
	for (uint32 i = 0; i < search->nfound && chooser->n < chooser->room; i++)
	{
		HnswId found = search->found[i].id;

		CHECK_FOR_INTERRUPTS();
		if (found == id || !get_bit(reach, reach->marked, found) ||
			!get_bit(reach, reach->ground, found) ||
			!hnsw_record_read(&reach->other, reach->index, model, found, 0,
							  hnsw_chooser_next(chooser)) ||
			reach->other.head.state != HNSW_LIVE)
			continue;
		hnsw_chooser_next_record(chooser, reach->other.data,
								 reach->other.bytes);
		hnsw_chooser_add(chooser, found);
	}
}

/* The nearest marked ones, behind however many others; false: there are none */
static bool
find_neighbours(HnswReach *reach, HnswId id)
{
	HnswSearch *search = reach->search;
	const HnswMeta *meta = &reach->model->meta;
	uint64 most = (uint64) maintenance_work_mem * 1024 / BYTES_PER_KEPT;
	uint64 ef = meta->ef_construction;

	if (hnsw_keeps_values(meta))
		(void) hnsw_search_set_elems(search, reach->own.data);
	else
		hnsw_search_set_row(search, reach->row);
	for (;;)
	{
		hnsw_search_run(search, ef);
		hnsw_search_sort(search);
		gather(reach, id);
		if (reach->chooser.n > 0)
			return true;
		if (search->complete || ef >= most)
			return false;
		ef = Min(FURTHER * ef, most);
	}
}

/* Lanes that lead to nodes that came since; the others may be written */
static uint32
count_newer(const HnswReach *reach, const HnswNode *node)
{
	const HnswLayout *layout = &reach->model->layout;
	const HnswId *links = HNSW_ARRAY(node, layout->links, HnswId);
	uint32 n = 0;

	for (uint32 lane = 0; lane < layout->lanes; lane++)
		n += links[lane] != HNSW_NONE &&
			!get_bit(reach, reach->ground, links[lane]);
	return n;
}

static void
set_links(HnswReach *reach, HnswNode *node, const HnswLinks *links)
{
	const HnswLayout *layout = &reach->model->layout;
	const HnswId *ids = HNSW_ARRAY(node, layout->links, HnswId);
	uint32 next = 0;

	for (uint32 lane = 0; lane < layout->lanes; lane++)
	{
		if (ids[lane] != HNSW_NONE && !get_bit(reach, reach->ground, ids[lane]))
			continue;
		if (next < links->n)
			hnsw_link_set(node, reach->model, lane, &links->links[next++]);
		else
			hnsw_link_clear(node, reach->model, lane);
	}
}

/*
 * What was chosen becomes its links, as far as it may have more; what is left is
 * chosen no more.  False where the element is gone, or has none but newer ones.
 */
static bool
write_links(HnswReach *reach, HnswId id)
{
	const HnswModel *model = reach->model;
	HnswChooser *chooser = &reach->chooser;
	HnswLinks links = hnsw_chosen_links(chooser, model);
	Buffer buffer =
		page_read(reach->index, hnsw_block(&model->layout, id), HNSW_MAGIC,
				  HNSW_PAGE_NODES, BUFFER_LOCK_EXCLUSIVE, reach->strategy);
	HnswNode *node = hnsw_node(BufferGetPage(buffer), &model->layout, id);
	bool there = hnsw_is_node_of(node, 0) && node->state == HNSW_LIVE &&
		node->hash == reach->own.head.hash;

	if (there)
	{
		uint32 room =
			chooser->degree - Min(count_newer(reach, node), chooser->degree);
		PageEdit edit = edit_begin(reach->index);

		links.n = Min(links.n, room);
		chooser->nchosen = links.n;
		set_links(reach,
				  hnsw_node(edit_page(&edit, buffer), &model->layout, id),
				  &links);
		edit_finish(&edit);
	}
	UnlockReleaseBuffer(buffer);
	return there && links.n > 0;
}

static void
link_element(HnswReach *reach, HnswId id)
{
	const HnswModel *model = reach->model;
	HnswLink link = {.id = id, .code = reach->code};

	if (!hnsw_record_read(&reach->own, reach->index, model, id, 0,
						  reach->row) ||
		reach->own.head.state != HNSW_LIVE || !find_neighbours(reach, id))
		return;
	hnsw_choose(&reach->chooser);
	if (!write_links(reach, id))
		return;
	if (hnsw_writes_codes(&model->meta))
		hnsw_code(model, reach->row, reach->code, reach->work);
	hnsw_link_back(reach->index, model, 0, &link, &reach->chooser);
	set_bit(reach, reach->marked, id);
	set_bit(reach, reach->ground, id);
}

void
hnsw_reach_link(HnswReach *reach, HnswId id)
{
	MemoryContext context;
	MemoryContext old;

	prepare_links(reach);
	context = AllocSetContextCreate(CurrentMemoryContext, "hnsw link",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	link_element(reach, id);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

uint64
hnsw_reach_finish(HnswReach *reach)
{
	uint64 n = 0;

	pass_all(reach);
	for (uint32 word = 0; word < words(reach->n); word++)
	{
		uint32 bits = reach->ground[word] & ~reach->marked[word];

		for (; bits != 0; bits &= bits - 1)
		{
			vacuum_pause();
			hnsw_reach_link(reach, word * 32 + pg_rightmost_one_pos32(bits));
			n++;
		}
	}
	return n;
}
