/*
 * unit_sparse.c
 *	  Sparse distances against the dense vectors they stand for.
 */
#include <math.h>
#include <stdlib.h>

#include "distance/distance.h"
#include "tap.h"

#define DIM 300

typedef struct Sparse
{
	int32_t indices[DIM];
	float values[DIM];
	size_t n;
	double dense[DIM];
} Sparse;

/* Small integers: every sum is exact in float32, so results must be equal */
static void
fill(Sparse *v, uint32_t percent)
{
	v->n = 0;
	for (int32_t i = 0; i < DIM; i++)
	{
		v->dense[i] = 0;
		if (random_below(100) >= percent)
			continue;
		v->indices[v->n] = i;
		v->values[v->n] = (float) ((int) random_below(19) - 9);
		if (v->values[v->n] == 0)
			v->values[v->n] = 10;
		v->dense[i] = v->values[v->n];
		v->n++;
	}
}

/* A vector with itself or with nothing: its squares, added as they come */
static bool
sums_in_order(void)
{
	int32_t indices[DIM];
	float values[DIM];
	volatile float sum = 0; /* volatile: rounded after each step */

	for (int32_t i = 0; i < DIM; i++)
	{
		volatile float square;

		indices[i] = i * 7;
		/* the order decides the result: large and small terms */
		values[i] = random_float() * (i % 3 == 0 ? 1000.0f : 1.0f);
		square = values[i] * values[i];
		sum += square;
	}
	return sparse_inner_product(indices, values, DIM, indices, values, DIM) ==
		sum &&
		sparse_sqdist(indices, values, DIM, NULL, NULL, 0) == sum &&
		sparse_sqdist(NULL, NULL, 0, indices, values, DIM) == sum;
}

/* Sums beyond float32, from both sides and from one alone */
static bool
overflow_is_infinite(void)
{
	int32_t index[] = {5, 9};
	float large[] = {3e38f, 3e38f};
	float minus[] = {-3e38f, -3e38f};
	CosineSums sums = sparse_cosine(index, large, 1, index, minus, 1);

	return isinf(sparse_sqdist(index, large, 1, index, minus, 1)) &&
		isinf(sparse_sqdist(index, large, 1, index + 1, minus, 1)) &&
		sparse_inner_product(index, large, 1, index, minus, 1) == -INFINITY &&
		isinf(sparse_l1(index, large, 2, index, large, 0)) &&
		sums.ab == -INFINITY && isinf(sums.aa) && isinf(sums.bb);
}

int
main(void)
{
	static const uint32_t percents[] = {0, 3, 50, 100};
	bool sqdist = true;
	bool product = true;
	bool l1 = true;
	bool cosine = true;

	for (int round = 0; round < 4000; round++)
	{
		static Sparse a;
		static Sparse b;
		double e_sqdist = 0, e_product = 0, e_l1 = 0, e_aa = 0, e_bb = 0;
		CosineSums sums;

		fill(&a, percents[round % 4]);
		fill(&b, percents[round / 4 % 4]);
		for (int i = 0; i < DIM; i++)
		{
			double x = a.dense[i];
			double y = b.dense[i];

			e_sqdist += (x - y) * (x - y);
			e_product += x * y;
			e_l1 += fabs(x - y);
			e_aa += x * x;
			e_bb += y * y;
		}
#define ARGS a.indices, a.values, a.n, b.indices, b.values, b.n
		sums = sparse_cosine(ARGS);
		sqdist = sqdist && sparse_sqdist(ARGS) == e_sqdist;
		product = product && sparse_inner_product(ARGS) == e_product;
		l1 = l1 && sparse_l1(ARGS) == e_l1;
		cosine = cosine && sums.ab == e_product && sums.aa == e_aa &&
			sums.bb == e_bb;
	}
	ok(sqdist, "squared distance");
	ok(product, "inner product");
	ok(l1, "l1");
	ok(cosine, "cosine sums");
	ok(sums_in_order(), "sums are float32, in index order");
	ok(overflow_is_infinite(), "overflow is an infinity");
	return done_testing();
}
