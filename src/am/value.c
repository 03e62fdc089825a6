/*
 * value.c
 *	  What an indexed column holds, as a table: dense vectors or bit strings.
 */
#include "postgres.h"

#include "utils/varbit.h"

#include "am/value.h"
#include "core/compat.h"
#include "core/errors.h"
#include "vector/dense.h"

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

const ValueOps value_ops[VALUE_NKINDS] = {
#define X(kind, type, public, norm, ctype) \
	[kind] = {#type, 8 * sizeof(ctype), elems_##kind, load_##kind, \
			  error_different_##kind},
	ELEM_KINDS(X)
#undef X
		[VALUE_BIT] = {"bit", 1, elems_bit, load_bit,
					   error_different_bit_lengths},
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
