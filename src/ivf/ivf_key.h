/*
 * ivf_key.h
 *	  Keys: what rows are ordered by, exactly or within bounds.
 *
 * A key is the operator's distance, or its square for L2: of the vector itself
 * exact, of a rounded copy two bounds.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_IVF_KEY_H
#define VECTOR_EXT_IVF_KEY_H

#include "ivf/ivf_encode.h"

typedef struct IvfKey
{
	double low; /* the key is not below; low = high: it is known */
	double high;
} IvfKey;

/* A query, as keys want it */
typedef struct IvfKeyQuery
{
	const IvfMeta *meta; /* the caller's */
	const void *elems;
	double norm;            /* 0 for bit strings */
	const void *copy_elems; /* in the units of copies */
	const DenseKernels *copy_kernels;
	float *room;
} IvfKeyQuery;

/* Memory in the current context, for any number of queries */
extern void ivf_key_init(IvfKeyQuery *query, const IvfMeta *meta);

/* elems stay the caller's, and must live on */
extern void ivf_key_set_query(IvfKeyQuery *query, const void *elems);

/* The key of a stored value; NaN where the operator's is */
extern double ivf_key_exact(const IvfKeyQuery *query, const void *stored);

/*
 * The key of a copy, which is off by at most error (IvfLayout.errors).  ahead: as
 * in DenseKernels.  What is NaN to the operator is infinite.
 */
extern IvfKey ivf_key_of_copy(const IvfKeyQuery *query, const void *copy,
							  ptrdiff_t ahead, uint16 error);

#endif
