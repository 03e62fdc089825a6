/*
 * fuzz_sparse_text.c
 *	  Text input of sparse vectors: no crash, and what is accepted is sorted,
 *	  within the dimensions, finite and not zero.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "vector/sparse_parse.h"

/* small, so that short inputs reach it */
#define MAX_ENTRIES 40

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static SparseEntry entries[MAX_ENTRIES];
	ParseError error;
	char *literal = malloc(size + 1);
	int nnz;
	int dim;

	/* exactly as long as the text, so that a sanitizer sees an over-read */
	memcpy(literal, data, size);
	literal[size] = '\0';

	if (sparse_parse(literal, entries, MAX_ENTRIES, &nnz, &dim, &error))
	{
		if (dim < 1 || dim > SPARSE_MAX_DIM || nnz < 0 || nnz > dim)
			abort();
		for (int i = 0; i < nnz; i++)
		{
			if (entries[i].index < 0 || entries[i].index >= dim ||
				(i > 0 && entries[i].index <= entries[i - 1].index) ||
				!isfinite(entries[i].value) || entries[i].value == 0)
				abort();
		}
	}
	else if (error.status == PARSE_OK)
		abort();
	free(literal);
	return 0;
}
