/*
 * dense_cast.c
 *	  Casts between dense kinds and SQL arrays.
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "vector/array_input.h"
#include "vector/dense.h"

DenseVector *
dense_convert(ElemKind from, ElemKind to, const DenseVector *v)
{
	DenseVector *result = dense_new(to, v->dim);
	float tile[DENSE_TILE];

	for (int first = 0; first < v->dim; first += DENSE_TILE)
	{
		int n = Min(DENSE_TILE, v->dim - first);

		elem_ops[from].load(DENSE_ELEM(from, v, first), tile, n);
		dense_store_checked(to, result, first, tile, n);
	}
	return result;
}

DenseVector *
dense_from_array(ElemKind kind, ArrayType *array, int32 typmod)
{
	ArrayInput input = array_input(array);
	DenseVector *result;
	float tile[DENSE_TILE];

	dense_check_dim(kind, input.n, NULL);
	dense_check_typmod(typmod, input.n, NULL);

	result = dense_new(kind, input.n);
	for (int first = 0; first < input.n; first += DENSE_TILE)
	{
		int n = Min(DENSE_TILE, input.n - first);

		for (int i = 0; i < n; i++)
			tile[i] = array_input_float(&input, first + i);
		dense_store_checked(kind, result, first, tile, n);
	}
	return result;
}

ArrayType *
dense_to_float4_array(ElemKind kind, const DenseVector *v)
{
	Size size = ARR_OVERHEAD_NONULLS(1) + v->dim * sizeof(float4);
	ArrayType *array = palloc0(size);

	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->elemtype = FLOAT4OID;
	*ARR_DIMS(array) = v->dim;
	*ARR_LBOUND(array) = 1;
	elem_ops[kind].load(v->elems, (float *) ARR_DATA_PTR(array), v->dim);
	return array;
}
