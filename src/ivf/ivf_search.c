/*
 * ivf_search.c
 *	  One search: from a query to rows with bounds on their distances.
 *
 * Locks: one page at a time, shared, except that the copy pages of a segment
 * without codes are read while a private image of the segment is at hand.  A
 * lane may therefore be emptied and used again between two looks at it.  That
 * is harmless: VACUUM empties only what no snapshot sees, so the TID that we
 * hold leads to nothing visible, whatever its distance was taken to be.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "miscadmin.h"
#include "port/pg_bitutils.h"

#include "core/errors.h"
#include "core/select.h"
#include "ivf/ivf_candidates.h"
#include "ivf/ivf_search.h"
#include "vector/half.h"

/* Copies whose pages are pinned, and asked for, ahead of their turn */
#define VERIFY_AHEAD 8

typedef struct RankedList
{
	float score;
	uint32 list;
} RankedList;

struct IvfSearchState
{
	MemoryContext context;
	const IvfModel *model;    /* NULL: the one in force */
	IvfModel *own;            /* meta and layout alone */
	const DenseVector *query; /* NULL: none set */
	const void *copy_query;   /* in the units of copies */
	const DenseKernels *copy_kernels;
	double query_norm;

	/* ranks of all lists: nsorted nearest first, the rest in no order */
	RankedList *ranks;
	uint32 nsorted;
	float *products; /* <query, centroid>, by list */
	float *sqnorms;  /* of centroids, by list */
	double *scores;  /* scratch */

	/* estimates */
	float *model_query;
	PqTables tables;
	IvfListEntry *entries; /* by list, as far as they have been read */
	bool *entries_read;    /* by directory page */
	float *work;
	float *scaled_query;
	uint16 *sums;  /* of a segment's lanes */
	uint32 *below; /* by block: lanes whose estimates are good enough */

	IvfCandidates candidates;
	char *image;    /* a private copy of a segment */
	char *gathered; /* a copy that lies in several pages */
	uint32 hits_room;
};

/*
 * The model is in the relation cache: never kept beyond a look at catalogues.
 * When lists have been replaced since the search began, it goes on by its own
 * meta page; that model has no hints and no codebook.
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

/* The codebook that goes with search_model() */
static const float *
search_codebook(const IvfSearch *search, const IvfModel *model)
{
	float *codebook;

	if (model != search->state->own)
		return model->codebook;
	codebook = MemoryContextAllocHuge(CurrentMemoryContext,
									  (Size) PQ_ENTRIES * search->meta.dim *
										  sizeof(float));
	ivf_codebook_read(search->index, &search->meta, codebook);
	return codebook;
}

/* A later generation has taken a page: nothing that was read counts */
static void
set_stale(IvfSearch *search, BlockNumber blkno)
{
	search->stale = true;
	search->stale_block = blkno;
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
	state->own = palloc0(offsetof(IvfModel, codebook));
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
	state->model_query = palloc(dim * sizeof(float));
	if (model->meta.codec == IVF_CODEC_PQ4)
	{
		PqShape shape = ivf_pq_shape(&model->meta);

		state->tables.bytes =
			palloc(PQ_ENTRIES * pq_padded_parts(model->meta.m));
		state->work = palloc(pq_tables_work_floats(&shape) * sizeof(float));
	}
	state->scaled_query = palloc(dim * sizeof(float));
	state->sums = palloc(search->layout.capacity * sizeof(uint16));
	state->below = palloc(search->layout.capacity / IVF_BLOCK * sizeof(uint32));
	state->image = palloc(BLCKSZ);
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
	bool products_only = search->meta.metric != METRIC_L2;

	ivf_centroid_products(search->index, search_model(search),
						  state->model_query, state->products,
						  products_only ? NULL : state->sqnorms);
	for (uint32 i = 0; i < search->meta.nlists; i++)
	{
		float sqnorm = products_only ? 0 : state->sqnorms[i];

		state->ranks[i].list = i;
		state->ranks[i].score = sqnorm - 2 * state->products[i];
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

/* Bring the n nearest lists to the front, in order */
static void
sort_ranks(IvfSearch *search, uint32 n)
{
	struct IvfSearchState *state = search->state;
	uint32 nlists = search->meta.nlists;
	uint32 front = 0;
	float limit;

	if (n <= state->nsorted)
		return;
	if (n < nlists)
	{
		for (uint32 i = 0; i < nlists; i++)
			state->scores[i] = state->ranks[i].score;
		limit = select_nth(state->scores, nlists, n - 1);
		for (uint32 i = 0; i < nlists; i++)
		{
			if (state->ranks[i].score <= limit)
			{
				RankedList swap = state->ranks[front];

				state->ranks[front++] = state->ranks[i];
				state->ranks[i] = swap;
			}
		}
	}
	else
		front = nlists;
	qsort(state->ranks, front, sizeof(RankedList), compare_ranks);
	state->nsorted = front;
}

/*
 * The query
 */

/* Rank the lists, make the tables: what depends on the query in model space */
static void
prepare_estimates(IvfSearch *search)
{
	struct IvfSearchState *state = search->state;
	const IvfMeta *meta = &search->meta;

	rank_lists(search);
	if (meta->codec == IVF_CODEC_PQ4)
	{
		const IvfModel *model = search_model(search);
		PqShape shape = ivf_pq_shape(meta);
		float scale = meta->metric == METRIC_INNER_PRODUCT ? -1.0f : -2.0f;

		pq_tables(&shape, search_codebook(search, model), state->model_query,
				  scale, &state->tables, state->work);
	}
}

void
ivf_search_set_model(IvfSearch *search, const float *query)
{
	memcpy(search->state->model_query, query, search->meta.dim * sizeof(float));
	prepare_estimates(search);
}

bool
ivf_search_set_query(IvfSearch *search, const DenseVector *query)
{
	struct IvfSearchState *state = search->state;
	const IvfMeta *meta = &search->meta;
	ElemKind copy_elem = ivf_copy_elem(meta);
	bool ordered;

	if (query->dim != meta->dim)
		error_different_dimensions(elem_ops[meta->elem].type_name, meta->dim,
								   query->dim);
	state->query = query;
	state->query_norm = dense_norm(meta->elem, query);
	ordered = ivf_query_set(meta, query, state->model_query);
	prepare_estimates(search);

	state->copy_query = query->elems;
	state->copy_kernels = dense_kernels(meta->elem, copy_elem);
	if (ivf_copies_rounded(meta) && meta->scale != 0)
	{
		float *scaled = state->scaled_query;

		elem_ops[meta->elem].load(query->elems, scaled, meta->dim);
		for (int i = 0; i < meta->dim; i++)
			scaled[i] = ldexpf(scaled[i], meta->scale);
		state->copy_query = scaled;
	}
	return ordered;
}

/*
 * Keys from copies
 */

static double
exact_key(const IvfSearch *search, const DenseKernels *kernels,
		  const void *query, const void *stored)
{
	size_t dim = search->meta.dim;

	switch ((Metric) search->meta.metric)
	{
		case METRIC_L2:
			return kernels->sqdist(query, stored, dim, 0);
		case METRIC_INNER_PRODUCT:
			return -(double) kernels->inner_product(query, stored, dim, 0);
		case METRIC_COSINE:
			return cosine_from_sums(kernels->cosine(query, stored, dim, 0));
	}
	pg_unreachable();
}

double
ivf_search_key(const IvfSearch *search, const DenseVector *vector)
{
	return exact_key(search,
					 dense_kernels(search->meta.elem, search->meta.elem),
					 search->state->query->elems, vector->elems);
}

/* Below this a float32 sum of squares is no longer exact to its last bits */
#define TINY_SUM 1e-30

/*
 * Bounds of the operator's key from a copy that is off by at most error, in
 * model units.  By the triangle inequality, and widened by what float32 sums
 * may be off: about dim * 2^-24 of the sum of absolute terms, here and in the
 * operator, at any SIMD level.  Where they may overflow or vanish nothing is
 * known: the heap decides.
 */
static void
bounded_keys(const IvfSearch *search, const void *copy, double error,
			 IvfHit *hit)
{
	const struct IvfSearchState *state = search->state;
	size_t dim = search->meta.dim;
	double unit = ldexp(1, -search->meta.scale);
	double slack = (double) (dim + 8) * 0x1p-23;
	CosineSums sums;
	double middle;
	double radius;
	bool known = true;

	switch ((Metric) search->meta.metric)
	{
		case METRIC_L2:
			middle = sqrt((double) state->copy_kernels->sqdist(
						 state->copy_query, copy, dim, 0)) *
				unit;
			radius = error * unit + middle * slack;
			hit->low =
				middle > radius ? (middle - radius) * (middle - radius) : 0;
			hit->high = (middle + radius) * (middle + radius);
			break;
		case METRIC_INNER_PRODUCT:
			sums = state->copy_kernels->cosine(state->copy_query, copy, dim, 0);
			middle = -(double) sums.ab * unit * unit;
			radius = state->query_norm * unit *
				(error + sqrt((double) sums.bb) * slack);
			hit->low = middle - radius;
			hit->high = middle + radius;
			/* partial sums overflow before the whole does */
			known =
				state->query_norm * unit * sqrt((double) sums.bb) < FLT_MAX / 4;
			break;
		default: /* METRIC_COSINE */
			/* |x/|x| - y/|y|| <= 2 |x - y| / |y| */
			sums = state->copy_kernels->cosine(state->copy_query, copy, dim, 0);
			middle = cosine_from_sums(sums);
			radius = 2 * error / sqrt((double) sums.bb) + slack;
			hit->low = middle - radius;
			hit->high = middle + radius;
			known = sums.aa > TINY_SUM && sums.bb > TINY_SUM;
			break;
	}
	hit->low -= dim * FLT_MIN;
	hit->high += dim * FLT_MIN;
	/* false for NaN as well */
	if (!(known && hit->low > -FLT_MAX && hit->high < FLT_MAX))
	{
		hit->low = -INFINITY;
		hit->high = INFINITY;
	}
}

static void
verify_copy(const IvfSearch *search, const void *copy, uint16 error,
			IvfHit *hit)
{
	const struct IvfSearchState *state = search->state;

	/* NaN sorts behind everything, as it does for the operator */
	if (!ivf_copies_rounded(&search->meta) ||
		(error == 0 && search->meta.scale == 0))
	{
		double key =
			exact_key(search, state->copy_kernels, state->copy_query, copy);

		hit->low = hit->high = isnan(key) ? INFINITY : key;
	}
	else
		bounded_keys(search, copy, half_to_float(error), hit);
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
	uint32 rank; /* of the list at hand, by nearness */
	uint32 list;
	BlockNumber blkno; /* the next segment; invalid: there is none */
} SegmentCursor;

/* Go to the first segment of the next list that has one */
static void
cursor_next_list(IvfSearch *search, SegmentCursor *cursor)
{
	while (cursor->blkno == InvalidBlockNumber && !search->stale &&
		   cursor->rank < cursor->probes)
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

	search->stale = false;
	sort_ranks(search, cursor.probes);
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

/* Estimate the rows of a segment from their codes */
static void
estimate_segment(IvfSearch *search, Page page, float product)
{
	struct IvfSearchState *state = search->state;
	const IvfLayout *layout = &search->layout;
	IvfCandidates *candidates = &state->candidates;
	uint32 nblocks = (ivf_segment(page)->nlanes + IVF_BLOCK - 1) / IVF_BLOCK;
	const uint32 *live = IVF_ARRAY(page, layout->live, uint32);
	const float *terms = IVF_ARRAY(page, layout->terms, float);
	const uint8 *codes = IVF_ARRAY(page, layout->codes, uint8);
	size_t m = pq_padded_parts(search->meta.m);
	float factor = search->meta.metric == METRIC_INNER_PRODUCT ? -1.0f : -2.0f;
	LookupEstimate estimate = {.base = factor * product + state->tables.bias,
							   .step = state->tables.step,
							   .limit = candidates->threshold};

	lookup_kernels()->sums(codes, nblocks, state->tables.bytes, m, state->sums);
	lookup_kernels()->below(state->sums, terms, nblocks, &estimate,
							state->below);
	for (uint32 block = 0; block < nblocks; block++)
	{
		uint32 near = state->below[block] & live[block];

		for (; near != 0; near &= near - 1)
		{
			uint32 lane = block * IVF_BLOCK + pg_rightmost_one_pos32(near);
			float key =
				estimate.base + estimate.step * state->sums[lane] + terms[lane];

			/* the limit may have come down meanwhile */
			if (key < candidates->threshold)
				fill_candidate(search, page, lane, key,
							   ivf_candidates_add(candidates));
		}
	}
	search->counters.rows += nblocks * IVF_BLOCK;
}

/* Head, live lanes, terms and codes of a page that comes next, and its kind */
static inline void
prefetch_segment(Page page, const IvfLayout *layout)
{
	page_prefetch(page, 0,
				  layout->codes +
					  layout->capacity / IVF_BLOCK * layout->block_bytes);
	__builtin_prefetch(page_special(page));
}

/*
 * While one segment is looked at, the next one's codes are on their way: the
 * processor itself foresees no more than the rest of a page.
 */
static void
estimate_lists(IvfSearch *search, uint32 probes)
{
	SegmentCursor cursor = cursor_begin(search, probes);
	const IvfLayout *layout = &search->layout;
	Buffer next = InvalidBuffer;

	if (cursor.blkno != InvalidBlockNumber)
		next = ivf_pin(search->index, cursor.model, cursor.blkno);
	while (BufferIsValid(next))
	{
		Buffer buffer = next;
		float product = search->state->products[cursor.list];
		Page page = cursor_lock(search, &cursor, buffer);

		CHECK_FOR_INTERRUPTS();
		next = InvalidBuffer;
		if (cursor.blkno != InvalidBlockNumber)
		{
			next = ivf_pin(search->index, cursor.model, cursor.blkno);
			prefetch_segment(BufferGetPage(next), layout);
		}
		if (page != NULL)
			estimate_segment(search, page, product);
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

/* Compare the rows of a segment without codes, from an image of it */
static void
compare_segment(IvfSearch *search, const IvfModel *model)
{
	struct IvfSearchState *state = search->state;
	const IvfLayout *layout = &search->layout;
	const Slots *slots = &layout->copy_slots;
	IvfCandidates *candidates = &state->candidates;
	Page page = (Page) state->image;
	uint32 nlanes;
	const uint32 *live;

	nlanes = ivf_segment(page)->nlanes;
	live = IVF_ARRAY(page, layout->live, uint32);

	for (uint32 first = 0; first < nlanes; first += slots->per_page)
	{
		BlockNumber blkno = IVF_ARRAY(
			page, layout->copies, BlockNumber)[ivf_copy_page(layout, first)];
		uint32 end = Min(first + slots->per_page, nlanes);
		Buffer copies = InvalidBuffer;
		const char *room;

		CHECK_FOR_INTERRUPTS();
		if (slots->pages_each > 1)
			room = gather_copy(search, blkno);
		else
		{
			Page copy_page;

			copies = ivf_pin(search->index, model, blkno);
			copy_page =
				page_lock_before(search->index, copies, IVF_MAGIC,
								 IVF_PAGE_COPIES, search->meta.generation);
			if (unlikely(copy_page == NULL))
				set_stale(search, blkno);
			room = page_room(BufferGetPage(copies));
		}
		if (unlikely(search->stale))
			end = first;
		for (uint32 lane = first; lane < end; lane++)
		{
			IvfHit hit;

			if ((live[lane / IVF_BLOCK] >> lane % IVF_BLOCK & 1) == 0)
				continue;
			verify_copy(search, room + (lane - first) * slots->size, 0, &hit);
			if (!candidates->dropped || hit.low < candidates->threshold)
				fill_candidate(search, page, lane, hit.low,
							   ivf_candidates_add(candidates));
			search->counters.rows++;
		}
		if (BufferIsValid(copies))
			UnlockReleaseBuffer(copies);
	}
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
		compare_segment(search, cursor.model);
}

/*
 * Verification
 */

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
		MemoryContextAllocHuge(state->context, (Size) n * sizeof(IvfHit));
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

/* Candidates whose copies fit a page each, several on their way at a time */
static void
verify_by_copies(IvfSearch *search)
{
	const IvfCandidates *candidates = &search->state->candidates;
	const IvfModel *model = search_model(search);
	Buffer ahead[VERIFY_AHEAD];

	for (uint32 i = 0; i < candidates->n + VERIFY_AHEAD; i++)
	{
		Buffer *place = &ahead[i % VERIFY_AHEAD];

		if (i >= VERIFY_AHEAD)
		{
			const IvfCandidate *candidate =
				&candidates->items[i - VERIFY_AHEAD];
			IvfHit *hit = &search->hits[i - VERIFY_AHEAD];
			Page page =
				page_lock_before(search->index, *place, IVF_MAGIC,
								 IVF_PAGE_COPIES, search->meta.generation);

			if (likely(page != NULL))
				verify_copy(search, page_room(page) + candidate->offset,
							candidate->error, hit);
			else
				set_stale(search, candidate->page);
			UnlockReleaseBuffer(*place);
		}
		if (i < candidates->n)
			*place = fetch_copy(search, model, &candidates->items[i]);
	}
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
		IvfHit *hit = &search->hits[i];

		hit->tid = candidate->tid;
		if (search->meta.codec == IVF_CODEC_NONE || search->trust_estimates)
			hit->low = hit->high = candidate->key;
		else if (search->meta.copies == IVF_COPIES_NONE)
		{
			hit->low = -INFINITY;
			hit->high = INFINITY;
		}
		else if (search->layout.copy_slots.pages_each > 1)
			verify_copy(search, gather_copy(search, candidate->page),
						candidate->error, hit);
	}
	if (search->meta.codec == IVF_CODEC_NONE)
		return;
	search->counters.candidates += candidates->n;
	if (search->layout.copy_slots.pages_each == 1 &&
		search->layout.copy_slots.size > 0)
		verify_by_copies(search);
}

/* The first two stages */
static void
estimate(IvfSearch *search, uint32 probes, uint32 candidates)
{
	IvfCandidates *best = &search->state->candidates;

	memset(&search->counters, 0, sizeof(search->counters));
	ivf_candidates_reset(best, candidates);
	if (search->meta.codec == IVF_CODEC_NONE)
		compare_lists(search, probes);
	else
		estimate_lists(search, probes);
	ivf_candidates_shrink(best);
	search->complete = !best->dropped;
}

void
ivf_search_run(IvfSearch *search, uint32 probes, uint32 candidates)
{
	MemoryContext old = MemoryContextSwitchTo(search->state->context);

	estimate(search, probes, candidates);
	verify_candidates(search);
	MemoryContextSwitchTo(old);
}

const IvfCandidate *
ivf_search_estimates(IvfSearch *search, uint32 probes, uint32 candidates,
					 uint32 *nfound)
{
	MemoryContext old = MemoryContextSwitchTo(search->state->context);

	estimate(search, probes, candidates);
	MemoryContextSwitchTo(old);
	*nfound = search->state->candidates.n;
	return search->state->candidates.items;
}

void
ivf_search_visit(IvfSearch *search, uint32 probes, IvfVisit visit, void *arg)
{
	SegmentCursor cursor = cursor_begin(search, probes);
	Page page = (Page) search->state->image;
	const uint32 *live = IVF_ARRAY(page, search->layout.live, uint32);

	while (next_image(search, &cursor))
	{
		for (uint32 lane = 0; lane < ivf_segment(page)->nlanes; lane++)
		{
			if (live[lane / IVF_BLOCK] >> lane % IVF_BLOCK & 1)
				visit(arg,
					  &IVF_ARRAY(page, search->layout.tids,
								 ItemPointerData)[lane]);
		}
		/* visits may look at catalogues: the relation cache may have moved */
		cursor.model = search_model(search);
	}
}
