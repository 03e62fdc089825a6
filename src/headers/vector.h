/*
 * vector.h
 *	  The type vector for other C extensions: its layout and macros, with the names
 *	  that extensions written for pgvector use.
 *
 * Installed, and not included by our own files, which know all dense types by
 * one table (vector/dense.h).  Nothing here needs a symbol of our library, so that
 * an extension may be loaded first, or a header of ours but these.  A value has 1
 * to VECTOR_MAX_DIM elements, all of them finite: whoever makes one sees to that.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_VECTOR_H
#define VECTOR_EXT_VECTOR_H

#include "fmgr.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#define VECTOR_MAX_DIM 16000

typedef struct Vector
{
	int32 vl_len_; /* varlena header, do not touch */
	int16 dim;
	int16 unused; /* 0 */
	float x[FLEXIBLE_ARRAY_MEMBER];
} Vector;

#define VECTOR_SIZE(dim) (offsetof(Vector, x) + sizeof(float) * (Size) (dim))

/* Detoasts: the result may be the datum itself, do not write to it */
#define DatumGetVector(datum) ((Vector *) PG_DETOAST_DATUM(datum))
#define PG_GETARG_VECTOR_P(n) DatumGetVector(PG_GETARG_DATUM(n))
#define PG_RETURN_VECTOR_P(vector) PG_RETURN_POINTER(vector)

/* A palloc'd vector of zeros; dim is not checked */
static inline Vector *
InitVector(int dim)
{
	Vector *vector = (Vector *) palloc0(VECTOR_SIZE(dim));

	SET_VARSIZE(vector, VECTOR_SIZE(dim));
	vector->dim = (int16) dim;
	return vector;
}

#endif
