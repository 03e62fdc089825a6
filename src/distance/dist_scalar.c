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

#define MUL(a, b) ((a) * (b))
#define SPLAT(x) (x)
#define STORE_F32(p, v) (*(p) = (v))
#include "distance/dist_map_body.h"

/* Adds neighbouring bits, pairs, fours; the product sums the eight bytes */
static inline uint64_t
popcount(uint64_t w)
{
	w -= w >> 1 & 0x5555555555555555;
	w = (w & 0x3333333333333333) + (w >> 2 & 0x3333333333333333);
	w = (w + (w >> 4)) & 0x0F0F0F0F0F0F0F0F;
	return (w * 0x0101010101010101) >> 56;
}

static inline uint64_t
load_word(const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

/* Byte by byte: a copy of unknown length would be a call */
static inline uint64_t
load_word_tail(const uint8_t *p, size_t n)
{
	uint64_t word = 0;

	for (size_t i = 0; i < n; i++)
		word = word << 8 | p[i];
	return word;
}

#define BITS uint64_t
#define BITS_WIDTH 8
#define BITS_LOAD(p) load_word(p)
#define BITS_LOAD_TAIL(p, n) load_word_tail(p, n)
#define BITS_XOR(a, b) ((a) ^ (b))
#define BITS_AND(a, b) ((a) & (b))
#define BITS_OR(a, b) ((a) | (b))
#define COUNTS uint64_t
#define COUNTS_ZERO 0
#define COUNTS_ADD(counts, bits) ((counts) + popcount(bits))
#define COUNTS_SUM(counts) (counts)
#include "distance/dist_bits_body.h"

/* Sixteen bits each, so that they overflow as the sums of the other levels */
typedef struct LookupSums
{
	uint16_t of[LOOKUP_BLOCK];
} LookupSums;

static inline void
add_lookups(LookupSums *sums, const uint8_t *codes, const uint8_t *tables)
{
	for (int i = 0; i < LOOKUP_BLOCK; i++)
		sums->of[i] = (uint16_t) (sums->of[i] + tables[codes[i] & 0x0F] +
								  tables[LOOKUP_TABLE + (codes[i] >> 4)]);
}

#define LOOKUP_GROUPS 1
#define SUMS LookupSums
#define SUMS_ADD(sums, codes, tables) add_lookups(sums, codes, tables)
#define SUMS_STORE(p, sums) memcpy(p, sums, sizeof(*(sums)))
#define CODES_LOAD(p) (p)
#define LOOKUP_NAME lookup_sums
#define TABLES_LOAD(p) (p)
#define TABLES_BYTES (2 * LOOKUP_TABLE)
/* a step is one group: there is no tail */
#define CODES_LOAD_TAIL(p) (p)
#define TABLES_LOAD_TAIL(p) (p)
#include "distance/dist_lookup_body.h"

static void
lookup_below(const uint16_t *sums, const float *terms, size_t nblocks,
			 const LookupEstimate *estimate, uint32_t *below)
{
	for (size_t b = 0; b < nblocks; b++)
	{
		below[b] = 0;
		for (int i = 0; i < LOOKUP_BLOCK; i++)
		{
			float value = estimate->base + estimate->step * *sums++ + *terms++;

			below[b] |= (uint32_t) (value < estimate->limit) << i;
		}
	}
}

static void
lookup_below_scaled(const uint16_t *sums, const LookupScaled *scaled,
					size_t nblocks, uint32_t *below)
{
	for (size_t b = 0; b < nblocks; b++)
	{
		below[b] = 0;
		for (int i = 0; i < LOOKUP_BLOCK; i++)
		{
			size_t at = b * LOOKUP_BLOCK + (size_t) i;
			float product = scaled->bias + scaled->step * sums[at];
			float value = scaled->base + scaled->scales[at] * product +
				scaled->terms[at] - scaled->slack * scaled->errors[at];

			below[b] |= (uint32_t) (value < scaled->limit) << i;
		}
	}
}

static void
lookup_long_sums(const uint8_t *codes, size_t nblocks, const float *tables,
				 size_t m, float *sums)
{
	for (size_t b = 0; b < nblocks; b++)
	{
		memset(sums, 0, LOOKUP_BLOCK * sizeof(float));
		for (size_t j = 0; j < m; j++)
		{
			for (int i = 0; i < LOOKUP_BLOCK; i++)
				sums[i] += tables[LOOKUP_LONG_TABLE * j + *codes++];
		}
		sums += LOOKUP_BLOCK;
	}
}

#define BYTES_WIDTH 1
#define WSUMS int32_t
#define WSUMS_ZERO 0
#define WSUMS_ADD(sums, weights, bytes) ((sums) + *(weights) * *(bytes))
#define WSUMS_ADD2(a, b) ((a) + (b))
#define WSUMS_TOTAL(sums) (sums)
#include "distance/dist_bytes_body.h"

const SimdKernels simd_scalar = {.dense = DENSE_PAIRS,
								 .bits = {hamming, overlap},
								 .lookup = {lookup_sums, lookup_below,
											lookup_below_scaled,
											lookup_long_sums},
								 .bytes = {byte_products},
								 .map = {map_apply, map_apply_rows}};
