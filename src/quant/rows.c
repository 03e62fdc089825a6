/*
 * rows.c
 *	  Choice of rows: distinct ones, first centres of a clustering; their range.
 */
#include "quant/rows.h"

#include <float.h>
#include <string.h>

#include "distance/distance.h"
#include "quant/four.h"

#define NO_ROW UINT32_MAX

/* Elements looked at side by side */
#define RANGE_FLOATS 16

/* Floats that one round of the hash takes in, two in each of its lanes */
#define HASH_FLOATS 8
#define HASH_LANES (HASH_FLOATS / 2)

void
rows_range(const float *elems, size_t n, float *least, float *greatest)
{
	Four low[RANGE_FLOATS / 4];
	Four high[RANGE_FLOATS / 4];
	size_t at = 0;

	for (size_t k = 0; k < RANGE_FLOATS / 4; k++)
		low[k] = high[k] = four_all(elems[0]);
	for (; n - at >= RANGE_FLOATS; at += RANGE_FLOATS)
	{
		for (size_t k = 0; k < RANGE_FLOATS / 4; k++)
		{
			Four four = four_load(elems + at + 4 * k);

			low[k] = four_smaller(four, low[k]);
			high[k] = four_larger(four, high[k]);
		}
	}
	for (size_t k = 1; k < RANGE_FLOATS / 4; k++)
	{
		low[0] = four_smaller(low[k], low[0]);
		high[0] = four_larger(high[k], high[0]);
	}
	*least = four_smallest(low[0]);
	*greatest = four_largest(high[0]);
	for (; at < n; at++)
	{
		*least = elems[at] < *least ? elems[at] : *least;
		*greatest = elems[at] > *greatest ? elems[at] : *greatest;
	}
}

static void
hash_floats(uint64_t *lanes, const float *values, size_t n)
{
	float block[HASH_FLOATS] = {0};

	for (size_t i = 0; i < n; i++)
		block[i] = values[i] + 0.0f; /* -0 becomes 0 */
	for (size_t lane = 0; lane < HASH_LANES; lane++)
	{
		uint64_t pair;

		memcpy(&pair, block + 2 * lane, sizeof(pair));
		lanes[lane] = (lanes[lane] ^ pair) * UINT64_C(0x9E3779B97F4A7C15);
		lanes[lane] ^= lanes[lane] >> 32;
	}
}

static uint64_t
hash_row(const float *row, size_t dim)
{
	uint64_t lanes[HASH_LANES] = {1, 2, 3, 4};
	uint64_t hash = 0;
	size_t i = 0;

	for (; i + HASH_FLOATS <= dim; i += HASH_FLOATS)
		hash_floats(lanes, row + i, HASH_FLOATS);
	hash_floats(lanes, row + i, dim - i);
	for (size_t lane = 0; lane < HASH_LANES; lane++)
	{
		Rng mixer = {hash ^ lanes[lane]};

		hash = rng_next(&mixer);
	}
	return hash;
}

static bool
same_row(const float *a, const float *b, size_t dim)
{
	for (size_t i = 0; i < dim; i++)
	{
		if (a[i] != b[i])
			return false;
	}
	return true;
}

/*
 * A hash table with linear probing.  The places in use then move to its front.
 */
size_t
rows_distinct(const RowSet *set, uint32_t *table, Pacer *pacer)
{
	size_t places = 2 * set->n;
	size_t found = 0;

	memset(table, 0xFF, places * sizeof(uint32_t));
	for (size_t i = 0; i < set->n; i++)
	{
		const float *row = row_at(set, i);
		uint64_t hash = hash_row(row, set->dim) >> 32;
		size_t place = (size_t) (hash * places >> 32);

		while (table[place] != NO_ROW &&
			   !same_row(row, set->rows + table[place] * set->stride, set->dim))
		{
			place = place + 1 == places ? 0 : place + 1;
			if (!pacer_go_on(pacer, 1))
				return 0;
		}
		if (table[place] == NO_ROW)
			table[place] = row_id(set, i);
		if (!pacer_go_on(pacer, 2 * set->dim))
			return 0;
	}
	for (size_t place = 0; place < places; place++)
	{
		if (table[place] != NO_ROW)
			table[found++] = table[place];
	}
	return found;
}

/*
 * Lower the distances to that from one more centre, and add them up.  False
 * when poll stopped it.
 */
static bool
add_centre(const RowSet *set, const float *centre, float *sqdists,
		   double *total, Pacer *pacer)
{
	const DenseKernels *kernels = dense_kernels(ELEM_FLOAT32, ELEM_FLOAT32);

	*total = 0;
	for (size_t i = 0; i < set->n; i++)
	{
		const float *row = row_at(set, i);
		const float *next = i + 1 < set->n ? row_at(set, i + 1) : row;
		float sqdist = kernels->sqdist(
			centre, row, set->dim, (const char *) next - (const char *) row);

		if (sqdist < sqdists[i])
			sqdists[i] = sqdist;
		*total += sqdists[i];
		if (!pacer_go_on(pacer, set->dim + 8))
			return false;
	}
	return true;
}

/* The row at which the running sum of distances passes target */
static size_t
draw_row(const float *sqdists, size_t n, double target)
{
	double sum = 0;
	size_t last = 0;

	for (size_t i = 0; i < n; i++)
	{
		if (sqdists[i] == 0)
			continue;
		last = i;
		sum += sqdists[i];
		if (sum > target)
			break;
	}
	return last;
}

size_t
rows_seed(const RowSet *set, size_t k, Rng *rng, float *sqdists,
		  uint32_t *chosen, Pacer *pacer)
{
	size_t pick = rng_below(rng, set->n);
	size_t nchosen = 0;

	/* not infinite: a distance beyond float32 has a finite weight, too */
	for (size_t i = 0; i < set->n; i++)
		sqdists[i] = FLT_MAX;
	for (;;)
	{
		double total;

		chosen[nchosen++] = row_id(set, pick);
		if (nchosen == k)
			return k;
		if (!add_centre(set, row_at(set, pick), sqdists, &total, pacer))
			return 0;
		if (total == 0)
			return nchosen;
		pick = draw_row(sqdists, set->n, rng_unit(rng) * total);
	}
}
