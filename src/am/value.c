/*
 * value.c
 *	  What an indexed column holds, as a table: dense vectors, bit strings,
 *	  sparse vectors.
 */
#include "postgres.h"

#include "utils/varbit.h"

#include "am/value.h"
#include "core/compat.h"
#include "core/errors.h"
#include "vector/dense.h"
#include "vector/sparse.h"

#define X(kind, type, public, norm, ctype) \
	static const void *elems_##kind(Datum value, int *dim) \
	{ \
		const DenseVector *vector = dense_from_datum(kind, value); \
\
		*dim = vector->dim; \
		return vector->elems; \
	} \
\
	static void load_##kind(const void *elems, float *dst, size_t n) \
	{ \
		elem_ops[kind].load(elems, dst, n); \
	} \
\
	static double length_##kind(const void *elems, int dim) \
	{ \
		return dense_elems_norm(kind, elems, dim); \
	} \
\
	static void error_different_##kind(int a, int b) \
	{ \
		error_different_dimensions(#type, a, b); \
	}
ELEM_KINDS(X)
#undef X

static const void *
elems_bit(Datum value, int *dim)
{
	VarBit *bits = DatumGetVarBitP(value);

	if (VARSIZE(bits) < VARBITTOTALLEN(0) || VARBITLEN(bits) < 0 ||
		VARSIZE(bits) != VARBITTOTALLEN((Size) VARBITLEN(bits)))
		error_corrupt_value("bit");
	*dim = VARBITLEN(bits);
	return VARBITS(bits);
}

/* The first bit of a byte is its highest */
static void
load_bit(const void *elems, float *dst, size_t n)
{
	const bits8 *bits = elems;

	for (size_t i = 0; i < n; i++)
		dst[i] = bits[i / 8] >> (7 - i % 8) & 1;
}

static const void *
elems_sparse(Datum value, int *dim)
{
	const SparseVector *vector = sparse_from_datum(value);

	*dim = vector->dim;
	return vector;
}

/* Of one that is not there: of the shortest */
static Size
bytes_sparse(const void *elems)
{
	const SparseVector *vector = elems;

	return vector == NULL ? SPARSE_SIZE(0) : SPARSE_SIZE((uint32) vector->nnz);
}

static void
load_sparse(const void *elems, float *dst, size_t n)
{
	const SparseVector *vector = elems;
	const float *values = sparse_values(vector);

	memset(dst, 0, n * sizeof(float));
	for (int i = 0; i < vector->nnz; i++)
	{
		if ((uint32) vector->indices[i] < n)
			dst[vector->indices[i]] = values[i];
	}
}

static double
length_sparse(const void *elems, int dim)
{
	return sparse_norm(elems);
}

static void
error_different_sparse(int a, int b)
{
	error_different_dimensions(SPARSE_TYPE_NAME, a, b);
}

const ValueOps value_ops[VALUE_NKINDS] = {
#define X(kind, type, public, norm, ctype) \
	[kind] = {.type_name = #type, \
			  .bits = 8 * sizeof(ctype), \
			  .elems = elems_##kind, \
			  .load = load_##kind, \
			  .length = length_##kind, \
			  .error_different = error_different_##kind},
	ELEM_KINDS(X)
#undef X
		[VALUE_BIT] = {.type_name = "bit",
					   .bits = 1,
					   .elems = elems_bit,
					   .load = load_bit,
					   .error_different = error_different_bit_lengths},
	[VALUE_SPARSE] = {.type_name = SPARSE_TYPE_NAME,
					  .bytes = bytes_sparse,
					  .elems = elems_sparse,
					  .load = load_sparse,
					  .length = length_sparse,
					  .error_different = error_different_sparse},
};

const void *
value_elems(ValueKind kind, Datum value, int dim)
{
	int found;
	const void *elems = value_ops[kind].elems(value, &found);

	/* a domain or an expression may have lied about its modifier */
	if (found != dim)
		error_unexpected_dimensions(NULL, dim, found);
	return elems;
}

const void *
value_query_elems(ValueKind kind, Datum query, int dim)
{
	int found;
	const void *elems = value_ops[kind].elems(query, &found);

	if (found != dim)
		value_ops[kind].error_different(dim, found);
	return elems;
}
