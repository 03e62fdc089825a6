/*
 * fuzz_dense_binary.c
 *	  Binary input of every dense kind: accepted elements are finite and
 *	  encode to the same bytes.
 *
 * First byte of the input: element kind.  Rest: elements.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "vector/dense_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *) data + 1;
	ElemKind kind;
	ParseError error;
	size_t width;
	size_t n;
	char *elems;
	char *encoded;

	if (size < 1)
		return 0;
	kind = (ElemKind) (data[0] % ELEM_NKINDS);
	width = elem_ops[kind].size;
	n = (size - 1) / width;
	elems = malloc(n * width + 1);
	encoded = malloc(n * width + 1);

	if (dense_decode(kind, bytes, elems, n, &error))
	{
		for (size_t i = 0; i < n; i++)
		{
			float value;

			elem_ops[kind].load(elems + i * width, &value, 1);
			if (!isfinite(value))
				abort();
		}
		dense_encode(kind, elems, encoded, n, 0);
		if (memcmp(encoded, bytes, n * width) != 0)
			abort();
	}
	free(elems);
	free(encoded);
	return 0;
}
