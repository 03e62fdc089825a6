/*
 * hnsw_search.c
 *	  One search: from a query to elements with bounds on their distances.
 *
 * One file, since all of it works on the state of a search, which nobody else sees:
 * the pool, the names that were met, what was found.  When to stop is hnsw_stop.c's
 * business, rows under a set hnsw_masked.c's.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "common/hashfn.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "graph/graph_pool.h"
#include "hnsw/hnsw_image.h"
#include "hnsw/hnsw_record.h"
#include "hnsw/hnsw_search.h"
#include "hnsw/hnsw_seeds.h"

/*
 * Nodes that are kept on the levels above; on the second, where links between clusters
 * are fewest for their number, more: of images of 784 dimensions 2 in 100 end in
 * another cluster by 4, 2 in 1,000 by 12.
 */
#define TOP_EF 4
#define SECOND_EF 12

/* On the one next to the ground, at least */
#define UPPER_EF 8

/*
 * There, of those that are kept on the ground: so many ways in, since links between
 * clusters are few.
 */
#define ENTRY_SHARE 8

/*
 * So many of the ways in are gone, the others where they are among the nearest met
 * so far: usually they are not, once the neighbours of the first one are known.
 */
#define GROUND_WAYS 6

/*
 * The same where ways are seeds, which are chosen by estimates that say little of what is
 * far from the query: some more
 */
#define SEED_WAYS 9
#define SEEDS_KEPT 16

/* What codecs ask of the memory of their tables */
#define TABLES_ALIGNMENT 64

#define CODES_WORD 32

/* An element with TIDs in slots of their own */
typedef struct PendingTids
{
	double low;
	double high;
	HnswId more;
	HnswId ground;
} PendingTids;

struct HnswSearchState
{
	MemoryContext context;
	HnswQuery query;
	const HnswForm *form;
	HnswRecord record;  /* of a node that has parts */
	const Codec *codec; /* NULL: there is none */
	CodecQuery codes;   /* the query as the codec wants it */
	float *projection;  /* of the query's image, or its residual */
	double of_mean;     /* <q, mean>, which estimates of products leave out */
	float *work;
	float *keys;   /* of the lanes of a node */
	float *terms;  /* likewise: zeros, since codes say all */
	uint32 *below; /* bits: lanes whose keys are good enough */
	HnswId *links; /* of a node, where neighbours are visited */

	GraphPool pool;
	uint32 pool_room;
	uint32 way;   /* of the entries, the one to be looked at next */
	uint32 nways; /* of these: the first entries */

	/*
	 * Names that have been in the pool or were too far: bits for those of the index, if
	 * these take less memory; the others in a table, where HNSW_NONE is free.
	 */
	uint32 nnames; /* of the index when the run began */
	uint32 *bits;
	Size bits_room; /* words */
	uint32 nbits;   /* names that have one */
	HnswId *met;    /* NULL: none has been needed */
	uint32 nmet;
	uint32 met_room; /* a power of two */

	/* where the next level begins: ids on that level, keys in the unit of estimates */
	HnswFound *entries;
	uint32 nentries;
	uint32 entries_room;
	bool seeded; /* these are seeds: their keys are estimates */

	PendingTids *pending;
	uint32 npending;
	uint32 pending_room;
	uint32 hits_room;
	uint32 found_room;

	HnswProgress progress; /* of a search that may stop */
};

HnswSearch *
hnsw_search_new(Relation index)
{
	const HnswModel *model = hnsw_model_get(index, NULL);
	HnswSearch *search = palloc0(sizeof(HnswSearch));
	struct HnswSearchState *state = palloc0(sizeof(*state));
	const HnswLayout *layout = &search->layout;

	search->index = index;
	search->meta = model->meta;
	search->layout = model->layout;
	search->without = HNSW_NONE;
	search->state = state;
	state->context = CurrentMemoryContext;
	state->entries_room = Max(UPPER_EF, SEEDS_KEPT);
	state->entries = palloc(state->entries_room * sizeof(HnswFound));
	state->links = palloc(layout->lanes * sizeof(HnswId));
	hnsw_query_init(&state->query, &search->meta);
	state->form = hnsw_form(&search->meta);
	hnsw_record_init(&state->record, layout);
	state->codec = codec_of((CodecKind) search->meta.codec);
	if (state->codec != NULL)
	{
		const Codec *codec = state->codec;
		CodecShape shape = hnsw_codec_shape(&search->meta);

		state->codes.shape = shape;
		state->codes.factor = hnsw_factor(&search->meta);
		state->codes.tables = (void *) TYPEALIGN(
			TABLES_ALIGNMENT,
			palloc(codec->tables_bytes(&shape) + TABLES_ALIGNMENT));
		state->codes.scratch = palloc(layout->lanes * sizeof(uint32));
		state->projection = palloc(shape.dim * sizeof(float));
		state->work = palloc(
			Max(codec->work_floats(&shape), hnsw_code_work(&search->meta)) *
			sizeof(float));
		state->terms = palloc0(layout->lanes * sizeof(float));
		state->keys = palloc(layout->lanes * sizeof(float));
		state->below = palloc(layout->lanes / CODES_WORD * sizeof(uint32));
	}
	return search;
}

/*
 * The query
 */

static void
prepare_estimates(HnswSearch *search)
{
	struct HnswSearchState *state = search->state;
	const CodecShape *shape = &state->codes.shape;
	const HnswModel *model;
	const float *params;

	if (!hnsw_has_codes(&search->meta))
		return;
	model = hnsw_model_get(search->index, NULL);
	params = hnsw_model_floats(model).codec;
	if (search->meta.metric == METRIC_INNER_PRODUCT)
	{
		/* products with residuals: what is left is the same for all rows */
		hnsw_projection(model, state->query.row, state->projection,
						state->work);
		state->of_mean =
			dense_kernels(ELEM_FLOAT32, ELEM_FLOAT32)
				->inner_product(state->query.row, hnsw_model_floats(model).mean,
								search->meta.dim, 0);
		state->codec->prepare(shape, params, state->projection, &state->codes,
							  state->work);
	}
	else
	{
		hnsw_residual(model, state->query.row, state->projection, state->work);
		state->codec->prepare_distances(shape, params, state->projection,
										&state->codes, state->work);
	}
}

/*
 * Go by the meta data as they are now; true where that is news.  What VACUUM
 * learns changes no layout.
 */
static bool
follow_meta(HnswSearch *search, HnswState *now)
{
	const HnswModel *model = hnsw_model_get(search->index, now);

	if (memcmp(&search->meta, &model->meta, sizeof(HnswMeta)) == 0)
		return false;
	search->meta = model->meta;
	prepare_estimates(search);
	return true;
}

bool
hnsw_search_set_elems(HnswSearch *search, const void *elems)
{
	bool ordered = hnsw_query_set(&search->state->query, elems);

	prepare_estimates(search);
	return ordered;
}

void
hnsw_search_set_row(HnswSearch *search, const float *row)
{
	hnsw_query_set_row(&search->state->query, row);
	prepare_estimates(search);
}

bool
hnsw_search_set_query(HnswSearch *search, Datum query)
{
	const HnswMeta *meta = &search->meta;

	return hnsw_search_set_elems(
		search, value_query_elems(meta->elem, query, meta->value_dim));
}

double
hnsw_search_key(const HnswSearch *search, Datum value)
{
	const HnswMeta *meta = &search->meta;

	return hnsw_key_exact(&search->state->query,
						  value_elems(meta->elem, value, meta->value_dim));
}

/*
 * Names that have been met
 */

#define LEAST_MET 2048

/* A table of so many names, or that which is there */
static void
clear_met(struct HnswSearchState *state, uint32 room)
{
	if (state->met == NULL)
	{
		state->met = MemoryContextAllocHuge(state->context,
											(Size) room * sizeof(HnswId));
		state->met_room = room;
	}
	memset(state->met, 0xFF, (Size) state->met_room * sizeof(HnswId));
	state->nmet = 0;
}

static void
clear_bits(struct HnswSearchState *state, Size words)
{
	if (words > state->bits_room)
	{
		if (state->bits != NULL)
			pfree(state->bits);
		state->bits_room = 0;
		state->bits = NULL;
		state->bits =
			MemoryContextAllocHuge(state->context, words * sizeof(uint32));
		state->bits_room = words;
	}
	memset(state->bits, 0, words * sizeof(uint32));
	state->nbits = state->nnames;
}

/* None has been met; so many nodes will be looked at, about */
static void
forget_met(struct HnswSearchState *state, uint32 likely, uint32 lanes)
{
	uint32 room =
		Max(LEAST_MET, pg_nextpower2_32(likely) * pg_nextpower2_32(lanes));
	Size words = state->nnames / 32 + 1;

	state->nbits = 0;
	if (words <= room)
		clear_bits(state, words);
	if (words > room || state->met != NULL)
		clear_met(state, room);
}

static void
place_met(struct HnswSearchState *state, HnswId id)
{
	uint32 at = murmurhash32(id) & (state->met_room - 1);

	while (state->met[at] != HNSW_NONE)
		at = (at + 1) & (state->met_room - 1);
	state->met[at] = id;
}

static void
grow_met(struct HnswSearchState *state)
{
	HnswId *old = state->met;
	uint32 old_room = state->met_room;

	state->met = NULL;
	state->met = MemoryContextAllocHuge(state->context,
										(Size) old_room * 2 * sizeof(HnswId));
	state->met_room = old_room * 2;
	memset(state->met, 0xFF, (Size) state->met_room * sizeof(HnswId));
	for (uint32 i = 0; i < old_room; i++)
	{
		if (old[i] != HNSW_NONE)
			place_met(state, old[i]);
	}
	pfree(old);
}

/* The same for who has no bit; kept less than half full */
static bool
first_in_table(struct HnswSearchState *state, HnswId id)
{
	uint32 at;

	if (unlikely(state->met == NULL))
		clear_met(state, LEAST_MET);
	at = murmurhash32(id) & (state->met_room - 1);
	while (state->met[at] != HNSW_NONE)
	{
		if (state->met[at] == id)
			return false;
		at = (at + 1) & (state->met_room - 1);
	}
	state->met[at] = id;
	if (unlikely(++state->nmet * 2 > state->met_room))
		grow_met(state);
	return true;
}

/* True the first time */
static inline bool
first_meeting(struct HnswSearchState *state, HnswId id)
{
	uint32 bit = 1U << id % 32;
	uint32 *word;

	if (unlikely(id >= state->nbits))
		return first_in_table(state, id);
	word = &state->bits[id / 32];
	if (*word & bit)
		return false;
	*word |= bit;
	return true;
}

/*
 * The pool
 */

static void
make_pool(struct HnswSearchState *state, uint32 ef)
{
	GraphPool *pool = &state->pool;

	if (pool->waiting != NULL)
		pfree(pool->waiting);
	if (pool->kept != NULL)
		pfree(pool->kept);
	*pool = (GraphPool){0};
	state->pool_room = 0;
	pool->waiting = MemoryContextAllocHuge(
		state->context, GRAPH_POOL_ROOM(ef) * sizeof(GraphPoolEntry));
	pool->kept = MemoryContextAllocHuge(state->context, ef * sizeof(float));
	state->pool_room = ef;
}

static void
reset_pool(struct HnswSearchState *state, uint32 ef, uint32 likely,
		   uint32 lanes)
{
	if (ef > state->pool_room)
		make_pool(state, ef);
	forget_met(state, likely, lanes);
	state->pool.wanted = ef;
	graph_pool_reset(&state->pool);
	state->way = state->nways = 0;
}

/* Who is not below it need not come */
static inline float
pool_limit(const struct HnswSearchState *state)
{
	return graph_pool_is_full(&state->pool)
		? Min(state->progress.horizon, graph_pool_limit(&state->pool))
		: state->progress.horizon;
}

/*
 * What was found
 */

static void *
grow_array(MemoryContext context, void *old, uint32 used, uint32 *room,
		   Size each)
{
	uint32 wanted = Max(64, *room * 2);
	void *new = MemoryContextAllocHuge(context, wanted * each);

	if (old != NULL)
	{
		memcpy(new, old, used * each);
		pfree(old);
	}
	*room = wanted;
	return new;
}

/* Do estimates stand for the operator's distances? */
static bool
estimates_keys(const HnswMeta *meta)
{
	return meta->dim == meta->value_dim &&
		(meta->metric == meta->distance || meta->distance == METRIC_HAMMING);
}

/*
 * The key of an entry in the unit of estimates, from that of its bounds; where it
 * has none there, entries come first.
 */
static float
entry_key(const HnswSearch *search, double key)
{
	if (!estimates_keys(&search->meta))
		return 0;
	switch ((Metric) search->meta.metric)
	{
		case METRIC_L2:
			return (float) ldexp(key, 2 * search->meta.scale);
		case METRIC_INNER_PRODUCT:
			return (float) (ldexp(key, 2 * search->meta.scale) +
							search->state->of_mean);
		default:
			return (float) (2 * key);
	}
}

/* The same, and where it has none there the key itself */
static double
unit_key(const HnswSearch *search, double key)
{
	return estimates_keys(&search->meta) ? entry_key(search, key) : key;
}

static void
add_hit(HnswSearch *search, const HnswKey *key, const ItemPointerData *tid)
{
	struct HnswSearchState *state = search->state;

	if (search->tids != NULL && !tid_filter_has(search->tids, tid))
		return;
	if (state->progress.stop.k > 0 && !isnan(key->low + key->high))
		hnsw_progress_row(&state->progress,
						  unit_key(search, (key->low + key->high) / 2));
	if (search->nhits == state->hits_room)
		search->hits = grow_array(state->context, search->hits, search->nhits,
								  &state->hits_room, sizeof(ScanHit));
	search->hits[search->nhits++] =
		(ScanHit){.low = key->low, .high = key->high, .tid = *tid};
}

static void
add_pending(HnswSearch *search, const HnswKey *key, const HnswNode *node)
{
	struct HnswSearchState *state = search->state;

	if (state->npending == state->pending_room)
		state->pending =
			grow_array(state->context, state->pending, state->npending,
					   &state->pending_room, sizeof(PendingTids));
	state->pending[state->npending++] = (PendingTids){.low = key->low,
													  .high = key->high,
													  .more = node->more,
													  .ground = node->ground};
}

/* A look at a node: its key, its TIDs.  Returns the key's middle. */
static double
note_node(HnswSearch *search, const HnswNode *node, HnswId id,
		  const void *record, uint32 bytes)
{
	struct HnswSearchState *state = search->state;
	HnswKey key = state->form->key(&state->query, node, record, bytes);
	double middle = (key.low + key.high) / 2;

	/* nothing is known of it: any place is as good */
	if (isnan(middle))
		middle = 0;
	/* beyond all numbers, but not beyond the limit of a pool that has room */
	middle = Min(middle, FLT_MAX);
	search->counters.nodes++;
	if (search->nfound == state->found_room)
		search->found =
			grow_array(state->context, search->found, search->nfound,
					   &state->found_room, sizeof(HnswFound));
	search->found[search->nfound++] =
		(HnswFound){.key = middle, .id = id, .below = node->below};
	if (node->level == 0 && node->state == HNSW_LIVE)
	{
		for (int i = 0; i < Min(node->ntids, HNSW_TIDS); i++)
			add_hit(search, &key, &node->tids[i]);
		if (node->more != HNSW_NONE)
			add_pending(search, &key, node);
	}
	return middle;
}

/* The same for a node that is locked: false where its record goes on elsewhere */
static bool
note_whole(HnswSearch *search, const HnswModel *model, const HnswNode *node,
		   HnswId id, double *key)
{
	const HnswLayout *layout = &search->layout;

	if (!hnsw_record_is_whole(model, node))
	{
		hnsw_record_begin(&search->state->record, model, node);
		return false;
	}
	*key =
		note_node(search, node, id, HNSW_ARRAY(node, layout->copy, const char),
				  hnsw_record_length(layout, node));
	return true;
}

/* The rest of it, when no lock is held; false where the node is gone */
static bool
note_parts(HnswSearch *search, const HnswModel *model, HnswId id, double *key)
{
	HnswRecord *record = &search->state->record;

	if (!hnsw_record_finish(record, search->index, model))
		return false;
	*key = note_node(search, &record->head, id, record->data, record->bytes);
	return true;
}

/*
 * Nodes
 */

/* Pin a node's page, and ask for the lines of its head and copy */
static Buffer
ask_for(HnswSearch *search, const HnswModel *model, HnswId id)
{
	const HnswLayout *layout = &search->layout;
	Buffer buffer = hnsw_pin(search->index, model, hnsw_block(layout, id));
	Page page = BufferGetPage(buffer);
	uint32 offset = hnsw_offset(layout, id);

	page_prefetch(page, offset, layout->codes);
	page_prefetch(page, offset + layout->copy, layout->size - layout->copy);
	__builtin_prefetch(page_special(page));
	return buffer;
}

static Page
lock_nodes(HnswSearch *search, Buffer buffer)
{
	return page_lock(search->index, buffer, HNSW_MAGIC, HNSW_PAGE_NODES);
}

static bool
is_wanted(const HnswSearch *search, const HnswNode *node, uint32 level)
{
	return hnsw_is_node_of(node, level) && node->ground != search->without;
}

/* Estimate the neighbours of a node, and put the near ones into the pool */
static void
estimate_neighbours(HnswSearch *search, const HnswNode *node, ptrdiff_t ahead)
{
	struct HnswSearchState *state = search->state;
	const HnswLayout *layout = &search->layout;
	const HnswId *links = HNSW_ARRAY(node, layout->links, HnswId);
	CodecScan scan = {.codes = HNSW_ARRAY(node, layout->codes, uint8),
					  .nlanes = layout->lanes,
					  .ahead = ahead,
					  .terms = state->terms,
					  .limit = pool_limit(state)};

	state->codec->scan(&state->codes, &scan, state->keys, state->below);
	search->counters.estimates += layout->lanes;
	for (uint32 first = 0; first < layout->lanes; first += CODES_WORD)
	{
		uint32 near = state->below[first / CODES_WORD];

		for (; near != 0; near &= near - 1)
		{
			uint32 lane = first + pg_rightmost_one_pos32(near);

			if (links[lane] != HNSW_NONE &&
				state->keys[lane] < pool_limit(state) &&
				first_meeting(state, links[lane]))
				graph_pool_add(&state->pool,
							   (GraphPoolEntry){.key = state->keys[lane],
												.id = links[lane]},
							   true);
		}
	}
}

/* A node whose turn comes soon: its page is pinned */
typedef struct Asked
{
	HnswId id;      /* HNSW_NONE: there is none */
	float estimate; /* NaN: none was made */
	Buffer buffer;
} Asked;

/* The next node to be looked at: ways in, then the nearest one of the pool */
static Asked
ask_for_next(HnswSearch *search, const HnswModel *model)
{
	struct HnswSearchState *state = search->state;
	HnswId id = HNSW_NONE;
	float estimate = NAN;

	if (state->way < state->nways)
		id = state->entries[state->way++].id;
	else
	{
		const GraphPoolEntry *entry = graph_pool_next(&state->pool);

		if (entry != NULL && entry->key <= state->progress.reach)
		{
			id = entry->id;
			estimate = entry->exact ? NAN : entry->key;
			graph_pool_take(&state->pool);
		}
	}
	if (id == HNSW_NONE)
		return (Asked){.id = HNSW_NONE, .buffer = InvalidBuffer};
	return (Asked){
		.id = id, .estimate = estimate, .buffer = ask_for(search, model, id)};
}

static const char *
node_address(const HnswLayout *layout, const Asked *asked)
{
	return (const char *) hnsw_node(BufferGetPage(asked->buffer), layout,
									asked->id);
}

/* What is needed to pin the page of the one behind it */
static void
expect_nearest(HnswSearch *search, const HnswModel *model)
{
	const GraphPoolEntry *entry = graph_pool_next(&search->state->pool);

	if (entry != NULL)
		hnsw_expect(model, hnsw_block(&search->layout, entry->id));
}

/*
 * Search a level whose nodes bear codes of their neighbours.  While a node is looked
 * at memory is busy with the next one, which was chosen before this one's neighbours
 * were known: some more nodes are looked at, each in less time.
 */
static void
search_by_codes(HnswSearch *search, const HnswModel *model, uint32 level)
{
	const HnswLayout *layout = &search->layout;
	Asked now = ask_for_next(search, model);
	Asked next = ask_for_next(search, model);

	while (now.id != HNSW_NONE)
	{
		const HnswNode *node;
		Asked third;
		bool is_node;
		bool looked = true;
		double key;

		CHECK_FOR_INTERRUPTS();
		node = hnsw_node(lock_nodes(search, now.buffer), layout, now.id);
		is_node = is_wanted(search, node, level);
		if (is_node)
			estimate_neighbours(search, node,
								next.id == HNSW_NONE
									? 0
									: node_address(layout, &next) -
										(const char *) node);
		if (next.id == HNSW_NONE)
			next = ask_for_next(search, model);
		third = ask_for_next(search, model);
		expect_nearest(search, model);
		if (is_node)
			looked = note_whole(search, model, node, now.id, &key);
		UnlockReleaseBuffer(now.buffer);
		if (!looked)
			looked = note_parts(search, model, now.id, &key);
		if (is_node && looked && level == 0 &&
			search->state->progress.stop.k > 0)
			hnsw_progress_node(&search->state->progress, now.estimate,
							   unit_key(search, key));
		now = next;
		next = third;
	}
}

/* A node that has not been met: into the pool by its own key */
static void
visit_node(HnswSearch *search, const HnswModel *model, HnswId id, uint32 level)
{
	struct HnswSearchState *state = search->state;
	Buffer buffer;
	const HnswNode *node;
	bool is_node;
	bool looked = false;
	double key;

	if (!first_meeting(state, id))
		return;
	CHECK_FOR_INTERRUPTS();
	buffer = ask_for(search, model, id);
	node = hnsw_node(lock_nodes(search, buffer), &search->layout, id);
	is_node = is_wanted(search, node, level);
	if (is_node)
		looked = note_whole(search, model, node, id, &key);
	UnlockReleaseBuffer(buffer);
	if (is_node && !looked)
		looked = note_parts(search, model, id, &key);
	if (looked && (float) key < pool_limit(state))
		graph_pool_add(
			&state->pool,
			(GraphPoolEntry){.key = (float) key, .id = id, .exact = true},
			true);
}

/* Search a level whose nodes' neighbours are visited one by one */
static void
search_by_visits(HnswSearch *search, const HnswModel *model, uint32 level)
{
	struct HnswSearchState *state = search->state;
	const HnswLayout *layout = &search->layout;
	const GraphPoolEntry *entry;

	while ((entry = graph_pool_next(&state->pool)) != NULL)
	{
		HnswId id = entry->id;
		Buffer buffer = hnsw_pin(search->index, model, hnsw_block(layout, id));
		const HnswNode *node;
		uint32 n = 0;

		graph_pool_take(&state->pool);
		node = hnsw_node(lock_nodes(search, buffer), layout, id);
		if (hnsw_is_node_of(node, level))
		{
			n = layout->lanes;
			memcpy(state->links, HNSW_ARRAY(node, layout->links, HnswId),
				   n * sizeof(HnswId));
		}
		UnlockReleaseBuffer(buffer);
		for (uint32 i = 0; i < n; i++)
		{
			if (state->links[i] != HNSW_NONE)
				visit_node(search, model, state->links[i], level);
		}
	}
}

static inline int
compare_found(const HnswFound *x, const HnswFound *y)
{
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

#define ST_SORT sort_found
#define ST_ELEMENT_TYPE HnswFound
#define ST_COMPARE(x, y) compare_found(x, y)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

void
hnsw_search_sort(HnswSearch *search)
{
	if (search->nfound > 1)
		sort_found(search->found, search->nfound);
}

/* What was found nearest is where the level below begins */
static void
set_entries(HnswSearch *search, uint32 most)
{
	struct HnswSearchState *state = search->state;
	uint32 n = Min(search->nfound, most);

	if (n > state->entries_room)
	{
		pfree(state->entries);
		state->entries = NULL;
		state->entries = MemoryContextAllocHuge(state->context,
												(Size) n * sizeof(HnswFound));
		state->entries_room = n;
	}
	for (uint32 i = 0; i < n; i++)
		state->entries[i] =
			(HnswFound){.key = entry_key(search, search->found[i].key),
						.id = search->found[i].below};
	state->nentries = n;
}

/* Nodes that a search on the ground will look at, about */
static uint32
likely_nodes(const HnswSearch *search, uint32 ef)
{
	return search->stop.k == 0 ? ef : Min(Max(search->stop.likely, 1), ef);
}

static bool
goes_by_codes(const HnswSearch *search)
{
	return hnsw_has_codes(&search->meta) && !search->visits;
}

/* most: ways into the level below */
static void
search_level(HnswSearch *search, const HnswModel *model, uint32 level,
			 uint32 ef, uint32 most)
{
	struct HnswSearchState *state = search->state;
	bool by_codes = goes_by_codes(search);
	uint32 ways = level == 0 ? (state->seeded ? SEED_WAYS : GROUND_WAYS) : 0;

	reset_pool(state, ef, level == 0 ? likely_nodes(search, ef) : ef,
			   search->layout.lanes);
	search->nfound = 0;
	for (uint32 i = 0; i < state->nentries; i++)
	{
		HnswId id = state->entries[i].id;

		if (!by_codes)
			visit_node(search, model, id, level);
		else
		{
			float key = (float) state->entries[i].key;

			if (!(key < pool_limit(state) && first_meeting(state, id)))
				continue;
			graph_pool_add(
				&state->pool,
				(GraphPoolEntry){.key = key, .id = id, .exact = !state->seeded},
				state->nways >= ways);
			if (state->nways < ways)
				state->entries[state->nways++] = state->entries[i];
		}
	}
	if (by_codes)
		search_by_codes(search, model, level);
	else
		search_by_visits(search, model, level);
	search->complete =
		!graph_pool_is_full(&state->pool) && !state->progress.spoke;
	search->stopped = state->progress.spoke &&
		(!graph_pool_is_full(&state->pool) ||
		 graph_pool_next(&state->pool) != NULL);
	if (level > 0)
	{
		hnsw_search_sort(search);
		set_entries(search, most);
	}
}

void
hnsw_search_level(HnswSearch *search, uint32 level, uint32 ef)
{
	search_level(search, hnsw_model_get(search->index, NULL), level, ef,
				 Max(UPPER_EF, ef / ENTRY_SHARE));
	if (level == 0)
		hnsw_search_sort(search);
}

/* The meta data as they are now, and nothing found.  False where there is no entry. */
static bool
begin_run(HnswSearch *search, HnswState *now)
{
	struct HnswSearchState *state = search->state;

	(void) follow_meta(search, now);
	memset(&search->counters, 0, sizeof(search->counters));
	hnsw_progress_begin(&state->progress, &search->stop,
						!estimates_keys(&search->meta), state->context);
	search->nhits = search->nfound = 0;
	state->npending = 0;
	state->nentries = 0;
	state->nnames = Min((uint64) RelationGetNumberOfBlocks(search->index) *
							search->layout.slots,
						HNSW_NONE);
	return now->entry != HNSW_NONE;
}

/* From the entry down to level, without that itself */
static void
descend(HnswSearch *search, const HnswModel *model, uint32 level, uint32 ef,
		const HnswState *now)
{
	struct HnswSearchState *state = search->state;

	state->seeded = false;
	state->entries[0] = (HnswFound){.id = now->entry};
	state->nentries = 1;
	for (uint32 at = Min(now->top_level, HNSW_MAX_LEVEL); at > level; at--)
	{
		uint32 kept = at == 1 ? Max(UPPER_EF, ef / ENTRY_SHARE)
			: at == 2         ? SECOND_EF
							  : TOP_EF;

		search_level(search, model, at, kept, kept);
	}
}

bool
hnsw_search_descend(HnswSearch *search, uint32 level, uint32 ef, HnswState *now)
{
	if (!begin_run(search, now))
		return false;
	descend(search, hnsw_model_get(search->index, NULL), level, ef, now);
	return true;
}

/* The nearest seeds, where there are any, are where the ground begins */
static bool
enter_by_seeds(HnswSearch *search, const HnswModel *model)
{
	struct HnswSearchState *state = search->state;
	HnswSeed seeds[SEEDS_KEPT];

	if (!search->seeds || !goes_by_codes(search) ||
		!hnsw_seeds_ready(search->index, model))
		return false;
	state->seeded = true;
	state->nentries = hnsw_seeds_find(model, &state->codes, seeds, SEEDS_KEPT);
	for (uint32 i = 0; i < state->nentries; i++)
		state->entries[i] =
			(HnswFound){.key = seeds[i].estimate, .id = seeds[i].ground};
	search->counters.seeds = model->seeds->n;
	return true;
}

/*
 * The TIDs of one slot; the next one of its chain.  It may have been emptied, and
 * taken by others, meanwhile.
 */
static HnswId
read_more(HnswSearch *search, const HnswModel *model, HnswId id,
		  const PendingTids *pending)
{
	const HnswLayout *layout = &search->layout;
	HnswKey key = {pending->low, pending->high};
	Buffer buffer = hnsw_pin(search->index, model, hnsw_block(layout, id));
	const HnswMore *more =
		(HnswMore *) hnsw_node(lock_nodes(search, buffer), layout, id);
	HnswId next = HNSW_NONE;

	if (more->state == HNSW_MORE && more->ground == pending->ground)
	{
		for (uint32 i = 0; i < Min(more->ntids, layout->more); i++)
			add_hit(search, &key, &more->tids[i]);
		next = more->next;
	}
	UnlockReleaseBuffer(buffer);
	return next;
}

/* TIDs in slots of their own */
static void
read_pending(HnswSearch *search)
{
	struct HnswSearchState *state = search->state;
	const HnswModel *model;

	if (state->npending == 0)
		return;
	model = hnsw_model_get(search->index, NULL);
	for (uint32 i = 0; i < state->npending; i++)
	{
		const PendingTids *pending = &state->pending[i];
		HnswId passed = HNSW_NONE; /* at the last power of two of steps */
		uint64 steps = 0;

		for (HnswId id = pending->more; id != HNSW_NONE; steps++)
		{
			CHECK_FOR_INTERRUPTS();
			if (id == passed)
				page_corrupted(search->index, hnsw_block(&search->layout, id),
							   "The slots of an element lead in a circle.");
			if ((steps & (steps - 1)) == 0)
				passed = id;
			id = read_more(search, model, id, pending);
		}
	}
}

static void
run_once(HnswSearch *search, uint32 ef)
{
	const HnswModel *model;
	HnswState now;

	search->complete = true;
	if (!begin_run(search, &now))
		return;
	model = hnsw_model_get(search->index, NULL);
	if (enter_by_seeds(search, model))
	{
		search_level(search, model, 0, ef, 0);
		/* all of the nearest are gone since */
		if (search->nfound == 0)
			hnsw_seeds_forget(model);
	}
	if (search->nfound == 0)
	{
		descend(search, model, 0, likely_nodes(search, ef), &now);
		hnsw_seeds_missed(model, search->counters.nodes);
		search_level(search, model, 0, ef, 0);
	}
	read_pending(search);
}

/* Estimates may have been none where codes have changed meanwhile: once more */
void
hnsw_search_run(HnswSearch *search, uint32 ef)
{
	MemoryContext old = MemoryContextSwitchTo(search->state->context);

	do
		run_once(search, ef);
	while (follow_meta(search, NULL));
	MemoryContextSwitchTo(old);
}

/*
 * Rows by their names
 */

const CodecQuery *
hnsw_search_begin(HnswSearch *search)
{
	(void) follow_meta(search, NULL);
	memset(&search->counters, 0, sizeof(search->counters));
	search->nhits = search->nfound = 0;
	return hnsw_has_codes(&search->meta) ? &search->state->codes : NULL;
}

bool
hnsw_search_is_outdated(HnswSearch *search)
{
	return follow_meta(search, NULL);
}

/* Hits of n rows of one element, unless it has no rows any more */
static void
look_at_element(HnswSearch *search, const HnswModel *model, Buffer buffer,
				HnswRowAt *rows, uint32 n)
{
	struct HnswSearchState *state = search->state;
	const HnswLayout *layout = &search->layout;
	const HnswNode *node =
		hnsw_node(lock_nodes(search, buffer), layout, rows[0].ground);
	bool live = hnsw_is_node_of(node, 0) && node->state == HNSW_LIVE;
	bool whole = live && hnsw_record_is_whole(model, node);
	HnswKey key;

	for (uint32 i = 0; i < n; i++)
		rows[i].key = INFINITY;
	if (whole)
		key = state->form->key(&state->query, node,
							   HNSW_ARRAY(node, layout->copy, const char),
							   hnsw_record_length(layout, node));
	else if (live)
		hnsw_record_begin(&state->record, model, node);
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	if (!live)
		return;
	search->counters.nodes++;
	if (!whole)
	{
		if (!hnsw_record_finish(&state->record, search->index, model))
			return;
		key = state->form->key(&state->query, &state->record.head,
							   state->record.data, state->record.bytes);
	}
	for (uint32 i = 0; i < n; i++)
	{
		add_hit(search, &key, &rows[i].tid);
		rows[i].key = entry_key(search, (key.low + key.high) / 2);
	}
}

bool
hnsw_search_estimates_keys(const HnswSearch *search)
{
	return estimates_keys(&search->meta);
}

static int
compare_rows(const void *a, const void *b)
{
	HnswId x = ((const HnswRowAt *) a)->ground;
	HnswId y = ((const HnswRowAt *) b)->ground;

	return x < y ? -1 : x > y;
}

/* The page of the next element is asked for before one is looked at */
void
hnsw_search_look_at(HnswSearch *search, HnswRowAt *rows, uint32 n)
{
	const HnswModel *model = hnsw_model_get(search->index, NULL);
	Buffer ahead = InvalidBuffer;
	uint32 end;

	qsort(rows, n, sizeof(HnswRowAt), compare_rows);
	for (uint32 first = 0; first < n; first = end)
	{
		Buffer buffer = ahead;

		CHECK_FOR_INTERRUPTS();
		for (end = first + 1; end < n; end++)
		{
			if (rows[end].ground != rows[first].ground)
				break;
		}
		if (first == 0)
			buffer = ask_for(search, model, rows[0].ground);
		if (end < n)
			ahead = ask_for(search, model, rows[end].ground);
		look_at_element(search, model, buffer, rows + first, end - first);
		ReleaseBuffer(buffer);
	}
}
