/*
 * row.c
 *	  Rows of floats, as indexes put them in place.
 */
#include "postgres.h"

#include <math.h>

#include "am/row.h"

#define QUERY_MAX 1e12f /* of a scaled query's elements */

bool
row_normalize(float *values, int dim)
{
	double sum = 0;
	double factor;

	for (int i = 0; i < dim; i++)
		sum += (double) values[i] * values[i];
	if (sum == 0)
		return false;
	factor = 1 / sqrt(sum);
	for (int i = 0; i < dim; i++)
		values[i] = (float) (values[i] * factor);
	return true;
}

void
row_scale(float *values, int dim, int scale)
{
	if (scale == 0)
		return;
	for (int i = 0; i < dim; i++)
		values[i] = ldexpf(values[i], scale);
}

bool
row_bring_nearer(float *values, int dim)
{
	float greatest = 0;

	for (int i = 0; i < dim; i++)
		greatest = Max(greatest, fabsf(values[i]));
	if (!(greatest > QUERY_MAX))
		return false;
	for (int i = 0; i < dim; i++)
		values[i] *= QUERY_MAX / greatest;
	return true;
}
