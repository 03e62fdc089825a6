/*
 * unit_number.c
 *	  The number reader against strtof(), bit for bit.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "vector/number.h"

#define ROUNDS 300000

static float
float_from_bits(uint32_t bits)
{
	float value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* The text lies at the end of an allocation: reading on is an error */
static bool
same_as_strtof(const char *text)
{
	size_t length = strlen(text);
	char *copy = malloc(length + 1);
	char *expected_end;
	const char *end = NULL;
	float expected;
	float value = 0;
	NumberStatus status;
	NumberStatus expected_status = NUMBER_OK;
	bool same;

	memcpy(copy, text, length + 1);
	errno = 0;
	expected = strtof(copy, &expected_end);
	if (expected_end == copy)
		expected_status = NUMBER_SYNTAX;
	else if (errno == ERANGE && isinf(expected))
		expected_status = NUMBER_OVERFLOW;
	else if (errno == ERANGE && expected == 0)
		expected_status = NUMBER_UNDERFLOW;

	status = number_parse(copy, copy + length, &end, &value);
	same = status == expected_status &&
		(status == NUMBER_SYNTAX ||
		 (end == expected_end &&
		  ((isnan(value) && isnan(expected)) ||
		   memcmp(&value, &expected, sizeof(value)) == 0)));
	if (!same)
		printf("# \"%s\": %a, not %a\n", text, (double) value,
			   (double) expected);
	free(copy);
	return same;
}

/* [-] digits [. digits] [e exponent], any part may be missing */
static void
random_decimal(char *p)
{
	if (random_below(2))
		*p++ = '-';
	for (uint32_t n = random_below(22); n > 0; n--)
		*p++ = (char) ('0' + random_below(10));
	if (random_below(3))
	{
		*p++ = '.';
		for (uint32_t n = random_below(22); n > 0; n--)
			*p++ = (char) ('0' + random_below(10));
	}
	if (random_below(3) == 0)
		p += sprintf(p, "e%d", (int) random_below(110) - 55);
	*p = '\0';
}

/* Halfway between two floats, or a hair beside it: the hardest numbers */
static void
random_midpoint(char *p)
{
	uint32_t bits = random_below(0x7F7FFFFF);
	double low = float_from_bits(bits);
	double high = float_from_bits(bits + 1);

	sprintf(p, "%.*g", 15 + (int) random_below(6), (low + high) / 2);
}

int
main(void)
{
	static const char *const unusual[] = {"",
										  "-",
										  "+",
										  ".",
										  "-.",
										  "e5",
										  ".e5",
										  "1e",
										  "1e+",
										  "1e-x",
										  "0x",
										  "0x1p3",
										  "0X.8",
										  "nan",
										  "-NaN",
										  "inf",
										  "-Infinity",
										  "nan(12)",
										  "1.",
										  ".5",
										  "+.5e1",
										  "1..2",
										  "1.2.3",
										  "0",
										  "-0",
										  "0e99999",
										  "1e99999",
										  "1e-99999",
										  "12345678",
										  "123456789",
										  "1234567.8",
										  "12345678,1",
										  "0.00000000000000000000000001",
										  "00000000000000000000000000000000001",
										  "18446744073709551616",
										  "184467440737095516160",
										  "16777217",
										  "16777219",
										  "3.4028234663852886e38",
										  "3.4028235677973366e38",
										  "1.4e-45",
										  "7e-46",
										  "1.17549435e-38",
										  "1e-46"};
	char text[128];
	bool decimals = true;
	bool shortest = true;
	bool midpoints = true;

	for (size_t i = 0; i < sizeof(unusual) / sizeof(unusual[0]); i++)
		ok(same_as_strtof(unusual[i]), "\"%s\"", unusual[i]);
	ok(same_as_strtof("\xff") &&
		   same_as_strtof("1\xb1"
						  "2345678"),
	   "bytes above 127 are no digits");

	for (int i = 0; i < ROUNDS; i++)
	{
		random_decimal(text);
		decimals = same_as_strtof(text) && decimals;
		sprintf(text, "%.9g",
				(double) float_from_bits((uint32_t) next_random()));
		shortest = same_as_strtof(text) && shortest;
		random_midpoint(text);
		midpoints = same_as_strtof(text) && midpoints;
	}
	ok(decimals, "random decimals");
	ok(shortest, "random floats as printed");
	ok(midpoints, "midpoints between floats");
	return done_testing();
}
