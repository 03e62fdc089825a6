/*
 * number.c
 *	  Decimal text to float32.
 *
 * A plain decimal of at most 19 significant digits is read as w * 10^e with an
 * integer w < 2^64, computed in float64 and rounded to float32.  Three
 * roundings happen on the way to the float64 (w, the power of ten, their
 * product), each of at most 2^-53 of the value, so it is less than 4 units in
 * its last place away from the true value.  Rounding it to float32 gives the
 * same float as the true value would, unless a midpoint between two floats
 * lies in between; midpoints are the float64s whose low 29 bits are
 * 0x10000000, so it is enough to look whether those bits come within 4 of it.
 * That happens to one number in sixty million, and then, as for everything
 * unusual (hexadecimal, NaN, more digits, very large or small), strtof()
 * decides.
 *
 * The same idea with exact powers only is Clinger's fast path ("How to Read
 * Floating Point Numbers Accurately", PLDI 1990).
 */
#include "vector/number.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DIGITS 19 /* 10^19 - 1 < 2^64 */
#define MAX_POWER 60  /* 10^19 * 10^-60 is below the smallest float */
#define MAX_EXPONENT 9999
#define GUARD 4 /* float64 units, see above */

/* powers_of_ten[MAX_POWER + e] = 10^e */
static const double powers_of_ten[2 * MAX_POWER + 1] = {
	1e-60, 1e-59, 1e-58, 1e-57, 1e-56, 1e-55, 1e-54, 1e-53, 1e-52, 1e-51, 1e-50,
	1e-49, 1e-48, 1e-47, 1e-46, 1e-45, 1e-44, 1e-43, 1e-42, 1e-41, 1e-40, 1e-39,
	1e-38, 1e-37, 1e-36, 1e-35, 1e-34, 1e-33, 1e-32, 1e-31, 1e-30, 1e-29, 1e-28,
	1e-27, 1e-26, 1e-25, 1e-24, 1e-23, 1e-22, 1e-21, 1e-20, 1e-19, 1e-18, 1e-17,
	1e-16, 1e-15, 1e-14, 1e-13, 1e-12, 1e-11, 1e-10, 1e-9,  1e-8,  1e-7,  1e-6,
	1e-5,  1e-4,  1e-3,  1e-2,  1e-1,  1e0,   1e1,   1e2,   1e3,   1e4,   1e5,
	1e6,   1e7,   1e8,   1e9,   1e10,  1e11,  1e12,  1e13,  1e14,  1e15,  1e16,
	1e17,  1e18,  1e19,  1e20,  1e21,  1e22,  1e23,  1e24,  1e25,  1e26,  1e27,
	1e28,  1e29,  1e30,  1e31,  1e32,  1e33,  1e34,  1e35,  1e36,  1e37,  1e38,
	1e39,  1e40,  1e41,  1e42,  1e43,  1e44,  1e45,  1e46,  1e47,  1e48,  1e49,
	1e50,  1e51,  1e52,  1e53,  1e54,  1e55,  1e56,  1e57,  1e58,  1e59,  1e60,
};

static inline bool
is_digit(char c)
{
	return (unsigned char) (c - '0') < 10;
}

/* w * 10^exponent as a float; false where this way cannot be sure of it */
static bool
decimal_to_float(uint64_t w, int64_t exponent, float *value)
{
	double d = (double) w;
	uint64_t bits;
	int64_t from_midpoint;

	if (w == 0)
	{
		*value = 0.0f;
		return true;
	}
	if (exponent < -MAX_POWER || exponent > MAX_POWER)
		return false;
	d *= powers_of_ten[MAX_POWER + exponent];

	/* away from subnormals and overflow, where rounding is another matter */
	if (d < 2.0 * FLT_MIN || d > FLT_MAX / 2.0)
		return false;

	memcpy(&bits, &d, sizeof(bits));
	from_midpoint = (int64_t) (bits & 0x1FFFFFFF) - 0x10000000;
	if (from_midpoint >= -GUARD && from_midpoint <= GUARD)
		return false;

	*value = (float) d;
	return true;
}

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define HAVE_EIGHT_DIGITS

/*
 * Eight digits at once: in an 8-byte word the first digit is the lowest byte.
 * Each step joins neighbours: digits to pairs, pairs to fours, fours to one.
 */
static inline bool
eight_digits(const char *s, uint64_t *value)
{
	uint64_t word;

	memcpy(&word, s, 8);
	/* '0'..'9' are 0x30..0x39: high half 3, also after adding 6 */
	if (((word & 0xF0F0F0F0F0F0F0F0) |
		 (((word + 0x0606060606060606) & 0xF0F0F0F0F0F0F0F0) >> 4)) !=
		0x3333333333333333)
		return false;
	word -= 0x3030303030303030;
	word = (word * 10) + (word >> 8);
	word =
		((word & 0x000000FF000000FF) * (100 + (UINT64_C(1000000) << 32)) +
		 ((word >> 16) & 0x000000FF000000FF) * (1 + (UINT64_C(10000) << 32))) >>
		32;
	*value = word;
	return true;
}
#endif

/* Append the digits at s to *w, which may wrap; returns what follows them */
static inline const char *
read_digits(const char *s, const char *limit, uint64_t *w)
{
#ifdef HAVE_EIGHT_DIGITS
	uint64_t eight;

	while (limit - s >= 8 && eight_digits(s, &eight))
	{
		*w = *w * 100000000 + eight;
		s += 8;
	}
#endif
	for (; is_digit(*s); s++)
		*w = *w * 10 + (uint64_t) (*s - '0');
	return s;
}

/* Digits in [start, end), not counting zeros in front; one point may be there */
static int
significant_digits(const char *start, const char *end)
{
	int n = 0;

	for (; start < end && (*start == '0' || *start == '.'); start++)
		;
	for (; start < end && n <= MAX_DIGITS; start++)
		n += (*start != '.');
	return n;
}

/* The fast path; false (nothing set) where strtof() has to look */
static bool
parse_decimal(const char *s, const char *limit, const char **end, float *value)
{
	bool negative = (*s == '-');
	uint64_t w = 0;
	int64_t exponent = 0;
	const char *start;
	const char *fraction = NULL;
	float magnitude;

	if (*s == '-' || *s == '+')
		s++;

	start = s;
	for (; is_digit(*s); s++)
		w = w * 10 + (uint64_t) (*s - '0');
	if (*s == '.')
	{
		fraction = s + 1;
		s = read_digits(fraction, limit, &w);
		exponent = fraction - s;
	}
	if (s - start - (fraction != NULL) == 0)
		return false; /* no digit: nan, inf, junk */
	if (s - start > MAX_DIGITS && significant_digits(start, s) > MAX_DIGITS)
		return false; /* w may have wrapped */
	if (*s == 'x' || *s == 'X')
		return false; /* hexadecimal */

	if (*s == 'e' || *s == 'E')
	{
		const char *p = s + 1;
		bool down = (*p == '-');
		int e = 0;

		if (*p == '-' || *p == '+')
			p++;
		if (!is_digit(*p))
			return false;
		for (; is_digit(*p); p++)
		{
			e = e * 10 + (*p - '0');
			if (e > MAX_EXPONENT)
				return false;
		}
		exponent += down ? -e : e;
		s = p;
	}

	if (!decimal_to_float(w, exponent, &magnitude))
		return false;
	*value = negative ? -magnitude : magnitude;
	*end = s;
	return true;
}

NumberStatus
number_parse(const char *s, const char *limit, const char **end, float *value)
{
	char *stop;

	if (parse_decimal(s, limit, end, value))
		return NUMBER_OK;

	/* strtof, not strtod: rounding twice would give another float */
	errno = 0;
	*value = strtof(s, &stop);
	*end = stop;
	if (stop == s)
		return NUMBER_SYNTAX;
	if (errno == ERANGE && isinf(*value))
		return NUMBER_OVERFLOW;
	if (errno == ERANGE && *value == 0.0f)
		return NUMBER_UNDERFLOW;
	return NUMBER_OK;
}
