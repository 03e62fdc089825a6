/*
 * ivf_calibrate.c
 *	  How far a search must go: measured on the rows themselves.
 *
 * The aim is recall@k .95 for real queries.  These differ from rows: they lie
 * farther from all of them, and their neighbours are spread over more lists.
 * Hence the margins.  A share of .995 of the rows' neighbours must lie in the lists
 * visited at most, and .995 of those among the estimates verified.  Where a search
 * knows when to stop .98 must lie before that, by the distance of what it has found:
 * that grows with the query's own.  On sentence embeddings with keyword queries, the
 * set with the widest gap, recall at ten is .97, and on sets whose queries are like
 * rows hardly more.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "am/poll.h"
#include "ivf/ivf_calibrate.h"
#include "ivf/ivf_candidates.h"
#include "ivf/ivf_encode.h"
#include "ivf/ivf_search.h"

#define QUERIES 256

/*
 * Which rows are queries is chance, and so is recall by default, by the root of their
 * number the less.  There are more where they and the rows are no more pairs than this, a
 * tenth of a second's products.
 */
#define QUERIES_MOST 512
#define QUERY_PAIRS 4e6

/*
 * Without codes lists alone are measured, and the products for it are half of what
 * assigning rows takes.  By fewer queries a share is off by more: hence one that is higher.
 */
#define QUERIES_OF_LISTS 128
#define STOP_SHARE_OF_LISTS 0.985

/* Where they would take more of maintenance_work_mem than this they are fewer */
#define QUERY_SHARE 0.25
#define QUERIES_MIN 32
#define NEIGHBORS 100
#define LIST_SHARE 0.995

/*
 * Where rows lie in clusters, each finds all its neighbours in its own list, but
 * a query may lie between: lists visited are at least this share of the root of
 * their number.
 */
#define ROOT_SHARE 0.5

/*
 * Most queries need far fewer lists than the hardest: those whose centroids are
 * hardly farther than the nearest (query-aware pruning; Chen et al., SPANN,
 * NeurIPS 2021).  How much farther is measured: this share of the neighbours is
 * within reach.  A query far from all rows has many lists within it.
 */
#define REACH_SHARE 0.99
#define REACH_MOST 1e6f
#define ESTIMATE_SHARE 0.995

/*
 * A search stops by the distance of what it has found (IvfStop): of the neighbours
 * this share is in lists that are not too far, and this share has estimates that are
 * not.  Each of the two summands that say how far a list is, by distance and by rank,
 * counts as much as the other at WEIGHT_SHARE; at equal recall either alone would let
 * a search visit a quarter to a half more rows.
 */
#define STOP_SHARE 0.98
#define WEIGHT_SHARE 0.99
#define ERROR_SHARE 0.985

/*
 * Neighbours nearer than this share of the farthest one's distance are copies of the
 * row, or were made of it: they are found where the row is, which tells nothing of
 * queries.
 */
#define NEAR_COPIES 0.5f

/* The nearest one alone of so few queries would tell too little */
#define LEAST_NEIGHBORS 4

/* Estimates that are looked at for a neighbour, for each wanted */
#define DEEPEST 100
#define DEEPEST_BASE 2000

/* Relative difference of sums over equal rows, one of them rounded to half */
#define SAME_ROW 1e-3f

/* For many neighbours few queries tell as much */
#define RANKED_NEIGHBORS 6400

typedef struct Neighbor
{
	float distance;
	uint32 list;
	ItemPointerData tid;
} Neighbor;

struct IvfCalibrator
{
	IvfMeta meta;
	uint32 nqueries;
	uint32 wanted;        /* neighbours of each, itself included */
	const float *queries; /* nqueries x dim */
	Neighbor *neighbors;  /* nqueries x wanted: max-heaps, at the end sorted */
	uint32 *nneighbors;
	float *thresholds;
	float *products; /* of a batch: rows x nqueries */
	uint32 products_room;
};

IvfCalibrator *
ivf_calibrator_new(const IvfMeta *meta, const IvfSample *sample, double nrows)
{
	Size row_bytes = meta->dim * sizeof(float);
	Size query_bytes = row_bytes + (NEIGHBORS + 1) * sizeof(Neighbor);
	uint32 room = maintenance_work_mem * 1024.0 * QUERY_SHARE / query_bytes;
	uint32 least = meta->codec == CODEC_NONE ? QUERIES_OF_LISTS : QUERIES;
	uint32 most = Min(Max(QUERY_PAIRS / nrows, least), QUERIES_MOST);
	uint32 n = Min(sample->n, Min(Max(room, QUERIES_MIN), most));
	float *queries = palloc(n * row_bytes);

	memcpy(queries, sample->rows, n * row_bytes);
	return ivf_calibrator_join(meta, queries, n);
}

const float *
ivf_calibrator_queries(const IvfCalibrator *calibrator, uint32 *n)
{
	*n = calibrator->nqueries;
	return calibrator->queries;
}

IvfCalibrator *
ivf_calibrator_join(const IvfMeta *meta, const float *queries, uint32 n)
{
	IvfCalibrator *calibrator = palloc0(sizeof(IvfCalibrator));

	calibrator->meta = *meta;
	calibrator->nqueries = n;
	calibrator->wanted = NEIGHBORS + 1;
	calibrator->queries = queries;
	calibrator->neighbors = palloc(n * calibrator->wanted * sizeof(Neighbor));
	calibrator->nneighbors = palloc0(n * sizeof(uint32));
	calibrator->thresholds = palloc(n * sizeof(float));
	for (uint32 i = 0; i < n; i++)
		calibrator->thresholds[i] = INFINITY;
	return calibrator;
}

/* Put a neighbour in place at of a max-heap of n, and let it sink */
static void
sink(Neighbor *heap, uint32 n, uint32 at, Neighbor neighbor)
{
	for (;;)
	{
		uint32 child = 2 * at + 1;

		if (child >= n)
			break;
		if (child + 1 < n && heap[child + 1].distance > heap[child].distance)
			child++;
		if (neighbor.distance >= heap[child].distance)
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = neighbor;
}

static void
offer(IvfCalibrator *calibrator, uint32 query, Neighbor neighbor)
{
	Neighbor *heap = calibrator->neighbors + query * calibrator->wanted;
	uint32 *n = &calibrator->nneighbors[query];

	if (*n < calibrator->wanted)
	{
		heap[(*n)++] = neighbor;
		if (*n < calibrator->wanted)
			return;
		for (uint32 i = *n / 2; i-- > 0;)
			sink(heap, *n, i, heap[i]);
	}
	else
		sink(heap, *n, 0, neighbor);
	calibrator->thresholds[query] = heap[0].distance;
}

void
ivf_calibrator_add(IvfCalibrator *calibrator, const float *rows, uint32 n,
				   const ItemPointerData *tids, const uint32 *lists)
{
	Size dim = calibrator->meta.dim;
	uint32 nqueries = calibrator->nqueries;

	if (calibrator->products_room < n)
	{
		if (calibrator->products != NULL)
			pfree(calibrator->products);
		calibrator->products = palloc((Size) n * nqueries * sizeof(float));
		calibrator->products_room = n;
	}
	(void) blas_inner_products(rows, dim, n, calibrator->queries, dim, nqueries,
							   dim, calibrator->products, nqueries,
							   poll_interrupts, NULL);
	for (uint32 i = 0; i < n; i++)
	{
		const float *row = rows + i * dim;
		const float *products = calibrator->products + (Size) i * nqueries;
		float sqnorm = 0;
		float factor = 1;

		/* |row|^2 - 2<query,row>: the query's own length adds the same to all */
		if (metric_is_sqdist((Metric) calibrator->meta.metric))
		{
			sqnorm = dense_kernels(ELEM_FLOAT32, ELEM_FLOAT32)
						 ->inner_product(row, row, dim, 0);
			factor = 2;
		}
		for (uint32 query = 0; query < nqueries; query++)
		{
			float distance = sqnorm - factor * products[query];

			if (distance < calibrator->thresholds[query])
				offer(calibrator, query,
					  (Neighbor){.distance = distance,
								 .list = lists[i],
								 .tid = tids[i]});
		}
	}
}

/* What one participant found: for each query the number, then all heaps */
Size
ivf_calibrator_found_size(const IvfCalibrator *calibrator)
{
	return MAXALIGN(calibrator->nqueries * sizeof(uint32)) +
		calibrator->nqueries * calibrator->wanted * sizeof(Neighbor);
}

static void *
heaps_of(const IvfCalibrator *calibrator, const void *found)
{
	return (char *) found + MAXALIGN(calibrator->nqueries * sizeof(uint32));
}

void
ivf_calibrator_store(const IvfCalibrator *calibrator, void *found)
{
	memcpy(found, calibrator->nneighbors,
		   calibrator->nqueries * sizeof(uint32));
	memcpy(heaps_of(calibrator, found), calibrator->neighbors,
		   calibrator->nqueries * calibrator->wanted * sizeof(Neighbor));
}

void
ivf_calibrator_merge(IvfCalibrator *calibrator, const void *found)
{
	const uint32 *counts = found;
	const Neighbor *heaps = heaps_of(calibrator, found);

	for (uint32 query = 0; query < calibrator->nqueries; query++)
	{
		const Neighbor *heap = heaps + query * calibrator->wanted;

		for (uint32 i = 0; i < counts[query]; i++)
		{
			if (heap[i].distance < calibrator->thresholds[query])
				offer(calibrator, query, heap[i]);
		}
	}
}

static int
compare_neighbors(const void *a, const void *b)
{
	const Neighbor *x = a;
	const Neighbor *y = b;

	if (x->distance != y->distance)
		return x->distance < y->distance ? -1 : 1;
	return ItemPointerCompare((ItemPointer) &x->tid, (ItemPointer) &y->tid);
}

static float
query_sqnorm(const IvfCalibrator *calibrator, uint32 query)
{
	Size dim = calibrator->meta.dim;
	const float *row = calibrator->queries + query * dim;

	return dense_kernels(ELEM_FLOAT32, ELEM_FLOAT32)
		->inner_product(row, row, dim, 0);
}

/* Is it as far from the query as the query itself? */
static bool
may_be_itself(const IvfCalibrator *calibrator, uint32 query,
			  const Neighbor *neighbor)
{
	float sqnorm = query_sqnorm(calibrator, query);

	/* under each metric, as ivf_calibrator_add reckons */
	return fabsf(neighbor->distance + sqnorm) <= SAME_ROW * sqnorm;
}

/*
 * Nearest first.  The query itself, or a row like it, is left out: it would be
 * found too easily.
 */
static void
sort_neighbors(IvfCalibrator *calibrator)
{
	for (uint32 query = 0; query < calibrator->nqueries; query++)
	{
		Neighbor *neighbors =
			calibrator->neighbors + query * calibrator->wanted;
		uint32 *n = &calibrator->nneighbors[query];
		uint32 self = 0;

		qsort(neighbors, *n, sizeof(Neighbor), compare_neighbors);
		while (self < *n && !may_be_itself(calibrator, query, &neighbors[self]))
			self++;
		if (self < *n)
		{
			(*n)--;
			memmove(neighbors + self, neighbors + self + 1,
					(*n - self) * sizeof(Neighbor));
		}
	}
}

/* What an estimate of a neighbour should be */
static float
neighbor_key(const IvfCalibrator *calibrator, uint32 query, uint32 place)
{
	const Neighbor *neighbor =
		&calibrator->neighbors[(Size) query * calibrator->wanted + place];

	if (calibrator->meta.metric == METRIC_COSINE)
		return 1 + 2 * neighbor->distance;
	return neighbor->distance;
}

/* IvfStop's unit where the k-th key is this */
static float
unit_of_key(const IvfCalibrator *calibrator, uint32 query, float key)
{
	float sqnorm = query_sqnorm(calibrator, query);

	if (calibrator->meta.metric == METRIC_INNER_PRODUCT)
		return sqrtf(sqnorm);
	return sqrtf(Max(sqnorm + key, 0));
}

/*
 * The neighbours of a query that count for k rows begin here: the first of those that
 * are not much nearer than the farthest, as copies of the query are, or rows made of it.
 */
static uint32
first_neighbor(const IvfCalibrator *calibrator, uint32 query, uint32 k)
{
	uint32 n = calibrator->nneighbors[query];
	uint32 first = 0;
	float limit;

	if (n <= k)
		return 0;
	limit = NEAR_COPIES *
		unit_of_key(calibrator, query, neighbor_key(calibrator, query, n - 1));
	while (first < n - k &&
		   unit_of_key(calibrator, query,
					   neighbor_key(calibrator, query, first)) < limit)
		first++;
	return first;
}

/* Where the lists of the neighbours are: each array nqueries x wanted */
typedef struct ListRanks
{
	uint32 *ranks;  /* so many lists are nearer to the query */
	float *reaches; /* squared distance over that of the nearest list */
	float *beyond;  /* squared distance less that of the nearest list */
} ListRanks;

/* Fill in those of one query */
static void
rank_by_lists(IvfCalibrator *calibrator, const IvfModel *model,
			  const float *centroids, uint32 query, ListRanks *all)
{
	const IvfMeta *meta = &model->meta;
	const DenseKernels *kernels = dense_kernels(ELEM_FLOAT32, ELEM_FLOAT32);
	Size dim = meta->model_dim;
	Size first = (Size) query * calibrator->wanted;
	uint32 *ranks = all->ranks + first;
	float *reaches = all->reaches + first;
	const Neighbor *neighbors =
		calibrator->neighbors + query * calibrator->wanted;
	const float *prices = ivf_prices(meta, model->params);
	float *scores = palloc(meta->nlists * sizeof(float));
	float *room = palloc(dim * sizeof(float));
	const float *row = ivf_model_row(
		model, calibrator->queries + (Size) query * meta->dim, room);
	float nearest = INFINITY;

	for (uint32 i = 0; i < meta->nlists; i++)
	{
		const float *centroid = centroids + i * dim;

		scores[i] = meta->metric == METRIC_INNER_PRODUCT
			? -2 * kernels->inner_product(row, centroid, dim, 0)
			: kernels->sqdist(row, centroid, dim, 0) +
				ivf_price(meta, prices, i);
		nearest = Min(nearest, scores[i]);
	}
	for (uint32 j = 0; j < calibrator->nneighbors[query]; j++)
	{
		float own = scores[neighbors[j].list];

		ranks[j] = 0;
		for (uint32 i = 0; i < meta->nlists; i++)
			ranks[j] += scores[i] < own;
		reaches[j] = nearest * REACH_MOST > own ? own / nearest : REACH_MOST;
		all->beyond[first + j] = own - nearest;
	}
	pfree(room);
	pfree(scores);
}

static int
compare_uint32(const void *a, const void *b)
{
	uint32 x = *(const uint32 *) a;
	uint32 y = *(const uint32 *) b;

	return x < y ? -1 : x > y;
}

/* The number that so large a share of the ranks is below of */
static uint32
share_of_ranks(uint32 *ranks, uint32 n, double share)
{
	uint32 at = ceil(n * share);

	if (n == 0)
		return 1;
	qsort(ranks, n, sizeof(uint32), compare_uint32);
	return ranks[Min(Max(at, 1), n) - 1] + 1;
}

static int
compare_float(const void *a, const void *b)
{
	float x = *(const float *) a;
	float y = *(const float *) b;

	return x < y ? -1 : x > y;
}

/* The value that so large a share is not above; sorts them */
static float
share_of_floats(float *values, uint32 n, double share)
{
	if (n == 0)
		return 0;
	qsort(values, n, sizeof(float), compare_float);
	return values[Min((uint32) (n * share), n - 1)];
}

/* The factor that so large a share of the nearest k's lists is within */
static float
share_of_reaches(const IvfCalibrator *calibrator, uint32 k,
				 const float *all_reaches)
{
	float *reaches = palloc((Size) calibrator->nqueries * k * sizeof(float));
	uint32 n = 0;
	float reach;

	for (uint32 query = 0; query < calibrator->nqueries; query++)
	{
		uint32 some = Min(k, calibrator->nneighbors[query]);
		Size first = (Size) query * calibrator->wanted +
			first_neighbor(calibrator, query, k);

		memcpy(reaches + n, all_reaches + first, some * sizeof(float));
		n += some;
	}
	reach = share_of_floats(reaches, n, REACH_SHARE);
	pfree(reaches);
	return reach;
}

/* A neighbour's TID, to be found among many estimates */
typedef struct Wanted
{
	ItemPointerData tid;
	uint32 place; /* among the neighbours */
	float key;    /* its estimate; infinite: none */
} Wanted;

static int
compare_wanted(const void *a, const void *b)
{
	const Wanted *x = a;
	const Wanted *y = b;

	return ItemPointerCompare((ItemPointer) &x->tid, (ItemPointer) &y->tid);
}

/* Where the neighbours are among estimates */
typedef struct EstimateRanks
{
	uint32 n;
	uint32 *ranks; /* so many estimates are better */
	float *keys;
	float *errors;   /* keys above what they should be */
	float *lasts;    /* what those of the k-th neighbours should be */
	uint32 *queries; /* they are neighbours of */
} EstimateRanks;

/* Of the nearest to one query, so many; k: rows that it is for */
static void
rank_by_estimates(IvfCalibrator *calibrator, IvfSearch *search, uint32 query,
				  uint32 k, uint32 nearest, uint32 probes, EstimateRanks *all)
{
	const Neighbor *neighbors =
		calibrator->neighbors + query * calibrator->wanted;
	uint32 first = first_neighbor(calibrator, query, nearest);
	uint32 n = Min(nearest, calibrator->nneighbors[query]);
	Wanted *wanted = palloc((n + 1) * sizeof(Wanted));
	uint32 nfound;
	const IvfCandidate *found;
	float *keys;

	for (uint32 j = 0; j < n; j++)
		wanted[j] = (Wanted){.tid = neighbors[first + j].tid,
							 .place = first + j,
							 .key = INFINITY};
	qsort(wanted, n, sizeof(Wanted), compare_wanted);

	ivf_search_set_scaled(
		search, calibrator->queries + (Size) query * calibrator->meta.dim);
	found = ivf_search_estimates(search, probes,
								 DEEPEST * nearest + DEEPEST_BASE, &nfound);
	keys = palloc((nfound + 1) * sizeof(float));
	for (uint32 i = 0; i < nfound; i++)
	{
		Wanted look = {.tid = found[i].tid};
		Wanted *hit = bsearch(&look, wanted, n, sizeof(Wanted), compare_wanted);

		keys[i] = (float) found[i].key;
		if (hit != NULL)
			hit->key = keys[i];
	}
	for (uint32 j = 0; j < n; j++)
	{
		uint32 rank = 0;
		uint32 last = Max(wanted[j].place, first + Min(k, n) - 1);

		if (isinf(wanted[j].key))
			continue; /* in a list that was not visited, most likely */
		for (uint32 i = 0; i < nfound; i++)
			rank += keys[i] < wanted[j].key;
		all->keys[all->n] = wanted[j].key;
		all->errors[all->n] =
			wanted[j].key - neighbor_key(calibrator, query, wanted[j].place);
		all->lasts[all->n] = neighbor_key(calibrator, query, last);
		all->queries[all->n] = query;
		all->ranks[all->n++] = rank > first ? rank - first : 0;
	}
	pfree(keys);
	pfree(wanted);
}

/* How far estimates are above what they should be */
static void
measure_errors(const IvfCalibrator *calibrator, EstimateRanks *estimates,
			   IvfStop *stop)
{
	float *beyond = estimates->errors;
	double sum = 0;

	if (estimates->n == 0)
		return;
	for (uint32 i = 0; i < estimates->n; i++)
		sum += estimates->errors[i];
	stop->bias = sum / estimates->n;
	for (uint32 i = 0; i < estimates->n; i++)
	{
		float key = estimates->lasts[i] + stop->bias;
		float unit = unit_of_key(calibrator, estimates->queries[i],
								 estimates->lasts[i] + Max(stop->bias, 0));

		beyond[i] = unit > 0 ? (estimates->keys[i] - key) / unit : 0;
	}
	stop->candidates =
		Max(share_of_floats(beyond, estimates->n, ERROR_SHARE), 0);
}

/* By the lists of the nearest; stop->bias is known */
static void
measure_stop(const IvfCalibrator *calibrator, const ListRanks *lists, uint32 k,
			 uint32 nearest, IvfStop *stop)
{
	Size room = (Size) calibrator->nqueries * nearest * sizeof(float);
	float *beyond = palloc(room);
	float *ranks = palloc(room);
	float *sums = palloc(room);
	double share =
		calibrator->meta.codec == CODEC_NONE ? STOP_SHARE_OF_LISTS : STOP_SHARE;
	uint32 n = 0;

	for (uint32 query = 0; query < calibrator->nqueries; query++)
	{
		Size base = (Size) query * calibrator->wanted;
		uint32 first = first_neighbor(calibrator, query, nearest);
		uint32 end = first + Min(nearest, calibrator->nneighbors[query]);
		uint32 last = Min(first + k, end) - 1;
		float unit;

		if (end == 0)
			continue;
		unit = unit_of_key(calibrator, query,
						   neighbor_key(calibrator, query, last) +
							   Max(stop->bias, 0));
		for (uint32 j = first; j < end && unit > 0; j++)
		{
			beyond[n] = lists->beyond[base + j] / unit;
			ranks[n++] = log(lists->ranks[base + j] + 1.0);
		}
	}
	memcpy(sums, beyond, n * sizeof(float));
	stop->lists = share_of_floats(sums, n, WEIGHT_SHARE);
	memcpy(sums, ranks, n * sizeof(float));
	stop->rank = share_of_floats(sums, n, WEIGHT_SHARE);
	stop->rank = stop->rank > 0 ? stop->lists / stop->rank : 0;
	for (uint32 i = 0; i < n; i++)
		sums[i] = beyond[i] + stop->rank * ranks[i];
	stop->lists = share_of_floats(sums, n, share);
	pfree(sums);
	pfree(ranks);
	pfree(beyond);
}

/* Lists for the nearest k, then estimates among the rows of these lists */
static void
calibrate(IvfCalibrator *calibrator, IvfSearch *search,
		  IvfCalibration *calibration, IvfStop *stop, const ListRanks *lists)
{
	const Codec *codec = codec_of((CodecKind) search->meta.codec);
	uint32 k = calibration->k;
	uint32 nearest = Max(k, LEAST_NEIGHBORS);
	Size room = (Size) calibrator->nqueries * nearest;
	uint32 *ranks = palloc(room * sizeof(uint32));
	uint32 nranks = 0;
	EstimateRanks estimates = {.ranks = ranks};

	for (uint32 query = 0; query < calibrator->nqueries; query++)
	{
		uint32 n = Min(nearest, calibrator->nneighbors[query]);

		memcpy(ranks + nranks,
			   lists->ranks + query * calibrator->wanted +
				   first_neighbor(calibrator, query, nearest),
			   n * sizeof(uint32));
		nranks += n;
	}
	calibration->probes =
		Max(share_of_ranks(ranks, nranks, LIST_SHARE),
			(uint32) ceil(ROOT_SHARE * sqrt(search->meta.nlists)));
	/* products order lists by other than distance */
	calibration->reach = calibrator->meta.metric == METRIC_INNER_PRODUCT
		? 0
		: share_of_reaches(calibrator, nearest, lists->reaches);
	estimates.keys = palloc(room * sizeof(float));
	estimates.errors = palloc(room * sizeof(float));
	estimates.lasts = palloc(room * sizeof(float));
	estimates.queries = palloc(room * sizeof(uint32));
	for (uint32 query = 0; codec != NULL && query < calibrator->nqueries &&
		 estimates.n < RANKED_NEIGHBORS;
		 query++)
	{
		CHECK_FOR_INTERRUPTS();
		rank_by_estimates(calibrator, search, query, k, nearest,
						  calibration->probes, &estimates);
	}
	calibration->candidates = k;
	if (codec != NULL)
		calibration->candidates =
			Max(share_of_ranks(ranks, estimates.n, ESTIMATE_SHARE), k);
	/* bounds are not where estimates are, and may leave no distance at all */
	if (codec == NULL || !codec->scaled)
	{
		measure_errors(calibrator, &estimates, stop);
		measure_stop(calibrator, lists, k, nearest, stop);
	}
	pfree(estimates.queries);
	pfree(estimates.lasts);
	pfree(estimates.errors);
	pfree(estimates.keys);
	pfree(ranks);
}

void
ivf_calibrator_run(IvfCalibrator *calibrator, Relation index,
				   const IvfModel *model, const float *centroids, IvfMeta *meta)
{
	IvfSearch *search = ivf_search_new(index, model);
	Size room = (Size) calibrator->nqueries * calibrator->wanted;
	ListRanks lists = {.ranks = palloc(room * sizeof(uint32)),
					   .reaches = palloc(room * sizeof(float)),
					   .beyond = palloc(room * sizeof(float))};

	sort_neighbors(calibrator);
	for (uint32 query = 0; query < calibrator->nqueries; query++)
	{
		CHECK_FOR_INTERRUPTS();
		rank_by_lists(calibrator, model, centroids, query, &lists);
	}
	for (int i = 0; i < IVF_NCALIBRATIONS; i++)
	{
		IvfCalibration *calibration = &meta->calibrations[i];

		calibrate(calibrator, search, calibration, &meta->stops[i], &lists);
		/* more rows never need less: small k are measured less exactly */
		if (i > 0)
		{
			calibration->probes =
				Max(calibration->probes, meta->calibrations[i - 1].probes);
			calibration->candidates = Max(calibration->candidates,
										  meta->calibrations[i - 1].candidates);
			calibration->reach =
				Max(calibration->reach, meta->calibrations[i - 1].reach);
		}
	}
	/*
	 * The nearest of a row may be as good as the same row, as it is of no query: lists
	 * for one row are looked for as for ten, though by the distance of the first.
	 */
	meta->stops[0].lists = meta->stops[1].lists;
	meta->stops[0].rank = meta->stops[1].rank;
	pfree(lists.beyond);
	pfree(lists.reaches);
	pfree(lists.ranks);
}
