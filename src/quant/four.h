/*
 * four.h
 *	  Four floats side by side, in the vector arithmetic of gcc and clang.
 *
 * Every machine we know has such registers in its base instruction set, so that
 * this needs no compiler flag and no choice at run time.  Each element is
 * computed as if alone: results are the same everywhere.  Only for loops that
 * gcc 12 does not vectorize by itself; not for interfaces.
 *
 * Plain C: no PostgreSQL header.
 */
#ifndef VECTOR_EXT_FOUR_H
#define VECTOR_EXT_FOUR_H

#include <stdint.h>
#include <string.h>

typedef float Four __attribute__((vector_size(16)));
typedef int32_t FourBits __attribute__((vector_size(16)));

static inline Four
four_load(const float *p)
{
	Four four;

	memcpy(&four, p, sizeof(four));
	return four;
}

static inline void
four_store(float *p, Four four)
{
	memcpy(p, &four, sizeof(four));
}

static inline Four
four_all(float value)
{
	return (Four){value, value, value, value};
}

static inline Four
four_choose(FourBits mask, Four a, Four b)
{
	return (Four) (((FourBits) a & mask) | ((FourBits) b & ~mask));
}

/*
 * The larger and the smaller of each pair, b where one is NaN.  On x86 there
 * are instructions for just that, which gcc 12 does not find by itself.
 */
static inline Four
four_larger(Four a, Four b)
{
#ifdef __SSE__
	return (Four) __builtin_ia32_maxps(a, b);
#else
	return four_choose(a > b, a, b);
#endif
}

static inline Four
four_smaller(Four a, Four b)
{
#ifdef __SSE__
	return (Four) __builtin_ia32_minps(a, b);
#else
	return four_choose(a < b, a, b);
#endif
}

static inline float
four_largest(Four four)
{
	float a = four[0] > four[1] ? four[0] : four[1];
	float b = four[2] > four[3] ? four[2] : four[3];

	return a > b ? a : b;
}

static inline float
four_smallest(Four four)
{
	float a = four[0] < four[1] ? four[0] : four[1];
	float b = four[2] < four[3] ? four[2] : four[3];

	return a < b ? a : b;
}

/*
 * Bit i is set where values[i] == value: of 16 values in four registers.
 */
static inline uint32_t
four_equal_bits(const Four *values, float value)
{
	static const FourBits bits[4] = {{1 << 0, 1 << 1, 1 << 2, 1 << 3},
									 {1 << 4, 1 << 5, 1 << 6, 1 << 7},
									 {1 << 8, 1 << 9, 1 << 10, 1 << 11},
									 {1 << 12, 1 << 13, 1 << 14, 1 << 15}};
	Four all = four_all(value);
	FourBits equal = {0, 0, 0, 0};

	for (int i = 0; i < 4; i++)
		equal |= (FourBits) (values[i] == all) & bits[i];
	return (uint32_t) (equal[0] | equal[1] | equal[2] | equal[3]);
}

#endif
