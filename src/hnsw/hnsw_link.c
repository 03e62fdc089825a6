/*
 * hnsw_link.c
 *	  Which links a node shall have: chosen from candidates, given and returned.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "distance/distance.h"
#include "graph/graph_prune.h"
#include "hnsw/hnsw_graph.h"
#include "hnsw/hnsw_link.h"
#include "pages/wal.h"

/* A node that others change all the time need not be changed by us, too */
#define ATTEMPTS 3

static void *
allocate(Size n, Size each)
{
	return MemoryContextAllocHuge(CurrentMemoryContext, Max(n, 1) * each);
}

/*
 * The choice
 */

void
hnsw_chooser_init(HnswChooser *chooser, const HnswMeta *meta, uint32 room)
{
	memset(chooser, 0, sizeof(*chooser));
	chooser->dim = meta->dim;
	chooser->stride = meta->dim + (meta->metric == METRIC_INNER_PRODUCT);
	chooser->degree = meta->degree;
	chooser->room = room;
	chooser->ids = allocate(room, sizeof(HnswId));
	chooser->rows = allocate(room + 1, chooser->stride * sizeof(float));
	chooser->order = allocate(room, sizeof(HnswNear));
	chooser->sqdists = allocate(room, sizeof(float));
	chooser->kept = allocate(room, sizeof(bool));
	chooser->chosen = allocate(meta->degree, sizeof(uint32));
}

static float *
row_of(const HnswChooser *chooser, uint32 place)
{
	return chooser->rows + (place + 1) * chooser->stride;
}

float *
hnsw_chooser_begin(HnswChooser *chooser)
{
	chooser->n = chooser->nchosen = 0;
	return chooser->rows;
}

float *
hnsw_chooser_next(HnswChooser *chooser)
{
	Assert(chooser->n < chooser->room);
	return row_of(chooser, chooser->n);
}

void
hnsw_chooser_add(HnswChooser *chooser, HnswId id)
{
	chooser->ids[chooser->n++] = id;
}

static float
sqdist(const HnswChooser *chooser, const float *a, const float *b)
{
	return dense_kernels(ELEM_FLOAT32, ELEM_FLOAT32)
		->sqdist(a, b, chooser->stride, 0);
}

static float
pair_sqdist(void *arg, uint32_t a, uint32_t b)
{
	const HnswChooser *chooser = arg;

	return sqdist(chooser, row_of(chooser, chooser->order[a].place),
				  row_of(chooser, chooser->order[b].place));
}

/* One more element makes all rows as long as the longest */
static void
make_equally_long(HnswChooser *chooser)
{
	Size stride = chooser->stride;
	double longest = 0;

	for (int pass = 0; pass < 2; pass++)
	{
		for (uint32 i = 0; i <= chooser->n; i++)
		{
			float *row = chooser->rows + i * stride;
			double square = 0;

			for (int d = 0; d < chooser->dim; d++)
				square += (double) row[d] * row[d];
			if (pass == 0)
				longest = Max(longest, square);
			else
				row[chooser->dim] = (float) sqrt(Max(longest - square, 0));
		}
	}
}

static int
compare_near(const void *a, const void *b)
{
	const HnswNear *x = a;
	const HnswNear *y = b;

	if (x->sqdist != y->sqdist)
		return x->sqdist < y->sqdist ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

void
hnsw_choose(HnswChooser *chooser)
{
	GraphPruning pruning = {.sqdists = chooser->sqdists,
							.n = chooser->n,
							.degree = chooser->degree,
							.alpha = HNSW_ALPHA,
							.pair = pair_sqdist,
							.arg = chooser};

	if (chooser->stride > chooser->dim)
		make_equally_long(chooser);
	for (uint32 i = 0; i < chooser->n; i++)
		chooser->order[i] = (HnswNear){
			.sqdist = sqdist(chooser, chooser->rows, row_of(chooser, i)),
			.place = i};
	qsort(chooser->order, chooser->n, sizeof(HnswNear), compare_near);
	for (uint32 i = 0; i < chooser->n; i++)
		chooser->sqdists[i] = chooser->order[i].sqdist;
	chooser->nchosen = graph_prune(&pruning, chooser->chosen, chooser->kept);
}

/*
 * Nodes and links
 */

static bool
is_node_of(const HnswNode *node, uint32 level)
{
	return (node->state == HNSW_LIVE || node->state == HNSW_DEAD) &&
		node->level == level;
}

static Buffer
lock_node(Relation index, const HnswModel *model, HnswId id)
{
	Buffer buffer = hnsw_pin(index, model, hnsw_block(&model->layout, id));

	(void) page_lock(index, buffer, HNSW_MAGIC, HNSW_PAGE_NODES);
	return buffer;
}

bool
hnsw_read_row(Relation index, const HnswModel *model, HnswId id, uint32 level,
			  HnswNode *head, float *row)
{
	const HnswLayout *layout = &model->layout;
	Buffer buffer = lock_node(index, model, id);
	const HnswNode *node = hnsw_node(BufferGetPage(buffer), layout, id);
	bool found = is_node_of(node, level);

	if (found)
	{
		*head = *node;
		hnsw_copy_row(node, HNSW_ARRAY(node, layout->copy, uint8),
					  model->meta.dim, row);
	}
	UnlockReleaseBuffer(buffer);
	return found;
}

HnswLinks
hnsw_chosen_links(const HnswChooser *chooser, const HnswModel *model)
{
	const Codec *codec = codec_of((CodecKind) model->meta.codec);
	CodecShape shape = hnsw_codec_shape(&model->meta);
	Size code_bytes = codec == NULL ? 0 : codec->code_bytes(&shape);
	float *work = allocate(3 * shape.dim, sizeof(float));
	uint8 *codes = allocate(chooser->nchosen, Max(code_bytes, 1));
	HnswLinks links = {.n = chooser->nchosen,
					   .links = allocate(chooser->nchosen, sizeof(HnswLink))};

	for (uint32 i = 0; i < links.n; i++)
	{
		uint32 place = chooser->order[chooser->chosen[i]].place;
		HnswLink *link = &links.links[i];

		*link = (HnswLink){.id = chooser->ids[place],
						   .code = codes + i * code_bytes};
		if (codec != NULL)
			link->term = hnsw_code(model, row_of(chooser, place),
								   codes + i * code_bytes, work);
	}
	pfree(work);
	return links;
}

/*
 * Links back
 */

void
hnsw_linker_init(HnswLinker *linker, Relation index, const HnswModel *model)
{
	const Codec *codec = codec_of((CodecKind) model->meta.codec);
	CodecShape shape = hnsw_codec_shape(&model->meta);

	linker->index = index;
	linker->model = model;
	hnsw_chooser_init(&linker->chooser, &model->meta, model->layout.lanes + 1);
	linker->node = allocate(1, model->layout.size);
	linker->code = allocate(codec == NULL ? 1 : codec->code_bytes(&shape), 1);
}

/* A copy of the node; false where the slot is none of this level */
static bool
copy_node(HnswLinker *linker, HnswId id, uint32 level)
{
	const HnswLayout *layout = &linker->model->layout;
	Buffer buffer = lock_node(linker->index, linker->model, id);

	memcpy(linker->node, hnsw_node(BufferGetPage(buffer), layout, id),
		   layout->size);
	UnlockReleaseBuffer(buffer);
	return is_node_of(linker->node, level);
}

static const HnswId *
links_of(const HnswLinker *linker)
{
	return HNSW_ARRAY(linker->node, linker->model->layout.links, HnswId);
}

/* The lane with this neighbour, or without any: HNSW_NONE; lanes: there is none */
static uint32
lane_of(const HnswLinker *linker, HnswId id)
{
	uint32 lane = 0;

	while (lane < linker->model->layout.lanes && links_of(linker)[lane] != id)
		lane++;
	return lane;
}

static uint32
count_links(const HnswLinker *linker)
{
	uint32 n = 0;

	for (uint32 lane = 0; lane < linker->model->layout.lanes; lane++)
		n += links_of(linker)[lane] != HNSW_NONE;
	return n;
}

/*
 * The neighbours of the node are candidates, and last the newcomer.  A
 * neighbour that is no node any more is none: its lane; else HNSW_NONE.
 */
static HnswId
gather_neighbours(HnswLinker *linker, const HnswNewcomer *newcomer)
{
	const HnswModel *model = linker->model;
	const HnswLayout *layout = &model->layout;
	HnswChooser *chooser = &linker->chooser;
	int dim = model->meta.dim;

	hnsw_copy_row(linker->node, HNSW_ARRAY(linker->node, layout->copy, uint8),
				  dim, hnsw_chooser_begin(chooser));
	for (uint32 lane = 0; lane < layout->lanes; lane++)
	{
		HnswId id = links_of(linker)[lane];
		HnswNode head;

		if (id == HNSW_NONE)
			continue;
		if (layout->codes != 0)
			hnsw_link_row(linker->node, model, lane, linker->code,
						  hnsw_chooser_next(chooser));
		else if (!hnsw_read_row(linker->index, model, id, newcomer->level,
								&head, hnsw_chooser_next(chooser)))
			return id;
		hnsw_chooser_add(chooser, id);
	}
	memcpy(hnsw_chooser_next(chooser), newcomer->row, dim * sizeof(float));
	hnsw_chooser_add(chooser, newcomer->link.id);
	return HNSW_NONE;
}

static bool
newcomer_links_to(const HnswNewcomer *newcomer, HnswId id)
{
	for (uint32 i = 0; i < newcomer->links->n; i++)
	{
		if (newcomer->links->links[i].id == id)
			return true;
	}
	return false;
}

/*
 * Who gives up its lane: the farthest neighbour that the rule does not keep and
 * the newcomer leads to, so that what could be reached still can be.  The
 * newcomer itself: nobody does.
 */
static HnswId
choose_leaver(HnswLinker *linker, const HnswNewcomer *newcomer, bool must)
{
	const HnswChooser *chooser = &linker->chooser;
	HnswId last = newcomer->link.id;

	hnsw_choose(&linker->chooser);
	for (uint32 i = chooser->n; i-- > 0;)
	{
		HnswId id = chooser->ids[chooser->order[i].place];

		if (id == newcomer->link.id)
		{
			if (!must && !chooser->kept[i])
				return id;
			continue;
		}
		if ((must || !chooser->kept[i]) && newcomer_links_to(newcomer, id))
			return id;
		if (must && last == newcomer->link.id)
			last = id;
	}
	return last;
}

/* Put the newcomer where old is, unless that has changed */
static bool
replace(HnswLinker *linker, HnswId at, HnswId old, const HnswNewcomer *newcomer)
{
	const HnswModel *model = linker->model;
	const HnswLayout *layout = &model->layout;
	uint32 lane = lane_of(linker, old);
	Buffer buffer = page_read(linker->index, hnsw_block(layout, at), HNSW_MAGIC,
							  HNSW_PAGE_NODES, BUFFER_LOCK_EXCLUSIVE, NULL);
	const HnswNode *node = hnsw_node(BufferGetPage(buffer), layout, at);
	bool same = is_node_of(node, newcomer->level) &&
		node->ground == linker->node->ground &&
		HNSW_ARRAY(node, layout->links, HnswId)[lane] == old;

	if (same)
	{
		PageEdit edit = edit_begin(linker->index);

		hnsw_link_set(hnsw_node(edit_page(&edit, buffer), layout, at), model,
					  lane, &newcomer->link);
		edit_finish(&edit);
	}
	UnlockReleaseBuffer(buffer);
	return same;
}

bool
hnsw_link_back(HnswLinker *linker, HnswId at, const HnswNewcomer *newcomer,
			   bool must)
{
	for (int attempt = 0; attempt < ATTEMPTS; attempt++)
	{
		HnswId old = HNSW_NONE;

		CHECK_FOR_INTERRUPTS();
		if (!copy_node(linker, at, newcomer->level))
			return false;
		if (lane_of(linker, newcomer->link.id) < linker->model->layout.lanes)
			return true;
		if (count_links(linker) >= linker->model->meta.degree)
		{
			old = gather_neighbours(linker, newcomer);
			if (old == HNSW_NONE)
				old = choose_leaver(linker, newcomer, must);
			if (old == newcomer->link.id)
				return false;
		}
		if (replace(linker, at, old, newcomer))
			return true;
	}
	return false;
}
