/*
 * select.h
 *	  The n-th smallest of many numbers.
 *
 * Plain C.
 */
#ifndef VECTOR_EXT_SELECT_H
#define VECTOR_EXT_SELECT_H

#include <stddef.h>

/*
 * Returns the value that would stand at place nth (from 0, below n) if values
 * were sorted, and moves smaller ones before, larger ones behind it.  Hoare's
 * quickselect, median of three.  No NaN.
 */
static inline double
select_nth(double *values, size_t n, size_t nth)
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

#endif
