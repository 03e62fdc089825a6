/*
 * stats.c
 *	  Medians and percentiles.
 */
#include "stats.h"

#include <stdlib.h>

static int
compare(const void *a, const void *b)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	return (x > y) - (x < y);
}

double
percentile(double *values, size_t n, double fraction)
{
	double place = fraction * (double) (n - 1);
	size_t below = (size_t) place;

	qsort(values, n, sizeof(double), compare);
	if (below + 1 >= n)
		return values[n - 1];
	return values[below] +
		(place - (double) below) * (values[below + 1] - values[below]);
}
