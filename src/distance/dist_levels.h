/*
 * dist_levels.h
 *	  Between the files of this room: what each SIMD level offers.
 */
#ifndef VECTOR_EXT_DIST_LEVELS_H
#define VECTOR_EXT_DIST_LEVELS_H

#include "distance/distance.h"

#if defined(__x86_64__)
#define DISTANCE_X86
#elif defined(__aarch64__)
#define DISTANCE_ARM
#endif

typedef struct SimdKernels
{
	/* [query kind][stored kind]; a pair left empty is widened, dist_widen.c */
	DenseKernels dense[ELEM_NKINDS][ELEM_NKINDS];
	BitKernels bits;
	LookupKernels lookup;
	ByteKernels bytes;
	MapKernels map;
} SimdKernels;

extern const SimdKernels simd_scalar;
#ifdef DISTANCE_X86
extern const SimdKernels simd_avx2;
extern const SimdKernels simd_avx512; /* its bits need VPOPCNTDQ */
#endif
#ifdef DISTANCE_ARM
extern const SimdKernels simd_neon;
#endif

/* For every legal pair; on top of the float32 kernels in force */
extern const DenseKernels widening_kernels[ELEM_NKINDS][ELEM_NKINDS];

#endif
