/*
 * hnsw_insert.c
 *	  One more row.
 *
 * A search finds the neighbours on each level; the element's nodes are written,
 * from the ground up, each with its links; then neighbours are linked back, one
 * edit each.  A crash in between leaves a node to which fewer, or no, others
 * lead.  A row that equals one that is there only adds its TID.  What takes the TID
 * is written in one record with its lane of a row page.
 *
 * Where a record has parts, the ground's slot is held first, and parts name it, the
 * last one first; then it becomes the node.  What a crash leaves of that is known by
 * its state to VACUUM.
 *
 * Locks: the lock of the meta page, shared: who takes it exclusively has no
 * insertion under way.  We do so to change the entry.  Then one page at a time,
 * except where TIDs go into a slot of their own, or a node becomes the entry: two
 * pages, in the order of blocks; and with a TID the row page, last.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "core/compat.h"
#include "hnsw/hnsw_handler.h"
#include "hnsw/hnsw_image.h"
#include "hnsw/hnsw_insert.h"
#include "hnsw/hnsw_link.h"
#include "hnsw/hnsw_record.h"
#include "hnsw/hnsw_row_page.h"
#include "hnsw/hnsw_rows.h"
#include "hnsw/hnsw_search.h"
#include "pages/wal.h"

/*
 * What one statement's inserts share, and then those of the next one: to have the
 * memory from the system again took a fifth of the time of one row.
 */
typedef struct HnswInserter
{
	MemoryContext memory;      /* it is in; parent of: */
	MemoryContext context;     /* of the search */
	MemoryContext row_context; /* reset for each row */
	HnswSearch *search;        /* of the index as it was last; or NULL */
	HnswChooser *choosers; /* likewise, of levels; room 0: not needed so far */
	bool busy; /* with a row; where that failed nothing here can be relied on */
} HnswInserter;

/* That of the last statement, unless it was too large; or NULL */
static HnswInserter *spare;

#define SPARE_MEMORY (2 * 1024 * 1024)

/* Memory for most of what a row takes */
#define ROW_MEMORY (64 * 1024)

/* A row that is being inserted */
typedef struct NewRow
{
	Relation index;
	const HnswModel *model;
	HnswInserter *inserter;
	HnswSearch *search; /* the inserter's */
	const void *elems;
	const AttributeRow *attributes;
	ItemPointerData tid;
	HnswNode head; /* hash, and what its record needs */
	char *record;
	uint32 bytes;        /* of the record */
	HnswRecord *scratch; /* those of others */
	HnswLink link;       /* its code */
	const float *row;    /* that the record stands for */
	Buffer rows;         /* a row page that seems to have a free lane, pinned */
} NewRow;

/* Where it goes */
typedef struct InsertPlan
{
	uint32 level;
	bool is_entry;
	HnswId twin; /* an element that equals it, or HNSW_NONE */
} InsertPlan;

/*
 * The row
 */

/* False where it has no place in the index; memory in the current context */
static bool
row_init(NewRow *row)
{
	const HnswModel *model = row->model;
	const HnswMeta *meta = &model->meta;
	const HnswForm *form = hnsw_form(meta);
	float *image = palloc(meta->dim * sizeof(float));

	if (!hnsw_has_place(meta, row->elems))
		return false;
	(void) hnsw_image_set(meta, row->elems, image);
	row->bytes = hnsw_value_record_bytes(meta, row->elems);
	row->record = palloc(row->bytes);
	form->set(meta, row->elems, image, &row->head, row->record);
	(void) form->image(meta, &row->head, row->record, row->bytes, image);
	row->head.hash = hash_bytes(
		row->elems, value_bytes(meta->elem, row->elems, meta->value_dim));
	row->row = image;
	row->scratch = palloc(sizeof(HnswRecord));
	hnsw_record_init(row->scratch, &model->layout);
	return true;
}

/*
 * The model as it is now, and the row's code by it; nobody changes it as long as
 * we hold the meta page's lock.
 */
static void
take_model(NewRow *row)
{
	const HnswMeta *meta;
	CodecShape shape;
	uint8 *code;

	row->model = hnsw_model_get(row->index, NULL);
	meta = &row->model->meta;
	row->link.code = NULL;
	if (!hnsw_writes_codes(meta))
		return;
	shape = hnsw_codec_shape(meta);
	code = palloc(codec_of((CodecKind) meta->codec)->code_bytes(&shape));
	hnsw_code(row->model, row->row, code,
			  palloc(hnsw_code_work(meta) * sizeof(float)));
	row->link.code = code;
}

/* Is an element's value the row's, as far as its head says? */
static bool
has_equal_head(const NewRow *row, const HnswNode *node)
{
	return node->hash == row->head.hash && node->low == row->head.low &&
		node->step == row->head.step;
}

/*
 * Is the node that of an element with the row's value?  Parts were compared when it
 * was found, and stay what they are as long as the node does.
 */
static bool
is_twin(const NewRow *row, const HnswNode *node)
{
	const HnswLayout *layout = &row->model->layout;

	return hnsw_is_node_of(node, 0) && has_equal_head(row, node) &&
		hnsw_record_length(layout, node) == row->bytes &&
		memcmp(HNSW_ARRAY(node, layout->copy, char), row->record,
			   Min(row->bytes, row->model->meta.kept)) == 0;
}

/*
 * The plan
 */

/* What was found is what the candidates are among; freed: slots have been */
static void
expect_found(const NewRow *row, HnswChooser *chooser, bool freed)
{
	const HnswSearch *search = row->search;
	HnswId *ids = palloc(Max(search->nfound, 1) * sizeof(HnswId));

	for (uint32 i = 0; i < search->nfound; i++)
		ids[i] = search->found[i].id;
	hnsw_chooser_expect(chooser, row->model, ids, search->nfound, freed);
}

/* hnsw_record_read(), and the chooser looks at the node, too */
static bool
read_candidate(const NewRow *row, HnswChooser *chooser, HnswId id, uint32 level)
{
	const HnswModel *model = row->model;
	const HnswLayout *layout = &model->layout;
	HnswRecord *found = row->scratch;
	Buffer buffer = hnsw_pin(row->index, model, hnsw_block(layout, id));
	Page page = page_lock(row->index, buffer, HNSW_MAGIC, HNSW_PAGE_NODES);
	const HnswNode *node = hnsw_node(page, layout, id);
	bool is_node = hnsw_is_node_of(node, level);

	if (is_node)
	{
		hnsw_chooser_note(chooser, node);
		hnsw_record_begin(found, model, node);
	}
	UnlockReleaseBuffer(buffer);
	return is_node && hnsw_record_finish(found, row->index, model) &&
		hnsw_form(&model->meta)
			->image(&model->meta, &found->head, found->data, found->bytes,
					hnsw_chooser_next(chooser));
}

/*
 * Candidates among what was found; those that lead to rows, unless there are
 * none.  On the ground, an element that equals the row ends it.
 */
static HnswId
gather_found(const NewRow *row, HnswChooser *chooser, uint32 level, bool freed)
{
	const HnswSearch *search = row->search;
	Size row_bytes = row->model->meta.dim * sizeof(float);

	memcpy(hnsw_chooser_begin(chooser), row->row, row_bytes);
	expect_found(row, chooser, freed);
	hnsw_chooser_own_record(chooser, row->record, row->bytes);
	for (int pass = 0; pass < 2 && chooser->n == 0; pass++)
	{
		uint8 state = pass == 0 ? HNSW_LIVE : HNSW_DEAD;

		for (uint32 i = 0; i < search->nfound && chooser->n < chooser->room;
			 i++)
		{
			HnswId id = search->found[i].id;
			HnswRecord *found = row->scratch;

			CHECK_FOR_INTERRUPTS();
			if (!read_candidate(row, chooser, id, level))
				continue;
			if (level == 0 && has_equal_head(row, &found->head) &&
				found->bytes == row->bytes &&
				memcmp(found->data, row->record, row->bytes) == 0)
				return id;
			if (found->head.state != state)
				continue;
			hnsw_chooser_next_record(chooser, found->data, found->bytes);
			hnsw_chooser_add(chooser, id);
		}
	}
	return HNSW_NONE;
}

/* Without candidates; memory of the inserter's */
static HnswChooser *
begin_level(const NewRow *row, uint32 level)
{
	HnswChooser *chooser = &row->inserter->choosers[level];
	const HnswMeta *meta = &row->search->meta;

	if (chooser->room == 0)
	{
		MemoryContext old = MemoryContextSwitchTo(row->inserter->context);

		hnsw_chooser_init(chooser, meta, meta->dim, meta->ef_construction);
		MemoryContextSwitchTo(old);
	}
	(void) hnsw_chooser_begin(chooser);
	return chooser;
}

/* Search, and choose links level by level */
static void
make_plan(const NewRow *row, InsertPlan *plan)
{
	const HnswMeta *meta = &row->model->meta;
	uint32 wanted = hnsw_level(&row->tid, meta->m);
	HnswState state;

	memset(plan, 0, sizeof(*plan));
	plan->twin = HNSW_NONE;
	if (!hnsw_search_descend(row->search, wanted, meta->ef_construction,
							 &state))
	{
		(void) begin_level(row, 0);
		plan->is_entry = true;
		return;
	}
	state.top_level = Min(state.top_level, HNSW_MAX_LEVEL);
	plan->level = Min(wanted, Min(state.top_level + 1, HNSW_MAX_LEVEL));
	plan->is_entry = plan->level > state.top_level;
	if (plan->is_entry)
		(void) begin_level(row, plan->level);
	for (int at = Min(wanted, state.top_level); at >= 0; at--)
	{
		HnswChooser *chooser = begin_level(row, at);

		hnsw_search_level(row->search, at, meta->ef_construction);
		plan->twin = gather_found(row, chooser, at, state.freed != 0);
		hnsw_choose(chooser);
	}
	/* the entry leads nowhere */
	if (row->search->nfound == 0)
	{
		plan->is_entry = true;
		plan->level = 0;
	}
}

/*
 * Its lane.  What the TID goes into is locked, and then the row page; where others
 * have taken its last lane, all is let go of, and another page looked for.
 */

static void
find_lane(NewRow *row)
{
	row->rows = hnsw_row_space(row->index, row->model);
}

/* A free lane, and the page is locked; or -1 */
static int
lock_lane(const NewRow *row)
{
	return hnsw_row_lock(row->rows, &row->model->layout);
}

static void
write_lane(const NewRow *row, PageEdit *edit, int lane, HnswId ground)
{
	HnswRow written = {.tid = row->tid,
					   .ground = ground,
					   .code = row->link.code,
					   .attributes = row->attributes};

	hnsw_row_set(edit_page(edit, row->rows), row->model, lane, &written);
}

static void
unlock_lane(const NewRow *row)
{
	LockBuffer(row->rows, BUFFER_LOCK_UNLOCK);
}

/*
 * An element that is there
 */

/* The element is exclusively locked: put the TID into its head, if there is room */
static bool
add_in_head(const NewRow *row, Buffer buffer, HnswId id)
{
	const HnswLayout *layout = &row->model->layout;
	const HnswNode *node = hnsw_node(BufferGetPage(buffer), layout, id);
	int lane;
	PageEdit edit;
	HnswNode *changed;

	if (node->ntids >= HNSW_TIDS)
		return false;
	lane = lock_lane(row);
	if (lane < 0)
		return false;
	edit = edit_begin(row->index);
	changed = hnsw_edit_node(&edit, layout, buffer, id);
	changed->state = HNSW_LIVE;
	changed->tids[changed->ntids++] = row->tid;
	changed->error = Max(changed->error, row->head.error);
	write_lane(row, &edit, lane, id);
	edit_finish(&edit);
	unlock_lane(row);
	return true;
}

/* Exclusively, in the order of blocks; they may be one */
static void
lock_both(Buffer a, Buffer b)
{
	bool ascending = BufferGetBlockNumber(a) < BufferGetBlockNumber(b);

	LockBuffer(ascending ? a : b, BUFFER_LOCK_EXCLUSIVE);
	if (a != b)
		LockBuffer(ascending ? b : a, BUFFER_LOCK_EXCLUSIVE);
}

static void
unlock_both(Buffer a, Buffer b)
{
	LockBuffer(a, BUFFER_LOCK_UNLOCK);
	if (a != b)
		LockBuffer(b, BUFFER_LOCK_UNLOCK);
}

/* Pin the page of a slot that something leads to */
static Buffer
pin_slot(const NewRow *row, HnswId id)
{
	Buffer buffer =
		page_read(row->index, hnsw_block(&row->model->layout, id), HNSW_MAGIC,
				  HNSW_PAGE_NODES, BUFFER_LOCK_SHARE, NULL);

	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	return buffer;
}

/*
 * Put the TID into a slot of TIDs: the first one of the element, or one that is
 * free and becomes the first one.  Both pages are exclusively locked.  False where
 * there is no lane for it.
 */
static bool
write_more(const NewRow *row, Buffer buffer, HnswId id, Buffer slot_buffer,
		   HnswId slot_id)
{
	const HnswLayout *layout = &row->model->layout;
	const HnswNode *node = hnsw_node(BufferGetPage(buffer), layout, id);
	bool is_new = PageIsNew(BufferGetPage(slot_buffer));
	int lane = lock_lane(row);
	PageEdit edit;
	Page page;
	HnswMore *slot;

	if (lane < 0)
		return false;
	edit = edit_begin(row->index);
	page = is_new ? edit_new_page(&edit, slot_buffer)
				  : edit_page(&edit, slot_buffer);
	slot = (HnswMore *) hnsw_node(page, layout, slot_id);
	if (is_new)
		page_init(page, HNSW_MAGIC, HNSW_PAGE_NODES, 0);
	if (slot->state == HNSW_FREE)
	{
		slot->state = HNSW_MORE;
		slot->ground = id;
		slot->next = node->more;
	}
	slot->tids[slot->ntids++] = row->tid;
	if (node->more != slot_id || node->error < row->head.error)
	{
		HnswNode *changed = hnsw_node(edit_page(&edit, buffer), layout, id);

		changed->more = slot_id;
		changed->error = Max(changed->error, row->head.error);
	}
	write_lane(row, &edit, lane, id);
	edit_finish(&edit);
	unlock_lane(row);
	return true;
}

/* The first slot of the element has room: true, and the TID is in it */
static bool
add_in_first_slot(const NewRow *row, Buffer buffer, HnswId id, HnswId first)
{
	const HnswLayout *layout = &row->model->layout;
	Buffer slot_buffer = pin_slot(row, first);
	const HnswMore *slot =
		(HnswMore *) hnsw_node(BufferGetPage(slot_buffer), layout, first);
	const HnswNode *node = hnsw_node(BufferGetPage(buffer), layout, id);
	bool added;

	lock_both(buffer, slot_buffer);
	added = is_twin(row, node) && node->more == first &&
		slot->state == HNSW_MORE && slot->ground == id &&
		slot->ntids < layout->more &&
		write_more(row, buffer, id, slot_buffer, first);
	unlock_both(buffer, slot_buffer);
	ReleaseBuffer(slot_buffer);
	return added;
}

/* A further slot becomes the first: true, unless the chain has changed */
static bool
add_in_new_slot(const NewRow *row, Buffer buffer, HnswId id, HnswId first)
{
	const HnswLayout *layout = &row->model->layout;
	const HnswNode *node = hnsw_node(BufferGetPage(buffer), layout, id);
	bool is_new;
	Buffer slot_buffer = hnsw_space(row->index, row->model, &is_new);
	Page page = BufferGetPage(slot_buffer);
	bool added = false;

	LockBuffer(slot_buffer, BUFFER_LOCK_UNLOCK);
	lock_both(buffer, slot_buffer);
	if (is_twin(row, node) && node->more == first)
	{
		int slot = PageIsNew(page) ? 0 : hnsw_free_slot(page, layout);

		added = slot >= 0 &&
			write_more(
					row, buffer, id, slot_buffer,
					hnsw_id(layout, BufferGetBlockNumber(slot_buffer), slot));
	}
	unlock_both(buffer, slot_buffer);
	ReleaseBuffer(slot_buffer);
	return added;
}

/* False where the element is not the row's, or not there any more */
static bool
add_tid(NewRow *row, HnswId id)
{
	Buffer buffer = pin_slot(row, id);
	const HnswNode *node =
		hnsw_node(BufferGetPage(buffer), &row->model->layout, id);
	bool twin;

	for (bool added = false; !added;)
	{
		HnswId first;

		CHECK_FOR_INTERRUPTS();
		find_lane(row);
		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		twin = is_twin(row, node);
		added = !twin || add_in_head(row, buffer, id);
		first = node->more;
		LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
		if (!added && first != HNSW_NONE)
			added = add_in_first_slot(row, buffer, id, first);
		if (!added)
			added = add_in_new_slot(row, buffer, id, first);
		ReleaseBuffer(row->rows);
	}
	ReleaseBuffer(buffer);
	return twin;
}

/*
 * A new element
 */

/* Names that a node of the element needs to know, or HNSW_NONE */
typedef struct NewNode
{
	HnswId below;
	HnswId ground;
	HnswId parts; /* the first one */
	HnswId held;  /* the slot where it goes */
} NewNode;

/* What the row says of a node, but for its links; next: its first part */
static void
describe_node(const NewRow *row, HnswNode *node, uint32 level, HnswId next)
{
	const HnswLayout *layout = &row->model->layout;

	hnsw_node_init(node, layout, level);
	node->hash = row->head.hash;
	node->error = row->head.error;
	node->low = row->head.low;
	node->step = row->head.step;
	node->sum = row->head.sum;
	node->squares = row->head.squares;
	hnsw_record_put(node, row->model, row->record, row->bytes, next);
	if (level == 0)
		node->tids[node->ntids++] = row->tid;
}

/*
 * A page with a free slot, locked; and where meta is wanted, the meta page's
 * buffer, which is locked first.
 */
static Buffer
lock_space(const NewRow *row, Buffer *meta)
{
	for (;;)
	{
		bool is_new;
		Buffer buffer = hnsw_space(row->index, row->model, &is_new);
		Page page = BufferGetPage(buffer);

		if (meta == NULL)
			return buffer;
		LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
		*meta = page_read(row->index, HNSW_META_BLOCK, HNSW_MAGIC,
						  HNSW_PAGE_META, BUFFER_LOCK_EXCLUSIVE, NULL);
		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		if (PageIsNew(page) || hnsw_free_slot(page, &row->model->layout) >= 0)
			return buffer;
		UnlockReleaseBuffer(buffer);
		UnlockReleaseBuffer(*meta);
		CHECK_FOR_INTERRUPTS();
	}
}

/* The same for the page of a slot that is ours already */
static Buffer
lock_held(const NewRow *row, HnswId held, Buffer *meta)
{
	if (meta != NULL)
		*meta = page_read(row->index, HNSW_META_BLOCK, HNSW_MAGIC,
						  HNSW_PAGE_META, BUFFER_LOCK_EXCLUSIVE, NULL);
	return page_read(row->index, hnsw_block(&row->model->layout, held),
					 HNSW_MAGIC, HNSW_PAGE_NODES, BUFFER_LOCK_EXCLUSIVE, NULL);
}

/* The name of a free slot of a page that has one, or is new */
static HnswId
free_name(const HnswLayout *layout, Buffer buffer)
{
	Page page = BufferGetPage(buffer);

	return hnsw_id(layout, BufferGetBlockNumber(buffer),
				   PageIsNew(page) ? 0 : hnsw_free_slot(page, layout));
}

static HnswNode *
edit_slot(PageEdit *edit, const HnswLayout *layout, Buffer buffer, HnswId id)
{
	Page page;

	if (!PageIsNew(BufferGetPage(buffer)))
		return hnsw_edit_node(edit, layout, buffer, id);
	page = edit_new_page(edit, buffer);
	page_init(page, HNSW_MAGIC, HNSW_PAGE_NODES, 0);
	return hnsw_node(page, layout, id);
}

/* A free slot becomes a part, or is held; its name */
static HnswId
write_slot(const NewRow *row, HnswId ground, HnswId next, uint32 ordinal)
{
	const HnswLayout *layout = &row->model->layout;
	Buffer buffer = lock_space(row, NULL);
	HnswId id = free_name(layout, buffer);
	PageEdit edit = edit_begin(row->index);
	HnswNode *slot = edit_slot(&edit, layout, buffer, id);

	if (ground == HNSW_NONE)
		slot->state = HNSW_HELD;
	else
		hnsw_part_put((HnswPart *) slot, row->model, ground, next, ordinal,
					  row->record, row->bytes);
	edit_finish(&edit);
	UnlockReleaseBuffer(buffer);
	return id;
}

/* Parts beside the first; the name of the first of them, or HNSW_NONE */
static HnswId
write_parts(const NewRow *row, HnswId ground, uint32 nparts)
{
	HnswId next = HNSW_NONE;

	for (uint32 ordinal = nparts; ordinal > 0; ordinal--)
		next = write_slot(row, ground, next, ordinal);
	return next;
}

/* And on the ground a lane */
static Buffer
lock_with_lane(NewRow *row, HnswId held, Buffer *meta, int *lane)
{
	for (;;)
	{
		Buffer buffer;

		find_lane(row);
		buffer = held == HNSW_NONE ? lock_space(row, meta)
								   : lock_held(row, held, meta);
		*lane = lock_lane(row);
		if (*lane >= 0)
			return buffer;
		UnlockReleaseBuffer(buffer);
		if (meta != NULL)
			UnlockReleaseBuffer(*meta);
		ReleaseBuffer(row->rows);
		CHECK_FOR_INTERRUPTS();
	}
}

/*
 * Write a node of the element into a free slot, or that which is held; its name.
 * The entry is one from the moment on in which it is there.
 */
static HnswId
write_node(NewRow *row, uint32 level, const NewNode *new,
		   const HnswLinks *links, bool is_entry)
{
	const HnswModel *model = row->model;
	const HnswLayout *layout = &model->layout;
	Buffer meta = InvalidBuffer;
	Buffer *wanted = is_entry ? &meta : NULL;
	int lane = -1;
	Buffer buffer = level > 0 ? lock_space(row, wanted)
							  : lock_with_lane(row, new->held, wanted, &lane);
	HnswId id = new->held == HNSW_NONE ? free_name(layout, buffer) : new->held;
	PageEdit edit = edit_begin(row->index);
	HnswNode *node = edit_slot(&edit, layout, buffer, id);

	describe_node(row, node, level, new->parts);
	node->below = new->below;
	node->ground = level == 0 ? id : new->ground;
	for (uint32 i = 0; i < links->n; i++)
		hnsw_link_set(node, model, i, &links->links[i]);
	if (is_entry)
	{
		HnswState *state = hnsw_state(edit_page(&edit, meta));

		state->entry = id;
		state->top_level = level;
	}
	if (level == 0)
		write_lane(row, &edit, lane, id);
	edit_finish(&edit);
	if (level == 0)
		UnlockReleaseBuffer(row->rows);
	UnlockReleaseBuffer(buffer);
	if (is_entry)
		UnlockReleaseBuffer(meta);
	return id;
}

static void
add_element(NewRow *row, const InsertPlan *plan)
{
	uint32 nparts =
		hnsw_count_parts(&row->model->meta, &row->model->layout, row->bytes);
	NewNode new = {HNSW_NONE, HNSW_NONE, HNSW_NONE, HNSW_NONE};

	if (nparts > 0)
	{
		new.held = write_slot(row, HNSW_NONE, HNSW_NONE, 0);
		new.parts = write_parts(row, new.held, nparts);
	}
	for (uint32 at = 0; at <= plan->level; at++)
	{
		const HnswChooser *chooser = &row->inserter->choosers[at];
		HnswLinks links = hnsw_chosen_links(chooser, row->model);
		HnswLink link = row->link;

		new.below = link.id = write_node(row, at, &new, &links,
										 plan->is_entry && at == plan->level);
		if (at == 0)
			new.ground = link.id;
		new.held = HNSW_NONE;
		hnsw_link_back(row->index, row->model, at, &link, chooser);
	}
}

/*
 * Who changes the entry does so alone: of two first elements, the second one
 * finds the first.
 */
static void
insert_row(NewRow *row)
{
	LOCKMODE lock = ShareLock;

	for (bool done = false; !done;)
	{
		InsertPlan plan;

		LockPage(row->index, HNSW_META_BLOCK, lock);
		take_model(row);
		make_plan(row, &plan);
		if (plan.is_entry && lock == ShareLock)
		{
			UnlockPage(row->index, HNSW_META_BLOCK, lock);
			lock = ExclusiveLock;
			continue;
		}
		/* an element that has just been taken away is not found again */
		if (plan.twin != HNSW_NONE)
			done = add_tid(row, plan.twin);
		else
		{
			add_element(row, &plan);
			done = true;
		}
		UnlockPage(row->index, HNSW_META_BLOCK, lock);
	}
}

/* elems are in no memory that the search's context owns */
static bool
insert_elems(Relation index, HnswInserter *inserter, const void *elems,
			 const AttributeRow *attributes, ItemPointer tid)
{
	HnswSearch *search = inserter->search;
	NewRow row = {.index = index,
				  .inserter = inserter,
				  .search = search,
				  .elems = elems,
				  .attributes = attributes,
				  .tid = *tid};

	hnsw_model_follow(index);
	row.model = hnsw_model_get(index, NULL);
	if (!row_init(&row))
		return false;
	search->index = index;
	(void) hnsw_search_set_elems(search, elems);
	insert_row(&row);
	return true;
}

/*
 * The callback
 */

static HnswInserter *
new_inserter(void)
{
	MemoryContext memory = AllocSetContextCreate(
		TopMemoryContext, "hnsw inserter", ALLOCSET_SMALL_SIZES);
	HnswInserter *inserter =
		MemoryContextAllocZero(memory, sizeof(HnswInserter));

	inserter->memory = memory;
	inserter->context = AllocSetContextCreate(memory, "hnsw insert search",
											  ALLOCSET_DEFAULT_SIZES);
	inserter->row_context =
		AllocSetContextCreate(memory, "hnsw insert", ROW_MEMORY, ROW_MEMORY,
							  ALLOCSET_DEFAULT_MAXSIZE);
	return inserter;
}

/* The statement has ended, well or not */
static void
release_inserter(void *arg)
{
	HnswInserter *inserter = arg;

	if (spare == NULL && !inserter->busy &&
		MemoryContextMemAllocated(inserter->memory, true) <= SPARE_MEMORY)
		spare = inserter;
	else
		MemoryContextDelete(inserter->memory);
}

static HnswInserter *
get_inserter(IndexInfo *info)
{
	HnswInserter *inserter = info->ii_AmCache;
	MemoryContextCallback *callback;

	if (inserter != NULL)
		return inserter;
	callback =
		MemoryContextAlloc(info->ii_Context, sizeof(MemoryContextCallback));
	inserter = spare == NULL ? new_inserter() : spare;
	spare = NULL;
	*callback =
		(MemoryContextCallback){.func = release_inserter, .arg = inserter};
	MemoryContextRegisterResetCallback(info->ii_Context, callback);
	info->ii_AmCache = inserter;
	return inserter;
}

static const void *
indexed_elems(const HnswMeta *meta, Datum value)
{
	const void *elems = value_elems(meta->elem, value, meta->value_dim);

	hnsw_check_value(meta, elems);
	return elems;
}

/* Search and choosers are those of the index as it is now */
static void
follow_index(HnswInserter *inserter, Relation index)
{
	const HnswModel *model = hnsw_model_get(index, NULL);
	MemoryContext old;

	if (inserter->search != NULL &&
		memcmp(&inserter->search->meta, &model->meta, sizeof(HnswMeta)) == 0)
		return;
	inserter->search = NULL;
	MemoryContextReset(inserter->context);
	old = MemoryContextSwitchTo(inserter->context);
	inserter->choosers = palloc0((HNSW_MAX_LEVEL + 1) * sizeof(HnswChooser));
	inserter->search = hnsw_search_new(index);
	MemoryContextSwitchTo(old);
}

bool
hnsw_insert_elems(Relation index, IndexInfo *info, const void *elems,
				  const AttributeRow *attributes, ItemPointer tid)
{
	HnswInserter *inserter = get_inserter(info);
	bool inserted;

	inserter->busy = true;
	follow_index(inserter, index);
	inserted = insert_elems(index, inserter, elems, attributes, tid);
	inserter->busy = false;
	return inserted;
}

bool
hnsw_insert(Relation index, Datum *values, bool *isnull, ItemPointer tid,
			Relation heap, IndexUniqueCheck unique, bool unchanged,
			IndexInfo *info)
{
	HnswInserter *inserter;
	AttributeRow attributes;
	MemoryContext old;

	if (isnull[0])
		return false;
	inserter = get_inserter(info);
	inserter->busy = true;
	old = MemoryContextSwitchTo(inserter->row_context);
	follow_index(inserter, index);
	attribute_row_set(&attributes, index, inserter->search->meta.kinds,
					  inserter->search->meta.ncolumns, values, isnull);
	(void) insert_elems(index, inserter,
						indexed_elems(&inserter->search->meta, values[0]),
						&attributes, tid);
	MemoryContextSwitchTo(old);
	MemoryContextReset(inserter->row_context);
	inserter->busy = false;
	return false;
}
