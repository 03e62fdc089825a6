/*
 * key.c
 *	  Keys: what rows are ordered by.
 */
#include "postgres.h"

#include "am/key.h"

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
		default:
			break; /* no index of ours has it */
	}
	pg_unreachable();
}
