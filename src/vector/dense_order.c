/*
 * dense_order.c
 *	  Total order and hash of dense vectors.
 *
 * Elements compare as numbers, so -0 equals 0 and hashes like it.
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "vector/dense.h"

int
dense_compare(ElemKind kind, const DenseVector *a, const DenseVector *b)
{
	int common = Min(a->dim, b->dim);
	float ta[DENSE_TILE];
	float tb[DENSE_TILE];

	for (int first = 0; first < common; first += DENSE_TILE)
	{
		int n = Min(DENSE_TILE, common - first);

		elem_ops[kind].load(DENSE_ELEM(kind, a, first), ta, n);
		elem_ops[kind].load(DENSE_ELEM(kind, b, first), tb, n);
		for (int i = 0; i < n; i++)
		{
			if (ta[i] != tb[i])
				return ta[i] < tb[i] ? -1 : 1;
		}
	}
	return (a->dim > b->dim) - (a->dim < b->dim);
}

uint64
dense_hash(ElemKind kind, const DenseVector *v, uint64 seed)
{
	float tile[DENSE_TILE];

	for (int first = 0; first < v->dim; first += DENSE_TILE)
	{
		int n = Min(DENSE_TILE, v->dim - first);

		elem_ops[kind].load(DENSE_ELEM(kind, v, first), tile, n);
		for (int i = 0; i < n; i++)
			tile[i] += 0.0f; /* turns -0 into 0 */
		seed = hash_bytes_extended((unsigned char *) tile,
								   n * (int) sizeof(float), seed);
	}
	return seed;
}
