/*
 * hnsw_learn.h
 *	  What codes are made with, learned from rows.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_LEARN_H
#define VECTOR_EXT_HNSW_LEARN_H

#include "hnsw/hnsw_model.h"

/* From fewer rows nothing is learned: neighbours are visited */
#define HNSW_LEAST_CODED 1000

/* More are not looked at */
#define HNSW_CODEC_ROWS 8192

/* Times the memory of the rows that are looked at, beside them: about so much */
#define HNSW_LEARN_MEMORY 2

/*
 * The floats of a model, hnsw_floats(meta) of them, from n scaled rows, stride
 * floats apart, of which most are looked at, at equal distances in their order;
 * memory in the current context.  NULL where rows are so large that
 * sums of their squares overflow.  OpenBLAS is loaded.
 */
extern float *hnsw_learn(const HnswMeta *meta, const float *rows, Size stride,
						 uint32 n, uint32 most);

#endif
