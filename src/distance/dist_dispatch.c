/*
 * dist_dispatch.c
 *	  Which SIMD level this process uses.
 *
 * The tables in force are pointers into the constant tables of the levels,
 * filled by distance_set_level().  A backend is one thread, so that changing
 * them needs no lock.
 */
#include "distance/dist_levels.h"

#ifdef DISTANCE_X86
#include <cpuid.h>
#endif

static SimdLevel level_in_force = SIMD_SCALAR;
static const DenseKernels *dense_in_force[ELEM_NKINDS][ELEM_NKINDS];
static const BitKernels *bits_in_force;
static const LookupKernels *lookup_in_force;
static const ByteKernels *bytes_in_force;
static const MapKernels *map_in_force;

static const char *const level_names[SIMD_NLEVELS] = {"scalar", "avx2",
													  "avx512", "neon"};

const char *
simd_level_name(SimdLevel level)
{
	return level_names[level];
}

#ifdef DISTANCE_X86
/* clang before 19 has no name for it in __builtin_cpu_supports */
static bool
has_f16c(void)
{
	unsigned int eax;
	unsigned int ebx;
	unsigned int ecx;
	unsigned int edx;

	return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_F16C) != 0;
}
#endif

/* __builtin_cpu_supports also asks whether the system saves the registers */
bool
distance_level_supported(SimdLevel level)
{
	switch (level)
	{
		case SIMD_SCALAR:
			return true;
#ifdef DISTANCE_X86
		case SIMD_AVX2:
			return __builtin_cpu_supports("avx2") &&
				__builtin_cpu_supports("fma") && has_f16c();
		case SIMD_AVX512:
			return distance_level_supported(SIMD_AVX2) &&
				__builtin_cpu_supports("avx512f") &&
				__builtin_cpu_supports("avx512bw") &&
				__builtin_cpu_supports("avx512dq") &&
				__builtin_cpu_supports("avx512vl");
#endif
#ifdef DISTANCE_ARM
		case SIMD_NEON:
			return true;
#endif
		default:
			return false;
	}
}

SimdLevel
distance_best_level(void)
{
	static const SimdLevel by_preference[] = {SIMD_AVX512, SIMD_AVX2,
											  SIMD_NEON};

	for (size_t i = 0; i < sizeof(by_preference) / sizeof(SimdLevel); i++)
	{
		if (distance_level_supported(by_preference[i]))
			return by_preference[i];
	}
	return SIMD_SCALAR;
}

SimdLevel
distance_level(void)
{
	return level_in_force;
}

static const SimdKernels *
level_kernels(SimdLevel level)
{
	switch (level)
	{
#ifdef DISTANCE_X86
		case SIMD_AVX2:
			return &simd_avx2;
		case SIMD_AVX512:
			return &simd_avx512;
#endif
#ifdef DISTANCE_ARM
		case SIMD_NEON:
			return &simd_neon;
#endif
		default:
			return &simd_scalar;
	}
}

/* AVX-512 came years before its instruction to count bits */
static const BitKernels *
level_bits(SimdLevel level)
{
#ifdef DISTANCE_X86
	if (level == SIMD_AVX512 && !__builtin_cpu_supports("avx512vpopcntdq"))
		return &simd_avx2.bits;
#endif
	return &level_kernels(level)->bits;
}

bool
distance_set_level(SimdLevel level)
{
	const SimdKernels *kernels = level_kernels(level);

	if (!distance_level_supported(level))
		return false;

	for (int q = 0; q < ELEM_NKINDS; q++)
	{
		for (int s = 0; s < ELEM_NKINDS; s++)
		{
			const DenseKernels *own = &kernels->dense[q][s];
			const DenseKernels *widening = &widening_kernels[q][s];

			dense_in_force[q][s] = own->sqdist != NULL ? own
				: widening->sqdist != NULL             ? widening
													   : NULL;
		}
	}
	bits_in_force = level_bits(level);
	lookup_in_force = &kernels->lookup;
	bytes_in_force = &kernels->bytes;
	map_in_force = &kernels->map;
	level_in_force = level;
	return true;
}

void
distance_init(void)
{
	distance_set_level(distance_best_level());
}

const DenseKernels *
dense_kernels(ElemKind query, ElemKind stored)
{
	return dense_in_force[query][stored];
}

const BitKernels *
bit_kernels(void)
{
	return bits_in_force;
}

const LookupKernels *
lookup_kernels(void)
{
	return lookup_in_force;
}

const ByteKernels *
byte_kernels(void)
{
	return bytes_in_force;
}

const MapKernels *
map_kernels(void)
{
	return map_in_force;
}
