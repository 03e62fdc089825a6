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

const SimdKernels simd_avx512 = {.dense = DENSE_PAIRS,
								 .bits = {hamming, overlap}};

#endif
