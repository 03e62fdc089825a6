/*
 * dist_neon.c
 *	  NEON, which every 64-bit ARM processor has.
 */
#include "distance/dist_levels.h"

#ifdef DISTANCE_ARM

#include <arm_neon.h>
#include <string.h>

static inline float32x4_t
load_f32(const char *p)
{
	return vreinterpretq_f32_u8(vld1q_u8((const uint8_t *) p));
}

static inline float32x4_t
load_f16(const char *p)
{
	return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8((const uint8_t *) p)));
}

static inline float32x4_t
load_tail_f32(const char *p, size_t n)
{
	float elems[4] = {0};

	memcpy(elems, p, n * sizeof(float));
	return vld1q_f32(elems);
}

static inline float32x4_t
load_tail_f16(const char *p, size_t n)
{
	uint16_t elems[4] = {0};

	memcpy(elems, p, n * sizeof(uint16_t));
	return load_f16((const char *) elems);
}

#define VEC float32x4_t
#define WIDTH 4
#define ZERO vdupq_n_f32(0.0f)
#define ADD(a, b) vaddq_f32(a, b)
#define SUB(a, b) vsubq_f32(a, b)
#define ABS(a) vabsq_f32(a)
#define FMA(a, b, c) vfmaq_f32(c, a, b)
#define SUM(v) vaddvq_f32(v)
#define LOAD_F32(p) load_f32(p)
#define LOAD_F16(p) load_f16(p)
#define LOAD_TAIL_F32(p, n) load_tail_f32(p, n)
#define LOAD_TAIL_F16(p, n) load_tail_f16(p, n)
#include "distance/dist_pairs.h"

#define MUL(a, b) vmulq_f32(a, b)
#define SPLAT(x) vdupq_n_f32(x)
#define STORE_F32(p, v) vst1q_f32(p, v)
#include "distance/dist_map_body.h"

static inline uint8x16_t
load_bytes_tail(const uint8_t *p, size_t n)
{
	uint8_t bytes[16] = {0};

	memcpy(bytes, p, n);
	return vld1q_u8(bytes);
}

/* CNT counts in bytes; neighbours are added until lanes are wide enough */
static inline uint64x2_t
add_popcount(uint64x2_t counts, uint8x16_t bits)
{
	uint16x8_t pairs = vpaddlq_u8(vcntq_u8(bits));

	return vpadalq_u32(counts, vpaddlq_u16(pairs));
}

#define BITS uint8x16_t
#define BITS_WIDTH 16
#define BITS_LOAD(p) vld1q_u8(p)
#define BITS_LOAD_TAIL(p, n) load_bytes_tail(p, n)
#define BITS_XOR(a, b) veorq_u8(a, b)
#define BITS_AND(a, b) vandq_u8(a, b)
#define BITS_OR(a, b) vorrq_u8(a, b)
#define COUNTS uint64x2_t
#define COUNTS_ZERO vdupq_n_u64(0)
#define COUNTS_ADD(counts, bits) add_popcount(counts, bits)
#define COUNTS_SUM(counts) vaddvq_u64(counts)
#include "distance/dist_bits_body.h"

static inline uint8x16x2_t
load_two(const uint8_t *p)
{
	return (uint8x16x2_t){{vld1q_u8(p), vld1q_u8(p + 16)}};
}

/* The sums of vectors 8i to 8i + 7 */
typedef struct LookupSums
{
	uint16x8_t of[LOOKUP_BLOCK / 8];
} LookupSums;

static inline void
add_lookups(LookupSums *sums, uint8x16x2_t codes, uint8x16x2_t tables)
{
	for (int half = 0; half < 2; half++)
	{
		uint16x8_t *of = &sums->of[2 * half];
		uint8x16_t low = vqtbl1q_u8(
			tables.val[0], vandq_u8(codes.val[half], vdupq_n_u8(0x0F)));
		uint8x16_t high =
			vqtbl1q_u8(tables.val[1], vshrq_n_u8(codes.val[half], 4));

		of[0] = vaddq_u16(of[0], vaddl_u8(vget_low_u8(low), vget_low_u8(high)));
		of[1] = vaddq_u16(of[1], vaddl_high_u8(low, high));
	}
}

static inline void
store_sums(uint16_t *p, const LookupSums *sums)
{
	for (int i = 0; i < LOOKUP_BLOCK / 8; i++)
		vst1q_u16(p + i * 8, sums->of[i]);
}

#define LOOKUP_GROUPS 1
#define SUMS LookupSums
#define SUMS_ADD(sums, codes, tables) add_lookups(sums, codes, tables)
#define SUMS_STORE(p, sums) store_sums(p, sums)
#define CODES_LOAD(p) load_two(p)
#define LOOKUP_NAME lookup_sums
#define TABLES_LOAD(p) load_two(p)
#define TABLES_BYTES (2 * LOOKUP_TABLE)
/* a step is one group: there is no tail */
#define CODES_LOAD_TAIL(p) load_two(p)
#define TABLES_LOAD_TAIL(p) load_two(p)
#include "distance/dist_lookup_body.h"

static void
lookup_below(const uint16_t *sums, const float *terms, size_t nblocks,
			 const LookupEstimate *estimate, uint32_t *below)
{
	static const uint32_t bits[4] = {1, 2, 4, 8};
	const uint32x4_t lanes = vld1q_u32(bits);
	float32x4_t base = vdupq_n_f32(estimate->base);
	float32x4_t limit = vdupq_n_f32(estimate->limit);

	for (size_t b = 0; b < nblocks; b++)
	{
		below[b] = 0;
		for (int i = 0; i < LOOKUP_BLOCK; i += 4)
		{
			float32x4_t wide = vcvtq_f32_u32(vmovl_u16(vld1_u16(sums + i)));
			float32x4_t value = vaddq_f32(
				vfmaq_n_f32(base, wide, estimate->step), vld1q_f32(terms + i));

			below[b] |= vaddvq_u32(vandq_u32(vcltq_f32(value, limit), lanes))
				<< i;
		}
		sums += LOOKUP_BLOCK;
		terms += LOOKUP_BLOCK;
	}
}

static void
lookup_below_scaled(const uint16_t *sums, const LookupScaled *scaled,
					size_t nblocks, uint32_t *below)
{
	static const uint32_t bits[4] = {1, 2, 4, 8};
	const uint32x4_t lanes = vld1q_u32(bits);
	float32x4_t base = vdupq_n_f32(scaled->base);
	float32x4_t bias = vdupq_n_f32(scaled->bias);
	float32x4_t limit = vdupq_n_f32(scaled->limit);

	for (size_t i = 0; i < nblocks * LOOKUP_BLOCK; i += 4)
	{
		float32x4_t wide = vcvtq_f32_u32(vmovl_u16(vld1_u16(sums + i)));
		float32x4_t product = vfmaq_n_f32(bias, wide, scaled->step);
		float32x4_t value = vaddq_f32(
			vfmaq_f32(base, vld1q_f32(scaled->scales + i), product),
			vfmaq_n_f32(vld1q_f32(scaled->terms + i),
						vld1q_f32(scaled->errors + i), -scaled->slack));
		uint32_t four = vaddvq_u32(vandq_u32(vcltq_f32(value, limit), lanes));
		uint32_t *word = below + i / LOOKUP_BLOCK;

		*word = i % LOOKUP_BLOCK == 0 ? four : *word | four << i % LOOKUP_BLOCK;
	}
}

/* There is no gather: four at a time only to add them */
static inline float32x4_t
gather(const float *table, const uint8_t *codes)
{
	float elems[4] = {table[codes[0]], table[codes[1]], table[codes[2]],
					  table[codes[3]]};

	return vld1q_f32(elems);
}

static void
lookup_long_sums(const uint8_t *codes, size_t nblocks, const float *tables,
				 size_t m, float *sums)
{
	for (size_t b = 0; b < nblocks; b++)
	{
		float32x4_t of[LOOKUP_BLOCK / 4];

		for (int i = 0; i < LOOKUP_BLOCK / 4; i++)
			of[i] = vdupq_n_f32(0.0f);
		for (size_t j = 0; j < m; j++)
		{
			const float *table = tables + LOOKUP_LONG_TABLE * j;

			for (int i = 0; i < LOOKUP_BLOCK / 4; i++)
				of[i] = vaddq_f32(of[i], gather(table, codes + 4 * i));
			codes += LOOKUP_BLOCK;
		}
		for (int i = 0; i < LOOKUP_BLOCK / 4; i++)
			vst1q_f32(sums + 4 * i, of[i]);
		sums += LOOKUP_BLOCK;
	}
}

static inline int32x4_t
add_byte_products(int32x4_t sums, const int16_t *weights, const uint8_t *bytes)
{
	int16x8_t wide = vreinterpretq_s16_u16(vmovl_u8(vld1_u8(bytes)));
	int16x8_t of = vld1q_s16(weights);

	sums = vmlal_s16(sums, vget_low_s16(wide), vget_low_s16(of));
	return vmlal_high_s16(sums, wide, of);
}

#define BYTES_WIDTH 8
#define WSUMS int32x4_t
#define WSUMS_ZERO vdupq_n_s32(0)
#define WSUMS_ADD(sums, weights, bytes) add_byte_products(sums, weights, bytes)
#define WSUMS_ADD2(a, b) vaddq_s32(a, b)
#define WSUMS_TOTAL(sums) vaddvq_s32(sums)
#include "distance/dist_bytes_body.h"

const SimdKernels simd_neon = {.dense = DENSE_PAIRS,
							   .bits = {hamming, overlap},
							   .lookup = {lookup_sums, lookup_below,
										  lookup_below_scaled,
										  lookup_long_sums},
							   .bytes = {byte_products},
							   .map = {map_apply, map_apply_rows}};

#endif
