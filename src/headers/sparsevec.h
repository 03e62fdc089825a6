/*
 * sparsevec.h
 *	  The type sparsevec for other C extensions: see vector.h.
 *
 * Indices count from 0 and ascend; no value is zero.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_SPARSEVEC_H
#define VECTOR_EXT_SPARSEVEC_H

#include "fmgr.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#define SPARSEVEC_MAX_DIM 1000000000
#define SPARSEVEC_MAX_NNZ 16000

typedef struct SparseVector
{
	int32 vl_len_; /* varlena header, do not touch */
	int32 dim;
	int32 nnz;                            /* number of non-zero elements */
	int32 unused;                         /* 0 */
	int32 indices[FLEXIBLE_ARRAY_MEMBER]; /* nnz of them, then nnz floats */
} SparseVector;

#define SPARSEVEC_SIZE(nnz) \
	(offsetof(SparseVector, indices) + \
	 (sizeof(int32) + sizeof(float)) * (Size) (nnz))
#define SPARSEVEC_VALUES(vector) ((float *) ((vector)->indices + (vector)->nnz))

/* Detoasts: the result may be the datum itself, do not write to it */
#define DatumGetSparseVector(datum) ((SparseVector *) PG_DETOAST_DATUM(datum))
#define PG_GETARG_SPARSEVEC_P(n) DatumGetSparseVector(PG_GETARG_DATUM(n))
#define PG_RETURN_SPARSEVEC_P(vector) PG_RETURN_POINTER(vector)

/* A palloc'd vector, indices and values zero; neither dim nor nnz is checked */
static inline SparseVector *
InitSparseVector(int dim, int nnz)
{
	SparseVector *vector = (SparseVector *) palloc0(SPARSEVEC_SIZE(nnz));

	SET_VARSIZE(vector, SPARSEVEC_SIZE(nnz));
	vector->dim = dim;
	vector->nnz = nnz;
	return vector;
}

#endif
