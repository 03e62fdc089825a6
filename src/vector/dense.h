/*
 * dense.h
 *	  Dense vectors: vector, halfvec and any further element kind.
 *
 *		OFFSET SIZE DESCRIPTION
 *		     0    4 varlena header
 *		     4    2 dim, 1 .. DENSE_MAX_DIM
 *		     6    2 unused, 0
 *		     8  d*s elements, s = elem_ops[kind].size
 *
 * The same bytes as pgvector's, so that its tables can be read as they are.
 * All values are finite; dense_from_datum() checks the length but not every
 * element, since all ways in do.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_DENSE_H
#define VECTOR_EXT_DENSE_H

#include "lib/stringinfo.h"
#include "nodes/nodes.h"
#include "utils/array.h"
#include "utils/varbit.h"

#include "vector/elem.h"

#define DENSE_MAX_DIM 16000

typedef struct DenseVector
{
	int32 vl_len_; /* varlena header, do not touch */
	int16 dim;
	int16 unused; /* 0 */
	char elems[FLEXIBLE_ARRAY_MEMBER];
} DenseVector;

#define DENSE_SIZE(kind, dim) \
	(offsetof(DenseVector, elems) + (Size) (dim) *elem_ops[kind].size)

/* The i-th element's address */
#define DENSE_ELEM(kind, v, i) ((v)->elems + (Size) (i) *elem_ops[kind].size)

/*
 * Loops that need floats load this many elements at a time into a local
 * array: small enough for the stack and the first-level cache.
 */
#define DENSE_TILE 256

/* A palloc'd vector whose elements are not set yet; dim has been checked */
extern DenseVector *dense_new(ElemKind kind, int dim);

/* Detoasts; corrupt_value error when length and dim contradict each other */
extern DenseVector *dense_from_datum(ElemKind kind, Datum datum);

/* Soft-error aware checks: false after a soft error, see errors.h */
extern bool dense_check_dim(ElemKind kind, int64 dim, Node *escontext);
extern bool dense_check_typmod(int32 typmod, int dim, Node *escontext);

/* Throws unless both have the same number of dimensions */
extern void dense_check_same_dim(ElemKind kind, const DenseVector *a,
								 const DenseVector *b);

/*
 * Round n finite-or-not floats into out[first ..]; throws for NaN, infinities
 * and values the kind cannot hold.
 */
extern void dense_store_checked(ElemKind kind, DenseVector *out, int first,
								const float *values, int n);

/* Typmod of all vector types: one integer, 1 .. max_dim */
extern int32 typmod_dimensions(const char *type_name, Datum typmods,
							   int max_dim);

/* Text and binary, dense_io.c */
extern DenseVector *dense_in(ElemKind kind, const char *literal, int32 typmod,
							 Node *escontext);
extern char *dense_out(ElemKind kind, const DenseVector *v);
extern DenseVector *dense_recv(ElemKind kind, StringInfo message, int32 typmod);
extern bytea *dense_send(ElemKind kind, const DenseVector *v, ptrdiff_t ahead);

/* Casts, dense_cast.c */
extern DenseVector *dense_convert(ElemKind from, ElemKind to,
								  const DenseVector *v);
/* int4[], float4[], float8[] or numeric[] */
extern DenseVector *dense_from_array(ElemKind kind, ArrayType *array,
									 int32 typmod);
extern ArrayType *dense_to_float4_array(ElemKind kind, const DenseVector *v);

/* Order, dense_order.c: element by element, then by length */
extern int dense_compare(ElemKind kind, const DenseVector *a,
						 const DenseVector *b);
extern uint64 dense_hash(ElemKind kind, const DenseVector *v, uint64 seed);

/* Arithmetic, dense_arith.c; overflow and underflow are errors */
typedef enum DenseOperation
{
	DENSE_ADD,
	DENSE_SUB,
	DENSE_MUL
} DenseOperation;

extern DenseVector *dense_arithmetic(ElemKind kind, DenseOperation operation,
									 const DenseVector *a,
									 const DenseVector *b);
extern DenseVector *dense_concat(ElemKind kind, const DenseVector *a,
								 const DenseVector *b);
extern DenseVector *dense_subvector(ElemKind kind, const DenseVector *v,
									int32 start, int32 count);
extern DenseVector *dense_normalize(ElemKind kind, const DenseVector *v);
extern double dense_norm(ElemKind kind, const DenseVector *v);
/* The same for elements alone */
extern double dense_elems_norm(ElemKind kind, const void *elems, int dim);
extern VarBit *dense_binary_quantize(ElemKind kind, const DenseVector *v);

/* avg(), dense_agg.c: state = {number of rows, sum of each dimension} */
extern ArrayType *dense_accumulate(ElemKind kind, ArrayType *state,
								   const DenseVector *v, bool in_place,
								   const char *caller);
extern ArrayType *dense_combine(ElemKind kind, ArrayType *a, ArrayType *b,
								bool in_place, const char *caller);
/* NULL when no row was seen */
extern DenseVector *dense_average(ElemKind kind, ArrayType *state,
								  const char *caller);

#endif
