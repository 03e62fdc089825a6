/*
 * hnsw_repair.c
 *	  Nodes that had links to what VACUUM takes away get others.
 *
 * A page is copied, its nodes are repaired in the copy while others are read, and
 * what has changed is carried over under the page's lock, lane by lane: where an
 * insertion has been faster, its link stays.
 *
 * Rows of candidates are decoded from the codes beside the links; where nodes have
 * none each candidate's own record is read.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "am/tid_set.h"
#include "hnsw/hnsw_link.h"
#include "hnsw/hnsw_record.h"
#include "hnsw/hnsw_repair.h"
#include "pages/wal.h"

/* Candidates of a node, times the lanes it has: nobody takes more */
#define LEAST_CANDIDATES 2
#define MOST_CANDIDATES 16

/* Of the memory that maintenance may take, for their rows */
#define ROWS_PART 4

struct HnswRepair
{
	Relation index;
	const HnswModel *model;
	const HnswGone *gone;
	HnswReach *reach;
	BufferAccessStrategy strategy;

	/* the page as it was, and as it shall be */
	char *before;
	char *after;
	HnswNode *other; /* a node of another page */
	HnswRecord record;

	/* names met, and dead nodes to be looked at in turn */
	tid_set_hash *met;
	HnswId *queue;
	uint32 nqueue;
	uint32 queue_room;

	/* candidates; the first ones are the node's own neighbours */
	HnswChooser chooser;
	float *row; /* the image of a node */
	float *work;
	uint32 nlinked;
	uint8 *codes;
	Size code_bytes;
	uint8 *code; /* room for one more */
};

/* Floats of a row among candidates */
static int
image_dim(const HnswModel *model)
{
	return hnsw_has_codes(&model->meta) ? model->meta.code_dim
										: model->meta.dim;
}

static uint32
most_candidates(const HnswModel *model)
{
	Size bytes = (image_dim(model) + 1) * sizeof(float) +
		(hnsw_keeps_values(&model->meta) ? model->layout.longest : 0);
	Size limit = (Size) maintenance_work_mem * 1024 / ROWS_PART / bytes;
	Size lanes = model->layout.lanes;

	return Max(LEAST_CANDIDATES * lanes, Min(MOST_CANDIDATES * lanes, limit));
}

HnswRepair *
hnsw_repair_new(Relation index, const HnswModel *model, const HnswGone *gone,
				HnswReach *reach, BufferAccessStrategy strategy)
{
	HnswRepair *repair = palloc0(sizeof(HnswRepair));
	const HnswLayout *layout = &model->layout;
	const Codec *codec = codec_of((CodecKind) model->meta.codec);
	CodecShape shape = hnsw_codec_shape(&model->meta);
	uint32 room = most_candidates(model);

	repair->index = index;
	repair->model = model;
	repair->gone = gone;
	repair->reach = reach;
	repair->strategy = strategy;
	repair->before = palloc(BLCKSZ);
	repair->after = palloc(BLCKSZ);
	repair->other = palloc(layout->size);
	hnsw_record_init(&repair->record, layout);
	repair->met = tid_set_create(CurrentMemoryContext, 256, NULL);
	repair->queue_room = 2 * layout->lanes;
	repair->queue = palloc(repair->queue_room * sizeof(HnswId));
	repair->code_bytes = codec == NULL ? 1 : codec->code_bytes(&shape);
	repair->codes = palloc(room * repair->code_bytes);
	repair->code = palloc(repair->code_bytes);
	repair->row = palloc(model->meta.dim * sizeof(float));
	repair->work = palloc(hnsw_code_work(&model->meta) * sizeof(float));
	hnsw_chooser_init(&repair->chooser, &model->meta, image_dim(model), room);
	return repair;
}

static bool
is_dead(const HnswRepair *repair, HnswId id)
{
	return hnsw_gone_get(repair->gone, repair->gone->dead, id);
}

static bool
is_gone(const HnswRepair *repair, HnswId id)
{
	return is_dead(repair, id) ||
		hnsw_gone_get(repair->gone, repair->gone->vacant, id);
}

static const HnswId *
links_of(const HnswRepair *repair, const HnswNode *node)
{
	return HNSW_ARRAY(node, repair->model->layout.links, HnswId);
}

static uint8 *
code_of(const HnswRepair *repair, uint32 place)
{
	return repair->codes + place * repair->code_bytes;
}

/* A copy of a node, good until the next one; NULL: none of this level is there */
static const HnswNode *
read_node(HnswRepair *repair, HnswId id, uint32 level)
{
	const HnswLayout *layout = &repair->model->layout;
	Buffer buffer = page_read(repair->index, hnsw_block(layout, id), HNSW_MAGIC,
							  HNSW_PAGE_NODES, BUFFER_LOCK_SHARE, NULL);
	HnswNode *node = repair->other;

	memcpy(node, hnsw_node(BufferGetPage(buffer), layout, id), layout->size);
	UnlockReleaseBuffer(buffer);
	if (!hnsw_is_node_of(node, level))
		return NULL;
	return node;
}

/* The state of a node of this level; free where there is none */
static uint8
state_of(HnswRepair *repair, HnswId id, uint32 level)
{
	const HnswLayout *layout = &repair->model->layout;
	Buffer buffer = page_read(repair->index, hnsw_block(layout, id), HNSW_MAGIC,
							  HNSW_PAGE_NODES, BUFFER_LOCK_SHARE, NULL);
	const HnswNode *node = hnsw_node(BufferGetPage(buffer), layout, id);
	uint8 state = hnsw_is_node_of(node, level) ? node->state : HNSW_FREE;

	UnlockReleaseBuffer(buffer);
	return state;
}

static bool
first_meeting(HnswRepair *repair, HnswId id)
{
	bool found;

	(void) tid_set_insert(repair->met, id, &found);
	return !found;
}

static void
enqueue(HnswRepair *repair, HnswId id)
{
	if (repair->nqueue == repair->queue_room)
	{
		repair->queue_room *= 2;
		repair->queue = repalloc_huge(
			repair->queue, (Size) repair->queue_room * sizeof(HnswId));
	}
	repair->queue[repair->nqueue++] = id;
}

/*
 * Candidates
 */

/*
 * The neighbour in a lane of a node, if there is room; where there are no codes
 * its own record is read, if it is there.
 */
static void
add_lane(HnswRepair *repair, const HnswNode *node, uint32 lane)
{
	const HnswModel *model = repair->model;
	HnswChooser *chooser = &repair->chooser;
	HnswId id = links_of(repair, node)[lane];

	if (chooser->n == chooser->room)
		return;
	if (hnsw_has_codes(&model->meta))
	{
		(void) hnsw_link_get(node, model, lane, code_of(repair, chooser->n));
		hnsw_projection_of_code(model, code_of(repair, chooser->n),
								hnsw_chooser_next(chooser));
	}
	else
	{
		float *row = hnsw_chooser_next(chooser);

		if (!hnsw_record_read(&repair->record, repair->index, model, id,
							  node->level, row))
			return;
		hnsw_chooser_next_record(chooser, repair->record.data,
								 repair->record.bytes);
		if (hnsw_writes_codes(&model->meta))
			hnsw_code(model, row, code_of(repair, chooser->n), repair->work);
	}
	hnsw_chooser_add(chooser, id);
}

/* What is known of a name, and is looked up where that is not all there is */
static uint8
known_state(HnswRepair *repair, HnswId id, uint32 level)
{
	const HnswGone *gone = repair->gone;

	if (!gone->complete && id - gone->first >= gone->n)
		return state_of(repair, id, level);
	if (is_dead(repair, id))
		return HNSW_DEAD;
	return is_gone(repair, id) ? HNSW_FREE : HNSW_LIVE;
}

/* The live neighbours of a dead node; the dead ones may be looked at later */
static void
add_neighbours_of(HnswRepair *repair, HnswId dead, uint32 level)
{
	const HnswNode *node = read_node(repair, dead, level);

	if (node == NULL)
		return;
	for (uint32 lane = 0; lane < repair->model->layout.lanes; lane++)
	{
		HnswId id = links_of(repair, node)[lane];

		if (id == HNSW_NONE || !first_meeting(repair, id))
			continue;
		switch (known_state(repair, id, level))
		{
			case HNSW_LIVE:
				add_lane(repair, node, lane);
				break;
			case HNSW_DEAD:
				enqueue(repair, id);
				break;
		}
	}
}

/*
 * What a node keeps.  Links to what is gone are taken from it, and dead nodes
 * will be looked at; but a free slot may have been taken since, and a dead element
 * have got rows again.
 */
static void
keep_links(HnswRepair *repair, HnswNode *node)
{
	for (uint32 lane = 0; lane < repair->model->layout.lanes; lane++)
	{
		HnswId id = links_of(repair, node)[lane];
		uint8 state;

		if (id == HNSW_NONE)
			continue;
		(void) first_meeting(repair, id);
		state = known_state(repair, id, node->level);
		if (state != HNSW_LIVE)
			state = state_of(repair, id, node->level);
		if (state == HNSW_LIVE)
		{
			add_lane(repair, node, lane);
			continue;
		}
		if (state == HNSW_DEAD)
			enqueue(repair, id);
		hnsw_link_clear(node, repair->model, lane);
	}
	repair->nlinked = repair->chooser.n;
}

/*
 * Begin with a node; false where its record is gone, and nothing can be chosen.  The
 * choice is made among projections where there are codes.
 */
static bool
begin(HnswRepair *repair, const HnswNode *node)
{
	const HnswModel *model = repair->model;
	HnswChooser *chooser = &repair->chooser;
	float *to = hnsw_chooser_begin(chooser);

	if (!hnsw_record_image(&repair->record, repair->index, model, node,
						   repair->row))
		return false;
	if (hnsw_has_codes(&model->meta))
		hnsw_projection(model, repair->row, to, repair->work);
	else
		memcpy(to, repair->row, model->meta.dim * sizeof(float));
	hnsw_chooser_own_record(chooser, repair->record.data, repair->record.bytes);
	return true;
}

/* False where it can only lose links */
static bool
gather(HnswRepair *repair, HnswNode *node, HnswId self)
{
	const HnswModel *model = repair->model;
	uint32 wanted = model->meta.degree / 2;
	bool there = begin(repair, node);
	uint32 near;

	repair->nqueue = 0;
	tid_set_reset(repair->met);
	(void) first_meeting(repair, self);
	keep_links(repair, node);
	near = repair->nqueue;
	for (uint32 i = 0; i < repair->nqueue; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (i >= near && repair->chooser.n >= wanted)
			break;
		add_neighbours_of(repair, repair->queue[i], node->level);
	}
	return there;
}

/*
 * Choice
 */

static void
set_lane(HnswRepair *repair, HnswNode *node, uint32 lane, uint32 place)
{
	HnswLink link = {.id = repair->chooser.ids[place],
					 .code = code_of(repair, place)};

	hnsw_link_set(node, repair->model, lane, &link);
}

static uint32
count_links(const HnswRepair *repair, const HnswNode *node)
{
	uint32 n = 0;

	for (uint32 lane = 0; lane < repair->model->layout.lanes; lane++)
		n += links_of(repair, node)[lane] != HNSW_NONE;
	return n;
}

/* Those that the rule keeps first, then those that are there to fill lanes */
static void
fill_lanes(HnswRepair *repair, HnswNode *node)
{
	const HnswChooser *chooser = &repair->chooser;
	uint32 nlinks = count_links(repair, node);
	uint32 lane = 0;

	for (uint32 i = 0; i < 2 * chooser->nchosen; i++)
	{
		uint32 at = chooser->chosen[i % chooser->nchosen];
		uint32 place = chooser->order[at].place;

		if (nlinks >= chooser->degree)
			break;
		if (place < repair->nlinked ||
			chooser->kept[at] != (i < chooser->nchosen))
			continue;
		while (links_of(repair, node)[lane] != HNSW_NONE)
			lane++;
		set_lane(repair, node, lane, place);
		nlinks++;
	}
}

static void
repair_node(HnswRepair *repair, HnswNode *node, HnswId self)
{
	if (gather(repair, node, self) && repair->chooser.n > repair->nlinked)
	{
		hnsw_choose_some(&repair->chooser, repair->nlinked,
						 repair->chooser.degree - count_links(repair, node));
		fill_lanes(repair, node);
	}
}

/*
 * Pages
 */

static bool
needs_repair(const HnswRepair *repair, const HnswNode *node)
{
	if (node->state != HNSW_LIVE)
		return false;
	for (uint32 lane = 0; lane < repair->model->layout.lanes; lane++)
	{
		HnswId id = links_of(repair, node)[lane];

		if (id != HNSW_NONE && is_gone(repair, id))
			return true;
	}
	return false;
}

static bool
has_link(const HnswRepair *repair, const HnswNode *node, HnswId id)
{
	for (uint32 lane = 0; lane < repair->model->layout.lanes; lane++)
	{
		if (links_of(repair, node)[lane] == id)
			return true;
	}
	return false;
}

/* Carry a lane over, from a node as it shall be */
static void
carry_lane(HnswRepair *repair, HnswNode *node, const HnswNode *after,
		   uint32 lane)
{
	HnswId id = links_of(repair, after)[lane];
	HnswLink link;

	if (id == HNSW_NONE || has_link(repair, node, id))
	{
		hnsw_link_clear(node, repair->model, lane);
		return;
	}
	link = hnsw_link_get(after, repair->model, lane, repair->code);
	hnsw_link_set(node, repair->model, lane, &link);
}

static bool
node_changes(const HnswRepair *repair, uint32 slot)
{
	const HnswLayout *layout = &repair->model->layout;

	return memcmp(links_of(repair, hnsw_node(repair->before, layout, slot)),
				  links_of(repair, hnsw_node(repair->after, layout, slot)),
				  layout->lanes * sizeof(HnswId)) != 0;
}

static void
carry_node(HnswRepair *repair, Page page, uint32 slot)
{
	const HnswLayout *layout = &repair->model->layout;
	const HnswNode *before = hnsw_node(repair->before, layout, slot);
	const HnswNode *after = hnsw_node(repair->after, layout, slot);
	HnswNode *node = hnsw_node(page, layout, slot);

	if (node->state != HNSW_LIVE || node->level != before->level)
		return;
	for (uint32 lane = 0; lane < layout->lanes; lane++)
	{
		HnswId was = links_of(repair, before)[lane];

		if (was != links_of(repair, after)[lane] &&
			was == links_of(repair, node)[lane])
			carry_lane(repair, node, after, lane);
	}
}

/* Write what differs between before and after, which becomes what was written */
static void
carry_over(HnswRepair *repair, BlockNumber blkno)
{
	Buffer buffer = page_read(repair->index, blkno, HNSW_MAGIC, HNSW_PAGE_NODES,
							  BUFFER_LOCK_EXCLUSIVE, repair->strategy);
	PageEdit edit = edit_begin(repair->index);
	Page page = edit_page(&edit, buffer);

	for (uint32 slot = 0; slot < repair->model->layout.slots; slot++)
	{
		if (node_changes(repair, slot))
			carry_node(repair, page, slot);
	}
	memcpy(repair->after, page, BLCKSZ);
	edit_finish(&edit);
	UnlockReleaseBuffer(buffer);
}

/* False for a block that holds no nodes */
static bool
copy_page(HnswRepair *repair, BlockNumber blkno)
{
	return hnsw_copy_block(repair->index, blkno, repair->strategy,
						   repair->before);
}

void
hnsw_repair_block(HnswRepair *repair, BlockNumber blkno)
{
	const HnswLayout *layout = &repair->model->layout;
	bool changes = false;

	if (!copy_page(repair, blkno))
		return;
	for (uint32 slot = 0; slot < layout->slots; slot++)
	{
		if (!needs_repair(repair, hnsw_node(repair->before, layout, slot)))
			continue;
		if (!changes)
			memcpy(repair->after, repair->before, BLCKSZ);
		repair_node(repair, hnsw_node(repair->after, layout, slot),
					hnsw_id(layout, blkno, slot));
		changes |= node_changes(repair, slot);
	}
	if (changes)
		carry_over(repair, blkno);
	hnsw_reach_pass(repair->reach, changes ? repair->after : repair->before,
					blkno);
}
