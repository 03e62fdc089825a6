/*
 * dist_sparse.c
 *	  Distances of sparse vectors: one merge over two ascending index lists.
 *
 * Bound by branches, not by arithmetic, so there is one version for all levels.
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

/* Only common indices count, so the walk ends with the shorter list */
float
sparse_inner_product(const int32_t *ia, const float *va, size_t na,
					 const int32_t *ib, const float *vb, size_t nb)
{
	float sum = 0.0f;
	size_t i = 0;
	size_t j = 0;

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
