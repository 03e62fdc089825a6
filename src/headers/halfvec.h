/*
 * halfvec.h
 *	  The type halfvec for other C extensions: see vector.h.
 *
 * half is IEEE 754 binary16: a number where the compiler computes with it by
 * default, else its bits.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HALFVEC_H
#define VECTOR_EXT_HALFVEC_H

#include "fmgr.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#define HALFVEC_MAX_DIM 16000

/* bits on x86, whatever the compiler, as in pgvector's header */
#if defined(__FLT16_MAX__) && !defined(__x86_64__) && !defined(__i386__)
#define half _Float16
#else
#define half uint16
#endif

typedef struct HalfVector
{
	int32 vl_len_; /* varlena header, do not touch */
	int16 dim;
	int16 unused; /* 0 */
	half x[FLEXIBLE_ARRAY_MEMBER];
} HalfVector;

#define HALFVEC_SIZE(dim) \
	(offsetof(HalfVector, x) + sizeof(half) * (Size) (dim))

/* Detoasts: the result may be the datum itself, do not write to it */
#define DatumGetHalfVector(datum) ((HalfVector *) PG_DETOAST_DATUM(datum))
#define PG_GETARG_HALFVEC_P(n) DatumGetHalfVector(PG_GETARG_DATUM(n))
#define PG_RETURN_HALFVEC_P(vector) PG_RETURN_POINTER(vector)

/* A palloc'd vector of zeros; dim is not checked */
static inline HalfVector *
InitHalfVector(int dim)
{
	HalfVector *vector = (HalfVector *) palloc0(HALFVEC_SIZE(dim));

	SET_VARSIZE(vector, HALFVEC_SIZE(dim));
	vector->dim = (int16) dim;
	return vector;
}

#endif
