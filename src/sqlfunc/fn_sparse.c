/*
 * fn_sparse.c
 *	  SQL functions of sparsevec, except distances.
 */
#include "postgres.h"

#include "core/compat.h"
#include "core/export.h"
#include "vector/dense.h"
#include "vector/sparse.h"

#define ARG_SPARSE(n) sparse_from_datum(PG_GETARG_DATUM(n))

SQL_FUNCTION(sparsevec_in)
{
	SparseVector *v = sparse_in(PG_GETARG_CSTRING(0), PG_GETARG_INT32(2),
								INPUT_ERROR_CONTEXT(fcinfo));

	if (v == NULL)
		PG_RETURN_NULL(); /* soft error */
	PG_RETURN_POINTER(v);
}

SQL_FUNCTION(sparsevec_out)
{
	PG_RETURN_CSTRING(sparse_out(ARG_SPARSE(0)));
}

SQL_FUNCTION(sparsevec_typmod_in)
{
	PG_RETURN_INT32(typmod_dimensions(SPARSE_TYPE_NAME, PG_GETARG_DATUM(0),
									  SPARSE_MAX_DIM));
}

SQL_FUNCTION(sparsevec_recv)
{
	PG_RETURN_POINTER(
		sparse_recv((StringInfo) PG_GETARG_POINTER(0), PG_GETARG_INT32(2)));
}

SQL_FUNCTION(sparsevec_send)
{
	PG_RETURN_BYTEA_P(sparse_send(ARG_SPARSE(0)));
}

/* Length coercion: nothing changes, but the dimensions are checked */
SQL_FUNCTION(sparsevec)
{
	SparseVector *v = ARG_SPARSE(0);

	sparse_check_typmod(PG_GETARG_INT32(1), v->dim, NULL);
	PG_RETURN_POINTER(v);
}

SQL_FUNCTION(array_to_sparsevec)
{
	PG_RETURN_POINTER(
		sparse_from_array(PG_GETARG_ARRAYTYPE_P(0), PG_GETARG_INT32(1)));
}

SQL_FUNCTION(sparsevec_l2_norm)
{
	PG_RETURN_FLOAT8(sparse_norm(ARG_SPARSE(0)));
}

SQL_FUNCTION(sparsevec_l2_normalize)
{
	PG_RETURN_POINTER(sparse_normalize(ARG_SPARSE(0)));
}

/*
 * Casts from and to each dense type; argument 1 is the typmod of the target
 */

static Datum
from_dense(FunctionCallInfo fcinfo, ElemKind kind)
{
	DenseVector *v = dense_from_datum(kind, PG_GETARG_DATUM(0));

	sparse_check_typmod(PG_GETARG_INT32(1), v->dim, NULL);
	PG_RETURN_POINTER(sparse_from_dense(kind, v));
}

static Datum
to_dense(FunctionCallInfo fcinfo, ElemKind kind)
{
	SparseVector *v = ARG_SPARSE(0);

	dense_check_dim(kind, v->dim, NULL);
	dense_check_typmod(PG_GETARG_INT32(1), v->dim, NULL);
	PG_RETURN_POINTER(sparse_to_dense(kind, v));
}

#define X(kind, type, public, norm, ctype) \
	SQL_FUNCTION(type##_to_sparsevec) \
	{ \
		return from_dense(fcinfo, kind); \
	} \
	SQL_FUNCTION(sparsevec_to_##type) \
	{ \
		return to_dense(fcinfo, kind); \
	}
ELEM_KINDS(X)
#undef X

/*
 * Order and hash
 */

static int
compare(FunctionCallInfo fcinfo)
{
	SparseVector *a = ARG_SPARSE(0);
	SparseVector *b = ARG_SPARSE(1);
	int result = sparse_compare(a, b);

	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return result;
}

static uint64
hash(FunctionCallInfo fcinfo, uint64 seed)
{
	SparseVector *v = ARG_SPARSE(0);
	uint64 result = sparse_hash(v, seed);

	PG_FREE_IF_COPY(v, 0);
	return result;
}

#define COMPARISON(symbol, relation) \
	SQL_FUNCTION(symbol) \
	{ \
		PG_RETURN_BOOL(compare(fcinfo) relation 0); \
	}

COMPARISON(sparsevec_lt, <)
COMPARISON(sparsevec_le, <=)
COMPARISON(sparsevec_eq, ==)
COMPARISON(sparsevec_ne, !=)
COMPARISON(sparsevec_ge, >=)
COMPARISON(sparsevec_gt, >)

SQL_FUNCTION(sparsevec_cmp)
{
	PG_RETURN_INT32(compare(fcinfo));
}

SQL_FUNCTION(sparsevec_hash)
{
	PG_RETURN_INT32((int32) hash(fcinfo, 0));
}

SQL_FUNCTION(sparsevec_hash_extended)
{
	PG_RETURN_INT64((int64) hash(fcinfo, PG_GETARG_INT64(1)));
}
