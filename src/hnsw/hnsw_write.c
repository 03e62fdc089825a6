/*
 * hnsw_write.c
 *	  Writes the pages of an index that is being built.
 *
 * Behind the model the row pages; the nodes of the ground, in the order of elements;
 * those of the level above, and so on; then parts of records; then the slots with
 * more TIDs.  So a node's name follows from its place.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"

#include "graph/graph.h"
#include "hnsw/hnsw_encode.h"
#include "hnsw/hnsw_node.h"
#include "hnsw/hnsw_record.h"
#include "hnsw/hnsw_row_page.h"
#include "hnsw/hnsw_row_write.h"
#include "hnsw/hnsw_write.h"
#include "pages/wal.h"

/* Blocks in a range */
#define WRITTEN_BLOCKS 64
#define LOGGED_BLOCKS 1024

typedef struct Writer
{
	Relation index;
	const HnswModel *model; /* without hints */
	const HnswForm *form;
	uint32 lowest;       /* the level that the first of these is */
	const HnswId *first; /* names of levels; the last: of parts */
	const uint32 *parts; /* before those of an element; NULL: there are none */
	char *record;        /* room for one */
	HnswGraph graph;
	HnswRows rows;
	const HnswUpper *upper; /* by first_tid; NULL: from the ground up */
	const uint8 *codes;     /* of the elements; NULL where there are none */
	Size code_bytes;

	/* more TIDs of the elements before this one end before this name */
	uint32 element;
	HnswId next_more;
} Writer;

static Buffer
new_page(Relation index, ForkNumber fork, uint16 kind)
{
	Buffer buffer = wal_extend(index, fork);

	page_init(BufferGetPage(buffer), HNSW_MAGIC, kind, 0);
	return buffer;
}

static void
end_page(Buffer buffer)
{
	MarkBufferDirty(buffer);
	UnlockReleaseBuffer(buffer);
}

/* floats: NULL where they are to be learned yet: zeros */
static void
write_model(Relation index, ForkNumber fork, Size nfloats, const float *floats)
{
	Size bytes = nfloats * sizeof(float);

	for (Size at = 0; at < bytes; at += PAGE_ROOM)
	{
		Buffer buffer = new_page(index, fork, HNSW_PAGE_MODEL);

		if (floats != NULL)
			memcpy(page_room(BufferGetPage(buffer)), (const char *) floats + at,
				   Min(bytes - at, PAGE_ROOM));
		end_page(buffer);
	}
}

/*
 * Nodes
 */

/* The element in a place of a level */
static uint32
member(const HnswLevel *level, uint32 place)
{
	return level->members == NULL ? place : level->members[place];
}

static void
set_links(Writer *writer, HnswNode *node, uint32 at, uint32 place)
{
	const HnswLevel *level = &writer->graph.levels[at];
	uint32 degree = writer->model->meta.degree;
	const uint32 *neighbours = level->neighbours + (Size) place * degree;

	for (uint32 i = 0; i < degree && neighbours[i] != GRAPH_NONE; i++)
	{
		uint32 element = member(level, neighbours[i]);
		HnswLink link = {.id = writer->first[at] + neighbours[i]};

		if (writer->codes != NULL)
			link.code = writer->codes + element * writer->code_bytes;
		hnsw_link_set(node, writer->model, i, &link);
	}
}

/* Slots of more that the TIDs of an element take */
static uint32
count_more(const Writer *writer, const HnswElement *element)
{
	uint32 more = writer->model->layout.more;

	return element->ntids <= HNSW_TIDS
		? 0
		: (element->ntids - HNSW_TIDS + more - 1) / more;
}

/* TIDs of element i; those of all before it have been passed */
static void
set_tids(Writer *writer, HnswNode *node, uint32 i)
{
	const HnswElement *elements = writer->rows.elements;

	for (; writer->element < i; writer->element++)
		writer->next_more += count_more(writer, &elements[writer->element]);
	node->ntids = Min(elements[i].ntids, HNSW_TIDS);
	memcpy(node->tids, writer->rows.tids + elements[i].first_tid,
		   node->ntids * sizeof(ItemPointerData));
	if (count_more(writer, &elements[i]) > 0)
		node->more = writer->next_more;
}

/* Where an element is among those of a level, which it is one of */
static uint32
place_of(const HnswLevel *level, uint32 element)
{
	uint32 low = 0;
	uint32 high = level->n;

	if (level->members == NULL)
		return element;
	while (high - low > 1)
	{
		uint32 middle = low + (high - low) / 2;

		if (level->members[middle] <= element)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* The name of an element's first part */
static HnswId
part_name(const Writer *writer, uint32 element)
{
	return writer->first[writer->graph.nlevels] + writer->parts[element];
}

/* A part of some element's record */
static void
write_part(Writer *writer, HnswPart *slot, HnswId id)
{
	uint32 part = id - writer->first[writer->graph.nlevels];
	uint32 low = 0;
	uint32 high = writer->rows.n;
	uint32 ordinal;
	HnswNode head;
	Size length;

	/* the last element whose parts do not begin behind it */
	while (high - low > 1)
	{
		uint32 middle = low + (high - low) / 2;

		if (writer->parts[middle] <= part)
			low = middle;
		else
			high = middle;
	}
	ordinal = part - writer->parts[low] + 1;
	length = hnsw_set_record(writer->form, &writer->rows, low, &head,
							 writer->record);
	hnsw_part_put(slot, writer->model, writer->first[0] + low,
				  part + 1 < writer->parts[low + 1] ? id + 1 : HNSW_NONE,
				  ordinal, writer->record, length);
}

static void
write_node(Writer *writer, HnswNode *node, uint32 at, uint32 place)
{
	const HnswLayout *layout = &writer->model->layout;
	const HnswRows *rows = &writer->rows;
	uint32 element = member(&writer->graph.levels[at], place);
	Size length;
	HnswId next = HNSW_NONE;

	hnsw_node_init(node, layout, writer->lowest + at);
	node->ground = writer->upper != NULL
		? writer->upper[rows->elements[element].first_tid].ground
		: writer->first[0] + element;
	node->hash = rows->elements[element].hash;
	length = hnsw_set_record(writer->form, rows, element, node, writer->record);
	if (length > writer->model->meta.kept)
		next = part_name(writer, element);
	hnsw_record_put(node, writer->model, writer->record, length, next);
	if (at > 0)
		node->below = writer->first[at - 1] +
			place_of(&writer->graph.levels[at - 1], element);
	else if (writer->upper != NULL)
		node->below = writer->upper[rows->elements[element].first_tid].below;
	else
		set_tids(writer, node, element);
	set_links(writer, node, at, place);
}

/* The nodes of a block, from the name of its first slot on */
static void
write_block(Writer *writer, BlockNumber blkno)
{
	const HnswLayout *layout = &writer->model->layout;
	HnswId id = hnsw_id(layout, blkno, 0);
	HnswId first_part = writer->first[writer->graph.nlevels];
	HnswId end =
		Min(id + layout->slots,
			first_part +
				(writer->parts == NULL ? 0 : writer->parts[writer->rows.n]));
	Buffer buffer = ReadBufferExtended(writer->index, MAIN_FORKNUM, blkno,
									   RBM_ZERO_AND_LOCK, NULL);
	Page page = BufferGetPage(buffer);
	uint32 at = 0;

	page_init(page, HNSW_MAGIC, HNSW_PAGE_NODES, 0);
	for (; id < end; id++)
	{
		if (id >= first_part)
		{
			write_part(writer, (HnswPart *) hnsw_node(page, layout, id), id);
			continue;
		}
		while (id >= writer->first[at + 1])
			at++;
		write_node(writer, hnsw_node(page, layout, id), at,
				   id - writer->first[at]);
	}
	end_page(buffer);
}

static Writer
writer_of(HnswTeam *team)
{
	const HnswModel *model = hnsw_team_array(team, HNSW_MODEL);
	const Codec *codec = codec_of((CodecKind) model->meta.codec);
	CodecShape shape = hnsw_codec_shape(&model->meta);
	const HnswPlan *plan = &team->plan;

	return (Writer){.index = team->index,
					.model = model,
					.form = hnsw_form(&model->meta),
					.lowest = plan->lowest,
					.first = plan->first + plan->lowest,
					.parts = hnsw_team_array(team, HNSW_PART_STARTS),
					.record = palloc(model->layout.longest),
					.graph = hnsw_graph_of(team),
					.rows = hnsw_rows_of(team),
					.upper = hnsw_team_array(team, HNSW_UPPER),
					.codes = hnsw_team_array(team, HNSW_CODES),
					.code_bytes = codec == NULL ? 0 : codec->code_bytes(&shape),
					.next_more = plan->first_more};
}

/* Ranges of a process ascend, and so does what its writer has passed */
void
hnsw_write_job(HnswTeam *team)
{
	Writer writer = writer_of(team);
	BlockNumber begin = hnsw_block(&writer.model->layout, writer.first[0]);
	uint32 first;
	uint32 end;

	while (hnsw_team_claim(team, &first, &end))
	{
		for (uint32 i = first; i < end; i++)
			write_block(&writer, begin + i);
	}
}

HnswId
hnsw_write_more(HnswTeam *team, HnswId ground, const ItemPointerData *tids,
				uint32 n, HnswId id)
{
	const HnswModel *model = hnsw_team_array(team, HNSW_MODEL);
	const HnswLayout *layout = &model->layout;

	for (uint32 at = 0; at < n; at += layout->more)
	{
		Buffer buffer = ReadBuffer(team->index, hnsw_block(layout, id));
		Page page = BufferGetPage(buffer);
		HnswMore *more = (HnswMore *) hnsw_node(page, layout, id++);

		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		if (PageIsNew(page))
			page_init(page, HNSW_MAGIC, HNSW_PAGE_NODES, 0);
		more->state = HNSW_MORE;
		more->ground = ground;
		more->ntids = Min(n - at, layout->more);
		more->next = at + layout->more < n ? id : HNSW_NONE;
		memcpy(more->tids, tids + at, more->ntids * sizeof(ItemPointerData));
		end_page(buffer);
		CHECK_FOR_INTERRUPTS();
	}
	return id;
}

/* The slots with more TIDs of all elements */
static void
write_all_more(HnswTeam *team, const HnswRows *rows, HnswId id)
{
	HnswId first = team->plan.first[0];

	for (uint32 i = 0; i < rows->n; i++)
	{
		const HnswElement *element = &rows->elements[i];

		if (element->ntids > HNSW_TIDS)
			id = hnsw_write_more(team, first + i,
								 rows->tids + element->first_tid + HNSW_TIDS,
								 element->ntids - HNSW_TIDS, id);
	}
}

/* Where the parts of elements begin, if records have any; how many there are */
static uint32
count_parts(HnswTeam *team, const HnswModel *model)
{
	HnswRows rows = hnsw_rows_of(team);
	uint32 *starts;
	uint32 n = 0;

	if (model->layout.tail == 0)
		return 0;
	starts = hnsw_team_allocate(team, HNSW_PART_STARTS,
								(rows.n + 1) * sizeof(uint32));
	for (uint32 i = 0; i < rows.n; i++)
	{
		const void *value =
			rows.values == NULL ? NULL : hnsw_rows_value(&rows, i);

		starts[i] = n;
		n += hnsw_count_parts(rows.meta, &model->layout,
							  hnsw_value_record_bytes(rows.meta, value));
	}
	starts[rows.n] = n;
	return n;
}

/* Write the nodes from the next block on; the entry is set */
static void
write_nodes(HnswTeam *team, HnswState *state)
{
	HnswPlan *plan = &team->plan;
	const HnswModel *model = hnsw_team_array(team, HNSW_MODEL);
	const HnswLayout *layout = &model->layout;
	HnswId *first = plan->first + plan->lowest;
	Writer writer;
	HnswId end;
	BlockNumber nblocks;

	state->space = RelationGetNumberOfBlocks(team->index);
	if (plan->nlevels == 0)
		return;
	first[0] = hnsw_id(layout, state->space, 0);
	for (uint32 at = 0; at < plan->nlevels; at++)
		first[at + 1] = first[at] + plan->nmembers[at];
	state->entry = first[plan->nlevels - 1];
	state->top_level = plan->lowest + plan->nlevels - 1;

	plan->first_more = first[plan->nlevels] + count_parts(team, model);
	writer = writer_of(team);
	end = plan->first_more;
	nblocks = hnsw_block(layout, end - 1) + 1 - state->space;
	for (uint32 i = 0; i < plan->nrows; i++)
		end += count_more(&writer, &writer.rows.elements[i]);
	wal_extend_run(team->index, MAIN_FORKNUM,
				   hnsw_block(layout, end - 1) + 1 - state->space);
	hnsw_team_run(team, HNSW_JOB_WRITE, nblocks, WRITTEN_BLOCKS);
	state->space = hnsw_block(layout, end - 1);
	write_all_more(team, &writer.rows, plan->first_more);
}

/* The rows in memory, by their TIDs */
static void
write_rows(HnswTeam *team)
{
	HnswRows rows = hnsw_rows_of(team);
	HnswRowPlace *places = hnsw_team_allocate(
		team, HNSW_ROW_PLACES, rows.ntids * hnsw_row_place_bytes(rows.meta));
	uint32 n = 0;

	for (uint32 i = 0; i < rows.n; i++)
	{
		const HnswElement *element = &rows.elements[i];

		for (uint32 j = 0; j < element->ntids; j++)
		{
			uint32 at = element->first_tid + j;
			HnswRowPlace *place = hnsw_row_place(rows.meta, places, n++);

			place->tid = rows.tids[at];
			place->element = i;
			if (rows.attributes != NULL)
				memcpy(place->attributes,
					   rows.attributes + at * rows.attribute_bytes,
					   rows.attribute_bytes);
		}
	}
	hnsw_write_rows(team, n);
}

/* The meta page, which says of itself to be no index yet */
static Buffer
begin_meta(Relation index, ForkNumber fork)
{
	Buffer buffer = new_page(index, fork, HNSW_PAGE_META);

	MarkBufferDirty(buffer);
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	return buffer;
}

static void
end_meta(Buffer buffer, const HnswMeta *meta, const HnswState *state)
{
	HnswState *written = hnsw_state(BufferGetPage(buffer));

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	hnsw_meta_put(BufferGetPage(buffer), meta);
	*written = *state;
	written->row_space = meta->rows;
	end_page(buffer);
}

void
hnsw_write_empty(Relation index, ForkNumber fork, HnswMeta *meta)
{
	HnswState state = {.entry = HNSW_NONE};
	Buffer buffer = begin_meta(index, fork);
	Buffer rows;

	if (meta->codec != CODEC_NONE)
		meta->model = BufferGetBlockNumber(buffer) + 1;
	write_model(index, fork, hnsw_floats(meta), NULL);
	rows = wal_extend(index, fork);
	hnsw_row_page_init(BufferGetPage(rows));
	meta->rows = BufferGetBlockNumber(rows);
	end_page(rows);
	state.space = RelationGetNumberOfBlocksInFork(index, fork);
	end_meta(buffer, meta, &state);
}

Buffer
hnsw_write_begin(HnswTeam *team, const float *floats)
{
	HnswMeta *meta = &team->plan.meta;
	Size nfloats = hnsw_floats(meta);
	Buffer buffer = begin_meta(team->index, MAIN_FORKNUM);
	HnswPlan *plan = &team->plan;
	HnswLayout layout;
	HnswModel *model;

	if (meta->codec != CODEC_NONE)
		meta->model = BufferGetBlockNumber(buffer) + 1;
	write_model(team->index, MAIN_FORKNUM, nfloats, floats);
	hnsw_layout_init(&layout, meta);
	plan->nrow_pages =
		hnsw_row_pages(&layout, Max(plan->ntids, plan->nspilled));
	meta->rows = wal_extend_run(team->index, MAIN_FORKNUM, plan->nrow_pages);
	model = hnsw_team_allocate(team, HNSW_MODEL,
							   offsetof(HnswModel, floats) +
								   nfloats * sizeof(float));
	model->meta = *meta;
	model->nhints = 0;
	model->layout = layout;
	if (floats != NULL)
		memcpy(model->floats, floats, nfloats * sizeof(float));
	else
		memset(model->floats, 0, nfloats * sizeof(float));
	return buffer;
}

void
hnsw_write_levels(HnswTeam *team, HnswState *state)
{
	write_nodes(team, state);
	if (team->plan.lowest == 0)
		write_rows(team);
	hnsw_team_free(team, HNSW_PART_STARTS);
	hnsw_team_free(team, HNSW_CODES);
}

void
hnsw_write_end(HnswTeam *team, Buffer buffer, const HnswState *state)
{
	end_meta(buffer, &team->plan.meta, state);
	hnsw_team_free(team, HNSW_MODEL);
}

void
hnsw_write_calibrations(Relation index, const HnswMeta *meta)
{
	Buffer buffer = page_read(index, HNSW_META_BLOCK, HNSW_MAGIC,
							  HNSW_PAGE_META, BUFFER_LOCK_EXCLUSIVE, NULL);
	HnswMeta *written = (HnswMeta *) page_room(BufferGetPage(buffer));

	memcpy(written->calibrations, meta->calibrations,
		   sizeof(meta->calibrations));
	written->stretch = meta->stretch;
	written->full_stretch = meta->full_stretch;
	written->calibrated = meta->calibrated;
	end_page(buffer);
}

/*
 * What is in the log
 */

void
hnsw_log_job(HnswTeam *team)
{
	uint32 first;
	uint32 end;

	while (hnsw_team_claim(team, &first, &end))
		wal_log_run(team->index, first, end);
}

void
hnsw_write_log(HnswTeam *team)
{
	hnsw_team_run(team, HNSW_JOB_LOG, RelationGetNumberOfBlocks(team->index),
				  LOGGED_BLOCKS);
}
