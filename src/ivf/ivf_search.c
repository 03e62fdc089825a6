/*
 * ivf_search.c
 *	  One search: from a query to rows with bounds on their distances.
 *
 * Locks: one page at a time, shared, except that the copy pages of a segment
 * without codes are read while a private image of the segment is at hand.  A
 * lane may therefore be emptied and used again between two looks at it.  That
 * is harmless: VACUUM empties only what no snapshot sees, so the TID that we
 * hold leads to nothing visible, whatever its distance was taken to be.
 *
 * One file, since its stages (lists ranked, rows estimated or compared, candidates
 * verified) share the state of a search, which nobody else sees.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "port/pg_bitutils.h"

#include "core/select.h"
#include "ivf/ivf_attributes.h"
#include "ivf/ivf_candidates.h"
#include "ivf/ivf_key.h"
#include "ivf/ivf_options.h"
#include "ivf/ivf_search.h"
#include "vector/dense.h"

/* Copies whose pages are pinned, and asked for, ahead of their turn */
#define VERIFY_AHEAD 8

/* And so many before that, what says where these pages are */
#define EXPECT_AHEAD 8

/* What codecs ask of the memory of their tables */
#define TABLES_ALIGNMENT 64

typedef struct RankedList
{
	float score;
	uint32 list;
} RankedList;

struct IvfSearchState
{
	MemoryContext context;
	const IvfModel *model; /* NULL: the one in force */
	IvfModel *own;         /* meta and layout alone */
	const void *query;     /* its elements; NULL: none set */
	IvfKeyQuery keys_of;   /* the query, for keys of rows and copies */

	const Codec *codec; /* NULL: rows are compared by their copies */
	CodecQuery codes;   /* the query as the codec wants it */

	/* ranks of all lists: nsorted nearest first, the rest in no order */
	RankedList *ranks;
	uint32 nsorted;
	float *products; /* <query, centroid>, by list */
	float *sqnorms;  /* of centroids, by list */
	double *scores;  /* scratch */

	/* estimates */
	float *scaled_query;
	float *model_room;
	const float *model_query; /* in model space: room, or the scaled query */
	float query_sqnorm;       /* of model_query */
	IvfListEntry *entries;    /* by list, as far as they have been read */
	bool *entries_read;       /* by directory page */
	float *work;
	float *keys;      /* of a segment's lanes */
	uint32 *below;    /* bits: lanes whose keys are good enough */
	uint32 *admitted; /* bits: live lanes of a segment that may be hits */
	uint32 k;         /* rows that the run is for */

	IvfCandidates candidates;
	IvfNearest nearest; /* where bounds of estimates count */
	IvfNearest best; /* keys of the nearest k so far; wanted by a stop alone */
	IvfStop stop;
	double hopeless; /* estimates above are too far, by the distances known */
	char *image;     /* a private copy of a segment */
	char *gathered;  /* a copy that lies in several pages */
	uint32 hits_room;
};

/*
 * The model is in the relation cache: never kept beyond a look at catalogues.
 * When lists have been replaced since the search began, it goes on by its own
 * meta page; that model has no hints and no parameters.
 */
static const IvfModel *
search_model(const IvfSearch *search)
{
	const IvfModel *model = search->state->model;

	if (model == NULL)
		model = ivf_model_get(search->index);
	return model->meta.generation == search->meta.generation
		? model
		: search->state->own;
}

/* The same with parameters; a copy of it in the current context, if need be */
static const IvfModel *
search_model_params(const IvfSearch *search)
{
	const IvfModel *model = search_model(search);
	Size size = offsetof(IvfModel, params);
	IvfModel *copy;

	if (model != search->state->own)
		return model;
	copy = MemoryContextAllocHuge(
		CurrentMemoryContext,
		size + ivf_params_floats(&search->meta) * sizeof(float));
	memcpy(copy, model, size);
	ivf_params_read(search->index, &search->meta, copy->params);
	return copy;
}

/* A later generation has taken a page: nothing that was read counts */
static void
set_stale(IvfSearch *search, BlockNumber blkno)
{
	search->stale = true;
	search->stale_block = blkno;
}

static void
init_codec(IvfSearch *search)
{
	struct IvfSearchState *state = search->state;
	uint32 capacity = search->layout.capacity;
	const Codec *codec = codec_of((CodecKind) search->meta.codec);
	CodecShape shape = ivf_codec_shape(&search->meta);

	state->codec = codec;
	if (codec == NULL)
		return;
	state->codes.shape = shape;
	state->codes.factor = ivf_factor(&search->meta);
	state->codes.tables = (void *) TYPEALIGN(
		TABLES_ALIGNMENT,
		palloc(codec->tables_bytes(&shape) + TABLES_ALIGNMENT));
	state->codes.scratch = palloc(capacity * sizeof(uint32));
	state->work = palloc(codec->work_floats(&shape) * sizeof(float));
	state->keys = palloc(capacity * sizeof(float));
	state->below = palloc(ivf_live_words(&search->layout) * sizeof(uint32));
}

IvfSearch *
ivf_search_new(Relation index, const IvfModel *fixed)
{
	const IvfModel *model = fixed != NULL ? fixed : ivf_model_get(index);
	IvfSearch *search = palloc0(sizeof(IvfSearch));
	struct IvfSearchState *state = palloc0(sizeof(*state));
	uint32 nlists = model->meta.nlists;
	int dim = model->meta.dim;

	search->index = index;
	search->meta = model->meta;
	search->layout = model->layout;
	search->state = state;
	state->context = CurrentMemoryContext;
	state->model = fixed;
	state->own = palloc0(offsetof(IvfModel, params));
	state->own->meta = model->meta;
	state->own->layout = model->layout;
	state->ranks = palloc(nlists * sizeof(RankedList));
	state->products = palloc(nlists * sizeof(float));
	state->entries = palloc(nlists * sizeof(IvfListEntry));
	state->entries_read = palloc(nlists / IVF_ENTRIES_PER_PAGE + 1);
	state->scores = palloc(nlists * sizeof(double));
	state->sqnorms = palloc(nlists * sizeof(float));
	for (uint32 i = 0; i < nlists; i++)
		state->ranks[i] = (RankedList){.list = i};
	state->nsorted = nlists; /* without a query any order is right */
	state->scaled_query = palloc(dim * sizeof(float));
	state->model_room = palloc(model->meta.model_dim * sizeof(float));
	ivf_key_init(&state->keys_of, &search->meta);
	init_codec(search);
	state->image = palloc(BLCKSZ);
	state->admitted = palloc(ivf_live_words(&search->layout) * sizeof(uint32));
	if (search->layout.copy_slots.pages_each > 1)
		state->gathered = palloc(search->layout.copy_slots.size);
	return search;
}

/*
 * Ranking the lists
 */

static void
rank_lists(IvfSearch *search)
{
	struct IvfSearchState *state = search->state;
	bool products_only = search->meta.metric == METRIC_INNER_PRODUCT ||
		ivf_spherical(&search->meta);
	bool bounds = state->codec != NULL && state->codec->scaled;
	/* the lists of rows like the query; for products these do not count */
	const float *prices = search->meta.metric == METRIC_INNER_PRODUCT
		? NULL
		: ivf_prices(&search->meta, search_model(search)->params);

	ivf_centroid_products(search->index, search_model(search),
						  state->model_query, state->products,
						  products_only && !bounds ? NULL : state->sqnorms);
	for (uint32 i = 0; i < search->meta.nlists; i++)
	{
		float sqnorm = products_only ? 0 : state->sqnorms[i];

		state->ranks[i].list = i;
		state->ranks[i].score = sqnorm - 2 * state->products[i] +
			ivf_price(&search->meta, prices, i);
	}
	state->nsorted = 0;
}

static int
compare_ranks(const void *a, const void *b)
{
	const RankedList *x = a;
	const RankedList *y = b;

	if (x->score != y->score)
		return x->score < y->score ? -1 : 1;
	return x->list < y->list ? -1 : x->list > y->list;
}

/* Lists that are sorted at first, where a search may stop; then so many times as many */
#define SORTED_LISTS 24
#define SORTED_GROWTH 4

/* Bring the n nearest lists to the front, in order */
static void
sort_ranks(IvfSearch *search, uint32 n)
{
	struct IvfSearchState *state = search->state;
	RankedList *rest = state->ranks + state->nsorted;
	uint32 nrest = search->meta.nlists - state->nsorted;
	uint32 front = 0;
	float limit;

	if (n <= state->nsorted)
		return;
	n -= state->nsorted;
	if (n < nrest)
	{
		for (uint32 i = 0; i < nrest; i++)
			state->scores[i] = rest[i].score;
		limit = select_nth(state->scores, nrest, n - 1);
		for (uint32 i = 0; i < nrest; i++)
		{
			if (rest[i].score <= limit)
			{
				RankedList swap = rest[front];

				rest[front++] = rest[i];
				rest[i] = swap;
			}
		}
	}
	else
		front = nrest;
	qsort(rest, front, sizeof(RankedList), compare_ranks);
	state->nsorted += front;
}

/* Lists that are visited however far they are */
#define LEAST_LISTS 2

/*
 * How many of the nearest lists, at most probes, are within reach.  Scores lack
 * |q|^2, and that of a centroid of unit length.
 */
static uint32
lists_within(IvfSearch *search, uint32 probes, float reach)
{
	const struct IvfSearchState *state = search->state;
	float lacking =
		state->query_sqnorm + (ivf_spherical(&search->meta) ? 1 : 0);
	uint32 n = Min(probes, search->meta.nlists);
	float limit;

	if (reach == 0)
		return n;
	sort_ranks(search, n);
	limit = reach * (state->ranks[0].score + lacking);
	while (n > Max(LEAST_LISTS, search->least_probes) &&
		   state->ranks[n - 1].score + lacking > limit)
		n--;
	return n;
}

/*
 * The query
 */

/* Rank the lists, make the tables: what depends on the query in model space */
static void
prepare_estimates(IvfSearch *search)
{
	struct IvfSearchState *state = search->state;
	const IvfModel *model = search_model_params(search);

	state->model_query =
		ivf_model_row(model, state->scaled_query, state->model_room);
	rank_lists(search);
	state->query_sqnorm =
		dense_kernels(ELEM_FLOAT32, ELEM_FLOAT32)
			->inner_product(state->model_query, state->model_query,
							search->meta.model_dim, 0);
	if (state->codec == NULL)
		return;
	state->codec->prepare(&state->codes.shape, model->params,
						  state->model_query, &state->codes, state->work);
}

void
ivf_search_set_scaled(IvfSearch *search, const float *query)
{
	memcpy(search->state->scaled_query, query,
		   search->meta.dim * sizeof(float));
	prepare_estimates(search);
}

bool
ivf_search_set_query(IvfSearch *search, Datum query)
{
	struct IvfSearchState *state = search->state;
	const IvfMeta *meta = &search->meta;
	bool ordered;

	state->query = value_query_elems(meta->elem, query, meta->dim);
	ivf_key_set_query(&state->keys_of, state->query);
	ordered = ivf_query_set(meta, state->query, state->scaled_query);
	prepare_estimates(search);
	return ordered;
}

double
ivf_search_key(const IvfSearch *search, Datum value)
{
	const IvfMeta *meta = &search->meta;

	return ivf_key_exact(&search->state->keys_of,
						 value_elems(meta->elem, value, meta->dim));
}

static void
verify_copy(const IvfSearch *search, const void *copy, ptrdiff_t ahead,
			uint16 error, ScanHit *hit)
{
	IvfKey key = ivf_key_of_copy(&search->state->keys_of, copy, ahead, error);

	hit->low = key.low;
	hit->high = key.high;
}

/*
 * Reading segments
 */

/* Where a list begins; a directory page is read once for each run */
static BlockNumber
list_first(IvfSearch *search, const IvfModel *model, uint32 list)
{
	struct IvfSearchState *state = search->state;
	uint32 page = list / IVF_ENTRIES_PER_PAGE;
	uint32 first = page * IVF_ENTRIES_PER_PAGE;

	if (!state->entries_read[page])
	{
		if (!ivf_lists_read(
				search->index, model, first,
				Min(IVF_ENTRIES_PER_PAGE, search->meta.nlists - first),
				state->entries + first))
		{
			set_stale(search, model->meta.directory + page);
			return InvalidBlockNumber;
		}
		state->entries_read[page] = true;
	}
	return state->entries[list].first;
}

/* The segments of the nearest lists, one after another */
typedef struct SegmentCursor
{
	const IvfModel *model;
	uint32 probes;
	double matching_wanted; /* rows; known once probes lists were visited */
	uint32 rank;            /* of the list at hand, by nearness */
	uint32 list;
	BlockNumber blkno; /* the next segment; invalid: there is none */
} SegmentCursor;

/*
 * When to stop
 */

/* What IvfStop calls d, where the k-th best key is this, or should be by its estimate */
static double
unit_of_key(const IvfSearch *search, double key)
{
	const struct IvfSearchState *state = search->state;
	double sqdist = key;

	if (search->meta.metric == METRIC_INNER_PRODUCT)
		sqdist = state->query_sqnorm;
	else if (search->meta.codec != CODEC_NONE)
		sqdist += state->query_sqnorm; /* all that estimates lack */
	else if (search->meta.metric == METRIC_COSINE)
		sqdist *= 2;
	else if (search->meta.metric == METRIC_L2)
		sqdist = ldexp(key, 2 * search->meta.scale);
	return sqrt(Max(sqdist, 0));
}

static double
unit_of_estimate(const IvfSearch *search, double estimate)
{
	return unit_of_key(search, estimate - Min(search->state->stop.bias, 0));
}

/* Is a list beyond those that are likely to hold one of the nearest k? */
static bool
is_too_far(const IvfSearch *search, uint32 rank)
{
	const struct IvfSearchState *state = search->state;
	double limit = ivf_nearest_limit(&state->best);

	if (state->stop.lists == 0 || isinf(limit) || rank < LEAST_LISTS)
		return false;
	return state->ranks[rank].score - state->ranks[0].score >
		unit_of_estimate(search, limit) *
		(state->stop.lists - state->stop.rank * log(rank + 1));
}

/*
 * The k-th best estimate is among the best for having been estimated too near.  So
 * twice the margin is left, until distances are known.
 */
#define ESTIMATED_SLACK 2

/* A row has been met: what does it say of those that are worth to be verified? */
static inline void
note_key(IvfSearch *search, double key)
{
	struct IvfSearchState *state = search->state;
	IvfNearest *best = &state->best;
	double limit = ivf_nearest_limit(best);

	if (best->wanted == 0 || !(key < limit))
		return;
	ivf_nearest_offer(best, key);
	limit = ivf_nearest_limit(best);
	if (state->stop.candidates > 0 && !isinf(limit))
		ivf_candidates_limit(&state->candidates,
							 limit +
								 ESTIMATED_SLACK * state->stop.candidates *
									 unit_of_estimate(search, limit));
}

/*
 * How many lists a search for rows with attributes is to visit, by the share of such
 * rows in those up to here, less its standard error; more until there are k.
 */
static uint32
probes_by_share(IvfSearch *search, uint32 visited)
{
	double k = search->state->k;
	double matching = search->counters.matching;
	double least = Max(matching - sqrt(matching), 0.5);
	double share = Min(least / Max(search->counters.lanes, 1), 1);
	IvfEffort effort =
		ivf_masked_effort(search->index, &search->meta, k, share);
	uint32 probes = lists_within(search, effort.probes, effort.reach);

	if (effort.probes_set)
		return visited;
	if (matching < k)
		probes = Max(probes, 2 * visited);
	return Min(probes, search->most_probes);
}

/*
 * Lists beyond those asked for are visited while fewer rows matched than this share of
 * what as many rows anywhere have.
 */
#define MATCHING_LEAST 0.8

/*
 * Is the next list to be visited?  What the segment at hand adds to the rows that
 * match is not known yet, so that a filtered search may visit one too many.
 */
static bool
cursor_wants_list(IvfSearch *search, SegmentCursor *cursor)
{
	if (cursor->rank < cursor->probes)
	{
		if (cursor->rank == search->state->nsorted)
			sort_ranks(search,
					   Min(SORTED_GROWTH * cursor->rank, cursor->probes));
		return !is_too_far(search, cursor->rank);
	}
	if (search->attributes != NULL)
	{
		cursor->probes =
			Max(probes_by_share(search, cursor->rank), cursor->probes);
		sort_ranks(search, cursor->probes);
		return cursor->rank < cursor->probes;
	}
	if (cursor->rank == cursor->probes)
		cursor->matching_wanted =
			MATCHING_LEAST * search->matching_share * search->counters.lanes;
	if (search->tids == NULL || cursor->rank >= search->most_probes ||
		search->counters.matching >= cursor->matching_wanted)
		return false;
	if (cursor->rank == search->state->nsorted)
		sort_ranks(search, Min(2 * cursor->rank, search->most_probes));
	return true;
}

/* Go to the first segment of the next list that has one */
static void
cursor_next_list(IvfSearch *search, SegmentCursor *cursor)
{
	while (cursor->blkno == InvalidBlockNumber && !search->stale &&
		   cursor_wants_list(search, cursor))
	{
		cursor->list = search->state->ranks[cursor->rank++].list;
		cursor->blkno = list_first(search, cursor->model, cursor->list);
		search->counters.lists++;
	}
}

static SegmentCursor
cursor_begin(IvfSearch *search, uint32 probes)
{
	SegmentCursor cursor = {.model = search_model(search),
							.probes = Min(probes, search->meta.nlists),
							.blkno = InvalidBlockNumber};

	memset(&search->counters, 0, sizeof(search->counters));
	search->stale = false;
	sort_ranks(search,
			   search->state->stop.lists > 0 ? Min(SORTED_LISTS, cursor.probes)
											 : cursor.probes);
	memset(search->state->entries_read, 0,
		   search->meta.nlists / IVF_ENTRIES_PER_PAGE + 1);
	cursor_next_list(search, &cursor);
	return cursor;
}

/* Lock and check the pinned segment at hand, and go on to the next one */
static Page
cursor_lock(IvfSearch *search, SegmentCursor *cursor, Buffer buffer)
{
	Page page = page_lock_before(search->index, buffer, IVF_MAGIC,
								 IVF_PAGE_SEGMENT, search->meta.generation);

	if (unlikely(page == NULL))
	{
		/* cannot happen on a primary, see ivf_space.h */
		set_stale(search, cursor->blkno);
		cursor->blkno = InvalidBlockNumber;
		return NULL;
	}
	if (unlikely(ivf_segment(page)->list != cursor->list ||
				 ivf_segment(page)->nlanes > search->layout.capacity ||
				 page_special(page)->generation <
					 search->state->entries[cursor->list].born))
		page_corrupted(search->index, cursor->blkno,
					   "The segment belongs to another list.");
	cursor->blkno = page_special(page)->next;
	cursor_next_list(search, cursor);
	return page;
}

/* Where lane's copy is */
static inline void
locate_copy(const IvfSearch *search, Page page, uint32 lane,
			IvfCandidate *candidate)
{
	const Slots *slots = &search->layout.copy_slots;

	if (slots->size == 0)
		return;
	candidate->page =
		IVF_ARRAY(page, search->layout.copies,
				  BlockNumber)[ivf_copy_page(&search->layout, lane)];
	candidate->offset = slots_offset(slots, lane);
}

static inline void
fill_candidate(const IvfSearch *search, Page page, uint32 lane, double key,
			   IvfCandidate *candidate)
{
	const IvfLayout *layout = &search->layout;

	candidate->key = key;
	candidate->tid = IVF_ARRAY(page, layout->tids, ItemPointerData)[lane];
	candidate->error =
		layout->errors == 0 ? 0 : IVF_ARRAY(page, layout->errors, uint16)[lane];
	locate_copy(search, page, lane, candidate);
}

/* |query - centroid|, which bounds of errors are in proportion to */
static float
centroid_distance(const IvfSearch *search, uint32 list)
{
	const struct IvfSearchState *state = search->state;
	float square =
		state->query_sqnorm + state->sqnorms[list] - 2 * state->products[list];

	return sqrtf(Max(square, 0.0f));
}

/* Find out which lanes of a segment may be hits; false where none may */
static bool
admit_lanes(IvfSearch *search, Page page)
{
	const IvfLayout *layout = &search->layout;
	const ItemPointerData *tids =
		IVF_ARRAY(page, layout->tids, ItemPointerData);
	uint32 *admitted = search->state->admitted;
	uint32 nlanes = ivf_segment(page)->nlanes;
	uint32 nwords = (nlanes + IVF_WORD - 1) / IVF_WORD;
	uint64 before = search->counters.matching;

	search->counters.lanes += nlanes;
	memcpy(admitted, IVF_ARRAY(page, layout->live, uint32),
		   nwords * sizeof(uint32));
	if (search->attributes != NULL &&
		!ivf_attributes_mask(page, layout, &search->meta, search->attributes,
							 admitted))
		return false;
	for (uint32 word = 0; word < nwords; word++)
	{
		if (search->tids != NULL)
			admitted[word] = tid_filter_lanes(
				search->tids, tids + word * IVF_WORD, admitted[word]);
		search->counters.matching += pg_popcount32(admitted[word]);
	}
	return (search->tids == NULL && search->attributes == NULL) ||
		search->counters.matching > before;
}

static inline bool
is_admitted(const IvfSearch *search, uint32 lane)
{
	return search->state->admitted[lane / IVF_WORD] >> lane % IVF_WORD & 1;
}

/*
 * Estimate the rows of a segment of the list from their codes.  Those of next,
 * which may be the same page, are on their way meanwhile.
 */
static void
estimate_segment(IvfSearch *search, Page page, uint32 list, Page next)
{
	struct IvfSearchState *state = search->state;
	const IvfLayout *layout = &search->layout;
	IvfCandidates *candidates = &state->candidates;
	CodecScan scan = {
		.codes = IVF_ARRAY(page, layout->codes, uint8),
		.nlanes = TYPEALIGN(layout->block_lanes, ivf_segment(page)->nlanes),
		.ahead = next - page,
		.terms = IVF_ARRAY(page, layout->terms, float),
		.base = state->codes.factor * state->products[list],
		.limit = candidates->threshold};

	if (!admit_lanes(search, page))
		return;
	search->counters.rows += ivf_segment(page)->nlanes;
	if (state->codec->scaled)
	{
		scan.scales = IVF_ARRAY(page, layout->scales, float);
		scan.errors = IVF_ARRAY(page, layout->bounds, float);
		if (!search->trust_estimates)
			scan.slack = -state->codes.factor * centroid_distance(search, list);
	}
	state->codec->scan(&state->codes, &scan, state->keys, state->below);
	for (uint32 first = 0; first < scan.nlanes; first += IVF_WORD)
	{
		uint32 word = first / IVF_WORD;
		uint32 near = state->below[word] & state->admitted[word];

		for (; near != 0; near &= near - 1)
		{
			uint32 lane = first + pg_rightmost_one_pos32(near);
			float key = state->keys[lane];

			/* the limit may have come down meanwhile */
			if (!(key < candidates->threshold))
				continue;
			fill_candidate(search, page, lane, key,
						   ivf_candidates_add(candidates));
			note_key(search, key);
		}
	}
}

/* All but the codes of a page that comes next, and its kind */
static inline void
prefetch_segment(const IvfSearch *search, Page page)
{
	const IvfLayout *layout = &search->layout;

	page_prefetch(page, 0, layout->codes);
	if (search->tids != NULL)
		page_prefetch(page, layout->tids,
					  layout->capacity * sizeof(ItemPointerData));
	__builtin_prefetch(page_special(page));
}

/*
 * While one segment is looked at, the next one's codes are asked for, a line for
 * each that is read: the processor itself foresees no more than the rest of a
 * page, and has few lines on their way at a time.
 */
static void
estimate_lists(IvfSearch *search, uint32 probes)
{
	SegmentCursor cursor = cursor_begin(search, probes);
	Buffer next = InvalidBuffer;

	if (cursor.blkno != InvalidBlockNumber)
		next = ivf_pin(search->index, cursor.model, cursor.blkno);
	while (BufferIsValid(next))
	{
		Buffer buffer = next;
		uint32 list = cursor.list;
		Page page = cursor_lock(search, &cursor, buffer);

		CHECK_FOR_INTERRUPTS();
		next = InvalidBuffer;
		if (cursor.blkno != InvalidBlockNumber)
		{
			next = ivf_pin(search->index, cursor.model, cursor.blkno);
			prefetch_segment(search, BufferGetPage(next));
		}
		if (page != NULL)
			estimate_segment(search, page, list,
							 BufferIsValid(next) ? BufferGetPage(next) : page);
		UnlockReleaseBuffer(buffer);
	}
}

/* A copy that lies in several pages, put together */
static const char *
gather_copy(IvfSearch *search, BlockNumber blkno)
{
	BlockNumber stale = ivf_copy_read(search->index, search_model(search),
									  blkno, 0, search->state->gathered);

	if (unlikely(stale != InvalidBlockNumber))
		set_stale(search, stale);
	return search->state->gathered;
}

/* Where the copies are of which lane first is, in an image of a segment */
static BlockNumber
copies_of(const IvfSearch *search, uint32 first)
{
	return IVF_ARRAY((Page) search->state->image, search->layout.copies,
					 BlockNumber)[ivf_copy_page(&search->layout, first)];
}

/*
 * Compare the lanes that may be hits from first to end - 1, whose copies lie in room.  next:
 * where the copies behind these are, to be asked for while the last one is read.
 */
static void
compare_lanes(IvfSearch *search, uint32 first, uint32 end, const char *room,
			  const char *next)
{
	const IvfLayout *layout = &search->layout;
	IvfCandidates *candidates = &search->state->candidates;
	Page page = (Page) search->state->image;
	ptrdiff_t size = layout->copy_slots.size;

	for (uint32 lane = first; lane < end; lane++)
	{
		const char *copy = room + (lane - first) * size;
		ScanHit hit;

		if (!is_admitted(search, lane))
			continue;
		verify_copy(search, copy, lane + 1 < end ? size : next - copy, 0, &hit);
		if (!candidates->dropped || hit.low < candidates->threshold)
		{
			fill_candidate(search, page, lane, hit.low,
						   ivf_candidates_add(candidates));
			note_key(search, hit.low);
		}
		search->counters.rows++;
	}
}

/* Compare the rows of a segment without codes, each copy over several pages */
static void
compare_large(IvfSearch *search)
{
	uint32 nlanes = ivf_segment((Page) search->state->image)->nlanes;

	for (uint32 lane = 0; lane < nlanes && !search->stale; lane++)
	{
		const char *copy;

		if (!is_admitted(search, lane))
			continue;
		CHECK_FOR_INTERRUPTS();
		copy = gather_copy(search, copies_of(search, lane));
		if (!search->stale)
			compare_lanes(search, lane, lane + 1, copy, copy);
	}
}

/*
 * The first lane of the next copy page, from that of lane first on, with copies of
 * lanes that may be hits; nlanes where there is none.
 */
static uint32
next_copies(const IvfSearch *search, uint32 first, uint32 nlanes)
{
	uint32 per_page = search->layout.copy_slots.per_page;

	for (; first < nlanes; first += per_page)
	{
		for (uint32 lane = first; lane < Min(first + per_page, nlanes); lane++)
		{
			if (is_admitted(search, lane))
				return first;
		}
	}
	return nlanes;
}

/* The same for copies that fit a page, the next page pinned ahead */
static void
compare_segment(IvfSearch *search, const IvfModel *model)
{
	uint32 nlanes = ivf_segment((Page) search->state->image)->nlanes;
	uint32 per_page = search->layout.copy_slots.per_page;
	uint32 following = next_copies(search, 0, nlanes);
	Buffer next = InvalidBuffer;

	if (following < nlanes)
		next = ivf_pin(search->index, model, copies_of(search, following));
	while (following < nlanes && !search->stale)
	{
		uint32 first = following;
		Buffer buffer = next;
		BlockNumber blkno = BufferGetBlockNumber(buffer);
		Page page = page_lock_before(search->index, buffer, IVF_MAGIC,
									 IVF_PAGE_COPIES, search->meta.generation);

		CHECK_FOR_INTERRUPTS();
		next = InvalidBuffer;
		following = next_copies(search, first + per_page, nlanes);
		if (following < nlanes)
			next = ivf_pin(search->index, model, copies_of(search, following));
		if (likely(page != NULL))
			compare_lanes(
				search, first, Min(first + per_page, nlanes), page_room(page),
				page_room(BufferGetPage(BufferIsValid(next) ? next : buffer)));
		else
			set_stale(search, blkno);
		UnlockReleaseBuffer(buffer);
	}
	if (BufferIsValid(next))
		ReleaseBuffer(next);
}

/* The next segment of a cursor as a private image, without any lock */
static bool
next_image(IvfSearch *search, SegmentCursor *cursor)
{
	Buffer buffer;
	Page page;

	CHECK_FOR_INTERRUPTS();
	if (cursor->blkno == InvalidBlockNumber)
		return false;
	buffer = ivf_pin(search->index, cursor->model, cursor->blkno);
	page = cursor_lock(search, cursor, buffer);
	if (page != NULL)
		memcpy(search->state->image, page, BLCKSZ);
	UnlockReleaseBuffer(buffer);
	return page != NULL;
}

static void
compare_lists(IvfSearch *search, uint32 probes)
{
	SegmentCursor cursor = cursor_begin(search, probes);

	while (!search->stale && next_image(search, &cursor))
	{
		if (!admit_lanes(search, (Page) search->state->image))
			continue;
		if (search->layout.copy_slots.pages_each > 1)
			compare_large(search);
		else
			compare_segment(search, cursor.model);
	}
}

/*
 * Verification
 */

/*
 * Do distances that are known say anything of estimates?  Where these are bounds, or
 * their errors were measured; but not for a query so far out that ivf_query_set brought
 * it nearer.
 */
static bool
distances_count(const IvfSearch *search)
{
	const struct IvfSearchState *state = search->state;

	return state->codec != NULL &&
		(state->codec->scaled || state->stop.candidates > 0) &&
		(search->meta.metric == METRIC_COSINE ||
		 fabs(sqrt(state->query_sqnorm) -
			  ldexp(state->keys_of.norm, search->meta.scale)) <=
			 0.01 * sqrt(state->query_sqnorm));
}

/* The estimate that would be right for a key; it lacks |q|^2, and is in scaled units */
static double
estimate_of_key(const IvfSearch *search, double key)
{
	double sqnorm = search->state->query_sqnorm;

	switch ((Metric) search->meta.metric)
	{
		case METRIC_L2:
			return ldexp(key, 2 * search->meta.scale) - sqnorm;
		case METRIC_INNER_PRODUCT:
			return ldexp(key, 2 * search->meta.scale);
		case METRIC_COSINE:
			return 2 * key - 1;
		default:
			break; /* METRIC_HAMMING: bit strings have no codes */
	}
	return key;
}

/*
 * Is a candidate too far, even by the lower bound of its distance or with what an
 * estimate may be off, for the k nearest of those whose distances are known?
 */
static bool
is_hopeless(const IvfSearch *search, const IvfCandidate *candidate)
{
	const struct IvfSearchState *state = search->state;

	return candidate->key > state->hopeless;
}

/* Another distance is known */
static void
note_distance(IvfSearch *search, double key)
{
	struct IvfSearchState *state = search->state;
	IvfNearest *nearest = &state->nearest;
	double limit;

	if (nearest->wanted == 0 || !(key < ivf_nearest_limit(nearest)))
		return;
	ivf_nearest_offer(nearest, key);
	limit = ivf_nearest_limit(nearest);
	if (isinf(limit))
		return;
	limit = estimate_of_key(search, limit);
	if (!state->codec->scaled)
	{
		limit += state->stop.bias;
		limit += state->stop.candidates * unit_of_estimate(search, limit);
	}
	state->hopeless = limit;
}

static void
reserve_hits(IvfSearch *search, uint32 n)
{
	struct IvfSearchState *state = search->state;

	if (n <= state->hits_room)
		return;
	if (search->hits != NULL)
		pfree(search->hits);
	search->hits = NULL;
	search->hits =
		MemoryContextAllocHuge(state->context, (Size) n * sizeof(ScanHit));
	state->hits_room = n;
}

/* Pin a candidate's copy page and ask for the copy's lines */
static Buffer
fetch_copy(IvfSearch *search, const IvfModel *model,
		   const IvfCandidate *candidate)
{
	Buffer buffer = ivf_pin(search->index, model, candidate->page);

	page_prefetch(BufferGetPage(buffer), candidate->offset,
				  search->layout.copy_slots.size);
	__builtin_prefetch(page_special(BufferGetPage(buffer)));
	return buffer;
}

/* Verify one candidate of those whose copies fit a page */
static void
verify_pinned(IvfSearch *search, const IvfCandidate *candidate, Buffer buffer)
{
	ScanHit *hit = &search->hits[search->nhits++];
	Page page = page_lock_before(search->index, buffer, IVF_MAGIC,
								 IVF_PAGE_COPIES, search->meta.generation);

	hit->tid = candidate->tid;
	if (likely(page != NULL))
		verify_copy(search, page_room(page) + candidate->offset, 0,
					candidate->error, hit);
	else
		set_stale(search, candidate->page);
	UnlockReleaseBuffer(buffer);
	note_distance(search, hit->high);
}

/* The k best estimates to the front: their distances tell who else is worth a look */
static void
best_first(IvfSearch *search)
{
	IvfCandidates *candidates = &search->state->candidates;
	double limit = ivf_nearest_limit(&search->state->best);
	uint32 front = 0;

	if (isinf(limit))
		return;
	for (uint32 i = 0; i < candidates->n; i++)
	{
		IvfCandidate swap = candidates->items[i];

		if (swap.key <= limit)
		{
			candidates->items[i] = candidates->items[front];
			candidates->items[front++] = swap;
		}
	}
}

/*
 * Candidates whose copies fit a page each, several on their way at a time.  Who
 * is hopeless by then is left out: the list nearest to the query comes first.
 */
static void
verify_by_copies(IvfSearch *search)
{
	const IvfCandidates *candidates = &search->state->candidates;
	const IvfModel *model = search_model(search);
	Buffer ahead[VERIFY_AHEAD];

	search->nhits = 0;
	best_first(search);
	for (uint32 i = 0; i < candidates->n + VERIFY_AHEAD; i++)
	{
		Buffer *place = &ahead[i % VERIFY_AHEAD];

		if (i >= VERIFY_AHEAD && BufferIsValid(*place))
			verify_pinned(search, &candidates->items[i - VERIFY_AHEAD], *place);
		*place = InvalidBuffer;
		if (i + EXPECT_AHEAD < candidates->n)
			ivf_expect(model, candidates->items[i + EXPECT_AHEAD].page);
		if (i < candidates->n && !is_hopeless(search, &candidates->items[i]))
			*place = fetch_copy(search, model, &candidates->items[i]);
	}
	search->complete &= search->nhits == candidates->n;
	search->counters.candidates += search->nhits;
}

static void
verify_candidates(IvfSearch *search)
{
	const IvfCandidates *candidates = &search->state->candidates;

	reserve_hits(search, candidates->n);
	search->nhits = candidates->n;
	for (uint32 i = 0; i < candidates->n; i++)
	{
		const IvfCandidate *candidate = &candidates->items[i];
		ScanHit *hit = &search->hits[i];

		hit->tid = candidate->tid;
		if (search->meta.codec == CODEC_NONE || search->trust_estimates)
			hit->low = hit->high = candidate->key;
		else if (search->meta.copies == IVF_COPIES_NONE)
		{
			hit->low = -INFINITY;
			hit->high = INFINITY;
		}
		else if (search->layout.copy_slots.pages_each > 1)
			verify_copy(search, gather_copy(search, candidate->page), 0,
						candidate->error, hit);
	}
	if (search->meta.codec == CODEC_NONE ||
		search->meta.copies == IVF_COPIES_NONE)
		return;
	if (search->layout.copy_slots.pages_each == 1)
		verify_by_copies(search);
	else
		search->counters.candidates += candidates->n;
}

/* The first two stages; so many of the best keys are to be known */
static void
estimate(IvfSearch *search, uint32 probes, uint32 candidates, uint32 nbest)
{
	IvfCandidates *best = &search->state->candidates;

	ivf_candidates_reset(best, candidates);
	ivf_nearest_reset(&search->state->best, nbest);
	if (search->meta.codec == CODEC_NONE)
		compare_lists(search, probes);
	else
		estimate_lists(search, probes);
	ivf_candidates_shrink(best);
	search->complete = !best->dropped;
}

void
ivf_search_run(IvfSearch *search, uint32 k, const IvfEffort *effort)
{
	uint32 within;
	bool stops = effort->stop.lists > 0 || effort->stop.candidates > 0;
	MemoryContext old = MemoryContextSwitchTo(search->state->context);

	search->state->k = k;
	search->state->stop = effort->stop;
	ivf_nearest_reset(&search->state->nearest, distances_count(search) ? k : 0);
	search->state->hopeless = INFINITY;
	within = lists_within(search, effort->probes, effort->reach);
	estimate(search, within, effort->candidates, stops ? k : 0);
	if (search->counters.lists < Min(effort->probes, search->meta.nlists))
		search->complete = false;
	verify_candidates(search);
	MemoryContextSwitchTo(old);
}

const IvfCandidate *
ivf_search_estimates(IvfSearch *search, uint32 probes, uint32 candidates,
					 uint32 *nfound)
{
	MemoryContext old = MemoryContextSwitchTo(search->state->context);

	search->state->stop = (IvfStop){0};
	estimate(search, probes, candidates, 0);
	MemoryContextSwitchTo(old);
	*nfound = search->state->candidates.n;
	return search->state->candidates.items;
}

void
ivf_search_visit(IvfSearch *search, uint32 probes, ScanVisit visit, void *arg)
{
	SegmentCursor cursor;
	Page page = (Page) search->state->image;

	search->state->stop = (IvfStop){0};
	cursor = cursor_begin(search, probes);
	while (next_image(search, &cursor))
	{
		if (!admit_lanes(search, page))
			continue;
		for (uint32 lane = 0; lane < ivf_segment(page)->nlanes; lane++)
		{
			if (is_admitted(search, lane))
				visit(arg,
					  &IVF_ARRAY(page, search->layout.tids,
								 ItemPointerData)[lane]);
		}
		/* visits may look at catalogues: the relation cache may have moved */
		cursor.model = search_model(search);
	}
}
