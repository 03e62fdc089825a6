/*
 * dist_avx2.c
 *	  AVX2 + FMA + F16C + POPCNT.
 *
 * Compiled for these instructions (isa.mk): nothing here may run, or be shared
 * with a file that may run, on a processor without them.
 */
#include "distance/dist_levels.h"

#ifdef DISTANCE_X86

#include <immintrin.h>
#include <string.h>

static inline __m256
load_tail_f32(const char *p, size_t n)
{
	float elems[8] = {0};

	memcpy(elems, p, n * sizeof(float));
	return _mm256_loadu_ps(elems);
}

static inline __m256
load_tail_f16(const char *p, size_t n)
{
	uint16_t elems[8] = {0};

	memcpy(elems, p, n * sizeof(uint16_t));
	return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *) elems));
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
#define LOAD_TAIL_F32(p, n) load_tail_f32(p, n)
#define LOAD_TAIL_F16(p, n) load_tail_f16(p, n)
#include "distance/dist_pairs.h"

#define POPCOUNT(w) ((uint64_t) _mm_popcnt_u64(w))
#include "distance/dist_bits_body.h"

const SimdKernels simd_avx2 = {.dense = DENSE_PAIRS,
							   .bits = {hamming, overlap}};

#endif
