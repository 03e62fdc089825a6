/*
 * fuzz_number.c
 *	  The number reader against strtof(): same value bit for bit, same end.
 */
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vector/number.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	const char *end = NULL;
	char *expected_end;
	float value = 0;
	float expected;
	NumberStatus status;

	memcpy(text, data, size);
	text[size] = '\0';

	errno = 0;
	expected = strtof(text, &expected_end);
	status = number_parse(text, text + strlen(text), &end, &value);

	if (expected_end == text)
	{
		if (status != NUMBER_SYNTAX)
			abort();
	}
	else if (end != expected_end || isnan(value) != isnan(expected) ||
			 (!isnan(value) && memcmp(&value, &expected, sizeof(value)) != 0))
		abort();
	free(text);
	return 0;
}
