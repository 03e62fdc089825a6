/*
 * hnsw_masked.c
 *	  A search among the rows of a set, or with certain attributes: by row pages, not
 *	  by links.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "core/select.h"
#include "hnsw/hnsw_masked.h"
#include "hnsw/hnsw_row_page.h"

/*
 * Blocks of the table that are looked up in the set, at most, to find that a page of
 * rows has none of it
 */
#define MOST_LOOKED_UP 64

/* Row pages of a sample.  Of fewer than twice as many all are passed as well. */
#define SAMPLED_PAGES 16

/* Of the nearest k so many may be missed, as far as errors of estimates tell */
#define MISSED_SHARE 0.02

/*
 * The rows met so far with the least estimates, in no order.  When there are twice as many
 * as are wanted the nearest stay.
 */
typedef struct Candidates
{
	HnswRowAt *rows;
	double *scratch; /* as many */
	uint32 n;
	uint32 wanted;
	uint32 room;
	float limit;    /* who is not below it need not come */
	float farthest; /* estimate, when all have come */
} Candidates;

typedef struct Masked
{
	HnswSearch *search;
	const HnswModel *model;
	HnswRowFilter filter;
	const Codec *codec; /* NULL: there are no codes */
	CodecQuery query;
	float keys[HNSW_ROW_WORD];
	float terms[HNSW_ROW_WORD]; /* zeros */
	uint32 scratch[HNSW_ROW_WORD];
	Candidates candidates;
	HnswMaskedResult result;
} Masked;

/*
 * Candidates
 */

#define LEAST_ROOM 256

static void
make_room(Candidates *c)
{
	Size room = Min(Max(LEAST_ROOM, 2 * (Size) c->room), 2 * (Size) c->wanted);
	HnswRowAt *rows =
		MemoryContextAllocHuge(CurrentMemoryContext, room * sizeof(HnswRowAt));

	if (c->rows != NULL)
	{
		memcpy(rows, c->rows, c->n * sizeof(HnswRowAt));
		pfree(c->rows);
		pfree(c->scratch);
	}
	c->rows = rows;
	c->scratch =
		MemoryContextAllocHuge(CurrentMemoryContext, room * sizeof(double));
	c->room = room;
}

/* Put the nearest so many of n rows before the others; the estimate of the last one */
static float
bring_nearest(HnswRowAt *rows, uint32 n, uint32 wanted, double *scratch)
{
	uint32 equal = wanted;
	uint32 brought = 0;
	double limit;

	for (uint32 i = 0; i < n; i++)
		scratch[i] = rows[i].estimate;
	limit = select_nth(scratch, n, wanted - 1);
	for (uint32 i = 0; i < n; i++)
		equal -= rows[i].estimate < limit;
	for (uint32 i = 0; i < n; i++)
	{
		HnswRowAt row = rows[i];

		if (row.estimate > limit || (row.estimate == limit && equal == 0))
			continue;
		equal -= row.estimate == limit;
		rows[i] = rows[brought];
		rows[brought++] = row;
	}
	return (float) limit;
}

static void
keep_nearest(Candidates *c)
{
	c->limit = bring_nearest(c->rows, c->n, c->wanted, c->scratch);
	c->n = c->wanted;
}

static inline void
add_candidate(Candidates *c, const HnswRowAt *row)
{
	if (unlikely(c->n == c->room))
	{
		if (c->room < 2 * (Size) c->wanted)
			make_room(c);
		else
			keep_nearest(c);
	}
	c->rows[c->n++] = *row;
}

/* All have come */
static void
finish_candidates(Candidates *c)
{
	if (c->n > c->wanted)
		keep_nearest(c);
	c->farthest = -INFINITY;
	for (uint32 i = 0; i < c->n; i++)
		c->farthest = Max(c->farthest, c->rows[i].estimate);
}

/*
 * Pages
 */

/* Has the set rows in the blocks of a page, as far as that is soon known? */
static bool
may_have_rows(const TidFilter *tids, const HnswRowHead *head)
{
	BlockNumber end;

	if (tids == NULL)
		return true;
	if (head->nlive == 0 || head->low >= tids->nblocks)
		return false;
	if (tids->places == NULL || head->high < head->low ||
		head->high - head->low >= MOST_LOOKED_UP)
		return true;
	end = Min(head->high + 1, tids->nblocks);
	for (BlockNumber block = head->low; block < end; block++)
	{
		if (tids->places[block] != 0)
			return true;
	}
	return false;
}

static void
take_lane(Masked *m, Page page, uint32 lane, float estimate)
{
	const HnswLayout *layout = &m->model->layout;
	HnswRowAt row = {.ground = hnsw_row_grounds(page, layout)[lane],
					 .tid = hnsw_row_tids(page, layout)[lane],
					 .estimate = estimate};

	add_candidate(&m->candidates, &row);
}

/* Estimate those of a word that are in the set */
static void
scan_word(Masked *m, Page page, uint32 word, uint32 members)
{
	CodecScan scan = {.codes = hnsw_row_codes(page, &m->model->layout, word),
					  .nlanes = HNSW_ROW_WORD,
					  .ahead = m->model->layout.block_bytes,
					  .terms = m->terms,
					  .limit = m->candidates.limit};
	uint32 near;

	m->codec->scan(&m->query, &scan, m->keys, &near);
	if (scan.limit == INFINITY)
	{
		/* all are taken, also those that are infinitely far, or nobody knows */
		for (uint32 far = ~near; far != 0; far &= far - 1)
			m->keys[pg_rightmost_one_pos32(far)] = INFINITY;
		near = members;
	}
	for (near &= members; near != 0; near &= near - 1)
	{
		uint32 bit = pg_rightmost_one_pos32(near);

		take_lane(m, page, word * HNSW_ROW_WORD + bit, m->keys[bit]);
	}
}

static void
scan_page(Masked *m, Page page)
{
	const HnswModel *model = m->model;
	uint32 found[HNSW_ROW_WORDS];
	uint32 n =
		hnsw_row_find(page, &model->meta, &model->layout, &m->filter, found);

	m->result.pages++;
	if (m->filter.attributes != NULL)
		m->result.tested += hnsw_row_head(page)->nlive;
	if (n == 0)
		return;
	m->result.rows += n;
	for (uint32 word = 0; word < hnsw_row_words(&model->layout); word++)
	{
		uint32 members = found[word];

		if (members == 0)
			continue;
		if (m->codec != NULL)
			scan_word(m, page, word, members);
		else if (m->result.rows <= m->candidates.wanted)
		{
			for (; members != 0; members &= members - 1)
				take_lane(
					m, page,
					word * HNSW_ROW_WORD + pg_rightmost_one_pos32(members), 0);
		}
	}
}

static void
scan_pages(Masked *m)
{
	HnswRowWalk walk = hnsw_row_walk(m->search->index, m->model, NULL);
	Buffer buffer;

	while (BufferIsValid(buffer = hnsw_row_walk_next(&walk, BUFFER_LOCK_SHARE)))
	{
		Page page = BufferGetPage(buffer);

		if (may_have_rows(m->filter.tids, hnsw_row_head(page)))
			scan_page(m, page);
		UnlockReleaseBuffer(buffer);
		CHECK_FOR_INTERRUPTS();
	}
}

/*
 * Looking at candidates
 */

/* The k'th least key of n candidates */
static double
nearest_key(const HnswRowAt *rows, uint32 n, uint32 k)
{
	double *keys = palloc(n * sizeof(double));
	double key;

	for (uint32 i = 0; i < n; i++)
		keys[i] = isnan(rows[i].key) ? INFINITY : rows[i].key;
	key = select_nth(keys, n, k - 1);
	pfree(keys);
	return key;
}

/*
 * What the errors of estimates of n rows are like: keys less estimates.  Rows of one
 * element, which lie side by side where they have been looked at, have one error.
 */
static void
measure_errors(const HnswRowAt *rows, uint32 n, double *mean, double *deviation)
{
	double sum = 0;
	double squares = 0;
	uint32 known = 0;

	for (uint32 i = 0; i < n; i++)
	{
		double error = (double) rows[i].key - rows[i].estimate;

		if (!isfinite(error) || (i > 0 && rows[i].ground == rows[i - 1].ground))
			continue;
		sum += error;
		squares += error * error;
		known++;
	}
	*mean = sum / Max(known, 1);
	squares = squares / Max(known, 1) - *mean * *mean;
	*deviation = sqrt(Max(squares, 0));
}

/* The chance that a row with this estimate has a key below limit */
static double
chance_below(double limit, double estimate, double deviation)
{
	double behind = estimate - limit;

	if (deviation == 0)
		return behind < 0;
	return erfc(behind / deviation * M_SQRT1_2) / 2;
}

/*
 * Are the nearest k among the n candidates that were looked at, but for few?  By the
 * estimates of the others, and of all rows of the set that are no candidates, if errors
 * are like those that are known.
 */
static bool
has_nearest(const Masked *m, uint32 n, uint32 k)
{
	const Candidates *c = &m->candidates;
	double tolerated = MISSED_SHARE * k;
	double others = m->result.rows - c->n;
	double mean;
	double deviation;
	double limit;
	double missed;

	if (n < k || !hnsw_search_estimates_keys(m->search))
		return false;
	measure_errors(c->rows, n, &mean, &deviation);
	limit = nearest_key(c->rows, n, k) - mean;
	missed = others * chance_below(limit, c->farthest, deviation);
	for (uint32 i = n; i < c->n && missed <= tolerated; i++)
		missed += chance_below(limit, c->rows[i].estimate, deviation);
	return missed <= tolerated;
}

/* The nearest candidates, at least so many, until there seem to be k */
static void
look_at_candidates(Masked *m, uint32 k, uint32 least)
{
	HnswSearch *search = m->search;
	Candidates *c = &m->candidates;
	HnswMaskedResult *result = &m->result;

	finish_candidates(c);
	while (result->n < c->n && !result->enough)
	{
		HnswRowAt *rest = c->rows + result->n;
		uint32 nrest = c->n - result->n;
		uint32 more = Min(Max(result->n, least), nrest);

		(void) bring_nearest(rest, nrest, more, c->scratch);
		hnsw_search_look_at(search, rest, more);
		result->n += more;
		result->enough = has_nearest(m, result->n, k);
	}
	search->complete = result->n == result->rows;
	/* where estimates are of something else, nobody knows */
	if (search->complete || !hnsw_search_estimates_keys(search))
		result->enough = true;
}

static void
begin(Masked *m, HnswSearch *search, HnswRowFilter filter, uint32 most)
{
	const CodecQuery *query = hnsw_search_begin(search);

	memset(m, 0, sizeof(*m));
	m->search = search;
	m->model = hnsw_model_get(search->index, NULL);
	m->filter = filter;
	m->candidates.wanted = most;
	m->candidates.limit = INFINITY;
	if (query != NULL && hnsw_rows_have_codes(m->model))
	{
		m->codec = codec_of((CodecKind) m->model->meta.codec);
		m->query = *query;
		m->query.scratch = m->scratch;
	}
}

static void
end(Masked *m)
{
	if (m->candidates.rows == NULL)
		return;
	pfree(m->candidates.rows);
	pfree(m->candidates.scratch);
}

static HnswMaskedResult
run_once(HnswSearch *search, uint32 k, uint32 least, uint32 most)
{
	Masked m;

	begin(&m, search, (HnswRowFilter){search->tids, search->attributes}, most);
	scan_pages(&m);
	search->complete = false;
	if (m.codec != NULL || m.result.rows <= most)
		look_at_candidates(&m, k, least);
	end(&m);
	return m.result;
}

/* Estimates may have been none where codes have changed meanwhile: once more */
HnswMaskedResult
hnsw_search_masked(HnswSearch *search, uint32 k, uint32 least, uint32 most)
{
	HnswMaskedResult result;

	do
		result = run_once(search, Max(k, 1), Max(least, 1), Max(most, 1));
	while (hnsw_search_is_outdated(search));
	return result;
}

/* Where codes have changed meanwhile they are other rows, which does no harm */
HnswMaskedResult
hnsw_search_nearest(HnswSearch *search, uint32 n, TIDBitmap *rows)
{
	Masked m;

	begin(&m, search, (HnswRowFilter){NULL, NULL}, n);
	scan_pages(&m);
	finish_candidates(&m.candidates);
	for (uint32 i = 0; i < m.candidates.n; i++)
		tbm_add_tuples(rows, &m.candidates.rows[i].tid, 1, false);
	end(&m);
	return m.result;
}

/*
 * Samples
 */

/* A page that may have rows, and if not says nothing */
static void
sample_page(const HnswSearch *search, const HnswModel *model, BlockNumber blkno,
			HnswRowSample *sample)
{
	HnswRowFilter filter = {.attributes = search->attributes};
	uint32 found[HNSW_ROW_WORDS];
	Buffer buffer = hnsw_pin(search->index, model, blkno);
	Page page = BufferGetPage(buffer);

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	if (page_special(page)->magic == HNSW_MAGIC &&
		page_special(page)->kind == HNSW_PAGE_ROWS)
	{
		sample->met +=
			hnsw_row_find(page, &model->meta, &model->layout, &filter, found);
		sample->tested += hnsw_row_head(page)->nlive;
	}
	UnlockReleaseBuffer(buffer);
}

/* A build has written the pages one behind the other */
HnswRowSample
hnsw_sample_rows(const HnswSearch *search, double nrows)
{
	const HnswModel *model = hnsw_model_get(search->index, NULL);
	double npages = ceil(nrows / model->layout.rows.lanes);
	BlockNumber nblocks = RelationGetNumberOfBlocks(search->index);
	HnswRowSample sample = {0};

	for (uint32 i = 0; i < SAMPLED_PAGES && npages >= 2 * SAMPLED_PAGES; i++)
	{
		double blkno = model->meta.rows + floor(i * npages / SAMPLED_PAGES);

		if (blkno < nblocks)
			sample_page(search, model, (BlockNumber) blkno, &sample);
	}
	if (sample.tested < nrows * SAMPLED_PAGES / npages / 2)
		sample.tested = 0;
	return sample;
}
