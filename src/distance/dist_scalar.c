/*
 * dist_scalar.c
 *	  The reference: one element at a time, any processor.
 *
 * Compiled without vectorization and with strict floating point (isa.mk).
 */
#include "distance/dist_levels.h"

#include <math.h>
#include <string.h>

#include "vector/half.h"

static inline float
load_f32(const char *p)
{
	float value;

	memcpy(&value, p, sizeof(value));
	return value;
}

static inline float
load_f16(const char *p)
{
	uint16_t half;

	memcpy(&half, p, sizeof(half));
	return half_to_float(half);
}

#define VEC float
#define WIDTH 1
#define ZERO 0.0f
#define ADD(a, b) ((a) + (b))
#define SUB(a, b) ((a) - (b))
#define ABS(a) fabsf(a)
#define FMA(a, b, c) ((a) * (b) + (c))
#define SUM(v) (v)
#define LOAD_F32(p) load_f32(p)
#define LOAD_F16(p) load_f16(p)
/* a register is one element: there is no tail */
#define LOAD_TAIL_F32(p, n) load_f32(p)
#define LOAD_TAIL_F16(p, n) load_f16(p)
#include "distance/dist_pairs.h"

/* Adds neighbouring bits, pairs, fours; the product sums the eight bytes */
static inline uint64_t
popcount(uint64_t w)
{
	w -= w >> 1 & 0x5555555555555555;
	w = (w & 0x3333333333333333) + (w >> 2 & 0x3333333333333333);
	w = (w + (w >> 4)) & 0x0F0F0F0F0F0F0F0F;
	return (w * 0x0101010101010101) >> 56;
}

#define POPCOUNT(w) popcount(w)
#include "distance/dist_bits_body.h"

const SimdKernels simd_scalar = {.dense = DENSE_PAIRS,
								 .bits = {hamming, overlap}};
