/*
 * array_input.c
 *	  SQL arrays as a source of vector elements.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"

#include "core/compat.h"
#include "vector/array_input.h"

ArrayInput
array_input(ArrayType *array)
{
	ArrayInput input = {.elem_type = ARR_ELEMTYPE(array)};
	int16 typlen;
	bool typbyval;
	char typalign;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION), errmsg("array must be 1-D")));
	if (ARR_HASNULL(array) && array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("array must not contain nulls")));
	switch (input.elem_type)
	{
		case INT4OID:
		case FLOAT4OID:
		case FLOAT8OID:
		case NUMERICOID:
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("unsupported array type")));
	}

	get_typlenbyvalalign(input.elem_type, &typlen, &typbyval, &typalign);
	deconstruct_array(array, input.elem_type, typlen, typbyval, typalign,
					  &input.elems, NULL, &input.n);
	return input;
}

float
array_input_float(const ArrayInput *input, int i)
{
	Datum elem = input->elems[i];

	switch (input->elem_type)
	{
		case INT4OID:
			return (float) DatumGetInt32(elem);
		case FLOAT4OID:
			return DatumGetFloat4(elem);
		case FLOAT8OID:
			return (float) DatumGetFloat8(elem);
		default: /* numeric, array_input() let nothing else pass */
			return DatumGetFloat4(DirectFunctionCall1(numeric_float4, elem));
	}
}
