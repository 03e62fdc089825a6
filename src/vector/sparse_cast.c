/*
 * sparse_cast.c
 *	  Casts between sparse vectors, dense vectors and SQL arrays.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "core/compat.h"
#include "core/errors.h"
#include "vector/array_input.h"
#include "vector/dense.h"
#include "vector/sparse.h"

/*
 * Fills a sparse vector from elements given in order; zeros are left out.
 */
typedef struct SparseBuilder
{
	SparseVector *v;
	int n; /* elements filled */
} SparseBuilder;

static void
builder_add(SparseBuilder *builder, int index, float value)
{
	if (value == 0)
		return;
	builder->v->indices[builder->n] = index;
	sparse_values(builder->v)[builder->n] = value;
	builder->n++;
}

static int
count_nonzero(ElemKind kind, const DenseVector *v)
{
	float tile[DENSE_TILE];
	int nnz = 0;

	for (int first = 0; first < v->dim; first += DENSE_TILE)
	{
		int n = Min(DENSE_TILE, v->dim - first);

		elem_ops[kind].load(DENSE_ELEM(kind, v, first), tile, n);
		for (int i = 0; i < n; i++)
			nnz += (tile[i] != 0);
	}
	return nnz;
}

SparseVector *
sparse_from_dense(ElemKind kind, const DenseVector *v)
{
	SparseBuilder builder = {sparse_new(v->dim, count_nonzero(kind, v)), 0};
	float tile[DENSE_TILE];

	for (int first = 0; first < v->dim; first += DENSE_TILE)
	{
		int n = Min(DENSE_TILE, v->dim - first);

		elem_ops[kind].load(DENSE_ELEM(kind, v, first), tile, n);
		for (int i = 0; i < n; i++)
			builder_add(&builder, first + i, tile[i]);
	}
	return builder.v;
}

DenseVector *
sparse_to_dense(ElemKind kind, const SparseVector *v)
{
	DenseVector *result;

	dense_check_dim(kind, v->dim, NULL);
	result = dense_new(kind, v->dim);
	/* all bits zero is zero in every kind */
	memset(result->elems, 0, v->dim * elem_ops[kind].size);
	for (int i = 0; i < v->nnz; i++)
	{
		/* the index is a place in memory here, so do not trust the disk */
		if (v->indices[i] < 0 || v->indices[i] >= v->dim)
			error_corrupt_value(SPARSE_TYPE_NAME);
		dense_store_checked(kind, result, v->indices[i], &sparse_values(v)[i],
							1);
	}
	return result;
}

SparseVector *
sparse_from_array(ArrayType *array, int32 typmod)
{
	ArrayInput input = array_input(array);
	SparseBuilder builder = {NULL, 0};
	int nnz = 0;

	if (input.n < 1)
		error_no_dimensions(NULL, SPARSE_TYPE_NAME);
	if (input.n > SPARSE_MAX_DIM)
		error_too_many_dimensions(NULL, SPARSE_TYPE_NAME, SPARSE_MAX_DIM);
	sparse_check_typmod(typmod, input.n, NULL);

	for (int i = 0; i < input.n; i++)
	{
		float value = array_input_float(&input, i);

		CHECK_FOR_INTERRUPTS(); /* an array can have 10^8 elements */
		if (isnan(value))
			error_nan(NULL, SPARSE_TYPE_NAME);
		if (isinf(value))
			error_infinite(NULL, SPARSE_TYPE_NAME);
		nnz += (value != 0);
	}
	if (nnz > SPARSE_MAX_NNZ)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("sparsevec cannot have more than %d non-zero elements",
						SPARSE_MAX_NNZ)));

	builder.v = sparse_new(input.n, nnz);
	for (int i = 0; i < input.n; i++)
		builder_add(&builder, i, array_input_float(&input, i));
	return builder.v;
}
