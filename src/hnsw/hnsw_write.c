/*
 * hnsw_write.c
 *	  Writes the pages of an index that is being built.
 *
 * Behind the model the nodes of the ground, in the order of elements; those of
 * the level above, and so on; then the slots with more TIDs.  So a node's name
 * follows from its place.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"

#include "graph/graph.h"
#include "hnsw/hnsw_node.h"
#include "hnsw/hnsw_write.h"
#include "pages/wal.h"

typedef struct Writer
{
	Relation index;
	ForkNumber fork;
	HnswModel *model; /* without hints */
	const HnswGraph *graph;
	const HnswRows *rows;
	HnswId first[HNSW_MAX_LEVEL + 2]; /* names of levels; the last: of more */
	uint8 *codes;                     /* of the elements */
	Size code_bytes;
	float *terms;
	HnswId next_more;

	/* the page that is being filled */
	Buffer buffer;
	HnswId next;
} Writer;

static Buffer
new_page(Writer *writer, uint16 kind)
{
	Buffer buffer = wal_extend(writer->index, writer->fork);

	page_init(BufferGetPage(buffer), HNSW_MAGIC, kind, 0);
	return buffer;
}

static void
end_page(Buffer buffer)
{
	MarkBufferDirty(buffer);
	UnlockReleaseBuffer(buffer);
}

static void
write_model(Writer *writer, const float *floats)
{
	Size left = hnsw_floats(&writer->model->meta) * sizeof(float);
	const char *from = (const char *) floats;

	while (left > 0)
	{
		Size part = Min(left, PAGE_ROOM);
		Buffer buffer = new_page(writer, HNSW_PAGE_MODEL);

		memcpy(page_room(BufferGetPage(buffer)), from, part);
		end_page(buffer);
		from += part;
		left -= part;
	}
}

/*
 * Codes of all elements, each from its copy
 */

static void
make_codes(Writer *writer)
{
	const HnswModel *model = writer->model;
	const HnswRows *rows = writer->rows;
	const Codec *codec = codec_of((CodecKind) model->meta.codec);
	CodecShape shape = hnsw_codec_shape(&model->meta);
	int dim = model->meta.dim;
	uint8 *copy = palloc(dim);
	float *row = palloc(dim * sizeof(float));
	float *work = palloc(3 * dim * sizeof(float));
	HnswNode node;

	writer->code_bytes = codec->code_bytes(&shape);
	writer->codes = MemoryContextAllocHuge(CurrentMemoryContext,
										   rows->n * writer->code_bytes);
	writer->terms =
		MemoryContextAllocHuge(CurrentMemoryContext, rows->n * sizeof(float));
	for (uint32 i = 0; i < rows->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		hnsw_copy_set(rows->rows + i * rows->stride, dim, &node, copy);
		hnsw_copy_row(&node, copy, dim, row);
		writer->terms[i] =
			hnsw_code(model, row, writer->codes + i * writer->code_bytes, work);
	}
	pfree(work);
	pfree(row);
	pfree(copy);
}

/*
 * Nodes
 */

/* The next slot, zeros; the page it is in stays locked */
static void *
next_slot(Writer *writer)
{
	const HnswLayout *layout = &writer->model->layout;

	if (writer->next % layout->slots == 0)
	{
		if (BufferIsValid(writer->buffer))
			end_page(writer->buffer);
		CHECK_FOR_INTERRUPTS();
		writer->buffer = new_page(writer, HNSW_PAGE_NODES);
		Assert(BufferGetBlockNumber(writer->buffer) ==
			   hnsw_block(layout, writer->next));
	}
	return hnsw_node(BufferGetPage(writer->buffer), layout, writer->next++);
}

/* The element in a place of a level */
static uint32
member(const HnswLevel *level, uint32 place)
{
	return level->members == NULL ? place : level->members[place];
}

static void
set_links(Writer *writer, HnswNode *node, uint32 at, uint32 place)
{
	const HnswLevel *level = &writer->graph->levels[at];
	uint32 degree = writer->model->meta.degree;
	const uint32 *neighbours = level->neighbours + (Size) place * degree;

	for (uint32 i = 0; i < degree && neighbours[i] != GRAPH_NONE; i++)
	{
		uint32 element = member(level, neighbours[i]);
		HnswLink link = {.id = writer->first[at] + neighbours[i]};

		if (writer->codes != NULL)
		{
			link.code = writer->codes + element * writer->code_bytes;
			link.term = writer->terms[element];
		}
		hnsw_link_set(node, writer->model, i, &link);
	}
}

/* TIDs in the head; how many slots of more the others take */
static uint32
set_tids(Writer *writer, HnswNode *node, const HnswElement *element)
{
	uint32 more = writer->model->layout.more;

	node->ntids = Min(element->ntids, HNSW_TIDS);
	memcpy(node->tids, writer->rows->tids + element->first_tid,
		   node->ntids * sizeof(ItemPointerData));
	return (element->ntids - node->ntids + more - 1) / more;
}

static void
write_level(Writer *writer, uint32 at)
{
	const HnswLevel *level = &writer->graph->levels[at];
	const HnswLayout *layout = &writer->model->layout;
	const HnswRows *rows = writer->rows;
	/* places on the level below ascend with those on this one */
	uint32 below = 0;

	Assert(writer->next == writer->first[at]);
	for (uint32 place = 0; place < level->n; place++)
	{
		uint32 element = member(level, place);
		HnswNode *node = next_slot(writer);

		hnsw_node_init(node, layout, at);
		node->ground = writer->first[0] + element;
		node->hash = rows->elements[element].hash;
		hnsw_copy_set(rows->rows + element * rows->stride, rows->meta->dim,
					  node, HNSW_ARRAY(node, layout->copy, uint8));
		if (at > 0)
		{
			while (member(level - 1, below) != element)
				below++;
			node->below = writer->first[at - 1] + below;
		}
		else
		{
			uint32 slots = set_tids(writer, node, &rows->elements[element]);

			if (slots > 0)
				node->more = writer->next_more;
			writer->next_more += slots;
		}
		set_links(writer, node, at, place);
	}
}

/* The slots with more TIDs of one element, in the order in which they are named */
static void
write_more(Writer *writer, uint32 i)
{
	const HnswElement *element = &writer->rows->elements[i];
	uint32 room = writer->model->layout.more;

	for (uint32 at = HNSW_TIDS; at < element->ntids; at += room)
	{
		HnswMore *more = next_slot(writer);

		more->state = HNSW_MORE;
		more->ground = writer->first[0] + i;
		more->ntids = Min(element->ntids - at, room);
		more->next = at + room < element->ntids ? writer->next : HNSW_NONE;
		memcpy(more->tids, writer->rows->tids + element->first_tid + at,
			   more->ntids * sizeof(ItemPointerData));
	}
}

/* Write the nodes from the next block on; the entry is set */
static void
write_nodes(Writer *writer, HnswState *state)
{
	const HnswGraph *graph = writer->graph;
	const HnswLayout *layout = &writer->model->layout;

	writer->next = hnsw_id(
		layout, RelationGetNumberOfBlocksInFork(writer->index, writer->fork),
		0);
	writer->buffer = InvalidBuffer;
	state->space = hnsw_block(layout, writer->next);
	if (graph == NULL || graph->nlevels == 0)
		return;
	writer->first[0] = writer->next;
	for (uint32 at = 0; at < graph->nlevels; at++)
		writer->first[at + 1] = writer->first[at] + graph->levels[at].n;
	writer->next_more = writer->first[graph->nlevels];
	state->entry = writer->first[graph->nlevels - 1];
	state->top_level = graph->nlevels - 1;
	for (uint32 at = 0; at < graph->nlevels; at++)
		write_level(writer, at);
	for (uint32 i = 0; i < writer->rows->n; i++)
		write_more(writer, i);
	state->space = BufferGetBlockNumber(writer->buffer);
	end_page(writer->buffer);
}

HnswId
hnsw_write(Relation index, ForkNumber fork, HnswMeta *meta, const float *floats,
		   const HnswGraph *graph, const HnswRows *rows)
{
	HnswState state = {.entry = HNSW_NONE,
					   .nrows = rows == NULL ? 0 : rows->ntids};
	Size nfloats = hnsw_floats(meta);
	Writer writer = {
		.index = index, .fork = fork, .graph = graph, .rows = rows};
	Buffer buffer;

	buffer = new_page(&writer, HNSW_PAGE_META);
	meta->model = meta->codec == CODEC_NONE ? InvalidBlockNumber
											: BufferGetBlockNumber(buffer) + 1;
	writer.model = MemoryContextAllocHuge(CurrentMemoryContext,
										  offsetof(HnswModel, floats) +
											  nfloats * sizeof(float));
	writer.model->meta = *meta;
	writer.model->nhints = 0;
	hnsw_layout_init(&writer.model->layout, meta);
	if (nfloats > 0)
		memcpy(writer.model->floats, floats, nfloats * sizeof(float));
	MarkBufferDirty(buffer);
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);

	write_model(&writer, floats);
	if (rows != NULL && meta->codec != CODEC_NONE)
		make_codes(&writer);
	write_nodes(&writer, &state);

	/* before, it says of itself to be no index */
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	memcpy(page_room(BufferGetPage(buffer)), meta, sizeof(*meta));
	*hnsw_state(BufferGetPage(buffer)) = state;
	end_page(buffer);
	if (writer.codes != NULL)
	{
		pfree(writer.codes);
		pfree(writer.terms);
	}
	pfree(writer.model);
	return writer.first[0];
}

void
hnsw_write_calibrations(Relation index, const HnswMeta *meta)
{
	Buffer buffer = page_read(index, HNSW_META_BLOCK, HNSW_MAGIC,
							  HNSW_PAGE_META, BUFFER_LOCK_EXCLUSIVE, NULL);
	HnswMeta *written = (HnswMeta *) page_room(BufferGetPage(buffer));

	memcpy(written->calibrations, meta->calibrations,
		   sizeof(meta->calibrations));
	end_page(buffer);
}
