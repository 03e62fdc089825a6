/*
 * unit_elem.c
 *	  Rounding to half precision and back.
 */
#include <math.h>
#include <string.h>

#include "tap.h"
#include "vector/elem.h"
#include "vector/half.h"

/* The value of a half by its definition */
static double
half_value(uint16_t half)
{
	int exponent = half >> 10 & 31;
	int fraction = half & 1023;
	double magnitude = exponent == 0 ? ldexp(fraction, -24)
									 : ldexp(1024 + fraction, exponent - 25);

	return half & 0x8000 ? -magnitude : magnitude;
}

static bool
is_finite_half(uint16_t half)
{
	return (half & 0x7C00) != 0x7C00;
}

/* Nearest, ties to even, between two neighbouring halves */
static bool
rounds_right(float value, uint16_t low)
{
	double below = half_value(low);
	double above = low == 0x7BFF ? 65536.0 : half_value((uint16_t) (low + 1));
	double middle = (below + above) / 2;
	uint16_t up = (uint16_t) (low + 1);
	uint16_t expected = value < middle ? low
		: value > middle               ? up
		: low % 2 == 0                 ? low
									   : up;

	return float_to_half(value) == expected &&
		float_to_half(-value) == (expected | 0x8000);
}

/* What v rounds to, by way of double, where every step but rint() is exact */
static double
nearest_half(double v)
{
	int exponent;
	double unit;

	if (v == 0)
		return v;
	frexp(v, &exponent);
	/* eleven significant bits, but no place below 2^-24 */
	unit = ldexp(1.0, (exponent < -13 ? -13 : exponent) - 11);
	v = rint(v / unit) * unit;
	return fabs(v) > 65504.0 ? copysign(INFINITY, v) : v;
}

/* Magnitudes from below the smallest half to beyond the largest */
static bool
random_floats_round(void)
{
	for (int i = 0; i < 2000000; i++)
	{
		double expected;
		float value =
			ldexpf(1.0f + random_float() / 2, (int) random_below(50) - 30);

		if (i % 2 != 0)
			value = -value;
		expected = nearest_half(value);
		if ((double) half_to_float(float_to_half(value)) != expected ||
			(float_to_half(value) >> 15) != (value < 0))
		{
			printf("# %a\n", (double) value);
			return false;
		}
	}
	return true;
}

int
main(void)
{
	bool values = true;
	bool round_trip = true;
	bool rounding = true;
	float elems[6] = {1.0f, 65504.0f, 65519.0f, 65520.0f, 1e9f, INFINITY};
	uint16_t halves[6];

	for (uint32_t h = 0; h <= 0xFFFF; h++)
	{
		uint16_t half = (uint16_t) h;

		if (is_finite_half(half))
		{
			float value = half_to_float(half);

			values = values && value == half_value(half) &&
				!!signbit(value) == half >> 15;
			round_trip = round_trip && float_to_half(value) == half;
		}
	}
	ok(values, "each of the finite halves has its value");
	ok(round_trip, "and comes back as the same half");
	ok(isinf(half_to_float(0x7C00)) && half_to_float(0xFC00) == -INFINITY &&
		   isnan(half_to_float(0x7E01)),
	   "infinities and NaN");
	ok(float_to_half(INFINITY) == 0x7C00 && float_to_half(-1e30f) == 0xFC00 &&
		   (float_to_half(NAN) & 0x7C00) == 0x7C00 &&
		   (float_to_half(NAN) & 0x3FF) != 0,
	   "and back");

	for (uint16_t low = 0; low <= 0x7BFF && rounding; low++)
	{
		double below = half_value(low);
		double above =
			low == 0x7BFF ? 65536.0 : half_value((uint16_t) (low + 1));
		float middle = (float) ((below + above) / 2);

		rounding = rounds_right((float) below, low) &&
			rounds_right(middle, low) &&
			rounds_right(nextafterf(middle, 0.0f), low) &&
			rounds_right(nextafterf(middle, 1e9f), low);
		if (!rounding)
			printf("# behind half %x\n", low);
	}
	ok(rounding, "rounds to nearest, ties to even");

	ok(random_floats_round(), "random floats round as they do in double");

	ok(elem_ops[ELEM_FLOAT16].store(elems, halves, 3) == 3,
	   "what fits is stored");
	ok(elem_ops[ELEM_FLOAT16].store(elems, halves, 6) == 3,
	   "the first finite value that does not fit is named");
	ok(elem_ops[ELEM_FLOAT16].store(elems + 5, halves, 1) == 1,
	   "an infinity passes as it is");
	ok(strcmp(elem_ops[ELEM_FLOAT32].type_name, "vector") == 0 &&
		   elem_ops[ELEM_FLOAT32].size == 4 &&
		   strcmp(elem_ops[ELEM_FLOAT16].type_name, "halfvec") == 0 &&
		   elem_ops[ELEM_FLOAT16].size == 2,
	   "the table's names and sizes");
	return done_testing();
}
