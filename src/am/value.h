/*
 * value.h
 *	  What an indexed column holds, as a table: dense vectors, bit strings,
 *	  sparse vectors.
 *
 * To an index a value is bytes that are copied as they are, and loaded as floats
 * for the model: a number of equal elements, packed, or a whole SparseVector.
 * Everything else that differs between two types of column is one row here.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_VALUE_H
#define VECTOR_EXT_VALUE_H

#include "distance/distance.h"

/* An ElemKind, or one of these.  Stored in indexes: the numbers stay. */
typedef uint8 ValueKind;

#define VALUE_BIT 16
#define VALUE_SPARSE 17
#define VALUE_NKINDS 18

typedef struct ValueOps
{
	const char *type_name; /* SQL type; NULL: there is no such kind */
	uint32 bits;           /* of an element; 0: lengths differ, see bytes */

	/*
	 * Bytes of a value, where the number of dimensions does not say it; NULL
	 * otherwise.
	 */
	Size (*bytes)(const void *elems);

	/*
	 * The elements of a value that is not NULL, detoasted, and their number;
	 * corrupt_value error when its length contradicts that.
	 */
	const void *(*elems)(Datum value, int *dim);

	/* dst[0..n-1] = the elements as floats; those of a bit are 0 and 1 */
	void (*load)(const void *elems, float *dst, size_t n);

	/* Euclidean length; NULL where no metric asks for it */
	double (*length)(const void *elems, int dim);

	/* "different ... a and b" [22000], as the operators say it */
	void (*error_different)(int a, int b);
} ValueOps;

extern const ValueOps value_ops[VALUE_NKINDS];

static inline bool
value_kind_known(uint32 kind)
{
	return kind < VALUE_NKINDS && value_ops[kind].type_name != NULL;
}

/* Is it a number of equal elements? */
static inline bool
value_kind_packed(uint32 kind)
{
	return value_kind_known(kind) && value_ops[kind].bits > 0;
}

/* Bytes of so many elements; 0 where that does not say it */
static inline Size
value_size(ValueKind kind, Size dim)
{
	return (dim * value_ops[kind].bits + 7) / 8;
}

/* Bytes of a value */
static inline Size
value_bytes(ValueKind kind, const void *elems, Size dim)
{
	return value_ops[kind].bytes != NULL ? value_ops[kind].bytes(elems)
										 : value_size(kind, dim);
}

/* Are these so many bytes a value, as far as its bounds go? */
static inline bool
value_is_whole(ValueKind kind, const void *elems, Size dim, Size bytes)
{
	return value_ops[kind].bytes == NULL
		? bytes == value_size(kind, dim)
		: bytes >= value_ops[kind].bytes(NULL) &&
			bytes == value_ops[kind].bytes(elems);
}

/* Kernels between dense kinds; NULL for others */
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
