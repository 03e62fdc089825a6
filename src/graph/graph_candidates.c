/*
 * graph_candidates.c
 *	  Links that go out: the nearest rows of each row, by matrix products.
 *
 * The rows of a list are taken in tiles, and a tile is multiplied with the rows
 * of the near lists, one chunk after the other.  Since |a - b|^2 / 2 =
 * |a|^2 / 2 + (|b|^2 / 2 - <a,b>), the nearest rows have the smallest
 * |b|^2 / 2 - <a,b>.
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
#define TILE_FLOATS ((size_t) 1 << 18)
#define TILE_ROWS_MIN 16
#define TILE_ROWS_MAX 512

/* Rows multiplied with a tile at a time, a multiple of LANES */
#define CHUNK 256

/* Products looked at side by side */
#define LANES 16

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
	size_t room;      /* of the candidates of a row */

	/* the list that rows are from */
	const float *origin; /* its centroid */
	size_t nnear;        /* near lists */

	/* the chunk: rows of near lists, one list after the other */
	size_t near;    /* the list that the next chunk begins in, and at which */
	size_t near_at; /* of its rows */
	size_t nchunk;  /* rows in the chunk */

	/* work memory */
	uint64_t *lists;      /* nlists: keys, the near ones first */
	uint64_t *list_spare; /* nlists */
	float *rows;          /* tile_rows x dim, moved to origin */
	float *others;        /* CHUNK x dim, moved to origin */
	float *halves;        /* CHUNK: |b|^2 / 2, and NaN behind the last */
	uint32_t *others_ids; /* CHUNK */
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
	size_t dim = task->dim;
	size_t rows = TILE_FLOATS / dim;

	if (rows < TILE_ROWS_MIN)
		rows = TILE_ROWS_MIN;
	f->task = task;
	f->pacer = (Pacer){task->poll, task->poll_arg, 0};
	f->tile_rows = min_size(task->n, min_size(rows, TILE_ROWS_MAX));
	f->room = min_size(task->candidates, task->n) * ROOM_PER_CANDIDATE;
	f->room += ROOM_MIN;
	f->lists = carve(&carver, task->nlists, sizeof(uint64_t));
	f->list_spare = carve(&carver, task->nlists, sizeof(uint64_t));
	f->rows = carve(&carver, dim, f->tile_rows * sizeof(float));
	f->others = carve(&carver, dim, CHUNK * sizeof(float));
	f->halves = carve(&carver, CHUNK, sizeof(float));
	f->others_ids = carve(&carver, CHUNK, sizeof(uint32_t));
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

static void
move_to_origin(const Forward *f, size_t row, float *to)
{
	const float *from = graph_row(f->task, row);

	for (size_t i = 0; i < f->task->dim; i++)
		to[i] = from[i] - f->origin[i];
}

/* Copy the next rows of the near lists; false when there are none */
static bool
take_chunk(Forward *f)
{
	const GraphTask *task = f->task;
	size_t dim = task->dim;
	size_t n = 0;

	while (n < CHUNK && f->near < f->nnear)
	{
		size_t list = graph_key_id(f->lists[f->near], 0);

		if (f->near_at == graph_list_size(task, list))
		{
			f->near++;
			f->near_at = 0;
			continue;
		}
		f->others_ids[n] = task->starts[list] + (uint32_t) f->near_at++;
		n++;
	}
	for (size_t j = 0; j < n; j++)
	{
		float *other = f->others + j * dim;

		move_to_origin(f, f->others_ids[j], other);
		f->halves[j] =
			f->chooser.kernels->inner_product(other, other, dim, 0) / 2;
	}
	/* what stands behind the last is never near */
	for (size_t j = n; j < CHUNK; j++)
		f->halves[j] = NAN;
	f->nchunk = n;
	return n > 0;
}

/* Keep the nearest candidates of the i-th row of the tile, which is row */
static void
trim(Forward *f, size_t i, uint32_t row)
{
	float *values = f->values + i * f->room;
	uint32_t *ids = f->ids + i * f->room;
	size_t wanted = f->task->candidates;
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

/* Those of the chunk that are near to the i-th row of the tile, which is row */
static void
collect(Forward *f, size_t i, uint32_t row)
{
	const float *products = f->products + i * CHUNK;
	float *values = f->values + i * f->room;
	uint32_t *ids = f->ids + i * f->room;
	size_t used = f->used[i];

	for (size_t at = 0; at < f->nchunk; at += LANES)
	{
		float near[LANES];
		float limit = f->limits[i];

		if (!any_near(products + at, f->halves + at, limit, near))
			continue;
		for (size_t j = 0; j < LANES; j++)
		{
			values[used] = near[j];
			ids[used] = f->others_ids[at + j];
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

/* The candidates of rows first..first + n - 1, of the list begun */
static bool
search_tile(Forward *f, size_t first, size_t n)
{
	const GraphTask *task = f->task;
	size_t dim = task->dim;

	for (size_t i = 0; i < n; i++)
	{
		move_to_origin(f, first + i, f->rows + i * dim);
		f->used[i] = 0;
		f->limits[i] = INFINITY;
	}
	f->near = 0;
	f->near_at = 0;
	while (take_chunk(f))
	{
		uint32_t from = f->others_ids[0];

		if (!blas_inner_products(f->rows, dim, n, f->others, dim, f->nchunk,
								 dim, f->products, CHUNK, task->poll,
								 task->poll_arg))
			return false;
		for (size_t i = 0; i < n; i++)
		{
			/* the rows of a list follow each other, and its own comes first */
			size_t self = first + i - from;

			if (self < f->nchunk && f->others_ids[self] == first + i)
				f->products[i * CHUNK + self] = NAN;
			collect(f, i, (uint32_t) (first + i));
		}
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
		float sqdist = f->chooser.kernels->sqdist(
			vector, graph_row(task, ids[j]), task->dim, 0);

		f->keys[j] = graph_key(sqdist, ids[j], row + 1);
	}
	graph_sort(f->keys, n, f->spare);
	nchosen = graph_choose(&f->chooser, f->keys, n, row + 1);
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

	f->origin = task->centroids + list * task->dim;
	f->nnear = graph_near_lists(task, list, f->lists, f->list_spare);
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
	if (task->n > 0)
		/* what lies behind the last product of a row is read, to no effect */
		memset(f.products, 0, f.tile_rows * CHUNK * sizeof(float));
	for (size_t list = first_list; list < end_list; list++)
	{
		if (graph_list_size(task, list) > 0 && !link_list(&f, list, links))
			return false;
	}
	return true;
}
