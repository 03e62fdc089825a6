/*
 * rng.h
 *	  Seeded random numbers of the trainers: one seed, one sequence.
 *
 * splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number
 * generators, OOPSLA 2014).  Not for secrets.
 *
 * Plain C: no PostgreSQL header.
 */
#ifndef VECTOR_EXT_RNG_H
#define VECTOR_EXT_RNG_H

#include <stddef.h>
#include <stdint.h>

/* Any state is a seed */
typedef struct Rng
{
	uint64_t state;
} Rng;

static inline uint64_t
rng_next(Rng *rng)
{
	uint64_t z = rng->state += UINT64_C(0x9E3779B97F4A7C15);

	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return z ^ z >> 31;
}

/* In 0..limit-1, for 0 < limit <= 2^32; the bias is below limit / 2^32 */
static inline size_t
rng_below(Rng *rng, size_t limit)
{
	return (size_t) ((rng_next(rng) >> 32) * (uint64_t) limit >> 32);
}

/* In [0, 1) */
static inline double
rng_unit(Rng *rng)
{
	return (double) (rng_next(rng) >> 11) * 0x1p-53;
}

#endif
