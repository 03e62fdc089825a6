/*
 * sparse_order.c
 *	  Order, hash and norm of sparse vectors.
 */
#include "postgres.h"

#include <math.h>

#include "common/hashfn.h"
#include "utils/float.h"

#include "vector/sparse.h"

/*
 * As the dense vectors they stand for: element by element, then by length.
 */
int
sparse_compare(const SparseVector *a, const SparseVector *b)
{
	const float *av = sparse_values(a);
	const float *bv = sparse_values(b);
	int common = Min(a->dim, b->dim);
	int i = 0;
	int j = 0;

	for (;;)
	{
		int ia = i < a->nnz ? a->indices[i] : common;
		int ib = j < b->nnz ? b->indices[j] : common;
		int index = Min(ia, ib);
		float x;
		float y;

		if (index >= common)
			break;
		x = ia == index ? av[i++] : 0.0f;
		y = ib == index ? bv[j++] : 0.0f;
		if (x != y)
			return x < y ? -1 : 1;
	}
	return (a->dim > b->dim) - (a->dim < b->dim);
}

/* No value is zero, so equal vectors have equal bytes */
uint64
sparse_hash(const SparseVector *v, uint64 seed)
{
	seed = hash_combine64(seed, (uint64) v->dim);
	return hash_bytes_extended((const unsigned char *) v->indices,
							   v->nnz * (int) (sizeof(int32) + sizeof(float)),
							   seed);
}

double
sparse_norm(const SparseVector *v)
{
	const float *values = sparse_values(v);
	double sum = 0.0;

	for (int i = 0; i < v->nnz; i++)
		sum += (double) values[i] * (double) values[i];
	return sqrt(sum);
}

/* The vector of length 1 in the same direction; zero stays zero */
SparseVector *
sparse_normalize(const SparseVector *v)
{
	const float *values = sparse_values(v);
	double norm = sparse_norm(v);
	SparseVector *result;
	int nnz = 0;
	int n = 0;

	for (int i = 0; i < v->nnz; i++)
		nnz += ((float) (values[i] / norm) != 0);

	result = sparse_new(v->dim, nnz);
	for (int i = 0; i < v->nnz; i++)
	{
		float value = (float) (values[i] / norm);

		if (isinf(value))
			float_overflow_error();
		if (value == 0)
			continue; /* too small beside the others */
		result->indices[n] = v->indices[i];
		sparse_values(result)[n++] = value;
	}
	return result;
}
