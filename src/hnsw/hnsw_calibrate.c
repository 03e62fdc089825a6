/*
 * hnsw_calibrate.c
 *	  How many nodes a search has to keep, found out by searching.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "am/poll.h"
#include "core/select.h"
#include "hnsw/hnsw_calibrate.h"
#include "hnsw/hnsw_search.h"

/* Rows that are searched for */
#define QUERIES 128

/* Of them at a time, against all rows */
#define TILE 8

/* Real queries are less like the rows than rows are: .95 of them is wanted */
#define RECALL_WANTED 0.99

/*
 * Nodes kept beyond k at least: on easy rows a search may do with hardly more
 * than k, but a query from elsewhere would end where it came in.
 */
#define LEAST_MARGIN 30

/* ef is tried in steps by this factor, up to so many of them */
#define EF_STEP 1.15
#define EF_STEPS 48

/* Distances of the two ways to compute them may differ by so much */
#define TOLERANCE 1e-5

typedef struct Calibration
{
	const HnswMeta *meta;
	const HnswRows *rows;
	HnswSearch *search;
	HnswId ground; /* the name of the first element */
	uint32 nqueries;
	uint32 queries[QUERIES];
	/* the key of the k-th nearest other element, for each calibrated k */
	double limits[QUERIES][HNSW_NCALIBRATIONS];
} Calibration;

static const float *
row_of(const Calibration *c, uint32 element)
{
	return c->rows->rows + element * c->rows->stride;
}

/* |y|^2 - 2 <x, y>, or what orders by product */
static double
key_of(const Calibration *c, double product, double sqnorm)
{
	return c->meta->metric == METRIC_INNER_PRODUCT ? -product
												   : sqnorm - 2 * product;
}

static double
sqnorm(const float *row, int dim)
{
	return dense_kernels(ELEM_FLOAT32, ELEM_FLOAT32)
		->inner_product(row, row, dim, 0);
}

/* Where the k nearest of a query end, by comparing all */
static void
find_limits(Calibration *c)
{
	uint32 n = c->rows->n;
	int dim = c->meta->dim;
	float *queries = palloc(TILE * dim * sizeof(float));
	float *products = MemoryContextAllocHuge(CurrentMemoryContext,
											 TILE * (Size) n * sizeof(float));
	double *keys =
		MemoryContextAllocHuge(CurrentMemoryContext, n * 2 * sizeof(double));
	double *scratch = keys + n;
	float *sqnorms =
		MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(float));

	for (uint32 i = 0; i < n; i++)
		sqnorms[i] = sqnorm(row_of(c, i), dim);
	for (uint32 first = 0; first < c->nqueries; first += TILE)
	{
		uint32 ntile = Min(TILE, c->nqueries - first);

		for (uint32 q = 0; q < ntile; q++)
			memcpy(queries + q * dim, row_of(c, c->queries[first + q]),
				   dim * sizeof(float));
		(void) blas_inner_products(queries, dim, ntile, c->rows->rows,
								   c->rows->stride, n, dim, products, n,
								   poll_interrupts, NULL);
		for (uint32 q = 0; q < ntile; q++)
		{
			for (uint32 i = 0; i < n; i++)
				keys[i] = key_of(c, products[(Size) q * n + i], sqnorms[i]);
			keys[c->queries[first + q]] = INFINITY;
			for (int k = 0; k < HNSW_NCALIBRATIONS; k++)
			{
				memcpy(scratch, keys, n * sizeof(double));
				c->limits[first + q][k] = select_nth(
					scratch, n, Min(c->meta->calibrations[k].k, n - 1) - 1);
			}
			CHECK_FOR_INTERRUPTS();
		}
	}
	pfree(sqnorms);
	pfree(keys);
	pfree(products);
	pfree(queries);
}

/* Of the k nearest of a query, how many a search finds */
static uint32
count_found(const Calibration *c, uint32 query, int at)
{
	const HnswSearch *search = c->search;
	const float *row = row_of(c, c->queries[query]);
	int dim = c->meta->dim;
	double limit = c->limits[query][at];
	double slack = TOLERANCE * (fabs(limit) + sqnorm(row, dim));
	uint32 wanted = c->meta->calibrations[at].k;
	uint32 seen = 0;
	uint32 found = 0;

	for (uint32 i = 0; i < search->nfound && seen < wanted; i++)
	{
		uint32 element = search->found[i].id - c->ground;
		const float *other;
		double product;

		if (element == c->queries[query] || element >= c->rows->n)
			continue;
		other = row_of(c, element);
		product = dense_kernels(ELEM_FLOAT32, ELEM_FLOAT32)
					  ->inner_product(row, other, dim, 0);
		seen++;
		found += key_of(c, product, sqnorm(other, dim)) <= limit + slack;
	}
	return found;
}

static double
recall_at(const Calibration *c, int at, uint32 ef)
{
	uint64 found = 0;
	uint32 wanted = Min(c->meta->calibrations[at].k, c->rows->n - 1);

	for (uint32 q = 0; q < c->nqueries; q++)
	{
		CHECK_FOR_INTERRUPTS();
		hnsw_search_set_row(c->search, row_of(c, c->queries[q]));
		hnsw_search_run(c->search, ef);
		found += Min(count_found(c, q, at), wanted);
	}
	return (double) found / ((double) c->nqueries * wanted);
}

/* The query itself takes a place */
static uint32
ef_of_step(uint32 k, int step)
{
	return ceil((k + 1) * pow(EF_STEP, step));
}

/* The first step that is good enough */
static uint32
find_ef(const Calibration *c, int at)
{
	uint32 k = c->meta->calibrations[at].k;
	int low = 0;
	int high = EF_STEPS;

	while (high > low && ef_of_step(k, high - 1) > c->rows->n)
		high--;
	while (low < high)
	{
		int middle = (low + high) / 2;

		if (recall_at(c, at, ef_of_step(k, middle)) >= RECALL_WANTED)
			high = middle;
		else
			low = middle + 1;
	}
	return ef_of_step(k, high);
}

void
hnsw_calibrate(Relation index, HnswMeta *meta, const HnswRows *rows,
			   HnswId ground)
{
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "hnsw calibration", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Calibration *c = palloc0(sizeof(Calibration));

	c->meta = meta;
	c->rows = rows;
	c->nqueries = Min(rows->n, QUERIES);
	if (rows->n > meta->calibrations[HNSW_NCALIBRATIONS - 1].k)
	{
		c->search = hnsw_search_new(index);
		c->ground = ground;
		for (uint32 i = 0; i < c->nqueries; i++)
			c->queries[i] = (uint64) i * rows->n / c->nqueries;
		find_limits(c);
		for (int at = 0; at < HNSW_NCALIBRATIONS; at++)
			meta->calibrations[at].ef =
				Max(find_ef(c, at), meta->calibrations[at].k + LEAST_MARGIN);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
