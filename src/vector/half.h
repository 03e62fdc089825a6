/*
 * half.h
 *	  IEEE 754 binary16 to binary32 and back, round to nearest even.
 *
 * Plain C and inline: the reference where a processor has no instruction.
 */
#ifndef VECTOR_EXT_HALF_H
#define VECTOR_EXT_HALF_H

#include <stdint.h>
#include <string.h>

static inline float
half_from_bits(uint32_t bits)
{
	float value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static inline uint32_t
half_to_bits(float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

static inline float
half_to_float(uint16_t half)
{
	uint32_t magnitude = (uint32_t) (half & 0x7FFF) << 13;
	uint32_t sign = (uint32_t) (half & 0x8000) << 16;

	if (magnitude >= 0x0F800000) /* infinity, NaN: the widest exponent */
		return half_from_bits(sign | magnitude | 0x7F800000);

	/* 2^112 is the difference of the biases; exact, also for subnormals */
	return half_from_bits(sign |
						  half_to_bits(half_from_bits(magnitude) * 0x1p112f));
}

static inline uint16_t
float_to_half(float value)
{
	uint32_t bits = half_to_bits(value);
	uint16_t sign = (uint16_t) (bits >> 16 & 0x8000);

	bits &= 0x7FFFFFFF;
	if (bits > 0x7F800000)
		return sign | 0x7E00; /* NaN */
	if (bits >= 0x47800000)
		return sign | 0x7C00; /* 2^16 and above */
	if (bits < 0x38800000)
	{
		/*
		 * Below 2^-14 the result is subnormal, a multiple of 2^-24: the last
		 * place of floats in [0.5, 1), so that adding 0.5 rounds as wanted.
		 */
		float rounded = half_from_bits(bits) + 0.5f;

		return sign | (uint16_t) (half_to_bits(rounded) - half_to_bits(0.5f));
	}

	/* half a unit less one, plus one for odd; a carry moves the exponent up */
	bits += 0x0FFF + (bits >> 13 & 1);
	return sign | (uint16_t) ((bits >> 13) - (112 << 10));
}

#endif
