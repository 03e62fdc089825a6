/*
 * kmeans_assign.c
 *	  The nearest centre of each row, by matrix products in tiles.
 *
 * A tile of rows is copied once, then multiplied with one chunk of centres
 * after the other.  Since |a - b|^2 / 2 = |a|^2 / 2 - (<a,b> - |b|^2 / 2), the
 * nearest centre has the largest <a,b> - |b|^2 / 2.
 *
 * Copies have the mean of all centres for their origin.  Rows far from 0 would
 * else lose their differences in the rounding of their length.
 */
#include "quant/kmeans.h"

#include <math.h>
#include <string.h>

#include "distance/distance.h"
#include "quant/carver.h"
#include "quant/four.h"

/* Floats in a tile of rows, and its least and most rows */
#define TILE_FLOATS ((size_t) 1 << 20)
#define TILE_ROWS_MIN 16
#define TILE_ROWS_MAX 1024

/*
 * Centres multiplied at a time, and floats in them: the products of a tile stay
 * in the cache
 */
#define CHUNK 256
#define CHUNK_FLOATS ((size_t) 1 << 20)

/* Products looked at side by side */
#define LANES 16

typedef struct Tiles
{
	size_t tile_rows; /* rows in a tile */
	size_t chunk;     /* centres in a chunk, a multiple of LANES */
	float *origin;    /* dim */
	float *rows;      /* tile_rows x dim, moved to origin */
	float *centres;   /* chunk x dim, moved to origin */
	float *halves;    /* chunk: |b|^2 / 2, and infinity behind the last */
	float *products;  /* tile_rows x chunk */
	float *best;      /* tile_rows: the largest <a,b> - |b|^2 / 2 so far */
} Tiles;

static size_t
min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t
kmeans_tile_rows(size_t dim)
{
	size_t rows = TILE_FLOATS / dim;

	return rows < TILE_ROWS_MIN ? TILE_ROWS_MIN : min_size(rows, TILE_ROWS_MAX);
}

static size_t
lay_out(Tiles *tiles, size_t k, size_t dim, size_t n, void *work)
{
	Carver carver = {work, 0};

	tiles->tile_rows = min_size(n, kmeans_tile_rows(dim));
	tiles->chunk = min_size(min_size(k, CHUNK), CHUNK_FLOATS / dim);
	if (tiles->chunk == 0)
		tiles->chunk = 1;
	tiles->chunk = (tiles->chunk + LANES - 1) / LANES * LANES;
	tiles->origin = carve(&carver, dim, sizeof(float));
	tiles->rows = carve(&carver, dim, tiles->tile_rows * sizeof(float));
	tiles->centres = carve(&carver, dim, tiles->chunk * sizeof(float));
	tiles->halves = carve(&carver, tiles->chunk, sizeof(float));
	tiles->products =
		carve(&carver, tiles->tile_rows, tiles->chunk * sizeof(float));
	tiles->best = carve(&carver, tiles->tile_rows, sizeof(float));
	return carver.used;
}

size_t
kmeans_assign_work_size(size_t k, size_t dim, size_t max_rows)
{
	Tiles tiles;

	return lay_out(&tiles, k, dim, max_rows, NULL);
}

/* The mean of the centres; any point near them would do */
static bool
find_origin(const Tiles *tiles, const KmeansAssignment *a, Pacer *pacer)
{
	size_t dim = a->rows.dim;
	float share = 1.0f / (float) a->k;

	memset(tiles->origin, 0, dim * sizeof(float));
	for (size_t j = 0; j < a->k; j++)
	{
		const float *centre = a->centroids + j * dim;

		for (size_t i = 0; i < dim; i++)
			tiles->origin[i] += centre[i] * share;
		if (!pacer_go_on(pacer, dim))
			return false;
	}
	return true;
}

static void
move_to_origin(const Tiles *tiles, const float *from, float *to, size_t dim)
{
	size_t i = 0;

	for (; i + 4 <= dim; i += 4)
		four_store(to + i, four_load(from + i) - four_load(tiles->origin + i));
	for (; i < dim; i++)
		to[i] = from[i] - tiles->origin[i];
}

static float
square_of(const float *row, size_t dim)
{
	return dense_kernels(ELEM_FLOAT32, ELEM_FLOAT32)
		->inner_product(row, row, dim, 0);
}

/* Centres that rows are compared with: those of ids, or the first n */
typedef struct Centres
{
	const uint32_t *ids;
	size_t n;
} Centres;

static size_t
centre_id(const Centres *centres, size_t i)
{
	return centres->ids == NULL ? i : centres->ids[i];
}

/* Copy centres first..first+n-1 of these to the chunk */
static void
take_centres(const Tiles *tiles, const KmeansAssignment *a,
			 const Centres *centres, size_t first, size_t n)
{
	size_t dim = a->rows.dim;

	for (size_t j = 0; j < n; j++)
	{
		size_t id = centre_id(centres, first + j);
		float *centre = tiles->centres + j * dim;

		move_to_origin(tiles, a->centroids + id * dim, centre, dim);
		tiles->halves[j] = square_of(centre, dim) / 2;
		if (a->prices != NULL)
			tiles->halves[j] += a->prices[id] / 2;
	}
	/* what stands behind the last is never the largest */
	for (size_t j = n; j < tiles->chunk; j++)
		tiles->halves[j] = INFINITY;
}

/* products[j..j+15] - halves[j..j+15] */
static inline void
subtract(const float *products, const float *halves, size_t j, Four *values)
{
	for (size_t i = 0; i < 4; i++)
		values[i] =
			four_load(products + j + 4 * i) - four_load(halves + j + 4 * i);
}

/*
 * The largest of products[j] - halves[j], if above *best, and first + j then.
 * A NaN is never the largest.  n is a multiple of LANES.
 */
static void
keep_largest(const float *products, const float *halves, size_t n,
			 uint32_t first, float *best, uint32_t *nearest)
{
	Four top[4] = {four_all(-INFINITY), four_all(-INFINITY),
				   four_all(-INFINITY), four_all(-INFINITY)};
	Four values[4];
	float largest;
	size_t j = 0;
	uint32_t bits;

	for (size_t at = 0; at < n; at += LANES)
	{
		subtract(products, halves, at, values);
		for (size_t i = 0; i < 4; i++)
			top[i] = four_larger(values[i], top[i]);
	}
	largest = four_largest(
		four_larger(four_larger(top[0], top[1]), four_larger(top[2], top[3])));
	if (!(largest > *best))
		return;

	/* rarer than not, and half way on average: quicker than to keep track */
	for (;; j += LANES)
	{
		subtract(products, halves, j, values);
		bits = four_equal_bits(values, largest);
		if (bits != 0)
			break;
	}
	*best = largest;
	*nearest = first + (uint32_t) j + (uint32_t) __builtin_ctz(bits);
}

/*
 * These centres against rows at..at+n-1 of the tile.  nearest, of these rows, are
 * places among the centres.
 */
static bool
compare_rows(const Tiles *tiles, const KmeansAssignment *a, size_t at, size_t n,
			 const Centres *centres, uint32_t *nearest)
{
	size_t dim = a->rows.dim;

	memset(nearest, 0, n * sizeof(uint32_t));
	for (size_t j = 0; j < centres->n; j += tiles->chunk)
	{
		size_t nj = min_size(tiles->chunk, centres->n - j);
		size_t padded = (nj + LANES - 1) / LANES * LANES;

		take_centres(tiles, a, centres, j, nj);
		if (!blas_inner_products(tiles->rows + at * dim, dim, n, tiles->centres,
								 dim, nj, dim, tiles->products, tiles->chunk,
								 a->poll, a->poll_arg))
			return false;
		for (size_t i = 0; i < n; i++)
			keep_largest(tiles->products + i * tiles->chunk, tiles->halves,
						 padded, (uint32_t) j, &tiles->best[at + i],
						 &nearest[i]);
	}
	return true;
}

/* Rows of the tile that were of one centre against those near it */
static bool
compare_with_near(const Tiles *tiles, const KmeansAssignment *a, size_t n,
				  uint32_t *nearest)
{
	for (size_t at = 0, end; at < n; at = end)
	{
		Centres centres = {a->near + nearest[at] * KMEANS_NEAR, KMEANS_NEAR};

		for (end = at + 1; end < n && nearest[end] == nearest[at];)
			end++;
		if (!compare_rows(tiles, a, at, end - at, &centres, nearest + at))
			return false;
		for (size_t i = at; i < end; i++)
			nearest[i] = centres.ids[nearest[i]];
	}
	return true;
}

/* The rows of the tile: n of them, from row first on */
static bool
assign_tile(const Tiles *tiles, KmeansAssignment *a, size_t first, size_t n)
{
	size_t dim = a->rows.dim;
	uint32_t *nearest = a->nearest + first;
	Centres all = {NULL, a->k};
	double cost = 0;

	for (size_t i = 0; i < n; i++)
	{
		if (i + ROWS_AHEAD < n)
			prefetch_row(&a->rows, first + i + ROWS_AHEAD);
		move_to_origin(tiles, row_at(&a->rows, first + i),
					   tiles->rows + i * dim, dim);
		tiles->best[i] = -INFINITY;
	}
	if (a->near == NULL ? !compare_rows(tiles, a, 0, n, &all, nearest)
						: !compare_with_near(tiles, a, n, nearest))
		return false;
	for (size_t i = 0; i < n; i++)
	{
		float sqdist =
			square_of(tiles->rows + i * dim, dim) - 2.0f * tiles->best[i];

		if (sqdist < 0.0f)
			sqdist = 0.0f;
		if (a->sqdists != NULL)
			a->sqdists[first + i] = sqdist;
		cost += sqdist;
	}
	a->cost += cost;
	return true;
}

bool
kmeans_assign(KmeansAssignment *a)
{
	Pacer pacer = {a->poll, a->poll_arg, 0};
	size_t n = a->rows.n;
	Tiles tiles;

	lay_out(&tiles, a->k, a->rows.dim, n, a->work);
	a->cost = 0;
	if (!find_origin(&tiles, a, &pacer))
		return false;
	/* what lies behind the last product of a row is read, to no effect */
	memset(tiles.products, 0, tiles.tile_rows * tiles.chunk * sizeof(float));
	for (size_t first = 0; first < n; first += tiles.tile_rows)
	{
		if (!assign_tile(&tiles, a, first,
						 min_size(tiles.tile_rows, n - first)))
			return false;
	}
	return true;
}
