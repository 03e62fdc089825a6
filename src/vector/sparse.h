/*
 * sparse.h
 *	  Sparse vectors: the type sparsevec.
 *
 *		OFFSET    SIZE DESCRIPTION
 *		     0       4 varlena header
 *		     4       4 dim, 1 .. SPARSE_MAX_DIM
 *		     8       4 nnz, number of non-zero elements, 0 .. SPARSE_MAX_NNZ
 *		    12       4 unused, 0
 *		    16   4*nnz indices, counted from 0, ascending
 *		16+4*nnz 4*nnz float32 values, finite, none of them zero
 *
 * The same bytes as pgvector's.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_SPARSE_H
#define VECTOR_EXT_SPARSE_H

#include "lib/stringinfo.h"
#include "nodes/nodes.h"
#include "utils/array.h"

#include "vector/elem.h"
#include "vector/sparse_parse.h"

#define SPARSE_TYPE_NAME "sparsevec"

typedef struct SparseVector
{
	int32 vl_len_; /* varlena header, do not touch */
	int32 dim;
	int32 nnz;
	int32 unused; /* 0 */
	int32 indices[FLEXIBLE_ARRAY_MEMBER];
} SparseVector;

#define SPARSE_SIZE(nnz) \
	(offsetof(SparseVector, indices) + \
	 (Size) (nnz) * (sizeof(int32) + sizeof(float)))

static inline float *
sparse_values(const SparseVector *v)
{
	return (float *) (v->indices + v->nnz);
}

/* A palloc'd vector without its indices and values; nnz has been checked */
extern SparseVector *sparse_new(int dim, int nnz);

/* Detoasts; corrupt_value error when length and header contradict each other */
extern SparseVector *sparse_from_datum(Datum datum);

extern void sparse_check_same_dim(const SparseVector *a, const SparseVector *b);

/* Soft-error aware, see errors.h */
extern bool sparse_check_typmod(int32 typmod, int dim, Node *escontext);

/* Text and binary, sparse_io.c */
extern SparseVector *sparse_in(const char *literal, int32 typmod,
							   Node *escontext);
extern char *sparse_out(const SparseVector *v);
extern SparseVector *sparse_recv(StringInfo message, int32 typmod);
extern bytea *sparse_send(const SparseVector *v);

/* Casts, sparse_cast.c.  typmod is that of the result. */
struct DenseVector;
extern SparseVector *sparse_from_dense(ElemKind kind,
									   const struct DenseVector *v);
extern struct DenseVector *sparse_to_dense(ElemKind kind,
										   const SparseVector *v);
extern SparseVector *sparse_from_array(ArrayType *array, int32 typmod);

/* Order as of the dense vectors they stand for, sparse_order.c */
extern int sparse_compare(const SparseVector *a, const SparseVector *b);
extern uint64 sparse_hash(const SparseVector *v, uint64 seed);

extern double sparse_norm(const SparseVector *v);
extern SparseVector *sparse_normalize(const SparseVector *v);

#endif
