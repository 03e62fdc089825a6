/*
 * elem.c
 *	  Load and store of each element kind.
 */
#include "vector/elem.h"

#include <math.h>
#include <string.h>

#include "vector/half.h"

static void
load_ELEM_FLOAT32(const void *src, float *dst, size_t n)
{
	memcpy(dst, src, n * sizeof(float));
}

static size_t
store_ELEM_FLOAT32(const float *src, void *dst, size_t n)
{
	memcpy(dst, src, n * sizeof(float));
	return n;
}

static void
load_ELEM_FLOAT16(const void *src, float *dst, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		uint16_t half;

		memcpy(&half, (const char *) src + i * sizeof(half), sizeof(half));
		dst[i] = half_to_float(half);
	}
}

static size_t
store_ELEM_FLOAT16(const float *src, void *dst, size_t n)
{
	size_t fits = n;

	for (size_t i = n; i-- > 0;)
	{
		uint16_t half = float_to_half(src[i]);

		memcpy((char *) dst + i * sizeof(half), &half, sizeof(half));
		if ((half & 0x7FFF) == 0x7C00 && !isinf(src[i]))
			fits = i; /* going down, so the first one stays */
	}
	return fits;
}

const ElemOps elem_ops[ELEM_NKINDS] = {
#define X(kind, type, public, norm, ctype) \
	[kind] = {#type, sizeof(ctype), load_##kind, store_##kind},
	ELEM_KINDS(X)
#undef X
};

size_t
first_nonfinite(const float *values, size_t n)
{
	uint32_t carry = 0;
	size_t i = 0;

	/* all exponent bits set carry into the sign bit; a loop without branches */
	for (size_t j = 0; j < n; j++)
	{
		uint32_t bits;

		memcpy(&bits, &values[j], sizeof(bits));
		carry |= (bits & 0x7F800000) + 0x00800000;
	}
	if ((carry & 0x80000000) == 0)
		return n;
	while (isfinite(values[i]))
		i++;
	return i;
}
