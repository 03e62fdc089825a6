/*
 * ivf_encode.h
 *	  From a vector to what the index keeps of it.
 *
 * A scaled row is, for L2 and inner product, the vector times 2^scale (IvfMeta),
 * for cosine the vector at unit length, for bit strings their bits as 0 and 1.
 * The transform leads from there to model space, where centroids and codes are;
 * without one they are the same.  A code is made from the copy that the index
 * stores, by one kernel with a fixed order of operations: whoever has the copy
 * gets the same code, on any machine.
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
	float *scaled; /* dim floats */
	void *copy;    /* the copy's bytes; unused without copies */
	uint16 error;  /* half: at least |row - copy|, in scaled units */
	const AttributeRow *attributes; /* the caller's; NULL: it has none */
} IvfRow;

/* Room for one row, without attributes; reused for any number of them */
extern IvfRow ivf_row_new(const IvfMeta *meta);

/*
 * Fill row from the elements of a stored value (value_elems()).  False for one
 * that has no place in the index: zero length under cosine.
 */
extern bool ivf_row_set(IvfRow *row, const IvfMeta *meta, const void *elems);

/* The scaled row of a copy: what ivf_row_set made of the value it stands for */
extern void ivf_row_from_copy(const IvfMeta *meta, const void *copy,
							  float *scaled);

/* A query's elements, scaled; false for zero length under cosine */
extern bool ivf_query_set(const IvfMeta *meta, const void *elems,
						  float *scaled);

/* The same in place, for elements that were loaded as floats */
extern bool ivf_query_place(const IvfMeta *meta, float *scaled);

/*
 * A scaled row in model space: in room, model_dim floats, or where it lies
 * already when there is no transform.
 */
extern const float *ivf_model_row(const IvfModel *model, const float *scaled,
								  float *room);

/* What products with a query count in its distances, |q - x|^2 or -<q,x> */
static inline float
ivf_factor(const IvfMeta *meta)
{
	return meta->metric == METRIC_INNER_PRODUCT ? -1.0f : -2.0f;
}

/* What estimates need beside a code: see CodecScan */
typedef struct IvfTerms
{
	float term;
	float scale;
	float bound; /* CodecScan.errors */
} IvfTerms;

/* Bytes of a code by itself; 0 without codec */
extern Size ivf_code_bytes(const IvfMeta *meta);

/*
 * The code of a row in the list of centroid, which both are in model space;
 * scaled is the same row.  work: 3 * model_dim floats.
 */
extern IvfTerms ivf_code(const IvfModel *model, const float *scaled,
						 const float *row, const float *centroid, uint8 *code,
						 float *work);

#endif
