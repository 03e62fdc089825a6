/*
 * select.h
 *	  The n-th smallest of many numbers.
 *
 * Plain C.
 */
#ifndef VECTOR_EXT_SELECT_H
#define VECTOR_EXT_SELECT_H

#include <stddef.h>
#include <stdint.h>

/* Ranges of equal width that numbers are counted in, and from how many on */
#define SELECT_RANGES 128
#define SELECT_MANY 48

/* Hoare's quickselect, median of three */
static inline double
select_nth_of_few(double *values, size_t n, size_t nth)
{
	size_t low = 0;
	size_t high = n - 1;

	while (low < high)
	{
		double a = values[low];
		double b = values[low + (high - low) / 2];
		double c = values[high];
		double pivot = a < b ? (b < c       ? b
									: a < c ? c
											: a)
							 : (a < c       ? a
									: b < c ? c
											: b);
		size_t i = low;
		size_t j = high;
		double swap;

		for (;;)
		{
			while (values[i] < pivot)
				i++;
			while (values[j] > pivot)
				j--;
			if (i >= j)
				break;
			swap = values[i];
			values[i++] = values[j];
			values[j--] = swap;
		}
		/* all up to j are at most the pivot, all behind at least */
		if (nth <= j)
			high = j;
		else
			low = j + 1;
	}
	return values[nth];
}

/*
 * Leave in values only those of the range that the n-th one is in, when all are
 * counted by ranges.  Without the branches of a quickselect, half of which a
 * processor foresees wrongly.
 */
static inline void
select_narrow(double *values, size_t *n, size_t *nth)
{
	uint32_t counts[SELECT_RANGES] = {0};
	double low = values[0];
	double high = values[0];
	double scale;
	size_t range = 0;
	size_t kept = 0;

	for (size_t i = 1; i < *n; i++)
	{
		low = values[i] < low ? values[i] : low;
		high = values[i] > high ? values[i] : high;
	}
	scale = (SELECT_RANGES - 1) / (high - low);
	/* all equal, or too near or too far apart for the division */
	if (!(scale > 0 && scale * (high - low) < SELECT_RANGES))
		return;
	for (size_t i = 0; i < *n; i++)
		counts[(uint32_t) ((values[i] - low) * scale)]++;
	while (*nth >= counts[range])
		*nth -= counts[range++];
	for (size_t i = 0; i < *n; i++)
	{
		double value = values[i];

		values[kept] = value;
		kept += (uint32_t) ((value - low) * scale) == range;
	}
	*n = kept;
}

/*
 * Returns the value that would stand at place nth (from 0, below n) if values
 * were sorted.  Values are scratch afterwards.  No NaN.
 */
static inline double
select_nth(double *values, size_t n, size_t nth)
{
	if (n >= SELECT_MANY)
		select_narrow(values, &n, &nth);
	return select_nth_of_few(values, n, nth);
}

#endif
