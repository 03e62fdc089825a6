/*
 * dist_widen.c
 *	  Kernels for element kinds that have no loops of their own.
 *
 * Elements are turned into floats a tile at a time, by elem_ops, and given to
 * the float32 kernels in force.  This is what makes a new element kind work at
 * every level from its table row alone; loops in dist_pairs.h make it fast.
 */
#include "distance/dist_levels.h"

#define TILE 256

typedef struct TilePair
{
	float query[TILE];
	float stored[TILE];
	size_t n;
} TilePair;

/* The elements from first on, at most TILE of them */
static void
load_tiles(TilePair *tiles, ElemKind query_kind, const void *query,
		   ElemKind stored_kind, const void *stored, size_t n, size_t first)
{
	const ElemOps *q = &elem_ops[query_kind];
	const ElemOps *s = &elem_ops[stored_kind];

	tiles->n = n - first < TILE ? n - first : TILE;
	q->load((const char *) query + first * q->size, tiles->query, tiles->n);
	s->load((const char *) stored + first * s->size, tiles->stored, tiles->n);
}

/* sum = the sum of a float32 kernel over all tiles */
#define SUM_OVER_TILES(kernel) \
	TilePair tiles; \
	float sum = 0.0f; \
\
	for (size_t first = 0; first < n; first += TILE) \
	{ \
		load_tiles(&tiles, query_kind, query, stored_kind, stored, n, first); \
		sum += dense_kernels(ELEM_FLOAT32, ELEM_FLOAT32) \
				   ->kernel(tiles.query, tiles.stored, tiles.n, 0); \
	} \
	return sum

static float
sqdist(ElemKind query_kind, const void *query, ElemKind stored_kind,
	   const void *stored, size_t n)
{
	SUM_OVER_TILES(sqdist);
}

static float
inner_product(ElemKind query_kind, const void *query, ElemKind stored_kind,
			  const void *stored, size_t n)
{
	SUM_OVER_TILES(inner_product);
}

static float
l1(ElemKind query_kind, const void *query, ElemKind stored_kind,
   const void *stored, size_t n)
{
	SUM_OVER_TILES(l1);
}

static CosineSums
cosine(ElemKind query_kind, const void *query, ElemKind stored_kind,
	   const void *stored, size_t n)
{
	TilePair tiles;
	CosineSums total = {0.0f, 0.0f, 0.0f};

	for (size_t first = 0; first < n; first += TILE)
	{
		CosineSums sums;

		load_tiles(&tiles, query_kind, query, stored_kind, stored, n, first);
		sums = dense_kernels(ELEM_FLOAT32, ELEM_FLOAT32)
				   ->cosine(tiles.query, tiles.stored, tiles.n, 0);
		total.ab += sums.ab;
		total.aa += sums.aa;
		total.bb += sums.bb;
	}
	return total;
}

/* Functions of the kernel table for one pair of kinds */
#define FORWARD(result, function, pair, query_kind, stored_kind) \
	static result function##_##pair(const void *query, const void *stored, \
									size_t n, ptrdiff_t ahead) \
	{ \
		(void) ahead; \
		return function(query_kind, query, stored_kind, stored, n); \
	}

#define FORWARD_MANY(function, pair) \
	static void function##_many_##pair(const void *query, const void *stored, \
									   size_t stride, size_t nrows, size_t n, \
									   float *out) \
	{ \
		for (size_t i = 0; i < nrows; i++) \
			out[i] = function##_##pair( \
				query, (const char *) stored + i * stride, n, 0); \
	}

#define FORWARD_PAIR(pair, query_kind, stored_kind) \
	FORWARD(float, sqdist, pair, query_kind, stored_kind) \
	FORWARD(float, inner_product, pair, query_kind, stored_kind) \
	FORWARD(float, l1, pair, query_kind, stored_kind) \
	FORWARD(CosineSums, cosine, pair, query_kind, stored_kind) \
	FORWARD_MANY(sqdist, pair) \
	FORWARD_MANY(inner_product, pair)

#define X(kind, type, public, norm, ctype) \
	FORWARD_PAIR(f32_##type, ELEM_FLOAT32, kind) \
	FORWARD_PAIR(type##_##type, kind, kind)
OTHER_ELEM_KINDS(X)
#undef X

#define TABLE_ROW(pair) \
	{ \
		sqdist_##pair, inner_product_##pair, l1_##pair, cosine_##pair, \
			sqdist_many_##pair, inner_product_many_##pair \
	}

const DenseKernels widening_kernels[ELEM_NKINDS][ELEM_NKINDS] = {
#define X(kind, type, public, norm, ctype) \
	[ELEM_FLOAT32][kind] = TABLE_ROW(f32_##type), \
	[kind][kind] = TABLE_ROW(type##_##type),
	OTHER_ELEM_KINDS(X)
#undef X
};
