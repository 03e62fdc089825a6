/*
 * hnsw_image.h
 *	  Images: rows of floats that stand for values wherever links are made.
 *
 * The geometry of images, Euclidean, by inner product or by angle, is that of the
 * operator's distances or near to it:
 *
 *		vector, halfvec		the elements; at unit length for cosine.  L1: Euclidean
 *							distances in the place of its own
 *		bit					0 and 1: squared distances are Hamming's.  Jaccard: at
 *							unit length, where two sets with the share j of their
 *							union in common, equally large, have the cosine
 *							2 j / (1 + j)
 *		sparsevec			as vector
 *
 * Where that were too many floats the image is a sketch of them (quant/sketch.h).
 * Values that differ may have one image.
 *
 * Compiled without contraction to FMA: the same bits everywhere.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_IMAGE_H
#define VECTOR_EXT_HNSW_IMAGE_H

#include "hnsw/hnsw_page.h"

/* Set dim and metric of images; elem, distance and value_dim are set */
extern void hnsw_image_init(HnswMeta *meta);

/* Has a value a place in the index?  Not with zero length under cosine. */
extern bool hnsw_has_place(const HnswMeta *meta, const void *elems);

/*
 * The image of a value that has a place, times 2^scale of meta.  A query's may be
 * of length zero: false.
 */
extern bool hnsw_image_set(const HnswMeta *meta, const void *elems,
						   float *image);

/* Do images not tell of distances between values, or only about? */
extern bool hnsw_image_is_rough(const HnswMeta *meta);

/*
 * For two values of which images are rough: the squared distance in a geometry in
 * which it orders as the operator does; for inner products, whose order is that of no
 * distance, what falls as they rise.
 */
extern float hnsw_value_sqdist(const HnswMeta *meta, const void *a,
							   const void *b);

#endif
