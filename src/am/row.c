/*
 * row.c
 *	  Rows of floats, as indexes put them in place.
 */
#include "postgres.h"

#include <math.h>

#include "am/row.h"

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
