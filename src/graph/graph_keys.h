/*
 * graph_keys.h
 *	  Rows in the order of their distances: one integer is both.
 *
 * The bits of a float that is not negative are in its order.  Below them is the
 * number of the row, counted from a base, which orders rows at equal distance.
 *
 * Plain C: no PostgreSQL header.
 */
#ifndef VECTOR_EXT_GRAPH_KEYS_H
#define VECTOR_EXT_GRAPH_KEYS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* sqdist is at least 0; ids begin at base and wrap around */
static inline uint64_t
graph_key(float sqdist, uint32_t id, uint32_t base)
{
	uint32_t bits;

	memcpy(&bits, &sqdist, sizeof(bits));
	return (uint64_t) bits << 32 | (uint32_t) (id - base);
}

static inline float
graph_key_sqdist(uint64_t key)
{
	uint32_t bits = (uint32_t) (key >> 32);
	float sqdist;

	memcpy(&sqdist, &bits, sizeof(sqdist));
	return sqdist;
}

static inline uint32_t
graph_key_id(uint64_t key, uint32_t base)
{
	return (uint32_t) key + base;
}

/* Runs of so many are sorted by insertion, then merged */
#define GRAPH_SORT_RUN 8

static inline void
graph_sort_run(uint64_t *keys, size_t n)
{
	for (size_t i = 1; i < n; i++)
	{
		uint64_t key = keys[i];
		size_t j = i;

		for (; j > 0 && keys[j - 1] > key; j--)
			keys[j] = keys[j - 1];
		keys[j] = key;
	}
}

/* Merge from[0..middle-1] and from[middle..n-1] without a branch on keys */
static inline void
graph_merge(const uint64_t *from, size_t middle, size_t n, uint64_t *to)
{
	size_t a = 0;
	size_t b = middle;
	size_t out = 0;

	while (a < middle && b < n)
	{
		uint64_t left = from[a];
		uint64_t right = from[b];
		size_t second = right < left;

		to[out++] = second ? right : left;
		a += 1 - second;
		b += second;
	}
	memcpy(to + out, from + a, (middle - a) * sizeof(uint64_t));
	memcpy(to + out + middle - a, from + b, (n - b) * sizeof(uint64_t));
}

/* Sort ascending; spare has n places.  Not the C library's, which allocates. */
static inline void
graph_sort(uint64_t *keys, size_t n, uint64_t *spare)
{
	uint64_t *from = keys;
	uint64_t *to = spare;

	for (size_t i = 0; i < n; i += GRAPH_SORT_RUN)
		graph_sort_run(keys + i,
					   n - i < GRAPH_SORT_RUN ? n - i : GRAPH_SORT_RUN);
	for (size_t run = GRAPH_SORT_RUN; run < n; run *= 2)
	{
		uint64_t *swap = from;

		for (size_t i = 0; i < n; i += 2 * run)
		{
			size_t rest = n - i;

			graph_merge(from + i, rest < run ? rest : run,
						rest < 2 * run ? rest : 2 * run, to + i);
		}
		from = to;
		to = swap;
	}
	if (from != keys)
		memcpy(keys, from, n * sizeof(uint64_t));
}

#endif
