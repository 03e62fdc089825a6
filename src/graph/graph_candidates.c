/*
 * graph_candidates.c
 *	  Links that go out: the nearest rows of each row, by matrix products.
 *
 * The rows of a list are taken in tiles, and a tile is multiplied with the rows
 * of the near lists, one chunk after the other.  Since |a - b|^2 / 2 =
 * |a|^2 / 2 + (|b|^2 / 2 - <a,b>), the nearest rows have the smallest
 * |b|^2 / 2 - <a,b>.
 *
 * Where there are projections a and b are these, and |b|^2 includes b's rest.
 *
 * Each row of the tile collects those at or below its limit, in room for several
 * times as many as are wanted.  When that is full the nearest stay, and the
 * farthest of them is the new limit.
 */
#include "graph/graph.h"

#include <math.h>
#include <string.h>

#include "core/select.h"
#include "distance/distance.h"
#include "graph/graph_choose.h"
#include "graph/graph_keys.h"
#include "graph/graph_near.h"
#include "quant/carver.h"
#include "quant/four.h"
#include "quant/pacer.h"

/* Floats in a tile of rows, and its least and most rows */
#define TILE_FLOATS ((size_t) 1 << 20)
#define TILE_ROWS_MIN 16
#define TILE_ROWS_MAX 1024

/* Rows multiplied with a tile at a time, a multiple of LANES */
#define CHUNK 256

/* A list is not looked into for less than this share of a tile */
#define TILE_SHARE 32

/* Products looked at side by side */
#define LANES 16

/* Projections find one candidate more for so many that are wanted */
#define PROJECTED_SHARE 2

/* Room for the candidates of a row */
#define ROOM_PER_CANDIDATE 4
#define ROOM_MIN 64

/* Distances that pruning computes for each candidate, about */
#define PAIRS_PER_CANDIDATE 8

typedef struct Forward
{
	const GraphTask *task;
	Pacer pacer;
	GraphChooser chooser;
	size_t tile_rows; /* rows in a tile at most */
	size_t dim;       /* of what is multiplied */
	size_t wanted;    /* candidates of a row */
	size_t room;      /* of these, in the making */

	size_t nprobes; /* lists that a row looks into */

	/* the list that rows are from */
	const float *origin; /* its centroid */

	/* work memory */
	uint64_t *lists;      /* nlists: keys, in the order of nearness */
	uint64_t *list_spare; /* nlists */
	float *list_halves;   /* nlists: |c|^2 / 2; infinite where it is empty */
	double *list_scratch; /* nlists */
	float *reach;         /* tile_rows x nlists: |c|^2 / 2 - <a,c> */
	float *farthest;      /* tile_rows: reach of the last list to look into */
	float *rows;          /* tile_rows x dim, moved to origin */
	float *picked;        /* tile_rows x dim: those that look into a list */
	uint32_t *picks;      /* tile_rows: which of the tile they are */
	float *halves;        /* CHUNK: |b|^2 / 2, and NaN behind the last */
	float *products;      /* tile_rows x CHUNK */
	float *values;        /* tile_rows x room: |b|^2 / 2 - <a,b> */
	uint32_t *ids;        /* tile_rows x room */
	size_t *used;         /* tile_rows: candidates collected */
	float *limits;        /* tile_rows: those above it need not come */
	double *scratch;      /* room */
	uint64_t *keys;       /* room */
	uint64_t *spare;      /* room */
} Forward;

static size_t
min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t
lay_out(Forward *f, const GraphTask *task, void *work)
{
	Carver carver = {work, 0};
	size_t dim = graph_near_dim(task);
	size_t rows = TILE_FLOATS / dim;

	if (rows < TILE_ROWS_MIN)
		rows = TILE_ROWS_MIN;
	f->task = task;
	f->pacer = (Pacer){task->poll, task->poll_arg, 0};
	f->tile_rows = min_size(task->n, min_size(rows, TILE_ROWS_MAX));
	f->dim = dim;
	f->wanted = task->candidates;
	if (task->projections != NULL)
		f->wanted += task->candidates / PROJECTED_SHARE;
	f->room = min_size(f->wanted, task->n) * ROOM_PER_CANDIDATE;
	f->room += ROOM_MIN;
	f->lists = carve(&carver, task->nlists, sizeof(uint64_t));
	f->list_spare = carve(&carver, task->nlists, sizeof(uint64_t));
	f->list_halves = carve(&carver, task->nlists, sizeof(float));
	f->list_scratch = carve(&carver, task->nlists, sizeof(double));
	f->reach = carve(&carver, task->nlists, f->tile_rows * sizeof(float));
	f->farthest = carve(&carver, f->tile_rows, sizeof(float));
	f->rows = carve(&carver, dim, f->tile_rows * sizeof(float));
	f->picked = carve(&carver, dim, f->tile_rows * sizeof(float));
	f->picks = carve(&carver, f->tile_rows, sizeof(uint32_t));
	f->halves = carve(&carver, CHUNK, sizeof(float));
	f->products = carve(&carver, f->tile_rows, CHUNK * sizeof(float));
	f->values = carve(&carver, f->room, f->tile_rows * sizeof(float));
	f->ids = carve(&carver, f->room, f->tile_rows * sizeof(uint32_t));
	f->used = carve(&carver, f->tile_rows, sizeof(size_t));
	f->limits = carve(&carver, f->tile_rows, sizeof(float));
	f->scratch = carve(&carver, f->room, sizeof(double));
	f->keys = carve(&carver, f->room, sizeof(uint64_t));
	f->spare = carve(&carver, f->room, sizeof(uint64_t));
	graph_chooser_init(&f->chooser, task, min_size(task->candidates, task->n),
					   &carver);
	return carver.used;
}

size_t
graph_forward_work_size(const GraphTask *task)
{
	Forward f;

	if (task->n > UINT32_MAX / task->degree)
		return SIZE_MAX;
	return lay_out(&f, task, NULL);
}

/* Lists that a row looks into: of those with rows */
static size_t
count_probes(const GraphTask *task)
{
	size_t nfilled = 0;
	size_t wanted;

	for (size_t l = 0; l < task->nlists; l++)
		nfilled += graph_list_size(task, l) > 0;
	wanted = (size_t) ((double) task->candidates * GRAPH_ROWS_PER_CANDIDATE *
					   (double) nfilled / (double) task->n);
	return min_size(nfilled,
					wanted > GRAPH_NEAR_LISTS ? wanted : GRAPH_NEAR_LISTS);
}

static void
move_to_origin(const Forward *f, size_t row, float *to)
{
	const float *from = graph_near_row(f->task, row);

	for (size_t i = 0; i < f->dim; i++)
		to[i] = from[i] - f->origin[i];
}

/* Keep the nearest candidates of the i-th row of the tile, which is row */
static void
trim(Forward *f, size_t i, uint32_t row)
{
	float *values = f->values + i * f->room;
	uint32_t *ids = f->ids + i * f->room;
	size_t wanted = f->wanted;
	size_t kept = 0;
	size_t tied = 0;
	float limit;

	if (f->used[i] <= wanted)
		return;
	for (size_t j = 0; j < f->used[i]; j++)
		f->scratch[j] = values[j];
	limit = (float) select_nth(f->scratch, f->used[i], wanted - 1);
	for (size_t j = 0; j < f->used[i]; j++)
	{
		float value = values[j];
		uint32_t id = ids[j];

		values[kept] = value;
		ids[kept] = id;
		kept += value < limit;
		f->keys[tied] = graph_key(0, id, row + 1);
		tied += value == limit;
	}
	if (tied > wanted - kept)
		graph_sort(f->keys, tied, f->spare);
	for (size_t j = 0; kept < wanted; j++)
	{
		values[kept] = limit;
		ids[kept++] = graph_key_id(f->keys[j], row + 1);
	}
	f->used[i] = kept;
	f->limits[i] = limit;
}

/* value[j] = halves[j] - products[j]; is one of the LANES at most limit? */
static inline bool
any_near(const float *products, const float *halves, float limit, float *values)
{
	Four all = four_all(limit);
	FourBits near = {0, 0, 0, 0};
	uint64_t bits[2];

	for (size_t i = 0; i < LANES; i += 4)
	{
		Four value = four_load(halves + i) - four_load(products + i);

		four_store(values + i, value);
		near |= (FourBits) (value <= all);
	}
	memcpy(bits, &near, sizeof(bits));
	return (bits[0] | bits[1]) != 0;
}

/*
 * Those of the chunk, n rows from id on, that are near to the i-th row of the
 * tile, which is row
 */
static void
collect(Forward *f, const float *products, uint32_t id, size_t n, size_t i,
		uint32_t row)
{
	float *values = f->values + i * f->room;
	uint32_t *ids = f->ids + i * f->room;
	size_t used = f->used[i];

	for (size_t at = 0; at < n; at += LANES)
	{
		float near[LANES];
		float limit = f->limits[i];

		if (!any_near(products + at, f->halves + at, limit, near))
			continue;
		for (size_t j = 0; j < LANES; j++)
		{
			values[used] = near[j];
			ids[used] = id + (uint32_t) (at + j);
			used += near[j] <= limit;
		}
		if (used + LANES > f->room)
		{
			f->used[i] = used;
			trim(f, i, row);
			used = f->used[i];
		}
	}
	f->used[i] = used;
}

/* Which lists the rows of the tile look into: reach[] and farthest[] */
static bool
find_reach(Forward *f, size_t n)
{
	const GraphTask *task = f->task;
	size_t nlists = task->nlists;

	if (!blas_inner_products(f->rows, f->dim, n, graph_near_centroid(task, 0),
							 f->dim, nlists, f->dim, f->reach, nlists,
							 task->poll, task->poll_arg))
		return false;
	for (size_t i = 0; i < n; i++)
	{
		float *reach = f->reach + i * nlists;

		for (size_t l = 0; l < nlists; l++)
		{
			float value = f->list_halves[l] - reach[l];

			reach[l] = value < INFINITY ? value : INFINITY;
			f->list_scratch[l] = reach[l];
		}
		f->farthest[i] =
			(float) select_nth(f->list_scratch, nlists, f->nprobes - 1);
	}
	return true;
}

/* Copy the rows that look into a list; returns their number */
static size_t
pick_rows(Forward *f, size_t list, bool own, size_t n)
{
	size_t dim = f->dim;
	size_t picked = 0;

	for (size_t i = 0; i < n; i++)
	{
		f->picks[picked] = (uint32_t) i;
		picked += own || f->reach[i * f->task->nlists + list] <= f->farthest[i];
	}
	if (!own && picked * TILE_SHARE < n)
		return 0;
	for (size_t i = 0; i < picked; i++)
		memcpy(f->picked + i * dim, f->rows + f->picks[i] * dim,
			   dim * sizeof(float));
	return picked;
}

/* Rows of the tile that begins with row first look into a list */
static bool
search_list(Forward *f, size_t first, size_t list, size_t npicked)
{
	const GraphTask *task = f->task;
	size_t dim = f->dim;
	size_t end = task->starts[list + 1];

	for (size_t id = task->starts[list]; id < end; id += CHUNK)
	{
		size_t n = min_size(CHUNK, end - id);

		f->chooser.kernels->sqdist_many(f->origin, graph_near_row(task, id),
										dim * sizeof(float), n, dim, f->halves);
		for (size_t j = 0; task->projections != NULL && j < n; j++)
			f->halves[j] += task->rests[id + j];
		for (size_t j = 0; j < n; j++)
			f->halves[j] /= 2;
		/* what stands behind the last is never near */
		for (size_t j = n; j < CHUNK; j++)
			f->halves[j] = NAN;
		if (!blas_inner_products(
				f->picked, dim, npicked, graph_near_row(task, id), dim, n, dim,
				f->products, CHUNK, task->poll, task->poll_arg))
			return false;
		for (size_t i = 0; i < npicked; i++)
		{
			float *products = f->products + i * CHUNK;
			size_t row = first + f->picks[i];

			/* not itself */
			if (row - id < n)
				products[row - id] = NAN;
			collect(f, products, (uint32_t) id, n, f->picks[i], (uint32_t) row);
		}
	}
	return true;
}

/* The candidates of rows first..first + n - 1, of the list begun */
static bool
search_tile(Forward *f, size_t first, size_t n)
{
	const GraphTask *task = f->task;

	for (size_t i = 0; i < n; i++)
	{
		move_to_origin(f, first + i, f->rows + i * f->dim);
		f->used[i] = 0;
		f->limits[i] = INFINITY;
	}
	if (!find_reach(f, n))
		return false;
	/* the nearest first: limits are soon low */
	for (size_t l = 0; l < task->nlists; l++)
	{
		size_t list = graph_key_id(f->lists[l], 0);
		size_t npicked = 0;

		if (graph_list_size(task, list) > 0)
			npicked = pick_rows(f, list, l == 0, n);
		if (npicked > 0 && !search_list(f, first, list, npicked))
			return false;
	}
	return true;
}

/* The links of the i-th row of the tile, which is row */
static bool
link_row(Forward *f, size_t i, uint32_t row, GraphLink *links)
{
	const GraphTask *task = f->task;
	const float *vector = graph_row(task, row);
	const uint32_t *ids = f->ids + i * f->room;
	size_t n;
	size_t nchosen;

	trim(f, i, row);
	n = f->used[i];
	for (size_t j = 0; j < n; j++)
	{
		const float *other = graph_row(task, ids[j]);
		const float *next = graph_row(task, ids[j + 1 < n ? j + 1 : j]);
		float sqdist = task->pair != NULL
			? task->pair(task->pair_arg, row, ids[j])
			: f->chooser.kernels->sqdist(vector, other, task->dim,
										 graph_ahead(other, next));

		f->keys[j] = graph_key(sqdist, ids[j], row + 1);
	}
	graph_sort(f->keys, n, f->spare);
	n = min_size(n, task->candidates);
	nchosen = graph_choose(&f->chooser, row, f->keys, n);
	for (size_t j = 0; j < task->degree; j++)
	{
		uint64_t key = j < nchosen ? f->keys[f->chooser.chosen[j]] : 0;

		links[j].id = j < nchosen ? graph_key_id(key, row + 1) : GRAPH_NONE;
		links[j].sqdist = graph_key_sqdist(key);
	}
	return pacer_go_on(&f->pacer, n * task->dim * PAIRS_PER_CANDIDATE);
}

static bool
link_list(Forward *f, size_t list, GraphLink *links)
{
	const GraphTask *task = f->task;
	size_t end = task->starts[list + 1];

	f->origin = graph_near_centroid(task, list);
	graph_near_lists(task, list, f->lists, f->list_spare);
	for (size_t l = 0; l < task->nlists; l++)
		f->list_halves[l] = graph_list_size(task, l) == 0
			? INFINITY
			: f->chooser.kernels->sqdist(
				  f->origin, graph_near_centroid(task, l), f->dim, 0) /
				2;
	for (size_t first = task->starts[list]; first < end; first += f->tile_rows)
	{
		size_t n = min_size(f->tile_rows, end - first);

		if (!search_tile(f, first, n))
			return false;
		for (size_t i = 0; i < n; i++)
		{
			if (!link_row(f, i, (uint32_t) (first + i),
						  links + (first + i) * task->degree))
				return false;
		}
	}
	return true;
}

bool
graph_forward(const GraphTask *task, size_t first_list, size_t end_list,
			  GraphLink *links, void *work)
{
	Forward f;

	lay_out(&f, task, work);
	if (task->n == 0)
		return true;
	f.nprobes = count_probes(task);
	/* what lies behind the last product of a row is read, to no effect */
	memset(f.products, 0, f.tile_rows * CHUNK * sizeof(float));
	for (size_t list = first_list; list < end_list; list++)
	{
		if (graph_list_size(task, list) > 0 && !link_list(&f, list, links))
			return false;
	}
	return true;
}
