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

/* 64 bytes at p, or the first n of them and zeros */
static inline __m512i
load_bytes(const uint8_t *p, size_t n)
{
	__mmask64 mask = n >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1;

	return _mm512_maskz_loadu_epi8(mask, p);
}

static inline __m512i
add_popcount(__m512i sum, __m512i v)
{
	return _mm512_add_epi64(sum, _mm512_popcnt_epi64(v));
}

static uint64_t
hamming(const uint8_t *a, const uint8_t *b, size_t nbytes)
{
	__m512i distance = _mm512_setzero_si512();

	for (size_t i = 0; i < nbytes; i += 64)
		distance =
			add_popcount(distance,
						 _mm512_xor_si512(load_bytes(a + i, nbytes - i),
										  load_bytes(b + i, nbytes - i)));
	return (uint64_t) _mm512_reduce_add_epi64(distance);
}

static void
overlap(const uint8_t *a, const uint8_t *b, size_t nbytes, uint64_t *both,
		uint64_t *any)
{
	__m512i sum_both = _mm512_setzero_si512();
	__m512i sum_any = _mm512_setzero_si512();

	for (size_t i = 0; i < nbytes; i += 64)
	{
		__m512i va = load_bytes(a + i, nbytes - i);
		__m512i vb = load_bytes(b + i, nbytes - i);

		sum_both = add_popcount(sum_both, _mm512_and_si512(va, vb));
		sum_any = add_popcount(sum_any, _mm512_or_si512(va, vb));
	}
	*both = (uint64_t) _mm512_reduce_add_epi64(sum_both);
	*any = (uint64_t) _mm512_reduce_add_epi64(sum_any);
}

const SimdKernels simd_avx512 = {.dense = DENSE_PAIRS,
								 .bits = {hamming, overlap}};

#endif
