/*
 * hnsw_link.c
 *	  Which links a node shall have: chosen from candidates, given and returned.
 */
#include "postgres.h"

#include <math.h>

#include "common/hashfn.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "distance/distance.h"
#include "graph/graph_prune.h"
#include "hnsw/hnsw_form.h"
#include "hnsw/hnsw_graph.h"
#include "hnsw/hnsw_image.h"
#include "hnsw/hnsw_link.h"
#include "hnsw/hnsw_record.h"

/* A node that others change all the time need not be changed by us, too */
#define ATTEMPTS 3

/* Distances between pairs are remembered among so many candidates */
#define REMEMBERED 256

static void *
allocate(Size n, Size each)
{
	return MemoryContextAllocHuge(CurrentMemoryContext, Max(n, 1) * each);
}

/*
 * Candidates by name, and what is known of them
 */

#define NOWHERE ((uint32) -1)

/*
 * Numbers of names are their places in a hash table, so sparse that one look nearly
 * always tells: most names that are asked for are not there.
 */
#define NAME_ROOM 8

typedef struct HnswNames
{
	uint32 room;    /* a power of two */
	HnswId *ids;    /* HNSW_NONE: free */
	uint32 *places; /* among the candidates, or NOWHERE */

	/* of names that are expected, see hnsw_chooser_expect(): */
	const HnswModel *model;
	uint8 *codes;  /* by number */
	uint8 *voices; /* lanes that spoke of this code */
	uint8 wanted;  /* so many have to; 0: codes of links do not count */
	uint8 *heard;  /* room for a code */
	HnswId *links; /* lanes of each candidate, by place */
} HnswNames;

static uint32
names_room(uint32 n)
{
	return pg_nextpower2_32(NAME_ROOM * Max(n, 1));
}

static void
clear_names(HnswNames *names)
{
	memset(names->ids, 0xFF, names->room * sizeof(HnswId));
}

static HnswNames *
names_new(uint32 n)
{
	HnswNames *names = palloc0(sizeof(HnswNames));

	names->room = names_room(n);
	names->ids = allocate(names->room, sizeof(HnswId));
	names->places = allocate(names->room, sizeof(uint32));
	clear_names(names);
	return names;
}

/* The number of a name, or of the place where it belongs */
static inline uint32
number_of(const HnswNames *names, HnswId id)
{
	uint32 at = murmurhash32(id) & (names->room - 1);

	while (names->ids[at] != HNSW_NONE && names->ids[at] != id)
		at = (at + 1) & (names->room - 1);
	return at;
}

static void
set_place(HnswNames *names, HnswId id, uint32 place)
{
	uint32 at = number_of(names, id);

	names->ids[at] = id;
	names->places[at] = place;
}

/* NOWHERE for who is no candidate */
static inline uint32
place_of(const HnswNames *names, HnswId id)
{
	uint32 at = number_of(names, id);

	return names->ids[at] == id && id != HNSW_NONE ? names->places[at]
												   : NOWHERE;
}

/* Of a code by itself; 0 without codec */
static Size
code_bytes(const HnswModel *model)
{
	const Codec *codec = codec_of((CodecKind) model->meta.codec);
	CodecShape shape = hnsw_codec_shape(&model->meta);

	return codec == NULL ? 0 : codec->code_bytes(&shape);
}

/* Names for so many, of nodes whose links come with codes */
static HnswNames *
expected_new(const HnswChooser *chooser, const HnswModel *model, uint32 n)
{
	HnswNames *names = names_new(n);
	Size bytes = Max(code_bytes(model), 1);

	names->codes = allocate(names->room, bytes);
	names->voices = allocate(names->room, 1);
	names->heard = palloc(bytes);
	names->links =
		allocate(chooser->room, model->layout.lanes * sizeof(HnswId));
	return names;
}

static void
names_delete(HnswNames *names)
{
	pfree(names->ids);
	pfree(names->places);
	pfree(names->codes);
	pfree(names->voices);
	pfree(names->heard);
	pfree(names->links);
	pfree(names);
}

void
hnsw_chooser_expect(HnswChooser *chooser, const HnswModel *model,
					const HnswId *ids, uint32 n, bool freed)
{
	HnswNames *names = chooser->names;

	if (names == NULL || names->room < names_room(n))
	{
		MemoryContext old = MemoryContextSwitchTo(chooser->context);

		chooser->names = NULL;
		if (names != NULL)
			names_delete(names);
		names = expected_new(chooser, model, n);
		chooser->names = names;
		MemoryContextSwitchTo(old);
	}
	clear_names(names);
	for (uint32 i = 0; i < n; i++)
		set_place(names, ids[i], NOWHERE);
	names->model = model;
	names->wanted = !hnsw_has_codes(&model->meta) ? 0 : freed ? 2 : 1;
	memset(names->voices, 0, names->room);
	chooser->expects = true;
}

/* A lane speaks of the code of a name, by number */
static void
hear(HnswNames *names, const HnswNode *node, uint32 lane, uint32 at)
{
	Size bytes = code_bytes(names->model);
	uint8 *known = names->codes + at * bytes;

	(void) hnsw_link_get(node, names->model, lane, names->heard);
	if (names->voices[at] > 0 && memcmp(known, names->heard, bytes) == 0)
		names->voices[at]++;
	else
	{
		memcpy(known, names->heard, bytes);
		names->voices[at] = 1;
	}
}

void
hnsw_chooser_note(HnswChooser *chooser, const HnswNode *node)
{
	HnswNames *names = chooser->names;
	uint32 lanes = names->model->layout.lanes;
	const HnswId *links =
		HNSW_ARRAY(node, names->model->layout.links, const HnswId);

	memcpy(names->links + (Size) chooser->n * lanes, links,
		   lanes * sizeof(HnswId));
	for (uint32 lane = 0; names->wanted > 0 && lane < lanes; lane++)
	{
		uint32 at = number_of(names, links[lane]);

		if (names->ids[at] != HNSW_NONE && names->voices[at] < names->wanted)
			hear(names, node, lane, at);
	}
}

/* The code of a candidate that others spoke of; NULL: too few did */
static const uint8 *
code_heard(const HnswChooser *chooser, HnswId id)
{
	const HnswNames *names = chooser->names;
	uint32 at;

	if (!chooser->expects || names->wanted == 0)
		return NULL;
	at = number_of(names, id);
	return names->voices[at] < names->wanted
		? NULL
		: names->codes + at * code_bytes(names->model);
}

/*
 * The choice
 */

void
hnsw_chooser_init(HnswChooser *chooser, const HnswMeta *meta, int dim,
				  uint32 room)
{
	memset(chooser, 0, sizeof(*chooser));
	chooser->meta = meta;
	chooser->context = CurrentMemoryContext;
	chooser->dim = dim;
	chooser->stride = dim + (meta->metric == METRIC_INNER_PRODUCT);
	chooser->degree = meta->degree;
	chooser->room = room;
	chooser->ids = allocate(room, sizeof(HnswId));
	chooser->rows = allocate(room + 1, chooser->stride * sizeof(float));
	chooser->order = allocate(room, sizeof(HnswNear));
	chooser->sqdists = allocate(room, sizeof(float));
	chooser->kept = allocate(room, sizeof(bool));
	chooser->chosen = allocate(meta->degree, sizeof(uint32));
	if (room <= REMEMBERED)
		chooser->pairs = allocate(room * (room + 1) / 2, sizeof(float));
	if (hnsw_keeps_values(meta) && hnsw_image_is_rough(meta) &&
		!hnsw_has_codes(meta))
	{
		chooser->value_room = MAXALIGN(hnsw_record_longest(meta));
		chooser->values = allocate(room + 1, chooser->value_room);
	}
}

static float *
row_of(const HnswChooser *chooser, uint32 place)
{
	return chooser->rows + (place + 1) * chooser->stride;
}

static const void *
value_of(const HnswChooser *chooser, uint32 place)
{
	return chooser->values + (Size) (place + 1) * chooser->value_room;
}

void
hnsw_chooser_own_record(HnswChooser *chooser, const void *record, Size bytes)
{
	if (chooser->values != NULL)
		memcpy(chooser->values, record, bytes);
}

void
hnsw_chooser_next_record(HnswChooser *chooser, const void *record, Size bytes)
{
	if (chooser->values != NULL)
		memcpy(chooser->values + (Size) (chooser->n + 1) * chooser->value_room,
			   record, bytes);
}

/* Which candidate the i'th of those that were chosen is */
static uint32
chosen_place(const HnswChooser *chooser, uint32 i)
{
	return chooser->order[chooser->chosen[i]].place;
}

float *
hnsw_chooser_begin(HnswChooser *chooser)
{
	chooser->n = chooser->nchosen = 0;
	chooser->expects = false;
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
	if (chooser->expects)
		set_place(chooser->names, id, chooser->n);
	chooser->ids[chooser->n++] = id;
}

/* The node itself as a place among the candidates: see row_of() */
#define OWN_PLACE NOWHERE

static float
make_sqdist(const HnswChooser *chooser, uint32 a, uint32 b)
{
	if (chooser->values != NULL)
		return hnsw_value_sqdist(chooser->meta, value_of(chooser, a),
								 value_of(chooser, b));
	return dense_kernels(ELEM_FLOAT32, ELEM_FLOAT32)
		->sqdist(row_of(chooser, a), row_of(chooser, b), chooser->stride, 0);
}

/* The same pairs are asked for again by link after link */
static inline float
sqdist(const HnswChooser *chooser, uint32 a, uint32 b)
{
	uint32 x = Max(a + 1, b + 1); /* the node is the first */
	uint32 y = Min(a + 1, b + 1);
	float *pair;

	if (chooser->pairs == NULL || x == y)
		return make_sqdist(chooser, a, b);
	pair = &chooser->pairs[x * (x - 1) / 2 + y];
	if (isnan(*pair))
		*pair = make_sqdist(chooser, a, b);
	return *pair;
}

static float
pair_sqdist(void *arg, uint32_t a, uint32_t b)
{
	const HnswChooser *chooser = arg;

	return sqdist(chooser, chooser->order[a].place, chooser->order[b].place);
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

static inline int
compare_near(const HnswNear *x, const HnswNear *y)
{
	if (x->sqdist != y->sqdist)
		return x->sqdist < y->sqdist ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

#define ST_SORT sort_near
#define ST_ELEMENT_TYPE HnswNear
#define ST_COMPARE(x, y) compare_near(x, y)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

static bool
are_enough(void *arg, uint32_t candidate)
{
	HnswChooser *chooser = arg;

	if (chooser->wanted > 0 &&
		chooser->order[candidate].place >= chooser->first)
		chooser->wanted--;
	return chooser->wanted == 0;
}

void
hnsw_choose(HnswChooser *chooser)
{
	hnsw_choose_some(chooser, 0, PG_UINT32_MAX);
}

void
hnsw_choose_some(HnswChooser *chooser, uint32 first, uint32 wanted)
{
	GraphPruning pruning = {.sqdists = chooser->sqdists,
							.n = chooser->n,
							.degree = chooser->degree,
							.alpha = HNSW_ALPHA,
							.pair = pair_sqdist,
							.arg = chooser,
							.enough = are_enough};

	chooser->first = first;
	chooser->wanted = wanted;
	if (chooser->stride > chooser->dim)
		make_equally_long(chooser);
	if (chooser->pairs != NULL)
		memset(chooser->pairs, 0xFF,
			   chooser->n * (chooser->n + 1) / 2 * sizeof(float));
	for (uint32 i = 0; i < chooser->n; i++)
		chooser->order[i] =
			(HnswNear){.sqdist = sqdist(chooser, OWN_PLACE, i), .place = i};
	sort_near(chooser->order, chooser->n);
	for (uint32 i = 0; i < chooser->n; i++)
		chooser->sqdists[i] = chooser->order[i].sqdist;
	chooser->nchosen = graph_prune(&pruning, chooser->chosen, chooser->kept);
}

/*
 * Nodes and links
 */

static Buffer
lock_node(Relation index, const HnswModel *model, HnswId id)
{
	Buffer buffer = hnsw_pin(index, model, hnsw_block(&model->layout, id));

	(void) page_lock(index, buffer, HNSW_MAGIC, HNSW_PAGE_NODES);
	return buffer;
}

HnswLinks
hnsw_chosen_links(const HnswChooser *chooser, const HnswModel *model)
{
	Size each = code_bytes(model);
	float *work = allocate(hnsw_code_work(&model->meta), sizeof(float));
	uint8 *codes = allocate(chooser->nchosen, Max(each, 1));
	HnswLinks links = {.n = chooser->nchosen,
					   .links = allocate(chooser->nchosen, sizeof(HnswLink))};

	for (uint32 i = 0; i < links.n; i++)
	{
		uint32 place = chosen_place(chooser, i);
		HnswLink *link = &links.links[i];

		link->id = chooser->ids[place];
		link->code = code_heard(chooser, link->id);
		if (link->code != NULL)
			continue;
		link->code = codes + i * each;
		if (hnsw_writes_codes(&model->meta))
			hnsw_code(model, row_of(chooser, place), codes + i * each, work);
	}
	pfree(work);
	return links;
}

/*
 * Links back
 */

/* A node to which others shall link */
typedef struct Newcomer
{
	Relation index;
	const HnswModel *model;
	uint32 level;
	HnswLink link;
	const HnswChooser *chooser;
	const HnswNames *names;
	bool *linked; /* by place: the newcomer links to it */
	uint32 given; /* the newcomer's lane that it has taken over; lanes: none */

	/* the links of a node; of those that are known, and the newcomer: */
	HnswId *lanes;
	uint8 *code;
	HnswNear *near; /* nearest first */
	float *sqdists;
	bool *kept;
	uint32 *chosen;
} Newcomer;

static const HnswNames *
name_candidates(const HnswChooser *chooser)
{
	HnswNames *names = names_new(chooser->n);

	for (uint32 i = 0; i < chooser->n; i++)
		set_place(names, chooser->ids[i], i);
	return names;
}

static void
newcomer_init(Newcomer *newcomer, Relation index, const HnswModel *model,
			  uint32 level, const HnswLink *link, const HnswChooser *chooser)
{
	uint32 lanes = model->layout.lanes;

	*newcomer = (Newcomer){.index = index,
						   .model = model,
						   .level = level,
						   .link = *link,
						   .chooser = chooser,
						   .names = chooser->expects ? chooser->names
													 : name_candidates(chooser),
						   .linked = palloc0(Max(chooser->n, 1)),
						   .given = lanes,
						   .lanes = allocate(lanes, sizeof(HnswId)),
						   .code = allocate(code_bytes(model), 1),
						   .near = allocate(lanes + 1, sizeof(HnswNear)),
						   .sqdists = allocate(lanes + 1, sizeof(float)),
						   .kept = allocate(lanes + 1, sizeof(bool)),
						   .chosen = allocate(lanes + 1, sizeof(uint32))};
	for (uint32 i = 0; i < chooser->nchosen; i++)
		newcomer->linked[chosen_place(chooser, i)] = true;
}

/* The links of a node as they are now; false where there is none of the level */
static bool
read_lanes(Newcomer *newcomer, HnswId id)
{
	const HnswLayout *layout = &newcomer->model->layout;
	Buffer buffer = lock_node(newcomer->index, newcomer->model, id);
	const HnswNode *node = hnsw_node(BufferGetPage(buffer), layout, id);
	bool found = hnsw_is_node_of(node, newcomer->level);

	memcpy(newcomer->lanes, HNSW_ARRAY(node, layout->links, HnswId),
		   layout->lanes * sizeof(HnswId));
	UnlockReleaseBuffer(buffer);
	return found;
}

/* The same as they were when the candidate was noted, or else as they are now */
static bool
recall_lanes(Newcomer *newcomer, uint32 place)
{
	uint32 lanes = newcomer->model->layout.lanes;

	if (!newcomer->chooser->expects)
		return read_lanes(newcomer, newcomer->chooser->ids[place]);
	memcpy(newcomer->lanes, newcomer->names->links + (Size) place * lanes,
		   lanes * sizeof(HnswId));
	return true;
}

/* A lane with this name, HNSW_NONE for a free one; lanes: there is none */
static uint32
find_lane(const HnswId *links, uint32 lanes, HnswId id)
{
	uint32 lane = 0;

	while (lane < lanes && links[lane] != id)
		lane++;
	return lane;
}

static uint32
lane_of(const Newcomer *newcomer, HnswId id)
{
	return find_lane(newcomer->lanes, newcomer->model->layout.lanes, id);
}

static uint32
count_links(const Newcomer *newcomer)
{
	uint32 n = 0;

	for (uint32 lane = 0; lane < newcomer->model->layout.lanes; lane++)
		n += newcomer->lanes[lane] != HNSW_NONE;
	return n;
}

static float
near_sqdist(void *arg, uint32_t a, uint32_t b)
{
	const Newcomer *newcomer = arg;
	const HnswChooser *chooser = newcomer->chooser;

	return sqdist(chooser, newcomer->near[a].place, newcomer->near[b].place);
}

/* Ask the rule of a node's neighbours that are known, and of the newcomer */
static uint32
prune_known(Newcomer *newcomer, uint32 place)
{
	const HnswChooser *chooser = newcomer->chooser;
	GraphPruning pruning = {.sqdists = newcomer->sqdists,
							.alpha = HNSW_ALPHA,
							.pair = near_sqdist,
							.arg = newcomer};
	uint32 n = 0;

	newcomer->near[n++].place = OWN_PLACE;
	for (uint32 lane = 0; lane < newcomer->model->layout.lanes; lane++)
	{
		uint32 known = place_of(newcomer->names, newcomer->lanes[lane]);

		if (known != NOWHERE)
			newcomer->near[n++].place = known;
	}
	for (uint32 i = 0; i < n; i++)
		newcomer->near[i].sqdist =
			sqdist(chooser, place, newcomer->near[i].place);
	sort_near(newcomer->near, n);
	for (uint32 i = 0; i < n; i++)
		newcomer->sqdists[i] = newcomer->near[i].sqdist;
	pruning.n = pruning.degree = n;
	(void) graph_prune(&pruning, newcomer->chosen, newcomer->kept);
	return n;
}

/* Are the nearest of a node the longest of all, rather than those around it? */
static bool
is_by_product(const Newcomer *newcomer)
{
	return newcomer->model->meta.distance == METRIC_INNER_PRODUCT;
}

/*
 * Who gives up its lane: of the neighbours to which the newcomer links, the
 * farthest one that the rule does not keep, or the farthest one, if the rule
 * keeps them all.  HNSW_NONE: nobody.  Under inner products it is farther than the
 * newcomer: a way by which a search went on would not lead through a shorter one.
 */
static HnswId
choose_leaver(Newcomer *newcomer, uint32 place)
{
	const HnswChooser *chooser = newcomer->chooser;
	uint32 n = prune_known(newcomer, place);
	HnswId farthest = HNSW_NONE;
	HnswId farthest_ruled_out = HNSW_NONE;

	for (uint32 i = 0; i < n; i++)
	{
		uint32 at = newcomer->near[i].place;
		HnswId id;

		if (at == OWN_PLACE)
		{
			if (!newcomer->kept[i])
				return HNSW_NONE;
			if (is_by_product(newcomer))
				farthest = farthest_ruled_out = HNSW_NONE;
			continue;
		}
		id = chooser->ids[at];
		if (!newcomer->linked[at])
			continue;
		farthest = id;
		if (!newcomer->kept[i])
			farthest_ruled_out = id;
	}
	return farthest_ruled_out != HNSW_NONE ? farthest_ruled_out : farthest;
}

/* Put the newcomer into a lane, unless that has changed */
static bool
fill_lane(Newcomer *newcomer, HnswId id, uint32 lane)
{
	const HnswLayout *layout = &newcomer->model->layout;
	Buffer buffer =
		hnsw_pin(newcomer->index, newcomer->model, hnsw_block(layout, id));
	Page page = page_lock_exclusive(newcomer->index, buffer, HNSW_MAGIC,
									HNSW_PAGE_NODES);
	const HnswNode *node = hnsw_node(page, layout, id);
	bool same = hnsw_is_node_of(node, newcomer->level) &&
		HNSW_ARRAY(node, layout->links, HnswId)[lane] == newcomer->lanes[lane];

	if (same)
	{
		PageEdit edit = edit_begin(newcomer->index);

		hnsw_link_set(hnsw_edit_node(&edit, layout, buffer, id),
					  newcomer->model, lane, &newcomer->link);
		edit_finish(&edit);
	}
	UnlockReleaseBuffer(buffer);
	return same;
}

/* Does the i'th of those that were chosen link to the newcomer now? */
static bool
link_one_back(Newcomer *newcomer, uint32 i)
{
	uint32 place = chosen_place(newcomer->chooser, i);
	HnswId id = newcomer->chooser->ids[place];

	for (int attempt = 0; attempt < ATTEMPTS; attempt++)
	{
		HnswId leaver = HNSW_NONE;

		CHECK_FOR_INTERRUPTS();
		if (!(attempt == 0 ? recall_lanes(newcomer, place)
						   : read_lanes(newcomer, id)))
			return false;
		if (lane_of(newcomer, newcomer->link.id) <
			newcomer->model->layout.lanes)
			return true;
		if (count_links(newcomer) >= newcomer->model->meta.degree)
		{
			leaver = choose_leaver(newcomer, place);
			if (leaver == HNSW_NONE)
				return false;
		}
		if (fill_lane(newcomer, id, lane_of(newcomer, leaver)))
			return true;
	}
	return false;
}

/*
 * The code of a link that is taken from another node: while codes are being made
 * anew, that may not have been yet.
 */
static void
renew_code(Newcomer *newcomer, const HnswLink *link)
{
	const HnswModel *model = newcomer->model;
	int dim = model->meta.dim;
	HnswRecord record;
	float *row;

	if (model->meta.stage != HNSW_ENCODING || link->id == HNSW_NONE)
		return;
	row = palloc((dim + hnsw_code_work(&model->meta)) * sizeof(float));
	hnsw_record_init(&record, &model->layout);
	if (hnsw_record_read(&record, newcomer->index, model, link->id,
						 newcomer->level, row))
		hnsw_code(model, row, newcomer->code, row + dim);
	pfree(row);
}

/* A lane that the newcomer, whose links these are, may fill or give up */
static uint32
own_lane(const Newcomer *newcomer, const HnswId *links)
{
	const HnswModel *model = newcomer->model;
	const HnswChooser *chooser = newcomer->chooser;
	uint32 lanes = model->layout.lanes;
	uint32 n = 0;

	if (newcomer->given < lanes)
		return newcomer->given;
	for (uint32 lane = 0; lane < lanes; lane++)
		n += links[lane] != HNSW_NONE;
	if (n < model->meta.degree)
		return find_lane(links, lanes, HNSW_NONE);
	return find_lane(links, lanes,
					 chooser->ids[chosen_place(chooser, chooser->nchosen - 1)]);
}

/*
 * The newcomer links to the neighbour in a lane of a node: in a lane to spare, or
 * in that of its farthest neighbour, which others lead to.
 */
static void
take_over(Newcomer *newcomer, HnswId id, uint32 lane)
{
	const HnswModel *model = newcomer->model;
	const HnswLayout *layout = &model->layout;
	HnswId own = newcomer->link.id;
	Buffer buffer = lock_node(newcomer->index, model, id);
	HnswLink link = hnsw_link_get(hnsw_node(BufferGetPage(buffer), layout, id),
								  model, lane, newcomer->code);
	const HnswId *links;
	uint32 to;

	UnlockReleaseBuffer(buffer);
	renew_code(newcomer, &link);
	newcomer->lanes[lane] = link.id;
	buffer = page_read(newcomer->index, hnsw_block(layout, own), HNSW_MAGIC,
					   HNSW_PAGE_NODES, BUFFER_LOCK_EXCLUSIVE, NULL);
	links = HNSW_ARRAY(hnsw_node(BufferGetPage(buffer), layout, own),
					   layout->links, HnswId);
	to = own_lane(newcomer, links);
	if (to < layout->lanes && link.id != own && link.id != HNSW_NONE &&
		find_lane(links, layout->lanes, link.id) == layout->lanes)
	{
		PageEdit edit = edit_begin(newcomer->index);

		hnsw_link_set(hnsw_edit_node(&edit, layout, buffer, own), model, to,
					  &link);
		edit_finish(&edit);
		newcomer->given = to;
	}
	UnlockReleaseBuffer(buffer);
}

/*
 * The lane that a node gives up if need be: the last one whose neighbour the newcomer
 * links to, else the last one.  Under inner products it is that in any case: all
 * newcomers come to the same few nodes, the longest, and would take from them what
 * leads to each other.
 */
static uint32
forced_lane(const Newcomer *newcomer)
{
	uint32 lanes = newcomer->model->layout.lanes;
	uint32 last = 0;
	uint32 shared = lanes;

	for (uint32 lane = 0; lane < lanes; lane++)
	{
		uint32 known = place_of(newcomer->names, newcomer->lanes[lane]);

		if (newcomer->lanes[lane] != HNSW_NONE)
			last = lane;
		if (known != NOWHERE && newcomer->linked[known])
			shared = lane;
	}
	return shared == lanes || is_by_product(newcomer) ? last : shared;
}

/* Nobody among whose neighbours the newcomer should be: this node has to do */
static bool
force_back(Newcomer *newcomer, uint32 i)
{
	HnswId id = newcomer->chooser->ids[chosen_place(newcomer->chooser, i)];

	for (int attempt = 0; attempt < ATTEMPTS; attempt++)
	{
		uint32 lane;
		uint32 known;

		CHECK_FOR_INTERRUPTS();
		if (!read_lanes(newcomer, id))
			return false;
		lane = forced_lane(newcomer);
		known = place_of(newcomer->names, newcomer->lanes[lane]);
		if (known == NOWHERE || !newcomer->linked[known])
			take_over(newcomer, id, lane);
		if (fill_lane(newcomer, id, lane))
			return true;
	}
	return false;
}

void
hnsw_link_back(Relation index, const HnswModel *model, uint32 level,
			   const HnswLink *link, const HnswChooser *chooser)
{
	Newcomer newcomer;
	bool linked = false;

	newcomer_init(&newcomer, index, model, level, link, chooser);
	for (uint32 i = 0; i < chooser->nchosen; i++)
		linked |= link_one_back(&newcomer, i);
	for (uint32 i = 0; i < chooser->nchosen && !linked; i++)
		linked = force_back(&newcomer, i);
}
