/*
 * dense_agg.c
 *	  State of avg(): a float8 array {number of rows, sum of each dimension}.
 *
 * '{0}' is the state of no rows, whatever the dimensions.  The number of
 * dimensions is fixed by the first row.  The state is an ordinary SQL array, so
 * that partial aggregation moves it between processes, and the functions can
 * be called by anyone with any array: nothing in it is trusted.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/float.h"

#include "core/errors.h"
#include "vector/dense.h"

static float8 *
state_values(ArrayType *state, int *dim, const char *caller)
{
	if (ARR_NDIM(state) != 1 || ARR_DIMS(state)[0] < 1 || ARR_HASNULL(state) ||
		ARR_ELEMTYPE(state) != FLOAT8OID)
		elog(ERROR, "%s: expected state array", caller);
	*dim = ARR_DIMS(state)[0] - 1;
	return (float8 *) ARR_DATA_PTR(state);
}

/* A state with all sums 0 */
static ArrayType *
state_new(int dim)
{
	Size size = ARR_OVERHEAD_NONULLS(1) + (dim + 1) * sizeof(float8);
	ArrayType *state = palloc0(size);

	SET_VARSIZE(state, size);
	state->ndim = 1;
	state->elemtype = FLOAT8OID;
	*ARR_DIMS(state) = dim + 1;
	*ARR_LBOUND(state) = 1;
	return state;
}

static ArrayType *
state_copy(ArrayType *state)
{
	ArrayType *copy = palloc(VARSIZE(state));

	memcpy(copy, state, VARSIZE(state));
	return copy;
}

static void
check_overflow(const float8 *sums, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (unlikely(isinf(sums[i])))
			float_overflow_error();
	}
}

/*
 * Add a vector.  in_place: the state belongs to the running aggregate and may
 * be changed; otherwise it is copied.  caller names the SQL function in errors.
 */
ArrayType *
dense_accumulate(ElemKind kind, ArrayType *state, const DenseVector *v,
				 bool in_place, const char *caller)
{
	int dim;
	float8 *values = state_values(state, &dim, caller);
	float tile[DENSE_TILE];

	if (dim == 0) /* no dimensions yet: this is the first row */
	{
		float8 nrows = values[0];

		state = state_new(v->dim);
		*(float8 *) ARR_DATA_PTR(state) = nrows;
	}
	else
	{
		if (dim != v->dim)
			error_unexpected_dimensions(NULL, dim, v->dim);
		if (!in_place)
			state = state_copy(state);
	}

	values = (float8 *) ARR_DATA_PTR(state);
	values[0] += 1;
	for (int first = 0; first < v->dim; first += DENSE_TILE)
	{
		int n = Min(DENSE_TILE, v->dim - first);
		float8 *sums = values + 1 + first;

		elem_ops[kind].load(DENSE_ELEM(kind, v, first), tile, n);
		for (int i = 0; i < n; i++)
			sums[i] += tile[i];
		check_overflow(sums, n);
	}
	return state;
}

/* Add two partial states */
ArrayType *
dense_combine(ElemKind kind, ArrayType *a, ArrayType *b, bool in_place,
			  const char *caller)
{
	int adim;
	int bdim;
	float8 *avalues = state_values(a, &adim, caller);
	float8 *bvalues = state_values(b, &bdim, caller);

	if (Max(adim, bdim) > DENSE_MAX_DIM)
		error_too_many_dimensions(NULL, elem_ops[kind].type_name,
								  DENSE_MAX_DIM);
	if (bvalues[0] == 0)
		return in_place ? a : state_copy(a);
	if (avalues[0] == 0)
		return state_copy(b);
	if (adim != bdim)
		error_unexpected_dimensions(NULL, adim, bdim);

	if (!in_place)
		a = state_copy(a);
	avalues = (float8 *) ARR_DATA_PTR(a);
	for (int i = 0; i <= adim; i++)
		avalues[i] += bvalues[i];
	check_overflow(avalues, adim + 1);
	return a;
}

DenseVector *
dense_average(ElemKind kind, ArrayType *state, const char *caller)
{
	int dim;
	float8 *values = state_values(state, &dim, caller);
	DenseVector *result;
	float tile[DENSE_TILE];

	if (values[0] == 0)
		return NULL;
	dense_check_dim(kind, dim, NULL);
	result = dense_new(kind, dim);
	for (int first = 0; first < dim; first += DENSE_TILE)
	{
		int n = Min(DENSE_TILE, dim - first);

		for (int i = 0; i < n; i++)
			tile[i] = (float) (values[1 + first + i] / values[0]);
		dense_store_checked(kind, result, first, tile, n);
	}
	return result;
}
