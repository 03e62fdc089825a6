/*
 * codec_sums.h
 *	  Sums over the dimensions of a row, in one order on every machine.
 *
 * Four sums, of every fourth dimension, and then the rest in order: four times
 * as fast as one sum.
 *
 * Plain C: no PostgreSQL header.
 */
#ifndef VECTOR_EXT_CODEC_SUMS_H
#define VECTOR_EXT_CODEC_SUMS_H

#include <stddef.h>

#include "quant/four.h"

static inline float
four_sum(Four four)
{
	return (four[0] + four[2]) + (four[1] + four[3]);
}

/* sum (a + b)^2: the square of the length of centroid + image */
static inline float
sum_sqnorm(const float *a, const float *b, size_t n)
{
	Four sums = {0};
	float sum;
	size_t i = 0;

	for (; i + 4 <= n; i += 4)
	{
		Four both = four_load(a + i) + four_load(b + i);

		sums += both * both;
	}
	sum = four_sum(sums);
	for (; i < n; i++)
		sum += (a[i] + b[i]) * (a[i] + b[i]);
	return sum;
}

static inline float
sum_products(const float *a, const float *b, size_t n)
{
	Four sums = {0};
	float sum;
	size_t i = 0;

	for (; i + 4 <= n; i += 4)
		sums += four_load(a + i) * four_load(b + i);
	sum = four_sum(sums);
	for (; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

#endif
