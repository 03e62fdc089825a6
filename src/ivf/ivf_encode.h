/*
 * ivf_encode.h
 *	  From a vector to what the index keeps of it.
 *
 * Model space: the coordinates of centroids and codes.  For L2 and inner
 * product it is the vector times 2^scale (IvfMeta), for cosine the vector at
 * unit length, for bit strings their bits as 0 and 1.  A code is made from the copy that the index stores, by one
 * kernel with a fixed order of operations: whoever has the copy gets the same
 * code, on any machine.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_IVF_ENCODE_H
#define VECTOR_EXT_IVF_ENCODE_H

#include "ivf/ivf_model.h"

/* Elements beyond this are scaled down to it: sums of them stay in range */
#define HALF_SAFE 8192.0f

typedef struct IvfRow
{
	float *model; /* dim floats: the row in model space */
	void *copy;   /* the copy's bytes; unused without copies */
	uint16 error; /* half: at least |row - copy|, in scaled units */
} IvfRow;

/* Room for one row; reused for any number of them */
extern IvfRow ivf_row_new(const IvfMeta *meta);

/*
 * Fill row from the elements of a stored value (value_elems()).  False for one
 * that has no place in the index: zero length under cosine.
 */
extern bool ivf_row_set(IvfRow *row, const IvfMeta *meta, const void *elems);

/* The model row of a copy: what ivf_row_set made of the value it stands for */
extern void ivf_row_from_copy(const IvfMeta *meta, const void *copy,
							  float *model);

/* A query's elements in model space; false for zero length under cosine */
extern bool ivf_query_set(const IvfMeta *meta, const void *elems, float *model);

/* The same in place, for elements that were loaded as floats */
extern bool ivf_query_place(const IvfMeta *meta, float *model);

/*
 * The code of a model row in the list of centroid: m codes of 0 .. 15, and
 * what their lookups must be added to (IvfLayout.terms).  work: dim floats.
 */
extern float ivf_code(const IvfModel *model, const float *row,
					  const float *centroid, uint8 *codes, float *work);

#endif
