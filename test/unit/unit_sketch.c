/*
 * unit_sketch.c
 *	  Sketches keep inner products, within what is promised.
 */
#include <math.h>
#include <string.h>

#include "quant/sketch.h"
#include "tap.h"

#define WIDTH 512
#define NONZERO 40
#define PAIRS 2000

typedef struct Sparse
{
	uint32_t indices[NONZERO];
	float values[NONZERO];
} Sparse;

static void
sketch(const Sparse *v, float *out)
{
	memset(out, 0, WIDTH * sizeof(float));
	for (int i = 0; i < NONZERO; i++)
		sketch_add(out, WIDTH, v->indices[i], v->values[i]);
}

static double
product(const float *a, const float *b, int n)
{
	double sum = 0;

	for (int i = 0; i < n; i++)
		sum += (double) a[i] * b[i];
	return sum;
}

/* Of two vectors with some dimensions in common */
static void
draw_pair(Sparse *a, Sparse *b, double *exact)
{
	*exact = 0;
	for (int i = 0; i < NONZERO; i++)
	{
		/* distinct, each below 10^9 */
		a->indices[i] = (uint32_t) i * 20000000 + random_below(10000000);
		b->indices[i] = i % 3 == 0 ? a->indices[i] : a->indices[i] + 10000000;
		a->values[i] = random_float() + 0.5f;
		b->values[i] = random_float() - 0.2f;
		if (i % 3 == 0)
			*exact += (double) a->values[i] * b->values[i];
	}
}

/*
 * The mean error, in standard deviations of a mean, and the mean square of the
 * error by what it may be.
 */
static void
check_products(void)
{
	double bias = 0;
	double variance = 0;

	for (int pair = 0; pair < PAIRS; pair++)
	{
		Sparse a;
		Sparse b;
		float sa[WIDTH];
		float sb[WIDTH];
		double exact;
		double allowed;
		double error;

		draw_pair(&a, &b, &exact);
		sketch(&a, sa);
		sketch(&b, sb);
		allowed = 2.0 / WIDTH * product(a.values, a.values, NONZERO) *
			product(b.values, b.values, NONZERO);
		error = (product(sa, sb, WIDTH) - exact) / sqrt(allowed);
		bias += error / PAIRS;
		variance += error * error / PAIRS;
	}
	ok(fabs(bias) < 4 / sqrt(PAIRS), "products are right on the average");
	ok(variance < 1.1 && variance > 0.1, "and off by no more than promised");
}

/* Lengths: of one element exactly, as no two of its places are the same */
static void
check_length(void)
{
	int wrong = 0;

	for (uint32_t index = 0; index < 1000; index++)
	{
		float s[WIDTH] = {0};

		sketch_add(s, WIDTH, index * 1000003, 3.0f);
		wrong += product(s, s, WIDTH) != 9;
	}
	ok(wrong == 0, "one element keeps its length");
}

/* Each place gets its share of the dimensions, and of signs */
static void
check_places(void)
{
	float sums[WIDTH] = {0};
	float counts[WIDTH] = {0};
	double worst = 0;
	double signs = 0;

	for (uint32_t index = 0; index < 64 * WIDTH; index++)
	{
		float s[WIDTH] = {0};

		sketch_add(s, WIDTH, index, 2.0f);
		for (int i = 0; i < WIDTH; i++)
		{
			sums[i] += s[i];
			counts[i] += fabsf(s[i]);
		}
	}
	for (int i = 0; i < WIDTH; i++)
	{
		worst = fmax(worst, fabs(counts[i] / 256.0 - 1));
		signs += (double) sums[i] * sums[i] / counts[i] / WIDTH;
	}
	ok(worst < 0.3, "places are taken evenly");
	ok(signs > 0.7 && signs < 1.4, "signs are as of coins");
}

static void
check_bounds(void)
{
	float s[WIDTH] = {0};
	int infinite = 0;

	for (int sign = 1; sign >= -1; sign -= 2)
	{
		for (uint32_t index = 0; index < 20000; index++)
			sketch_add(s, WIDTH, index, (float) sign * 3.4e38f);
	}
	for (int i = 0; i < WIDTH; i++)
		infinite += !isfinite(s[i]);
	ok(infinite == 0, "sums of the largest floats are finite");
}

int
main(void)
{
	check_products();
	check_length();
	check_places();
	check_bounds();
	return done_testing();
}
