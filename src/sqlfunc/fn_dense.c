/*
 * fn_dense.c
 *	  SQL functions of the dense vector types, except distances.
 *
 * Each function is written once, for any element kind; DENSE_FUNCTIONS at the
 * end lists them with their C symbols and is instantiated for each row of
 * ELEM_KINDS.  The symbols are those pgvector's catalogue entries name.
 */
#include "postgres.h"

#include "core/compat.h"
#include "core/export.h"
#include "sqlfunc/scan_ahead.h"
#include "vector/dense.h"

#define ARG_DENSE(n) dense_from_datum(kind, PG_GETARG_DATUM(n))

/*
 * Input, output
 */

static Datum
type_in(FunctionCallInfo fcinfo, ElemKind kind)
{
	DenseVector *v = dense_in(kind, PG_GETARG_CSTRING(0), PG_GETARG_INT32(2),
							  INPUT_ERROR_CONTEXT(fcinfo));

	if (v == NULL)
		PG_RETURN_NULL(); /* soft error */
	PG_RETURN_POINTER(v);
}

static Datum
type_out(FunctionCallInfo fcinfo, ElemKind kind)
{
	PG_RETURN_CSTRING(dense_out(kind, ARG_DENSE(0)));
}

static Datum
type_typmod_in(FunctionCallInfo fcinfo, ElemKind kind)
{
	PG_RETURN_INT32(typmod_dimensions(elem_ops[kind].type_name,
									  PG_GETARG_DATUM(0), DENSE_MAX_DIM));
}

static Datum
type_recv(FunctionCallInfo fcinfo, ElemKind kind)
{
	PG_RETURN_POINTER(dense_recv(kind, (StringInfo) PG_GETARG_POINTER(0),
								 PG_GETARG_INT32(2)));
}

static Datum
type_send(FunctionCallInfo fcinfo, ElemKind kind)
{
	DenseVector *v = ARG_DENSE(0);

	PG_RETURN_BYTEA_P(dense_send(kind, v, scan_ahead(v)));
}

/*
 * Casts.  Argument 1 is the typmod of the target, -1 for none.
 */

/* Length coercion: nothing changes, but the dimensions are checked */
static Datum
coerce(FunctionCallInfo fcinfo, ElemKind kind)
{
	DenseVector *v = ARG_DENSE(0);

	dense_check_typmod(PG_GETARG_INT32(1), v->dim, NULL);
	PG_RETURN_POINTER(v);
}

static Datum
from_array(FunctionCallInfo fcinfo, ElemKind kind)
{
	PG_RETURN_POINTER(
		dense_from_array(kind, PG_GETARG_ARRAYTYPE_P(0), PG_GETARG_INT32(1)));
}

static Datum
to_float4_array(FunctionCallInfo fcinfo, ElemKind kind)
{
	PG_RETURN_ARRAYTYPE_P(dense_to_float4_array(kind, ARG_DENSE(0)));
}

static Datum
convert(FunctionCallInfo fcinfo, ElemKind from, ElemKind to)
{
	DenseVector *v = dense_from_datum(from, PG_GETARG_DATUM(0));

	dense_check_typmod(PG_GETARG_INT32(1), v->dim, NULL);
	PG_RETURN_POINTER(dense_convert(from, to, v));
}

static Datum
from_vector(FunctionCallInfo fcinfo, ElemKind kind)
{
	return convert(fcinfo, ELEM_FLOAT32, kind);
}

static Datum
to_vector(FunctionCallInfo fcinfo, ElemKind kind)
{
	return convert(fcinfo, kind, ELEM_FLOAT32);
}

/*
 * Properties and parts
 */

static Datum
dims(FunctionCallInfo fcinfo, ElemKind kind)
{
	PG_RETURN_INT32(ARG_DENSE(0)->dim);
}

static Datum
norm(FunctionCallInfo fcinfo, ElemKind kind)
{
	PG_RETURN_FLOAT8(dense_norm(kind, ARG_DENSE(0)));
}

static Datum
normalize(FunctionCallInfo fcinfo, ElemKind kind)
{
	PG_RETURN_POINTER(dense_normalize(kind, ARG_DENSE(0)));
}

static Datum
binary_quantized(FunctionCallInfo fcinfo, ElemKind kind)
{
	PG_RETURN_VARBIT_P(dense_binary_quantize(kind, ARG_DENSE(0)));
}

static Datum
subvector_of(FunctionCallInfo fcinfo, ElemKind kind)
{
	PG_RETURN_POINTER(dense_subvector(kind, ARG_DENSE(0), PG_GETARG_INT32(1),
									  PG_GETARG_INT32(2)));
}

/*
 * Arithmetic
 */

static Datum
add(FunctionCallInfo fcinfo, ElemKind kind)
{
	PG_RETURN_POINTER(
		dense_arithmetic(kind, DENSE_ADD, ARG_DENSE(0), ARG_DENSE(1)));
}

static Datum
sub(FunctionCallInfo fcinfo, ElemKind kind)
{
	PG_RETURN_POINTER(
		dense_arithmetic(kind, DENSE_SUB, ARG_DENSE(0), ARG_DENSE(1)));
}

static Datum
mul(FunctionCallInfo fcinfo, ElemKind kind)
{
	PG_RETURN_POINTER(
		dense_arithmetic(kind, DENSE_MUL, ARG_DENSE(0), ARG_DENSE(1)));
}

static Datum
concat(FunctionCallInfo fcinfo, ElemKind kind)
{
	PG_RETURN_POINTER(dense_concat(kind, ARG_DENSE(0), ARG_DENSE(1)));
}

/*
 * Order and hash
 */

static int
compare(FunctionCallInfo fcinfo, ElemKind kind)
{
	DenseVector *a = ARG_DENSE(0);
	DenseVector *b = ARG_DENSE(1);
	int result = dense_compare(kind, a, b);

	/* sorts call this by the million in one memory context */
	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return result;
}

static uint64
hash(FunctionCallInfo fcinfo, ElemKind kind, uint64 seed)
{
	DenseVector *v = ARG_DENSE(0);
	uint64 result = dense_hash(kind, v, seed);

	PG_FREE_IF_COPY(v, 0);
	return result;
}

static Datum
lt(FunctionCallInfo fcinfo, ElemKind kind)
{
	PG_RETURN_BOOL(compare(fcinfo, kind) < 0);
}

static Datum
le(FunctionCallInfo fcinfo, ElemKind kind)
{
	PG_RETURN_BOOL(compare(fcinfo, kind) <= 0);
}

static Datum
eq(FunctionCallInfo fcinfo, ElemKind kind)
{
	PG_RETURN_BOOL(compare(fcinfo, kind) == 0);
}

static Datum
ne(FunctionCallInfo fcinfo, ElemKind kind)
{
	PG_RETURN_BOOL(compare(fcinfo, kind) != 0);
}

static Datum
ge(FunctionCallInfo fcinfo, ElemKind kind)
{
	PG_RETURN_BOOL(compare(fcinfo, kind) >= 0);
}

static Datum
gt(FunctionCallInfo fcinfo, ElemKind kind)
{
	PG_RETURN_BOOL(compare(fcinfo, kind) > 0);
}

static Datum
cmp(FunctionCallInfo fcinfo, ElemKind kind)
{
	PG_RETURN_INT32(compare(fcinfo, kind));
}

/* The low half of the extended hash, as hash operator classes require */
static Datum
hash32(FunctionCallInfo fcinfo, ElemKind kind)
{
	PG_RETURN_INT32((int32) hash(fcinfo, kind, 0));
}

static Datum
hash64(FunctionCallInfo fcinfo, ElemKind kind)
{
	PG_RETURN_INT64((int64) hash(fcinfo, kind, PG_GETARG_INT64(1)));
}

/*
 * avg().  Inside a running aggregate the state is ours to change.
 */

#define IN_AGGREGATE (AggCheckCallContext(fcinfo, NULL) != 0)

static Datum
accum(FunctionCallInfo fcinfo, ElemKind kind, const char *name)
{
	PG_RETURN_ARRAYTYPE_P(dense_accumulate(kind, PG_GETARG_ARRAYTYPE_P(0),
										   ARG_DENSE(1), IN_AGGREGATE, name));
}

static Datum
combine(FunctionCallInfo fcinfo, ElemKind kind, const char *name)
{
	PG_RETURN_ARRAYTYPE_P(dense_combine(kind, PG_GETARG_ARRAYTYPE_P(0),
										PG_GETARG_ARRAYTYPE_P(1), IN_AGGREGATE,
										name));
}

static Datum
avg(FunctionCallInfo fcinfo, ElemKind kind, const char *name)
{
	DenseVector *v = dense_average(kind, PG_GETARG_ARRAYTYPE_P(0), name);

	if (v == NULL)
		PG_RETURN_NULL(); /* no rows */
	PG_RETURN_POINTER(v);
}

/*
 * The list
 */

#define FN(kind, symbol, body) \
	SQL_FUNCTION(symbol) \
	{ \
		return body(fcinfo, kind); \
	}

/* for bodies whose errors say which function was called */
#define NAMED_FN(kind, symbol, body) \
	SQL_FUNCTION(symbol) \
	{ \
		return body(fcinfo, kind, #symbol); \
	}

/* clang-format off */
#define DENSE_FUNCTIONS(kind, type, public, norm_symbol)                       \
	FN(kind, type##_in, type_in)                                               \
	FN(kind, type##_out, type_out)                                             \
	FN(kind, type##_typmod_in, type_typmod_in)                                 \
	FN(kind, type##_recv, type_recv)                                           \
	FN(kind, type##_send, type_send)                                           \
	FN(kind, type, coerce)                                                     \
	FN(kind, array_to_##type, from_array)                                      \
	FN(kind, type##_to_float4, to_float4_array)                                \
	FN(kind, public##vector_dims, dims)                                        \
	FN(kind, norm_symbol, norm)                                                \
	FN(kind, public##l2_normalize, normalize)                                  \
	FN(kind, public##binary_quantize, binary_quantized)                        \
	FN(kind, public##subvector, subvector_of)                                  \
	FN(kind, type##_add, add)                                                  \
	FN(kind, type##_sub, sub)                                                  \
	FN(kind, type##_mul, mul)                                                  \
	FN(kind, type##_concat, concat)                                            \
	FN(kind, type##_lt, lt)                                                    \
	FN(kind, type##_le, le)                                                    \
	FN(kind, type##_eq, eq)                                                    \
	FN(kind, type##_ne, ne)                                                    \
	FN(kind, type##_ge, ge)                                                    \
	FN(kind, type##_gt, gt)                                                    \
	FN(kind, type##_cmp, cmp)                                                  \
	FN(kind, type##_hash, hash32)                                              \
	FN(kind, type##_hash_extended, hash64)                                     \
	NAMED_FN(kind, type##_accum, accum)                                        \
	NAMED_FN(kind, type##_avg, avg)

#define CONVERSION_FUNCTIONS(kind, type)                                       \
	FN(kind, type##_to_vector, to_vector)                                      \
	FN(kind, vector_to_##type, from_vector)
/* clang-format on */

#define X(kind, type, public, norm_symbol, ctype) \
	DENSE_FUNCTIONS(kind, type, public, norm_symbol)
ELEM_KINDS(X)
#undef X

#define X(kind, type, public, norm_symbol, ctype) \
	CONVERSION_FUNCTIONS(kind, type)
OTHER_ELEM_KINDS(X)
#undef X

/* states of all kinds are alike */
NAMED_FN(ELEM_FLOAT32, vector_combine, combine)
