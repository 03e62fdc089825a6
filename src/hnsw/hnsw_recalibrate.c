/*
 * hnsw_recalibrate.c
 *	  How many nodes a search has to keep, of an index that is in use.
 */
#include "postgres.h"

#include <math.h>

#include "commands/vacuum.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "am/poll.h"
#include "core/compat.h"
#include "hnsw/hnsw_calibrate.h"
#include "hnsw/hnsw_link.h"
#include "hnsw/hnsw_recalibrate.h"
#include "hnsw/hnsw_record.h"
#include "hnsw/hnsw_search.h"

/* Rows that are compared with the queries at a time */
#define TILE 128

/* A row that is searched for */
typedef struct Sought
{
	const float *row;
	const void *value; /* NULL where none are kept */
	HnswId id;
	double *nearest; /* keys of the nearest other elements, ascending */
	uint32 nnearest;
} Sought;

typedef struct Recalibration
{
	Relation index;
	BufferAccessStrategy strategy;
	const HnswModel *model;
	const HnswMeta *meta; /* the caller's */
	HnswSearch *search;
	uint32 most; /* of a query's nearest */
	Sought *queries;
	uint32 nqueries;
	float *query_rows; /* of all queries, one after the other */

	/* rows that are to be compared */
	float *rows;
	HnswId ids[TILE];
	uint32 nrows;
	float *products;   /* nqueries x TILE */
	HnswRecord record; /* of a node, and the image */
	float *other;
} Recalibration;

static double
product_of(const Recalibration *r, const float *a, const float *b)
{
	return dense_kernels(ELEM_FLOAT32, ELEM_FLOAT32)
		->inner_product(a, b, r->meta->dim, 0);
}

/* What is searched for in the place of an element of the sample; NULL: it is gone */
static const void *
read_value(Recalibration *r, const HnswSample *sample, uint32 place)
{
	uint32 places[] = {place, ((uint64) place + sample->n / 2) % sample->n};
	const void *values[lengthof(places)];

	for (int i = 0; i < lengthof(places); i++)
	{
		HnswRecord *record = &r->record;

		if (!hnsw_record_read(record, r->index, r->model,
							  sample->ids[places[i]], 0, r->other))
			return NULL;
		values[i] = memcpy(palloc(record->bytes), record->data, record->bytes);
	}
	return hnsw_query_value(r->meta, values[0], values[1]);
}

static void
init(Recalibration *r, const HnswSample *sample)
{
	Size dim = r->meta->dim;

	hnsw_record_init(&r->record, &r->model->layout);
	r->other = palloc(dim * sizeof(float));
	r->most = r->meta->calibrations[HNSW_NCALIBRATIONS - 1].k;
	r->nqueries = Min(sample->n, HNSW_CALIBRATION_QUERIES);
	r->queries = palloc0(r->nqueries * sizeof(Sought));
	r->query_rows = MemoryContextAllocHuge(CurrentMemoryContext,
										   r->nqueries * dim * sizeof(float));
	for (uint32 q = 0; q < r->nqueries; q++)
	{
		uint32 place = (uint64) q * sample->n / r->nqueries;
		Sought *query = &r->queries[q];

		query->row = memcpy(r->query_rows + q * dim, sample->rows + place * dim,
							dim * sizeof(float));
		query->id = sample->ids[place];
		if (hnsw_keeps_values(r->meta))
			query->value = read_value(r, sample, place);
		query->nearest = palloc(r->most * sizeof(double));
	}
	r->rows = MemoryContextAllocHuge(CurrentMemoryContext,
									 TILE * dim * sizeof(float));
	r->products = palloc(r->nqueries * TILE * sizeof(float));
}

/*
 * The nearest of all
 */

/* Put in order, if it is near enough */
static void
add_near(Sought *query, uint32 most, double key)
{
	uint32 at;

	if (query->nnearest == most)
	{
		if (!(key < query->nearest[most - 1]))
			return;
		query->nnearest--;
	}
	for (at = query->nnearest; at > 0 && query->nearest[at - 1] > key; at--)
		query->nearest[at] = query->nearest[at - 1];
	query->nearest[at] = key;
	query->nnearest++;
}

static void
compare_rows(Recalibration *r)
{
	int dim = r->meta->dim;

	(void) blas_inner_products(r->query_rows, dim, r->nqueries, r->rows, dim,
							   r->nrows, dim, r->products, TILE,
							   poll_interrupts, NULL);
	for (uint32 i = 0; i < r->nrows; i++)
	{
		const float *row = r->rows + i * dim;
		double sqnorm = product_of(r, row, row);

		for (uint32 q = 0; q < r->nqueries; q++)
		{
			if (r->queries[q].id != r->ids[i])
				add_near(
					&r->queries[q], r->most,
					hnsw_order_key(r->meta, r->products[q * TILE + i], sqnorm));
		}
	}
	r->nrows = 0;
}

/* The same for an element whose value was just read */
static void
compare_value(Recalibration *r, HnswId id)
{
	for (uint32 q = 0; q < r->nqueries; q++)
	{
		Sought *query = &r->queries[q];

		if (query->id != id && query->value != NULL)
			add_near(query, r->most,
					 hnsw_value_key(r->meta, query->value, r->record.data));
	}
}

/* The rows of a block's elements are to be compared */
static void
take_block(Recalibration *r, Page page, BlockNumber blkno)
{
	const HnswLayout *layout = &r->model->layout;
	int dim = r->meta->dim;

	for (uint32 slot = 0; slot < layout->slots; slot++)
	{
		const HnswNode *node = hnsw_node(page, layout, slot);

		if (node->state != HNSW_LIVE || node->level > 0 ||
			!hnsw_record_image(&r->record, r->index, r->model, node,
							   r->rows + r->nrows * dim))
			continue;
		if (hnsw_keeps_values(r->meta))
		{
			compare_value(r, hnsw_id(layout, blkno, slot));
			continue;
		}
		r->ids[r->nrows++] = hnsw_id(layout, blkno, slot);
		if (r->nrows == TILE)
			compare_rows(r);
	}
}

static void
find_nearest(Recalibration *r)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(r->index);
	char *page = palloc(BLCKSZ);

	for (BlockNumber blkno = HNSW_META_BLOCK + 1; blkno < nblocks; blkno++)
	{
		vacuum_pause();
		if (hnsw_copy_block(r->index, blkno, r->strategy, page))
			take_block(r, page, blkno);
	}
	compare_rows(r);
	pfree(page);
}

/*
 * What a search finds of them
 */

/* Is what was just read as near to a query as limit, or nearer? */
static bool
is_near(const Recalibration *r, const Sought *query, double limit, double slack)
{
	if (query->value != NULL)
		return hnsw_value_key(r->meta, query->value, r->record.data) <= limit;
	return hnsw_order_key(r->meta, product_of(r, query->row, r->other),
						  product_of(r, r->other, r->other)) <= limit + slack;
}

/* Of the k nearest of a query, how many the search has found */
static uint32
count_found(Recalibration *r, const Sought *query, uint32 k)
{
	const HnswSearch *search = r->search;
	double limit = query->nearest[k - 1];
	double slack =
		hnsw_order_slack(limit, product_of(r, query->row, query->row));
	uint32 found = 0;

	for (uint32 i = 0; i < search->nfound && found < k; i++)
	{
		HnswId id = search->found[i].id;

		if (id == query->id ||
			!hnsw_record_read(&r->record, r->index, r->model, id, 0,
							  r->other) ||
			r->record.head.state != HNSW_LIVE)
			continue;
		found += is_near(r, query, limit, slack);
	}
	return found;
}

static double
recall_of(void *arg, HnswTrial *trial)
{
	Recalibration *r = arg;
	uint64 found = 0;
	uint64 wanted = 0;
	uint64 looked = 0;

	r->search->visits = trial->visits;
	for (uint32 q = 0; q < r->nqueries; q++)
	{
		const Sought *query = &r->queries[q];
		uint32 k = Min(r->meta->calibrations[trial->at].k, query->nnearest);

		if (k == 0)
			continue;
		vacuum_pause();
		if (query->value != NULL)
			(void) hnsw_search_set_elems(r->search, query->value);
		else
			hnsw_search_set_row(r->search, query->row);
		r->search->without = query->id;
		r->search->stop = hnsw_trial_stop(k, trial->margin);
		hnsw_search_run(r->search, trial->ef);
		hnsw_search_sort(r->search);
		found += count_found(r, query, k);
		wanted += k;
		looked += r->search->counters.nodes;
	}
	trial->looked = (double) looked / r->nqueries;
	return wanted == 0 ? 1 : (double) found / wanted;
}

void
hnsw_recalibrate(Relation index, BufferAccessStrategy strategy,
				 const HnswSample *sample, uint32 elements, HnswMeta *meta)
{
	Recalibration r = {.index = index,
					   .strategy = strategy,
					   .model = hnsw_model_copy(index, NULL),
					   .meta = meta};

	init(&r, sample);
	find_nearest(&r);
	r.search = hnsw_search_new(index);
	hnsw_find_efforts(meta, elements, recall_of, &r);
}
