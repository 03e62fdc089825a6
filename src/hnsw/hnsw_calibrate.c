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
#include "graph/graph.h"
#include "hnsw/hnsw_calibrate.h"
#include "hnsw/hnsw_form.h"
#include "hnsw/hnsw_image.h"
#include "hnsw/hnsw_nearest.h"
#include "hnsw/hnsw_options.h"
#include "hnsw/hnsw_rows.h"
#include "hnsw/hnsw_search.h"
#include "vector/sparse.h"

/* Of them at a time, against all rows, which are all read for each tile */
#define TILE 32

/*
 * Queries are more than HNSW_CALIBRATION_QUERIES where rows are many and short: up to so
 * many, one for so many rows, and so many products of elements for their exact answers
 */
#define MOST_QUERIES 512
#define ROWS_OF_QUERY 128
#define MULTIPLIED 6e9

/* Of them at a time, by searching */
#define SEARCHED 4

/*
 * A search that stops early finds as much of queries from elsewhere, whose margin is
 * much the same everywhere (README.md); rows may ask for a larger one.
 */
#define RECALL_WANTED 0.96
#define MARGIN_STEP 0.125

/*
 * Times the least margins where codes are made of rows as they are, of so many
 * dimensions that no projection is learned: queries unlike rows find less by them
 */
#define UNTRANSFORMED_MARGIN 1.25f

/*
 * One that does not is to find more of rows, since real queries are less like them;
 * yet more where links were made by what is only near to values.  And so many nodes
 * beyond k at least: on easy rows it may do with hardly more than k, but a query from
 * elsewhere would end where it came in.
 */
#define RECALL_WANTED_KEPT 0.98
#define RECALL_WANTED_ROUGH 0.99
#define LEAST_MARGIN 60

/* ef is tried in steps by this factor, up to so many of them */
#define EF_STEP 1.15
#define EF_STEPS 48

/* Beyond that searching for so many queries takes too long */
#define MOST_CALIBRATED 8192

/*
 * Searches by distances that those by estimates are compared with, as pgvector's users
 * set them: for k = 10, and for 100, all that are kept; and what may be missed for each
 * that these miss, and besides.
 */
#define COMPARED_AT 1
#define COMPARED_EF 40
#define COMPARED_FULL_AT 2
#define COMPARED_FULL_EF 100
#define COMPARED_FULL_RECALL 0.006
#define COMPARED_MISSES 0.85
#define COMPARED_RECALL 0.003

/* In steps: the sample may be luckier by that much than the queries to come */
#define LUCK 1.5

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

/* Those up to a limit stay, in the first places; how many they are */
static uint32
keep_nearest(double *keys, uint32 n, double limit)
{
	uint32 kept = 0;

	for (uint32 i = 0; i < n; i++)
	{
		double key = keys[i];

		keys[kept] = key;
		kept += key <= limit;
	}
	return kept;
}

/*
 * Where the k nearest of a query end, whose products with all are known, unless
 * values are
 */
static void
find_limits(const Calibration *c, const Comparison *all, uint32 query,
			const float *products)
{
	uint32 self = query_of(c, query);
	const void *value = c->rows.values == NULL ? NULL : query_value(c, self);
	uint32 n = 0;

	for (uint32 i = 0; i < c->rows.n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (i == self)
			continue;
		all->keys[n++] = value == NULL
			? hnsw_order_key(c->meta, products[i], all->sqnorms[i])
			: exact_key(c, value, i);
	}
	for (int at = HNSW_NCALIBRATIONS - 1; at >= 0; at--)
	{
		uint32 k = Min(c->meta->calibrations[at].k, c->rows.n - 1);

		memcpy(all->scratch, all->keys, n * sizeof(double));
		c->limits[query].keys[at] = select_nth(all->scratch, n, k - 1);
		/* fewer are among these */
		n = keep_nearest(all->keys, n, c->limits[query].keys[at]);
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

/* The element that is searched for: one of its name, where it has one */
static HnswId
name_of_query(const Calibration *c, uint32 query)
{
	uint32 element =
		c->nearest != NULL ? c->nearest[query].self : query_of(c, query);

	return element == GRAPH_NONE ? HNSW_NONE : c->plan->first[0] + element;
}

HnswStop
hnsw_trial_stop(uint32 k, float margin)
{
	return (HnswStop){
		.k = margin > 0 ? k : 0, .margin = margin, .likely = 2 * k + 64};
}

void
hnsw_recall_job(HnswTeam *team)
{
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "hnsw calibration", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Calibration c = calibration_of(team);
	const HnswPlan *plan = c.plan;
	uint32 *nfound = hnsw_team_array(team, HNSW_NFOUND);
	uint32 *nlooked = nfound + plan->nqueries;
	uint32 first;
	uint32 end;

	c.search = hnsw_search_new(team->index);
	c.search->visits = plan->visits;
	c.search->stop =
		hnsw_trial_stop(plan->meta.calibrations[plan->at].k, plan->margin);
	while (hnsw_team_claim(team, &first, &end))
	{
		for (uint32 q = first; q < end; q++)
		{
			CHECK_FOR_INTERRUPTS();
			set_query(&c, q);
			c.search->without = name_of_query(&c, q);
			hnsw_search_run(c.search, plan->ef);
			hnsw_search_sort(c.search);
			nfound[q] =
				c.nearest != NULL ? count_listed(&c, q) : count_found(&c, q);
			nlooked[q] = c.search->counters.nodes;
		}
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

static double
recall_of(void *arg, HnswTrial *trial)
{
	HnswTeam *team = arg;
	HnswPlan *plan = &team->plan;
	const uint32 *nfound = hnsw_team_array(team, HNSW_NFOUND);
	uint32 wanted = Min(plan->meta.calibrations[trial->at].k, plan->nrows - 1);
	uint64 found = 0;
	uint64 looked = 0;

	plan->at = trial->at;
	plan->ef = trial->ef;
	plan->margin = trial->margin;
	plan->visits = trial->visits;
	hnsw_team_run(team, HNSW_JOB_RECALL, plan->nqueries, SEARCHED);
	for (uint32 q = 0; q < plan->nqueries; q++)
	{
		found += Min(nfound[q], wanted);
		looked += nfound[plan->nqueries + q];
	}
	trial->looked = (double) looked / plan->nqueries;
	return (double) found / ((double) plan->nqueries * wanted);
}

/* Of searches that do not stop early, from the least on */
static uint32
ef_of_step(uint32 least, int step)
{
	return ceil(least * pow(EF_STEP, step));
}

/* The first step below most with which a trial finds what is wanted; or most */
static int
find_step(HnswTrial *trial, uint32 least, int most, double wanted,
		  HnswRecall recall, void *arg)
{
	int low = 0;

	while (low < most)
	{
		int middle = (low + most) / 2;

		trial->ef = ef_of_step(least, middle);
		if (recall(arg, trial) >= wanted)
			most = middle;
		else
			low = middle + 1;
	}
	return most;
}

/* Of searches that do not stop early, the least that is good enough */
static uint32
find_ef(const HnswMeta *meta, int at, uint32 nelements, HnswRecall recall,
		void *arg)
{
	uint32 k = meta->calibrations[at].k;
	double wanted =
		hnsw_image_is_rough(meta) ? RECALL_WANTED_ROUGH : RECALL_WANTED_KEPT;
	HnswTrial trial = {.at = at};
	int most = EF_STEPS;

	while (most > 0 &&
		   ef_of_step(k, most - 1) > Min(nelements, MOST_CALIBRATED))
		most--;
	return ef_of_step(k, find_step(&trial, k, most, wanted, recall, arg));
}

/*
 * Some queries end far from their neighbours, however far a search goes: what it finds
 * at most is as good, but for this
 */
#define UNATTAINED 0.003

/* The least margin that is good enough, and the nodes that it takes */
static void
find_margin(const HnswMeta *meta, HnswCalibration *calibration, int at,
			HnswRecall recall, void *arg)
{
	static const float margins[] = HNSW_LEAST_MARGINS;
	float least = margins[at] *
		(meta->dim > TRANSFORM_MAX_DENSE ? UNTRANSFORMED_MARGIN : 1);
	HnswTrial trial = {.at = at, .margin = least};
	double wanted = RECALL_WANTED;

	trial.ef = hnsw_most_kept(calibration->k);
	if (recall(arg, &trial) < wanted)
	{
		trial.margin = HNSW_MOST_MARGIN;
		wanted = Min(wanted, recall(arg, &trial) - UNATTAINED);
		trial.margin = least;
		while (recall(arg, &trial) < wanted &&
			   trial.margin + MARGIN_STEP <= HNSW_MOST_MARGIN)
			trial.margin += MARGIN_STEP;
	}
	calibration->margin = trial.margin;
	calibration->ef = Max(ceil(trial.looked), calibration->k);
}

/* Where between two steps, of which the second is enough, as much is found as wanted */
static double
between_steps(HnswTrial *trial, uint32 least, int step, double wanted,
			  HnswRecall recall, void *arg)
{
	double enough;
	double less;

	if (step == 0)
		return 0;
	trial->ef = ef_of_step(least, step);
	enough = recall(arg, trial);
	trial->ef = ef_of_step(least, step - 1);
	less = recall(arg, trial);
	if (!(less < wanted && wanted < enough))
		return step;
	return step - (enough - wanted) / (enough - less);
}

/* How many nodes find by estimates what so many do by distances, for each of these */
static float
find_stretch(const HnswMeta *meta, int at, uint32 ef, double missed,
			 HnswRecall recall, void *arg)
{
	HnswTrial trial = {.at = at, .ef = ef, .visits = true};
	int most = ceil(log(HNSW_MOST_STRETCH) / log(EF_STEP));
	double wanted;
	double steps;
	int step;

	if (!hnsw_has_codes(meta))
		return 1;
	wanted = 1 - missed - COMPARED_MISSES * (1 - recall(arg, &trial));
	trial.visits = false;
	step = find_step(&trial, ef, most, wanted, recall, arg);
	if (step == most)
	{
		double attained;

		trial.ef = ef * HNSW_MOST_STRETCH;
		attained = recall(arg, &trial);
		if (attained < wanted)
		{
			wanted = attained - UNATTAINED;
			step = find_step(&trial, ef, most, wanted, recall, arg);
		}
	}
	/* a whole step is a point of recall, by which indexes of the same rows would differ */
	steps = between_steps(&trial, ef, step, wanted, recall, arg);
	return (float) Min(pow(EF_STEP, steps + LUCK), HNSW_MOST_STRETCH);
}

void
hnsw_find_efforts(HnswMeta *meta, uint32 nelements, HnswRecall recall,
				  void *arg)
{
	HnswCalibration *calibrations = meta->calibrations;

	for (int at = HNSW_NCALIBRATIONS - 1; at >= 0; at--)
	{
		HnswCalibration *calibration = &calibrations[at];

		if (hnsw_has_codes(meta))
			find_margin(meta, calibration, at, recall, arg);
		else
			calibration->ef = Max(find_ef(meta, at, nelements, recall, arg),
								  calibration->k + LEAST_MARGIN);
		/* of few rows that are wanted one missed by chance says little */
		if (at + 1 < HNSW_NCALIBRATIONS)
			calibration->ef = Min(calibration->ef, calibrations[at + 1].ef);
	}
	meta->stretch = find_stretch(meta, COMPARED_AT, COMPARED_EF,
								 COMPARED_RECALL, recall, arg);
	meta->full_stretch = find_stretch(meta, COMPARED_FULL_AT, COMPARED_FULL_EF,
									  COMPARED_FULL_RECALL, recall, arg);
	meta->full_stretch = Max(meta->full_stretch, meta->stretch);
	meta->calibrated = nelements;
}

/* What codes find varies with the sample: it is larger where that is little of a build */
static uint32
count_queries(const HnswPlan *plan)
{
	double n = HNSW_CALIBRATION_QUERIES;

	if (hnsw_has_codes(&plan->meta))
		n = Max(n,
				Min(MULTIPLIED / plan->nrows / plan->meta.dim,
					Min(plan->nrows / ROWS_OF_QUERY, MOST_QUERIES)));
	return Min(n, plan->nrows);
}

void
hnsw_calibrate(HnswTeam *team)
{
	HnswPlan *plan = &team->plan;

	if (plan->nrows <= plan->meta.calibrations[HNSW_NCALIBRATIONS - 1].k)
		return;
	if (hnsw_team_array(team, HNSW_NEAREST_ROWS) == NULL)
	{
		plan->nqueries = count_queries(plan);
		(void) hnsw_team_allocate(team, HNSW_LIMITS,
								  plan->nqueries * sizeof(Limits));
		hnsw_team_run(team, HNSW_JOB_LIMITS, plan->nqueries, TILE);
	}
	(void) hnsw_team_allocate(team, HNSW_NFOUND,
							  2 * plan->nqueries * sizeof(uint32));
	hnsw_find_efforts(&plan->meta, plan->nrows, recall_of, team);
	hnsw_team_free(team, HNSW_NFOUND);
	hnsw_team_free(team, HNSW_LIMITS);
}
