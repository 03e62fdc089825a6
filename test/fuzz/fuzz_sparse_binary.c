/*
 * fuzz_sparse_binary.c
 *	  Binary input of sparse vectors: what is accepted keeps every promise of
 *	  the stored type.
 *
 * First four bytes of the input: dimensions.  Rest: indices, then values.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "vector/sparse_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ParseError error;
	uint32_t word;
	int dim;
	int nnz;
	int32_t *indices;
	float *values;

	if (size < 4)
		return 0;
	memcpy(&word, data, 4);
	dim = 1 + (int) (word % SPARSE_MAX_DIM);
	nnz = (int) ((size - 4) / 8);
	indices = malloc((size_t) nnz * 4 + 1);
	values = malloc((size_t) nnz * 4 + 1);

	if (sparse_decode((const char *) data + 4, dim, nnz, indices, values,
					  &error))
	{
		for (int i = 0; i < nnz; i++)
		{
			if (indices[i] < 0 || indices[i] >= dim ||
				(i > 0 && indices[i] <= indices[i - 1]) ||
				!isfinite(values[i]) || values[i] == 0)
				abort();
		}
	}
	else if (error.status == PARSE_OK)
		abort();
	free(indices);
	free(values);
	return 0;
}
