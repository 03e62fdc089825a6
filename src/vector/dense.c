/*
 * dense.c
 *	  Making and checking dense vectors.
 */
#include "postgres.h"

#include <math.h>

#include "utils/array.h"
#include "utils/varbit.h"

#include "core/compat.h"
#include "core/errors.h"
#include "vector/dense.h"

DenseVector *
dense_new(ElemKind kind, int dim)
{
	Size size = DENSE_SIZE(kind, dim);
	DenseVector *v = palloc(size);

	SET_VARSIZE(v, size);
	v->dim = dim;
	v->unused = 0;
	return v;
}

DenseVector *
dense_from_datum(ElemKind kind, Datum datum)
{
	DenseVector *v = (DenseVector *) PG_DETOAST_DATUM(datum);

	if (unlikely(VARSIZE(v) < offsetof(DenseVector, elems) || v->dim < 1 ||
				 VARSIZE(v) != DENSE_SIZE(kind, v->dim)))
		error_corrupt_value(elem_ops[kind].type_name);
	return v;
}

bool
dense_check_dim(ElemKind kind, int64 dim, Node *escontext)
{
	if (dim < 1)
		error_no_dimensions(escontext, elem_ops[kind].type_name);
	else if (dim > DENSE_MAX_DIM)
		error_too_many_dimensions(escontext, elem_ops[kind].type_name,
								  DENSE_MAX_DIM);
	return dim >= 1 && dim <= DENSE_MAX_DIM;
}

bool
dense_check_typmod(int32 typmod, int dim, Node *escontext)
{
	if (typmod == -1 || typmod == dim)
		return true;
	error_unexpected_dimensions(escontext, typmod, dim);
	return false;
}

void
dense_check_same_dim(ElemKind kind, const DenseVector *a, const DenseVector *b)
{
	if (unlikely(a->dim != b->dim))
		error_different_dimensions(elem_ops[kind].type_name, a->dim, b->dim);
}

void
dense_store_checked(ElemKind kind, DenseVector *out, int first,
					const float *values, int n)
{
	const ElemOps *ops = &elem_ops[kind];
	size_t finite = first_nonfinite(values, n);
	size_t fits;

	if (unlikely(finite < (size_t) n))
	{
		if (isnan(values[finite]))
			error_nan(NULL, ops->type_name);
		error_infinite(NULL, ops->type_name);
	}

	fits = ops->store(values, DENSE_ELEM(kind, out, first), n);
	if (fits < (size_t) n)
		error_float_out_of_range(NULL, ops->type_name, values[fits]);
}

int32
typmod_dimensions(const char *type_name, Datum typmods, int max_dim)
{
	int n;
	int32 *values = ArrayGetIntegerTypmods(DatumGetArrayTypeP(typmods), &n);

	if (n != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid type modifier")));
	if (*values < 1)
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("dimensions for type %s must be at least 1", type_name)));
	if (*values > max_dim)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("dimensions for type %s cannot exceed %d", type_name,
						max_dim)));
	return *values;
}
