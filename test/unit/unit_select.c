/*
 * unit_select.c
 *	  The n-th smallest against sorting, on numbers of many kinds.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "core/select.h"
#include "tap.h"

#define MOST 600
#define ROUNDS 400

static double
uniform(void)
{
	return drand48() - 0.5;
}

static double
skewed(void)
{
	return exp(40 * uniform());
}

static double
few_values(void)
{
	return floor(4 * drand48());
}

static double
one_value(void)
{
	return 3;
}

static double
with_infinities(void)
{
	double draw = drand48();

	return draw < 0.1 ? -INFINITY : draw > 0.9 ? INFINITY : draw;
}

static double
huge(void)
{
	return DBL_MAX * 2 * uniform();
}

static double
denormal(void)
{
	return DBL_TRUE_MIN * floor(100 * drand48());
}

static double
neighbours_of_one(void)
{
	return 1 + DBL_EPSILON * floor(50 * drand48());
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	return (x > y) - (x < y);
}

/* Every place for small n, random ones for large */
static bool
same_as_sorted(double (*draw)(void))
{
	double values[MOST];
	double sorted[MOST];
	double scratch[MOST];

	for (int round = 0; round < ROUNDS; round++)
	{
		size_t n =
			1 + (size_t) (drand48() * (round % 2 ? MOST : SELECT_MANY * 2));

		for (size_t i = 0; i < n; i++)
			sorted[i] = values[i] = draw();
		qsort(sorted, n, sizeof(double), compare);
		for (size_t step = 0; step < 20; step++)
		{
			size_t nth = (size_t) (drand48() * n);

			if (step < 2)
				nth = step == 0 ? 0 : n - 1;
			memcpy(scratch, values, n * sizeof(double));
			if (select_nth(scratch, n, nth) != sorted[nth])
				return false;
		}
	}
	return true;
}

int
main(void)
{
	static const struct
	{
		const char *name;
		double (*draw)(void);
	} kinds[] = {{"uniform", uniform},
				 {"over many magnitudes", skewed},
				 {"of few values", few_values},
				 {"all equal", one_value},
				 {"with infinities", with_infinities},
				 {"whose range overflows", huge},
				 {"without normal form", denormal},
				 {"a rounding apart", neighbours_of_one}};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		ok(same_as_sorted(kinds[i].draw), "numbers %s", kinds[i].name);
	return done_testing();
}
