/*
 * dist_sparse.c
 *	  Distances of sparse vectors: merges of two ascending index lists.
 *
 * Bound by branches, not by arithmetic, so there is one version for all levels,
 * and it gives the same bits at each of them (isa.mk keeps it free of FMA).
 */
#include "distance/distance.h"

#include <math.h>

/*
 * Walk both lists.  ON_A and ON_B see an element that only one side has, as x
 * or y; ON_BOTH sees x and y.
 */
#define MERGE(ON_A, ON_B, ON_BOTH) \
	do \
	{ \
		size_t i = 0; \
		size_t j = 0; \
\
		while (i < na && j < nb) \
		{ \
			if (ia[i] == ib[j]) \
			{ \
				float x = va[i++]; \
				float y = vb[j++]; \
\
				ON_BOTH(x, y); \
			} \
			else if (ia[i] < ib[j]) \
			{ \
				float x = va[i++]; \
\
				ON_A(x); \
			} \
			else \
			{ \
				float y = vb[j++]; \
\
				ON_B(y); \
			} \
		} \
		for (; i < na; i++) \
			ON_A(va[i]); \
		for (; j < nb; j++) \
			ON_B(vb[j]); \
	} while (0)

#define ADD_SQUARE(x) sum += (x) * (x)
#define ADD_SQUARED_DIFFERENCE(x, y) sum += ((x) - (y)) * ((x) - (y))
#define ADD_ABSOLUTE(x) sum += fabsf(x)
#define ADD_ABSOLUTE_DIFFERENCE(x, y) sum += fabsf((x) - (y))

float
sparse_sqdist(const int32_t *ia, const float *va, size_t na, const int32_t *ib,
			  const float *vb, size_t nb)
{
	float sum = 0.0f;

	MERGE(ADD_SQUARE, ADD_SQUARE, ADD_SQUARED_DIFFERENCE);
	return sum;
}

float
sparse_l1(const int32_t *ia, const float *va, size_t na, const int32_t *ib,
		  const float *vb, size_t nb)
{
	float sum = 0.0f;

	MERGE(ADD_ABSOLUTE, ADD_ABSOLUTE, ADD_ABSOLUTE_DIFFERENCE);
	return sum;
}

/* The first place from at on that holds index or more: steps grow, then halve */
static size_t
skip_below(const int32_t *indices, size_t n, size_t at, int32_t index)
{
	size_t step = 1;

	while (step <= n - at && indices[at + step - 1] < index)
	{
		at += step;
		step *= 2;
	}
	for (; step > 0; step /= 2)
	{
		if (step <= n - at && indices[at + step - 1] < index)
			at += step;
	}
	return at;
}

/* For a long list b: look up each index of the short one */
static float
product_by_lookup(const int32_t *ia, const float *va, size_t na,
				  const int32_t *ib, const float *vb, size_t nb)
{
	float sum = 0.0f;
	size_t j = 0;

	for (size_t i = 0; i < na; i++)
	{
		j = skip_below(ib, nb, j, ia[i]);
		if (j == nb)
			break;
		if (ib[j] == ia[i])
			sum += va[i] * vb[j];
	}
	return sum;
}

/*
 * Only common indices count, so the walk ends with the shorter list, and a
 * list this many times as long as the other is searched instead.  Both ways
 * add the same products in the same order.
 */
#define LOOKUP_RATIO 4

float
sparse_inner_product(const int32_t *ia, const float *va, size_t na,
					 const int32_t *ib, const float *vb, size_t nb)
{
	float sum = 0.0f;
	size_t i = 0;
	size_t j = 0;

	if (na <= nb / LOOKUP_RATIO)
		return product_by_lookup(ia, va, na, ib, vb, nb);
	if (nb <= na / LOOKUP_RATIO)
		return product_by_lookup(ib, vb, nb, ia, va, na);

	/* steps without branches: which list is behind cannot be predicted */
	while (i < na && j < nb)
	{
		int32_t a = ia[i];
		int32_t b = ib[j];

		if (a == b)
			sum += va[i] * vb[j];
		i += (a <= b);
		j += (b <= a);
	}
	return sum;
}

CosineSums
sparse_cosine(const int32_t *ia, const float *va, size_t na, const int32_t *ib,
			  const float *vb, size_t nb)
{
	CosineSums sums = {sparse_inner_product(ia, va, na, ib, vb, nb), 0.0f,
					   0.0f};

	for (size_t i = 0; i < na; i++)
		sums.aa += va[i] * va[i];
	for (size_t j = 0; j < nb; j++)
		sums.bb += vb[j] * vb[j];
	return sums;
}
