/*
 * fuzz_dense_text.c
 *	  Text input of every dense kind: no crash, and what is accepted is legal.
 *
 * First byte of the input: element kind.  Rest: the literal.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "vector/dense_parse.h"

/* small, so that short inputs reach it */
#define MAX_DIM 40

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static float elems[MAX_DIM];
	ElemKind kind;
	ParseError error;
	char *literal;
	int dim;

	if (size < 1)
		return 0;
	kind = (ElemKind) (data[0] % ELEM_NKINDS);

	/* exactly as long as the text, so that a sanitizer sees an over-read */
	literal = malloc(size);
	memcpy(literal, data + 1, size - 1);
	literal[size - 1] = '\0';

	if (dense_parse(kind, literal, elems, MAX_DIM, &dim, &error))
	{
		float value;

		if (dim < 1 || dim > MAX_DIM)
			abort();
		for (int i = 0; i < dim; i++)
		{
			elem_ops[kind].load((char *) elems + i * elem_ops[kind].size,
								&value, 1);
			if (!isfinite(value))
				abort();
		}
	}
	else if (error.status == PARSE_OK ||
			 (error.status == PARSE_RANGE &&
			  (error.token < literal ||
			   error.token + error.token_len > literal + size)))
		abort();
	free(literal);
	return 0;
}
