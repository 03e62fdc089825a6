/*
 * array_input.h
 *	  SQL arrays as a source of vector elements.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_ARRAY_INPUT_H
#define VECTOR_EXT_ARRAY_INPUT_H

#include "utils/array.h"

typedef struct ArrayInput
{
	Oid elem_type; /* int4, float4, float8 or numeric */
	int n;
	Datum *elems;
} ArrayInput;

/*
 * Take a one-dimensional array without nulls apart; throws for others and for
 * element types that are not listed above.  An empty array has n = 0.
 */
extern ArrayInput array_input(ArrayType *array);

/* The i-th element, rounded to float32: may be infinite or NaN */
extern float array_input_float(const ArrayInput *input, int i);

#endif
