/*
 * sparse_parse.h
 *	  Reading sparse vectors from text and from the wire.
 *
 * Plain C, see parse.h.
 */
#ifndef VECTOR_EXT_SPARSE_PARSE_H
#define VECTOR_EXT_SPARSE_PARSE_H

#include <stdint.h>

#include "vector/parse.h"

#define SPARSE_MAX_DIM 1000000000
#define SPARSE_MAX_NNZ 16000

typedef struct SparseEntry
{
	int32_t index; /* from 0 */
	float value;
} SparseEntry;

/*
 * Parse "{1:1.5, 3:-2}/5": indices from 1, in any order; white space may stand
 * around every token.  Fills entries (room for max_entries, which bounds what
 * the text may list), sorted and without zeros, *nnz and *dim.
 */
extern bool sparse_parse(const char *literal, SparseEntry *entries,
						 int max_entries, int *nnz, int *dim,
						 ParseError *error);

/*
 * nnz indices and nnz values from their binary form (big-endian int32 and
 * float32); data holds 8 * nnz bytes, all indices first.  Checks everything a
 * stored sparse vector promises.
 */
extern bool sparse_decode(const char *data, int dim, int nnz, int32_t *indices,
						  float *values, ParseError *error);

#endif
