/*
 * hnsw_divide.c
 *	  Which parts a row belongs to, where not all fit into memory.
 *
 * Parts are made by halving: the lists between two that are far from each other
 * are put in order, from the one to the other, and cut where each side has its
 * share of the rows.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "am/poll.h"
#include "hnsw/hnsw_divide.h"
#include "hnsw/hnsw_graph.h"

/* Lists that a part has, and rows of the sample that a list has, about */
#define LISTS_PER_PART 8
#define ROWS_PER_LIST 12

/* Rows of which products are made at a time; in a range */
#define TILE 256
#define DIVIDED_ROWS 1024

/* Of two halves, until they are what they stay */
#define HALVING_ROUNDS 3

/*
 * A row visits the nearest other part, and the next, if their nearest lists are at most
 * so much farther, by squared distances, than that at home.  Measured with a tenth of
 * the memory and one factor for both, recall of ten at 40 nodes: texts .9153, .9394,
 * .9504 with 1.1, 1.15 and no limit, in .7, .8 and 2 visits a row (.9314 in memory);
 * images .995, .9961, .9966 in .2, .3 and 2 (.9966); words .9558, .9487, .9596 in .8, 1.1
 * and 2 (.9449).  Few texts in small parts (test 205) need the first visit more than the
 * second: 1.15 and 1.25 for both lose two points.
 */
static const float visited[HNSW_PARTS_OF_ROW] = {1, 2.0f, 1.25f};

/* Room that a part is planned to use; a sample knows the sizes to some percent */
#define FILLING 0.92

/* Parts are made smaller by so much until all fit */
#define MORE_PARTS 1.15

/*
 * Products of a row are the same wherever it is: a tile is always whole.
 */

typedef struct Divider
{
	const HnswRows *rows;
	const float *centroids;
	const uint16 *parts;
	uint32 nlists;
	float *halves;   /* nlists: |c|^2 / 2 */
	float *tile;     /* TILE x stride */
	float *products; /* TILE x nlists */
} Divider;

static void *
allocate(Size bytes)
{
	return MemoryContextAllocHuge(CurrentMemoryContext, Max(bytes, 8));
}

static Divider
divider_of(HnswTeam *team, const HnswRows *rows)
{
	Divider d = {.rows = rows,
				 .centroids = hnsw_team_array(team, HNSW_CENTROIDS),
				 .parts = hnsw_team_array(team, HNSW_LIST_PARTS),
				 .nlists = team->plan.nlists};
	Size dim = rows->stride;

	d.halves = allocate(d.nlists * sizeof(float));
	d.tile = allocate(TILE * dim * sizeof(float));
	d.products = allocate(TILE * (Size) d.nlists * sizeof(float));
	memset(d.tile, 0, TILE * dim * sizeof(float));
	for (uint32 l = 0; l < d.nlists; l++)
	{
		const float *centre = d.centroids + l * dim;

		d.halves[l] = dense_kernels(ELEM_FLOAT32, ELEM_FLOAT32)
						  ->inner_product(centre, centre, dim, 0) /
			2;
	}
	return d;
}

/* Those where the nearest list is much farther than at home do not count */
static void
keep_near(HnswDivision *division, const float *values, float sqnorm)
{
	float home = Max(sqnorm + 2 * values[0], 0);
	int i = 1;

	while (i < HNSW_PARTS_OF_ROW && sqnorm + 2 * values[i] <= visited[i] * home)
		i++;
	for (; i < HNSW_PARTS_OF_ROW; i++)
		division->parts[i] = HNSW_NO_PART;
}

/*
 * The part of the nearest list, and of the nearest of other parts.  products: of
 * a row, whose squared norm is given, with all centres.
 */
static HnswDivision
division_of(const Divider *d, const float *products, float sqnorm)
{
	HnswDivision division;
	float values[HNSW_PARTS_OF_ROW];

	for (int i = 0; i < HNSW_PARTS_OF_ROW; i++)
	{
		division.parts[i] = HNSW_NO_PART;
		values[i] = INFINITY;
	}
	for (uint32 l = 0; l < d->nlists; l++)
	{
		float value = d->halves[l] - products[l];
		uint16 part = d->parts[l];
		int i = 0;

		while (i < HNSW_PARTS_OF_ROW - 1 && division.parts[i] != part)
			i++;
		if (!(value < values[i]))
			continue;
		for (; i > 0 && value < values[i - 1]; i--)
		{
			values[i] = values[i - 1];
			division.parts[i] = division.parts[i - 1];
		}
		values[i] = value;
		division.parts[i] = part;
	}
	keep_near(&division, values, sqnorm);
	/* products that are no numbers */
	if (division.parts[0] == HNSW_NO_PART)
		division.parts[0] = d->parts[0];
	return division;
}

static void
divide_tile(const Divider *d, uint32 first, uint32 n, HnswDivision *divisions)
{
	Size dim = d->rows->stride;

	memcpy(d->tile, d->rows->rows + first * dim, n * dim * sizeof(float));
	(void) blas_inner_products(d->tile, dim, TILE, d->centroids, dim, d->nlists,
							   dim, d->products, d->nlists, poll_interrupts,
							   NULL);
	for (uint32 i = 0; i < n; i++)
	{
		const float *row = d->tile + i * dim;
		float sqnorm = dense_kernels(ELEM_FLOAT32, ELEM_FLOAT32)
						   ->inner_product(row, row, dim, 0);

		divisions[i] =
			division_of(d, d->products + (Size) i * d->nlists, sqnorm);
	}
}

void
hnsw_divide_job(HnswTeam *team)
{
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "hnsw division", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	HnswRows rows = hnsw_rows_of(team);
	HnswDivision *divisions = hnsw_team_array(team, HNSW_DIVISION);
	Divider d = divider_of(team, &rows);
	uint32 first;
	uint32 end;

	while (hnsw_team_claim(team, &first, &end))
	{
		for (uint32 i = first; i < end; i += TILE)
			divide_tile(&d, i, Min(TILE, end - i), divisions + i);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

const HnswDivision *
hnsw_divide(HnswTeam *team)
{
	hnsw_team_run(team, HNSW_JOB_DIVIDE, team->plan.nrows, DIVIDED_ROWS);
	return hnsw_team_array(team, HNSW_DIVISION);
}

/*
 * Parts of lists
 */

typedef struct PlacedList
{
	double place;
	uint32 list;
} PlacedList;

typedef struct Halving
{
	Size dim;
	const float *centroids;
	const uint32 *weights; /* rows of the sample in each list */
	uint16 *parts;         /* result */
	float *ends[2];        /* dim: what the halves lie around */
	double *sums;          /* dim */
} Halving;

static int
compare_places(const void *a, const void *b)
{
	const PlacedList *x = a;
	const PlacedList *y = b;

	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	return x->list < y->list ? -1 : 1;
}

static const float *
centre_of(const Halving *h, uint32 list)
{
	return h->centroids + list * h->dim;
}

static double
sqdist(const Halving *h, const float *a, const float *b)
{
	return dense_kernels(ELEM_FLOAT32, ELEM_FLOAT32)->sqdist(a, b, h->dim, 0);
}

/* The mean of the rows of lists */
static void
find_end(Halving *h, const PlacedList *lists, uint32 n, float *end)
{
	double total = 0;

	memset(h->sums, 0, h->dim * sizeof(double));
	for (uint32 i = 0; i < n; i++)
	{
		double weight = h->weights[lists[i].list] + 1;

		total += weight;
		for (Size d = 0; d < h->dim; d++)
			h->sums[d] += weight * centre_of(h, lists[i].list)[d];
	}
	for (Size d = 0; d < h->dim; d++)
		end[d] = (float) (h->sums[d] / total);
}

static uint32
farthest_from(const Halving *h, const PlacedList *lists, uint32 n,
			  const float *from)
{
	uint32 farthest = lists[0].list;
	double distance = -1;

	for (uint32 i = 0; i < n; i++)
	{
		double other = sqdist(h, from, centre_of(h, lists[i].list));

		if (other > distance)
		{
			distance = other;
			farthest = lists[i].list;
		}
	}
	return farthest;
}

/* Two lists far from each other */
static void
find_first_ends(Halving *h, const PlacedList *lists, uint32 n)
{
	Size bytes = h->dim * sizeof(float);

	find_end(h, lists, n, h->ends[0]);
	memcpy(h->ends[0], centre_of(h, farthest_from(h, lists, n, h->ends[0])),
		   bytes);
	memcpy(h->ends[1], centre_of(h, farthest_from(h, lists, n, h->ends[0])),
		   bytes);
}

/* So many of the lists, in their order, have a share of the rows; not all */
static uint32
cut(const Halving *h, const PlacedList *lists, uint32 n, double share)
{
	double total = 0;
	double before = 0;
	uint32 at = 0;

	for (uint32 i = 0; i < n; i++)
		total += h->weights[lists[i].list];
	while (at < n - 1)
	{
		double weight = h->weights[lists[at].list];

		if (at > 0 && before + weight / 2 > share * total)
			break;
		before += weight;
		at++;
	}
	return at;
}

static void
halve(Halving *h, PlacedList *lists, uint32 n, uint32 nparts, uint16 first)
{
	uint32 left = nparts / 2;
	uint32 at;

	CHECK_FOR_INTERRUPTS();
	if (nparts == 1 || n == 1)
	{
		for (uint32 i = 0; i < n; i++)
			h->parts[lists[i].list] = first;
		return;
	}
	find_first_ends(h, lists, n);
	for (int round = 0;; round++)
	{
		for (uint32 i = 0; i < n; i++)
		{
			const float *centre = centre_of(h, lists[i].list);

			lists[i].place =
				sqdist(h, centre, h->ends[0]) - sqdist(h, centre, h->ends[1]);
		}
		qsort(lists, n, sizeof(PlacedList), compare_places);
		at = cut(h, lists, n, (double) left / nparts);
		if (round == HALVING_ROUNDS)
			break;
		find_end(h, lists, at, h->ends[0]);
		find_end(h, lists + at, n - at, h->ends[1]);
	}
	halve(h, lists, at, left, first);
	halve(h, lists + at, n - at, nparts - left, first + left);
}

static void
make_parts(HnswTeam *team, const uint32 *weights, uint32 nparts)
{
	uint32 nlists = team->plan.nlists;
	Size dim = hnsw_rows_of(team).stride;
	Halving h = {
		.dim = dim,
		.centroids = hnsw_team_array(team, HNSW_CENTROIDS),
		.weights = weights,
		.parts = hnsw_team_array(team, HNSW_LIST_PARTS),
		.ends = {palloc(dim * sizeof(float)), palloc(dim * sizeof(float))},
		.sums = palloc(dim * sizeof(double))};
	PlacedList *lists = palloc(nlists * sizeof(PlacedList));

	for (uint32 l = 0; l < nlists; l++)
		lists[l] = (PlacedList){.list = l};
	halve(&h, lists, nlists, nparts, 0);
	pfree(lists);
	pfree(h.sums);
	pfree(h.ends[0]);
	pfree(h.ends[1]);
}

/* Rows of the sample in each list: as if each were a part */
static uint32 *
weigh_lists(HnswTeam *team)
{
	uint32 nlists = team->plan.nlists;
	uint16 *parts = hnsw_team_array(team, HNSW_LIST_PARTS);
	uint32 *weights = palloc0(nlists * sizeof(uint32));
	const HnswDivision *divisions;

	for (uint32 l = 0; l < nlists; l++)
		parts[l] = l;
	divisions = hnsw_divide(team);
	for (uint32 i = 0; i < team->plan.nrows; i++)
		weights[divisions[i].parts[0]]++;
	return weights;
}

/* Of the sample, how many rows are in the part that has most */
static uint32
largest_part(HnswTeam *team, uint32 nparts)
{
	const HnswDivision *divisions = hnsw_divide(team);
	uint32 *sizes = palloc0(nparts * sizeof(uint32));
	uint32 largest = 0;

	for (uint32 i = 0; i < team->plan.nrows; i++)
	{
		for (int j = 0; j < HNSW_PARTS_OF_ROW; j++)
		{
			if (divisions[i].parts[j] != HNSW_NO_PART)
				sizes[divisions[i].parts[j]]++;
		}
	}
	for (uint32 p = 0; p < nparts; p++)
		largest = Max(largest, sizes[p]);
	pfree(sizes);
	return largest;
}

uint32
hnsw_divide_plan(HnswTeam *team, uint32 n, uint32 most)
{
	HnswPlan *plan = &team->plan;
	HnswRows rows = hnsw_rows_of(team);
	double wanted = FILLING * most * plan->nrows / n;
	uint32 nparts =
		Min(HNSW_PARTS_OF_ROW * plan->nrows / wanted + 1, HNSW_MOST_PARTS);
	uint32 nlists =
		Max(Min(nparts * LISTS_PER_PART, plan->nrows / ROWS_PER_LIST), 1);
	float *centroids = hnsw_team_allocate(team, HNSW_CENTROIDS,
										  nlists * rows.stride * sizeof(float));
	uint32 *weights;

	plan->nlists = hnsw_graph_centres(&rows, nlists, centroids);
	(void) hnsw_team_allocate(team, HNSW_LIST_PARTS,
							  plan->nlists * sizeof(uint16));
	(void) hnsw_team_allocate(team, HNSW_DIVISION,
							  plan->room * sizeof(HnswDivision));
	weights = weigh_lists(team);
	for (;;)
	{
		nparts = Min(nparts, Min(plan->nlists, HNSW_MOST_PARTS));
		make_parts(team, weights, nparts);
		if (nparts == Min(plan->nlists, HNSW_MOST_PARTS) ||
			largest_part(team, nparts) <= wanted)
			break;
		nparts = nparts * MORE_PARTS + 1;
	}
	pfree(weights);
	return nparts;
}

void
hnsw_divide_end(HnswTeam *team)
{
	hnsw_team_free(team, HNSW_DIVISION);
	hnsw_team_free(team, HNSW_LIST_PARTS);
	hnsw_team_free(team, HNSW_CENTROIDS);
}
