/*
 * hnsw_calibrate.c
 *	  How many nodes a search has to keep, found out by searching.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "am/key.h"
#include "am/poll.h"
#include "core/select.h"
#include "hnsw/hnsw_calibrate.h"
#include "hnsw/hnsw_form.h"
#include "hnsw/hnsw_image.h"
#include "hnsw/hnsw_nearest.h"
#include "hnsw/hnsw_rows.h"
#include "hnsw/hnsw_search.h"
#include "vector/sparse.h"

/* Of them at a time, against all rows */
#define TILE 8

/* Of them at a time, by searching */
#define SEARCHED 4

/*
 * Real queries are less like the rows than rows are: .95 of them is wanted.  More of
 * one's own where links were made by what is only near to values.  And so many times
 * the nodes that rows take: measured, .96 for questions to texts.
 */
#define RECALL_WANTED 0.99
#define RECALL_WANTED_ROUGH 0.998
#define QUERY_MARGIN 1.5

/*
 * Nodes kept beyond k at least: on easy rows a search may do with hardly more
 * than k, but a query from elsewhere would end where it came in.
 */
#define LEAST_MARGIN 30
/* Of values, as there are few different distances of bits */
#define LEAST_MARGIN_VALUES 60

/* ef is tried in steps by this factor, up to so many of them */
#define EF_STEP 1.15
#define EF_STEPS 48

/* Beyond that searching for so many queries takes too long */
#define MOST_CALIBRATED 8192

/*
 * Searches by distances that those by estimates are compared with: what pgvector's
 * users set; and how near recall has to come.
 */
#define COMPARED_AT 1 /* of the calibrations: k = 10 */
#define COMPARED_EF 40
#define COMPARED_RECALL 0.002

/* Distances of the two ways to compute them may differ by so much */
#define TOLERANCE 1e-5

/* The keys of the k-th nearest other elements of a query, for each calibrated k */
typedef struct Limits
{
	double keys[HNSW_NCALIBRATIONS];
} Limits;

typedef struct Calibration
{
	const HnswPlan *plan;
	const HnswMeta *meta;
	HnswRows rows;
	Limits *limits;             /* of queries */
	const float *queries;       /* of a build in parts; or NULL, */
	const HnswNearest *nearest; /* as their answers are */
	HnswSearch *search;
} Calibration;

static Calibration
calibration_of(HnswTeam *team)
{
	return (Calibration){.plan = &team->plan,
						 .meta = &team->plan.meta,
						 .rows = hnsw_rows_of(team),
						 .limits = hnsw_team_array(team, HNSW_LIMITS),
						 .queries = hnsw_team_array(team, HNSW_QUERIES),
						 .nearest = hnsw_team_array(team, HNSW_NEAREST_ROWS)};
}

static const float *
row_of(const Calibration *c, uint32 element)
{
	return c->rows.rows + element * c->rows.stride;
}

/* The element that is a query: at equal distances from each other */
static uint32
query_of(const Calibration *c, uint32 query)
{
	return (uint64) query * c->rows.n / c->plan->nqueries;
}

double
hnsw_order_key(const HnswMeta *meta, double product, double sqnorm)
{
	return meta->metric == METRIC_INNER_PRODUCT ? -product
												: sqnorm - 2 * product;
}

double
hnsw_order_slack(double key, double sqnorm)
{
	return TOLERANCE * (fabs(key) + sqnorm);
}

static double
sqnorm(const float *row, int dim)
{
	return dense_kernels(ELEM_FLOAT32, ELEM_FLOAT32)
		->inner_product(row, row, dim, 0);
}

/* Memory to compare queries with all rows */
typedef struct Comparison
{
	float *queries;  /* TILE x dim */
	float *products; /* TILE x n */
	float *sqnorms;  /* n */
	double *keys;    /* n */
	double *scratch; /* n */
} Comparison;

static Comparison
begin_comparison(const Calibration *c)
{
	Size n = c->rows.n;
	int dim = c->meta->dim;
	Comparison comparison = {
		.queries = palloc(TILE * dim * sizeof(float)),
		.products = MemoryContextAllocHuge(CurrentMemoryContext,
										   TILE * n * sizeof(float)),
		.sqnorms =
			MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(float)),
		.keys =
			MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(double)),
		.scratch =
			MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(double))};

	for (uint32 i = 0; i < n; i++)
		comparison.sqnorms[i] = sqnorm(row_of(c, i), dim);
	return comparison;
}

/* Add every other element of a vector to those of another, or leave it */
static void
add_half(SparseVector *query, const SparseVector *value, int32 *indices,
		 float *values)
{
	int n = 0;
	int i = 0;

	for (int j = 0; j < value->nnz; j += 2)
	{
		for (; i < query->nnz && query->indices[i] <= value->indices[j]; i++)
		{
			indices[n] = query->indices[i];
			values[n++] = sparse_values(query)[i];
		}
		if (n > 0 && indices[n - 1] == value->indices[j])
			continue;
		indices[n] = value->indices[j];
		values[n++] = sparse_values(value)[j];
	}
	for (; i < query->nnz; i++)
	{
		indices[n] = query->indices[i];
		values[n++] = sparse_values(query)[i];
	}
	query->nnz = n;
	memcpy(query->indices, indices, n * sizeof(int32));
	memcpy(sparse_values(query), values, n * sizeof(float));
}

/*
 * Queries for sparse vectors are less like rows than others are: halves of two
 * rows.
 */
const void *
hnsw_query_value(const HnswMeta *meta, const void *value, const void *other)
{
	const SparseVector *one = value;
	SparseVector *query;
	int room;

	if (meta->elem != VALUE_SPARSE)
		return value;
	room = one->nnz + ((const SparseVector *) other)->nnz;
	query = sparse_new(one->dim, room);
	query->nnz = 0;
	for (int pass = 0; pass < 2; pass++)
		add_half(query, pass == 0 ? value : other, palloc(room * sizeof(int32)),
				 palloc(room * sizeof(float)));
	return query;
}

double
hnsw_value_key(const HnswMeta *meta, const void *query, const void *value)
{
	double key = key_of_values(meta->elem, (Metric) meta->distance, query,
							   value, meta->value_dim);

	return isnan(key) ? INFINITY : key;
}

static const void *
query_value(const Calibration *c, uint32 element)
{
	uint32 other = ((uint64) element + c->rows.n / 2) % c->rows.n;

	return hnsw_query_value(c->meta, hnsw_rows_value(&c->rows, element),
							hnsw_rows_value(&c->rows, other));
}

static double
exact_key(const Calibration *c, const void *query, uint32 element)
{
	return hnsw_value_key(c->meta, query, hnsw_rows_value(&c->rows, element));
}

/*
 * Where the k nearest of a query end, whose products with all are known, unless
 * values are
 */
static void
find_limits(const Calibration *c, const Comparison *all, uint32 query,
			const float *products)
{
	uint32 n = c->rows.n;
	const void *value =
		c->rows.values == NULL ? NULL : query_value(c, query_of(c, query));

	for (uint32 i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (c->rows.values == NULL)
			all->keys[i] =
				hnsw_order_key(c->meta, products[i], all->sqnorms[i]);
		else
			all->keys[i] = exact_key(c, value, i);
	}
	all->keys[query_of(c, query)] = INFINITY;
	for (int k = 0; k < HNSW_NCALIBRATIONS; k++)
	{
		memcpy(all->scratch, all->keys, n * sizeof(double));
		c->limits[query].keys[k] = select_nth(
			all->scratch, n, Min(c->meta->calibrations[k].k, n - 1) - 1);
	}
}

void
hnsw_limits_job(HnswTeam *team)
{
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "hnsw calibration", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Calibration c = calibration_of(team);
	int dim = c.meta->dim;
	uint32 n = c.rows.n;
	Comparison all = {.queries = NULL};
	uint32 first;
	uint32 end;

	while (hnsw_team_claim(team, &first, &end))
	{
		if (all.queries == NULL)
			all = begin_comparison(&c);
		for (uint32 q = first; q < end; q++)
			memcpy(all.queries + (q - first) * dim, row_of(&c, query_of(&c, q)),
				   dim * sizeof(float));
		if (c.rows.values == NULL)
			(void) blas_inner_products(all.queries, dim, end - first,
									   c.rows.rows, c.rows.stride, n, dim,
									   all.products, n, poll_interrupts, NULL);
		for (uint32 q = first; q < end; q++)
		{
			CHECK_FOR_INTERRUPTS();
			find_limits(&c, &all, q, all.products + (Size) (q - first) * n);
		}
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* Of the k nearest of a query, how many a search finds */
static uint32
count_found(const Calibration *c, uint32 query)
{
	const HnswSearch *search = c->search;
	uint32 self = query_of(c, query);
	const float *row = row_of(c, self);
	int dim = c->meta->dim;
	double limit = c->limits[query].keys[c->plan->at];
	double slack = hnsw_order_slack(limit, sqnorm(row, dim));
	uint32 wanted = c->meta->calibrations[c->plan->at].k;
	const void *value = c->rows.values == NULL ? NULL : query_value(c, self);
	uint32 found = 0;

	for (uint32 i = 0; i < search->nfound && found < wanted; i++)
	{
		uint32 element = search->found[i].id - c->plan->first[0];
		const float *other;
		double product;

		if (element == self || element >= c->rows.n)
			continue;
		if (c->rows.values != NULL)
		{
			found += exact_key(c, value, element) <= limit;
			continue;
		}
		other = row_of(c, element);
		product = dense_kernels(ELEM_FLOAT32, ELEM_FLOAT32)
					  ->inner_product(row, other, dim, 0);
		found += hnsw_order_key(c->meta, product, sqnorm(other, dim)) <=
			limit + slack;
	}
	return found;
}

/*
 * The same where rows are not in memory, but those nearest to the query are known:
 * which of them were looked at.
 */
static uint32
count_listed(const Calibration *c, uint32 query)
{
	const HnswSearch *search = c->search;
	const HnswNearest *nearest = &c->nearest[query];
	const float *row = c->queries + query * c->meta->dim;
	uint32 wanted =
		Min(c->meta->calibrations[c->plan->at].k, c->plan->nrows - 1);
	double limit = nearest->rows[wanted - 1].key;
	uint32 found = 0;

	limit += hnsw_order_slack(limit, sqnorm(row, c->meta->dim));
	for (uint32 i = 0; i < search->nfound && found < wanted; i++)
	{
		uint32 element = search->found[i].id - c->plan->first[0];
		uint32 j = 0;

		while (j < nearest->n && nearest->rows[j].key <= limit &&
			   nearest->rows[j].number != element)
			j++;
		found += j < nearest->n && nearest->rows[j].key <= limit;
	}
	return found;
}

/* By the value itself, or by its image */
static void
set_query(const Calibration *c, uint32 query)
{
	if (c->nearest != NULL)
		hnsw_search_set_row(c->search, c->queries + query * c->meta->dim);
	else if (c->rows.values != NULL)
		(void) hnsw_search_set_elems(c->search,
									 query_value(c, query_of(c, query)));
	else
		hnsw_search_set_row(c->search, row_of(c, query_of(c, query)));
}

void
hnsw_recall_job(HnswTeam *team)
{
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "hnsw calibration", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Calibration c = calibration_of(team);
	uint32 *nfound = hnsw_team_array(team, HNSW_NFOUND);
	uint32 first;
	uint32 end;

	c.search = hnsw_search_new(team->index);
	c.search->visits = c.plan->visits;
	while (hnsw_team_claim(team, &first, &end))
	{
		for (uint32 q = first; q < end; q++)
		{
			CHECK_FOR_INTERRUPTS();
			set_query(&c, q);
			hnsw_search_run(c.search, c.plan->ef);
			hnsw_search_sort(c.search);
			nfound[q] =
				c.nearest != NULL ? count_listed(&c, q) : count_found(&c, q);
		}
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

static double
recall_at(void *arg, int at, uint32 ef, bool visits)
{
	HnswTeam *team = arg;
	HnswPlan *plan = &team->plan;
	const uint32 *nfound = hnsw_team_array(team, HNSW_NFOUND);
	uint32 wanted = Min(plan->meta.calibrations[at].k, plan->nrows - 1);
	uint64 found = 0;

	plan->at = at;
	plan->ef = ef;
	plan->visits = visits;
	hnsw_team_run(team, HNSW_JOB_RECALL, plan->nqueries, SEARCHED);
	for (uint32 q = 0; q < plan->nqueries; q++)
		found += Min(nfound[q], wanted);
	return (double) found / ((double) plan->nqueries * wanted);
}

/* The query itself takes a place */
static uint32
ef_of_step(uint32 k, int step)
{
	return ceil((k + 1) * pow(EF_STEP, step));
}

/* The first step that is good enough */
static uint32
find_ef(const HnswMeta *meta, int at, uint32 nelements, HnswRecall recall,
		void *arg)
{
	uint32 k = meta->calibrations[at].k;
	double wanted =
		hnsw_image_is_rough(meta) ? RECALL_WANTED_ROUGH : RECALL_WANTED;
	int low = 0;
	int high = EF_STEPS;

	while (high > low &&
		   ef_of_step(k, high - 1) > Min(nelements, MOST_CALIBRATED))
		high--;
	while (low < high)
	{
		int middle = (low + high) / 2;

		if (recall(arg, at, ef_of_step(k, middle), false) >= wanted)
			high = middle;
		else
			low = middle + 1;
	}
	return ef_of_step(k, high);
}

static float
find_stretch(const HnswMeta *meta, HnswRecall recall, void *arg)
{
	double wanted;
	double stretch = 1;

	if (!hnsw_has_codes(meta))
		return 1;
	wanted = recall(arg, COMPARED_AT, COMPARED_EF, true);
	wanted = Min(wanted, RECALL_WANTED) - COMPARED_RECALL;
	while (stretch < HNSW_MOST_STRETCH &&
		   recall(arg, COMPARED_AT, ceil(COMPARED_EF * stretch), false) <
			   wanted)
		stretch *= EF_STEP;
	return (float) Min(stretch, HNSW_MOST_STRETCH);
}

void
hnsw_find_efforts(HnswMeta *meta, uint32 nelements, HnswRecall recall,
				  void *arg)
{
	HnswCalibration *calibrations = meta->calibrations;
	uint32 margin =
		hnsw_keeps_values(meta) ? LEAST_MARGIN_VALUES : LEAST_MARGIN;

	for (int at = HNSW_NCALIBRATIONS - 1; at >= 0; at--)
	{
		uint32 k = calibrations[at].k;
		uint32 ef = find_ef(meta, at, nelements, recall, arg);

		/* of few rows that are wanted one missed by chance says little */
		ef = Max(ceil(ef * QUERY_MARGIN), k + margin);
		if (at + 1 < HNSW_NCALIBRATIONS)
			ef = Min(ef, calibrations[at + 1].ef);
		calibrations[at].ef = ef;
	}
	meta->stretch = find_stretch(meta, recall, arg);
	meta->calibrated = nelements;
}

void
hnsw_calibrate(HnswTeam *team)
{
	HnswPlan *plan = &team->plan;

	if (plan->nrows <= plan->meta.calibrations[HNSW_NCALIBRATIONS - 1].k)
		return;
	if (hnsw_team_array(team, HNSW_NEAREST_ROWS) == NULL)
	{
		plan->nqueries = Min(plan->nrows, HNSW_CALIBRATION_QUERIES);
		(void) hnsw_team_allocate(team, HNSW_LIMITS,
								  plan->nqueries * sizeof(Limits));
		hnsw_team_run(team, HNSW_JOB_LIMITS, plan->nqueries, TILE);
	}
	(void) hnsw_team_allocate(team, HNSW_NFOUND,
							  plan->nqueries * sizeof(uint32));
	hnsw_find_efforts(&plan->meta, plan->nrows, recall_at, team);
	hnsw_team_free(team, HNSW_NFOUND);
	hnsw_team_free(team, HNSW_LIMITS);
}
