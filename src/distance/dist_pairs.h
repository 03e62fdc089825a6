/*
 * dist_pairs.h
 *	  The pairs of element kinds that have loops of their own at every level.
 *
 * Included by a level file after it has defined the register macros of
 * dist_body.h and, for each of the two kinds,
 *
 *		LOAD_F32(p), LOAD_TAIL_F32(p, n), LOAD_F16(p), LOAD_TAIL_F16(p, n)
 *
 * Leaves DENSE_PAIRS, the initializer of SimdKernels.dense.
 */
#define PAIR f32_f32
#define Q_SIZE 4
#define S_SIZE 4
#define Q_LOAD LOAD_F32
#define S_LOAD LOAD_F32
#define Q_LOAD_TAIL LOAD_TAIL_F32
#define S_LOAD_TAIL LOAD_TAIL_F32
#include "distance/dist_body.h"

#define PAIR f16_f16
#define Q_SIZE 2
#define S_SIZE 2
#define Q_LOAD LOAD_F16
#define S_LOAD LOAD_F16
#define Q_LOAD_TAIL LOAD_TAIL_F16
#define S_LOAD_TAIL LOAD_TAIL_F16
#include "distance/dist_body.h"

#define PAIR f32_f16
#define Q_SIZE 4
#define S_SIZE 2
#define Q_LOAD LOAD_F32
#define S_LOAD LOAD_F16
#define Q_LOAD_TAIL LOAD_TAIL_F32
#define S_LOAD_TAIL LOAD_TAIL_F16
#include "distance/dist_body.h"

#define DENSE_PAIR(pair) \
	{ \
		sqdist_##pair, inner_product_##pair, l1_##pair, cosine_##pair, \
			sqdist_many_##pair, inner_product_many_##pair \
	}

#define DENSE_PAIRS \
	{ \
		[ELEM_FLOAT32] = {[ELEM_FLOAT32] = DENSE_PAIR(f32_f32), \
						  [ELEM_FLOAT16] = DENSE_PAIR(f32_f16)}, \
		[ELEM_FLOAT16] = { \
			[ELEM_FLOAT16] = DENSE_PAIR(f16_f16) \
		} \
	}
