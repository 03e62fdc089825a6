/*
 * dist_avx2.c
 *	  AVX2 + FMA + F16C.
 *
 * Compiled for these instructions (isa.mk): nothing here may run, or be shared
 * with a file that may run, on a processor without them.  Masked loads read no
 * byte of the masked-out elements.
 */
#include "distance/dist_levels.h"

#ifdef DISTANCE_X86

#include <immintrin.h>
#include <string.h>

/* All bits set in the first n of eight 32-bit lanes */
static inline __m256i
first_lanes(size_t n)
{
	return _mm256_cmpgt_epi32(_mm256_set1_epi32((int) n),
							  _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/*
 * There is no masked load of 16-bit elements: load pairs of them, then set the
 * last element, which is already there when n is even.
 */
static inline __m256
load_tail_f16(const char *p, size_t n)
{
	__m128i pairs = _mm_maskload_epi32(
		(const int *) p, _mm256_castsi256_si128(first_lanes(n / 2)));
	__m128i is_last = _mm_cmpeq_epi16(_mm_set1_epi16((int16_t) (n - 1)),
									  _mm_setr_epi16(0, 1, 2, 3, 4, 5, 6, 7));
	int16_t last;

	memcpy(&last, p + (n - 1) * sizeof(last), sizeof(last));
	return _mm256_cvtph_ps(
		_mm_or_si128(pairs, _mm_and_si128(is_last, _mm_set1_epi16(last))));
}

static inline float
horizontal_sum(__m256 v)
{
	__m128 half =
		_mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));

	half = _mm_add_ps(half, _mm_movehl_ps(half, half));
	half = _mm_add_ss(half, _mm_movehdup_ps(half));
	return _mm_cvtss_f32(half);
}

#define VEC __m256
#define WIDTH 8
#define ZERO _mm256_setzero_ps()
#define ADD(a, b) _mm256_add_ps(a, b)
#define SUB(a, b) _mm256_sub_ps(a, b)
#define ABS(a) _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a)
#define FMA(a, b, c) _mm256_fmadd_ps(a, b, c)
#define SUM(v) horizontal_sum(v)
#define LOAD_F32(p) _mm256_loadu_ps((const float *) (p))
#define LOAD_F16(p) _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *) (p)))
#define LOAD_TAIL_F32(p, n) \
	_mm256_maskload_ps((const float *) (p), first_lanes(n))
#define LOAD_TAIL_F16(p, n) load_tail_f16(p, n)
#include "distance/dist_pairs.h"

#define MUL(a, b) _mm256_mul_ps(a, b)
#define SPLAT(x) _mm256_set1_ps(x)
#define STORE_F32(p, v) _mm256_storeu_ps(p, v)
#include "distance/dist_map_body.h"

static inline __m256i
load_bytes(const uint8_t *p)
{
	return _mm256_loadu_si256((const __m256i *) p);
}

/* Whole 32-bit words, then the odd bytes in the lane behind them */
static inline __m256i
load_bytes_tail(const uint8_t *p, size_t n)
{
	__m256i words = _mm256_maskload_epi32((const int *) p, first_lanes(n / 4));
	__m256i is_last =
		_mm256_cmpeq_epi32(_mm256_set1_epi32((int) (n / 4)),
						   _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
	uint32_t last = 0;

	for (size_t i = n / 4 * 4; i < n; i++)
		last = last << 8 | p[i];
	return _mm256_or_si256(
		words, _mm256_and_si256(is_last, _mm256_set1_epi32((int) last)));
}

/*
 * Bits are counted four at a time in a table of 16 bytes (W. Mula's method):
 * from 32 bytes on this is quicker than the POPCNT instruction.
 */
static inline __m256i
add_popcount(__m256i counts, __m256i bits)
{
	const __m256i set_bits = _mm256_broadcastsi128_si256(
		_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
	const __m256i four = _mm256_set1_epi8(0x0F);
	__m256i low = _mm256_and_si256(bits, four);
	__m256i high = _mm256_and_si256(_mm256_srli_epi16(bits, 4), four);
	__m256i per_byte = _mm256_add_epi8(_mm256_shuffle_epi8(set_bits, low),
									   _mm256_shuffle_epi8(set_bits, high));

	return _mm256_add_epi64(counts,
							_mm256_sad_epu8(per_byte, _mm256_setzero_si256()));
}

static inline uint64_t
sum_counts(__m256i counts)
{
	__m128i half = _mm_add_epi64(_mm256_castsi256_si128(counts),
								 _mm256_extracti128_si256(counts, 1));

	return (uint64_t) (_mm_cvtsi128_si64(half) + _mm_extract_epi64(half, 1));
}

#define BITS __m256i
#define BITS_WIDTH 32
#define BITS_LOAD(p) load_bytes(p)
#define BITS_LOAD_TAIL(p, n) load_bytes_tail(p, n)
#define BITS_XOR(a, b) _mm256_xor_si256(a, b)
#define BITS_AND(a, b) _mm256_and_si256(a, b)
#define BITS_OR(a, b) _mm256_or_si256(a, b)
#define COUNTS __m256i
#define COUNTS_ZERO _mm256_setzero_si256()
#define COUNTS_ADD(counts, bits) add_popcount(counts, bits)
#define COUNTS_SUM(counts) sum_counts(counts)
#include "distance/dist_bits_body.h"

/* Two tables, each in both halves: the shuffle looks up within a half */
typedef struct LookupTables
{
	__m256i low;
	__m256i high;
} LookupTables;

static inline LookupTables
load_tables(const uint8_t *p)
{
	LookupTables tables;

	tables.low =
		_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *) p));
	tables.high = _mm256_broadcastsi128_si256(
		_mm_loadu_si128((const __m128i *) (p + LOOKUP_TABLE)));
	return tables;
}

/*
 * Bytes are added as they lie, two in a lane of 16 bits.  The odd ones are
 * also added alone; without them, the rest of a lane is the sum of the even
 * ones, whatever went over its end (after Faiss).
 */
typedef struct LookupSums
{
	__m256i both; /* even + 256 * odd, modulo 2^16 */
	__m256i odd;
} LookupSums;

static inline void
add_lookups(LookupSums *sums, __m256i codes, LookupTables tables)
{
	const __m256i four = _mm256_set1_epi8(0x0F);
	__m256i low =
		_mm256_shuffle_epi8(tables.low, _mm256_and_si256(codes, four));
	__m256i high = _mm256_shuffle_epi8(
		tables.high, _mm256_and_si256(_mm256_srli_epi16(codes, 4), four));

	sums->both = _mm256_add_epi16(sums->both, _mm256_add_epi16(low, high));
	sums->odd = _mm256_add_epi16(sums->odd,
								 _mm256_add_epi16(_mm256_srli_epi16(low, 8),
												  _mm256_srli_epi16(high, 8)));
}

/* Even and odd in turn; unpacking, too, stays within the halves */
static inline void
store_sums(uint16_t *p, const LookupSums *sums)
{
	__m256i even =
		_mm256_sub_epi16(sums->both, _mm256_slli_epi16(sums->odd, 8));
	__m256i first = _mm256_unpacklo_epi16(even, sums->odd);
	__m256i second = _mm256_unpackhi_epi16(even, sums->odd);

	_mm256_storeu_si256((__m256i *) p,
						_mm256_permute2x128_si256(first, second, 0x20));
	_mm256_storeu_si256((__m256i *) (p + LOOKUP_BLOCK / 2),
						_mm256_permute2x128_si256(first, second, 0x31));
}

#define LOOKUP_GROUPS 1
#define SUMS LookupSums
#define SUMS_ADD(sums, codes, tables) add_lookups(sums, codes, tables)
#define SUMS_STORE(p, sums) store_sums(p, sums)
#define CODES_LOAD(p) load_bytes(p)
#define LOOKUP_NAME lookup_sums
#define TABLES_LOAD(p) load_tables(p)
#define TABLES_BYTES (2 * LOOKUP_TABLE)
/* a step is one group: there is no tail */
#define CODES_LOAD_TAIL(p) load_bytes(p)
#define TABLES_LOAD_TAIL(p) load_tables(p)
#include "distance/dist_lookup_body.h"

static void
lookup_below(const uint16_t *sums, const float *terms, size_t nblocks,
			 const LookupEstimate *estimate, uint32_t *below)
{
	__m256 base = _mm256_set1_ps(estimate->base);
	__m256 step = _mm256_set1_ps(estimate->step);
	__m256 limit = _mm256_set1_ps(estimate->limit);

	for (size_t b = 0; b < nblocks; b++)
	{
		below[b] = 0;
		for (int i = 0; i < LOOKUP_BLOCK; i += 8)
		{
			__m256i wide = _mm256_cvtepu16_epi32(
				_mm_loadu_si128((const __m128i *) (sums + i)));
			__m256 value = _mm256_add_ps(
				_mm256_fmadd_ps(step, _mm256_cvtepi32_ps(wide), base),
				_mm256_loadu_ps(terms + i));

			below[b] |= (uint32_t) _mm256_movemask_ps(
							_mm256_cmp_ps(value, limit, _CMP_LT_OQ))
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
	__m256 base = _mm256_set1_ps(scaled->base);
	__m256 bias = _mm256_set1_ps(scaled->bias);
	__m256 step = _mm256_set1_ps(scaled->step);
	__m256 slack = _mm256_set1_ps(scaled->slack);
	__m256 limit = _mm256_set1_ps(scaled->limit);

	for (size_t i = 0; i < nblocks * LOOKUP_BLOCK; i += 8)
	{
		__m256i wide = _mm256_cvtepu16_epi32(
			_mm_loadu_si128((const __m128i *) (sums + i)));
		__m256 product = _mm256_fmadd_ps(step, _mm256_cvtepi32_ps(wide), bias);
		__m256 value = _mm256_add_ps(
			_mm256_fmadd_ps(_mm256_loadu_ps(scaled->scales + i), product, base),
			_mm256_fnmadd_ps(slack, _mm256_loadu_ps(scaled->errors + i),
							 _mm256_loadu_ps(scaled->terms + i)));
		uint32_t bits = (uint32_t) _mm256_movemask_ps(
			_mm256_cmp_ps(value, limit, _CMP_LT_OQ));
		uint32_t *word = below + i / LOOKUP_BLOCK;

		*word = i % LOOKUP_BLOCK == 0 ? bits : *word | bits << i % LOOKUP_BLOCK;
	}
}

static inline __m256
gather(const float *table, const uint8_t *codes)
{
	__m256i wide =
		_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *) codes));

	return _mm256_i32gather_ps(table, wide, sizeof(float));
}

static void
lookup_long_sums(const uint8_t *codes, size_t nblocks, const float *tables,
				 size_t m, float *sums)
{
	for (size_t b = 0; b < nblocks; b++)
	{
		__m256 of[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(),
						_mm256_setzero_ps(), _mm256_setzero_ps()};

		for (size_t j = 0; j < m; j++)
		{
			const float *table = tables + LOOKUP_LONG_TABLE * j;

			of[0] = _mm256_add_ps(of[0], gather(table, codes));
			of[1] = _mm256_add_ps(of[1], gather(table, codes + 8));
			of[2] = _mm256_add_ps(of[2], gather(table, codes + 16));
			of[3] = _mm256_add_ps(of[3], gather(table, codes + 24));
			codes += LOOKUP_BLOCK;
		}
		_mm256_storeu_ps(sums, of[0]);
		_mm256_storeu_ps(sums + 8, of[1]);
		_mm256_storeu_ps(sums + 16, of[2]);
		_mm256_storeu_ps(sums + 24, of[3]);
		sums += LOOKUP_BLOCK;
	}
}

static inline __m256i
add_byte_products(__m256i sums, const int16_t *weights, const uint8_t *bytes)
{
	__m256i wide =
		_mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *) bytes));

	return _mm256_add_epi32(
		sums, _mm256_madd_epi16(wide, load_bytes((const uint8_t *) weights)));
}

static inline int32_t
sum_words(__m256i sums)
{
	__m128i half = _mm_add_epi32(_mm256_castsi256_si128(sums),
								 _mm256_extracti128_si256(sums, 1));

	half =
		_mm_add_epi32(half, _mm_shuffle_epi32(half, _MM_SHUFFLE(1, 0, 3, 2)));
	half =
		_mm_add_epi32(half, _mm_shuffle_epi32(half, _MM_SHUFFLE(2, 3, 0, 1)));
	return _mm_cvtsi128_si32(half);
}

#define BYTES_WIDTH 16
#define WSUMS __m256i
#define WSUMS_ZERO _mm256_setzero_si256()
#define WSUMS_ADD(sums, weights, bytes) add_byte_products(sums, weights, bytes)
#define WSUMS_ADD2(a, b) _mm256_add_epi32(a, b)
#define WSUMS_TOTAL(sums) sum_words(sums)
#include "distance/dist_bytes_body.h"

const SimdKernels simd_avx2 = {.dense = DENSE_PAIRS,
							   .bits = {hamming, overlap},
							   .lookup = {lookup_sums, lookup_below,
										  lookup_below_scaled,
										  lookup_long_sums},
							   .bytes = {byte_products},
							   .map = {map_apply, map_apply_rows}};

#endif
