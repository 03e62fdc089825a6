/*
 * value.h
 *	  What an indexed column holds, as a table: dense vectors or bit strings.
 *
 * To an index a value is a number of equal elements, packed: bytes that are
 * copied as they are, and loaded as floats for the model.  Everything else that
 * differs between two types of column is one row here.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_VALUE_H
#define VECTOR_EXT_VALUE_H

#include "distance/distance.h"

/* An ElemKind, or one of these.  Stored in indexes: the numbers stay. */
typedef uint8 ValueKind;

#define VALUE_BIT 16
#define VALUE_SPARSE 17 /* named by operator classes; no row as yet */
#define VALUE_NKINDS 18

typedef struct ValueOps
{
	const char *type_name; /* SQL type; NULL: there is no such kind */
	uint32 bits;           /* of an element */

	/*
	 * The elements of a value that is not NULL, detoasted, and their number;
	 * corrupt_value error when its length contradicts that.
	 */
	const void *(*elems)(Datum value, int *dim);

	/* dst[0..n-1] = the elements as floats; those of a bit are 0 and 1 */
	void (*load)(const void *elems, float *dst, size_t n);

	/* "different ... a and b" [22000], as the operators say it */
	void (*error_different)(int a, int b);
} ValueOps;

extern const ValueOps value_ops[VALUE_NKINDS];

static inline bool
value_kind_known(uint32 kind)
{
	return kind < VALUE_NKINDS && value_ops[kind].type_name != NULL;
}

/* Bytes of so many elements */
static inline Size
value_size(ValueKind kind, Size dim)
{
	return (dim * value_ops[kind].bits + 7) / 8;
}

/* Kernels between dense kinds; NULL for bit strings, which have bit_kernels() */
static inline const DenseKernels *
value_kernels(ValueKind query, ValueKind stored)
{
	return query < ELEM_NKINDS && stored < ELEM_NKINDS
		? dense_kernels((ElemKind) query, (ElemKind) stored)
		: NULL;
}

/* The elements of a stored value that must have dim of them; error [22000] */
extern const void *value_elems(ValueKind kind, Datum value, int dim);

/* The same for a query, whose error names both lengths */
extern const void *value_query_elems(ValueKind kind, Datum query, int dim);

#endif
