/*
 * key.c
 *	  Keys: what rows are ordered by.
 */
#include "postgres.h"

#include "am/key.h"
#include "vector/sparse.h"

/* 1 - |a AND b| / |a OR b|, 1 where the strings have no set bit in common */
static double
jaccard(const void *query, const void *stored, size_t bytes)
{
	uint64 both;
	uint64 any;

	bit_kernels()->overlap(query, stored, bytes, &both, &any);
	return both == 0 ? 1 : 1 - (double) both / (double) any;
}

double
key_exact(Metric metric, const DenseKernels *kernels, const void *query,
		  const void *stored, size_t dim, ptrdiff_t ahead)
{
	switch (metric)
	{
		case METRIC_L2:
			return kernels->sqdist(query, stored, dim, ahead);
		case METRIC_INNER_PRODUCT:
			return -(double) kernels->inner_product(query, stored, dim, ahead);
		case METRIC_COSINE:
			return cosine_from_sums(kernels->cosine(query, stored, dim, ahead));
		case METRIC_HAMMING:
			return (double) bit_kernels()->hamming(query, stored,
												   value_size(VALUE_BIT, dim));
		case METRIC_L1:
			return kernels->l1(query, stored, dim, ahead);
		case METRIC_JACCARD:
			return jaccard(query, stored, value_size(VALUE_BIT, dim));
	}
	pg_unreachable();
}

double
key_at_distance(Metric metric, double distance)
{
	double key = distance;

	if (metric == METRIC_L2)
		key = distance < 0 ? -INFINITY : distance * distance;
	if (isinf(key))
		return key;
	return key + fabs(key) * 0x1p-14 + (metric == METRIC_COSINE ? 0x1p-20 : 0);
}

#define SPARSE_KERNEL(kernel) \
	kernel(a->indices, sparse_values(a), a->nnz, b->indices, sparse_values(b), \
		   b->nnz)

static double
sparse_key(Metric metric, const SparseVector *a, const SparseVector *b)
{
	switch (metric)
	{
		case METRIC_L2:
			return SPARSE_KERNEL(sparse_sqdist);
		case METRIC_INNER_PRODUCT:
			return -(double) SPARSE_KERNEL(sparse_inner_product);
		case METRIC_COSINE:
			return cosine_from_sums(SPARSE_KERNEL(sparse_cosine));
		case METRIC_L1:
			return SPARSE_KERNEL(sparse_l1);
		default:
			break; /* of bit strings */
	}
	pg_unreachable();
}

double
key_of_values(ValueKind kind, Metric metric, const void *query,
			  const void *stored, size_t dim)
{
	if (kind == VALUE_SPARSE)
		return sparse_key(metric, query, stored);
	return key_exact(metric, value_kernels(kind, kind), query, stored, dim, 0);
}
