/*
 * dist_avx512.c
 *	  AVX-512 F + BW + DQ + VL, and VPOPCNTDQ for bit strings.
 *
 * Compiled for these instructions (isa.mk): nothing here may run, or be shared
 * with a file that may run, on a processor without them.  Masked loads read no
 * byte of the masked-out elements.
 */
#include "distance/dist_levels.h"

#ifdef DISTANCE_X86

#include <immintrin.h>

#define TAIL_MASK(n) ((__mmask16) ((1U << (n)) - 1))

#define VEC __m512
#define WIDTH 16
#define ZERO _mm512_setzero_ps()
#define ADD(a, b) _mm512_add_ps(a, b)
#define SUB(a, b) _mm512_sub_ps(a, b)
#define ABS(a) _mm512_abs_ps(a)
#define FMA(a, b, c) _mm512_fmadd_ps(a, b, c)
#define SUM(v) _mm512_reduce_add_ps(v)
#define LOAD_F32(p) _mm512_loadu_ps(p)
#define LOAD_F16(p) _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *) (p)))
#define LOAD_TAIL_F32(p, n) _mm512_maskz_loadu_ps(TAIL_MASK(n), p)
#define LOAD_TAIL_F16(p, n) \
	_mm512_cvtph_ps(_mm256_maskz_loadu_epi16(TAIL_MASK(n), p))
#include "distance/dist_pairs.h"

#define MUL(a, b) _mm512_mul_ps(a, b)
#define SPLAT(x) _mm512_set1_ps(x)
#define STORE_F32(p, v) _mm512_storeu_ps(p, v)
#include "distance/dist_map_body.h"

#define BITS __m512i
#define BITS_WIDTH 64
#define BITS_LOAD(p) _mm512_loadu_si512(p)
#define BITS_LOAD_TAIL(p, n) \
	_mm512_maskz_loadu_epi8((UINT64_C(1) << (n)) - 1, p)
#define BITS_XOR(a, b) _mm512_xor_si512(a, b)
#define BITS_AND(a, b) _mm512_and_si512(a, b)
#define BITS_OR(a, b) _mm512_or_si512(a, b)
#define COUNTS __m512i
#define COUNTS_ZERO _mm512_setzero_si512()
#define COUNTS_ADD(counts, bits) \
	_mm512_add_epi64(counts, _mm512_popcnt_epi64(bits))
#define COUNTS_SUM(counts) ((uint64_t) _mm512_reduce_add_epi64(counts))
#include "distance/dist_bits_body.h"

/*
 * 64 bytes hold the codes of two groups, 0 and 1 in the first half, 2 and 3 in
 * the second, and a shuffle looks up within 16 bytes: tables 0 0 2 2 serve the
 * low four bits and 1 1 3 3 the high ones.
 */
typedef struct LookupTables
{
	__m512i low;
	__m512i high;
} LookupTables;

static inline LookupTables
spread_tables(__m512i four)
{
	LookupTables tables;

	tables.low = _mm512_shuffle_i32x4(four, four, _MM_SHUFFLE(2, 2, 0, 0));
	tables.high = _mm512_shuffle_i32x4(four, four, _MM_SHUFFLE(3, 3, 1, 1));
	return tables;
}

/* One group of codes, or its two tables */
static inline __m512i
load_half(const uint8_t *p)
{
	return _mm512_zextsi256_si512(_mm256_loadu_si256((const __m256i *) p));
}

/*
 * Bytes are added as they lie, two in a lane of 16 bits, and the odd ones also
 * alone: see dist_avx2.c.  That takes three instructions for a register of
 * bytes.  A full adder on each bit takes two to turn three registers into one
 * of the same weight and one of twice the weight: half as many are left.
 */
typedef struct LookupSums
{
	__m512i ones; /* bytes that are not in the others yet */
	__m512i both; /* half of even + 256 * odd, modulo 2^16 */
	__m512i odd;  /* half of odd, likewise */
} LookupSums;

#define TRUTH_PARITY 0x96
#define TRUTH_MAJORITY 0xE8

static inline void
add_lookups(LookupSums *sums, __m512i codes, LookupTables tables)
{
	const __m512i four = _mm512_set1_epi8(0x0F);
	__m512i low =
		_mm512_shuffle_epi8(tables.low, _mm512_and_si512(codes, four));
	__m512i high = _mm512_shuffle_epi8(
		tables.high, _mm512_and_si512(_mm512_srli_epi16(codes, 4), four));
	__m512i twos =
		_mm512_ternarylogic_epi64(sums->ones, low, high, TRUTH_MAJORITY);

	sums->ones = _mm512_ternarylogic_epi64(sums->ones, low, high, TRUTH_PARITY);
	sums->both = _mm512_add_epi16(sums->both, twos);
	sums->odd = _mm512_add_epi16(sums->odd, _mm512_srli_epi16(twos, 8));
}

/* The halves are groups of the same vectors */
static inline __m256i
add_halves(__m512i v)
{
	return _mm256_add_epi16(_mm512_castsi512_si256(v),
							_mm512_extracti64x4_epi64(v, 1));
}

/* Even and odd sums in turn: as the halves of lanes of 32 bits */
static inline void
store_sums(uint16_t *p, const LookupSums *sums)
{
	__m256i both = add_halves(
		_mm512_add_epi16(_mm512_add_epi16(sums->both, sums->both), sums->ones));
	__m256i odd =
		add_halves(_mm512_add_epi16(_mm512_add_epi16(sums->odd, sums->odd),
									_mm512_srli_epi16(sums->ones, 8)));
	__m256i even = _mm256_sub_epi16(both, _mm256_slli_epi16(odd, 8));
	__m512i odd_lanes = _mm512_slli_epi32(_mm512_cvtepu16_epi32(odd), 16);

	_mm512_storeu_si512(
		p, _mm512_or_si512(_mm512_cvtepu16_epi32(even), odd_lanes));
}

#define LOOKUP_GROUPS 2
#define SUMS LookupSums
#define SUMS_ADD(sums, codes, tables) add_lookups(sums, codes, tables)
#define SUMS_STORE(p, sums) store_sums(p, sums)
#define CODES_LOAD(p) _mm512_loadu_si512(p)
#define CODES_LOAD_TAIL(p) load_half(p)

#define LOOKUP_NAME sums_of_few
#define TABLES_LOAD(p) spread_tables(_mm512_loadu_si512(p))
#define TABLES_LOAD_TAIL(p) spread_tables(load_half(p))
#define TABLES_BYTES (4 * LOOKUP_TABLE)
#include "distance/dist_lookup_body.h"

#define LOOKUP_NAME sums_of_many
#define TABLES_LOAD(p) (*(const LookupTables *) (p))
#define TABLES_LOAD_TAIL(p) TABLES_LOAD(p)
#define TABLES_BYTES sizeof(LookupTables)
#include "distance/dist_lookup_body.h"

/*
 * Tables are spread once for all blocks, where these are enough to be worth it
 * and the result fits into half of the first level of cache.
 */
#define MANY_BLOCKS 4
#define MANY_CODES 512

static void
lookup_sums(const uint8_t *codes, size_t nblocks, ptrdiff_t ahead,
			const uint8_t *tables, size_t m, uint16_t *sums)
{
	LookupTables spread[MANY_CODES / 4];
	size_t n = m / 4;

	if (nblocks < MANY_BLOCKS || m > MANY_CODES)
	{
		sums_of_few(codes, nblocks, ahead, tables, m, sums);
		return;
	}
	for (size_t i = 0; i < n; i++)
		spread[i] =
			spread_tables(_mm512_loadu_si512(tables + i * 4 * LOOKUP_TABLE));
	if (m % 4 != 0)
		spread[n] = spread_tables(load_half(tables + n * 4 * LOOKUP_TABLE));
	sums_of_many(codes, nblocks, ahead, (const uint8_t *) spread, m, sums);
}

static inline uint32_t
below_of_half(const uint16_t *sums, const float *terms,
			  const LookupEstimate *estimate)
{
	__m512 wide = _mm512_cvtepi32_ps(
		_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *) sums)));
	__m512 value =
		_mm512_add_ps(_mm512_fmadd_ps(_mm512_set1_ps(estimate->step), wide,
									  _mm512_set1_ps(estimate->base)),
					  _mm512_loadu_ps(terms));

	return _mm512_cmp_ps_mask(value, _mm512_set1_ps(estimate->limit),
							  _CMP_LT_OQ);
}

static void
lookup_below(const uint16_t *sums, const float *terms, size_t nblocks,
			 const LookupEstimate *estimate, uint32_t *below)
{
	for (size_t b = 0; b < nblocks; b++)
	{
		below[b] = below_of_half(sums, terms, estimate) |
			below_of_half(sums + 16, terms + 16, estimate) << 16;
		sums += LOOKUP_BLOCK;
		terms += LOOKUP_BLOCK;
	}
}

static inline uint32_t
below_scaled_of_half(const uint16_t *sums, const LookupScaled *scaled, size_t i)
{
	__m512 wide = _mm512_cvtepi32_ps(_mm512_cvtepu16_epi32(
		_mm256_loadu_si256((const __m256i *) (sums + i))));
	__m512 product = _mm512_fmadd_ps(_mm512_set1_ps(scaled->step), wide,
									 _mm512_set1_ps(scaled->bias));
	__m512 value =
		_mm512_add_ps(_mm512_fmadd_ps(_mm512_loadu_ps(scaled->scales + i),
									  product, _mm512_set1_ps(scaled->base)),
					  _mm512_fnmadd_ps(_mm512_set1_ps(scaled->slack),
									   _mm512_loadu_ps(scaled->errors + i),
									   _mm512_loadu_ps(scaled->terms + i)));

	return _mm512_cmp_ps_mask(value, _mm512_set1_ps(scaled->limit), _CMP_LT_OQ);
}

static void
lookup_below_scaled(const uint16_t *sums, const LookupScaled *scaled,
					size_t nblocks, uint32_t *below)
{
	for (size_t b = 0; b < nblocks; b++)
		below[b] = below_scaled_of_half(sums, scaled, b * LOOKUP_BLOCK) |
			below_scaled_of_half(sums, scaled, b * LOOKUP_BLOCK + 16) << 16;
}

static inline __m512
gather(const float *table, const uint8_t *codes)
{
	__m512i wide =
		_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *) codes));

	return _mm512_i32gather_ps(wide, table, sizeof(float));
}

static void
lookup_long_sums(const uint8_t *codes, size_t nblocks, const float *tables,
				 size_t m, float *sums)
{
	for (size_t b = 0; b < nblocks; b++)
	{
		__m512 first = _mm512_setzero_ps();
		__m512 second = _mm512_setzero_ps();

		for (size_t j = 0; j < m; j++)
		{
			const float *table = tables + LOOKUP_LONG_TABLE * j;

			first = _mm512_add_ps(first, gather(table, codes));
			second = _mm512_add_ps(second, gather(table, codes + 16));
			codes += LOOKUP_BLOCK;
		}
		_mm512_storeu_ps(sums, first);
		_mm512_storeu_ps(sums + 16, second);
		sums += LOOKUP_BLOCK;
	}
}

static inline __m512i
add_byte_products(__m512i sums, const int16_t *weights, const uint8_t *bytes)
{
	__m512i wide =
		_mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *) bytes));

	return _mm512_add_epi32(
		sums, _mm512_madd_epi16(wide, _mm512_loadu_si512(weights)));
}

#define BYTES_WIDTH 32
#define WSUMS __m512i
#define WSUMS_ZERO _mm512_setzero_si512()
#define WSUMS_ADD(sums, weights, bytes) add_byte_products(sums, weights, bytes)
#define WSUMS_ADD2(a, b) _mm512_add_epi32(a, b)
#define WSUMS_TOTAL(sums) _mm512_reduce_add_epi32(sums)
#include "distance/dist_bytes_body.h"

const SimdKernels simd_avx512 = {.dense = DENSE_PAIRS,
								 .bits = {hamming, overlap},
								 .lookup = {lookup_sums, lookup_below,
											lookup_below_scaled,
											lookup_long_sums},
								 .bytes = {byte_products},
								 .map = {map_apply, map_apply_rows}};

#endif
