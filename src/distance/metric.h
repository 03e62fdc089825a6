/*
 * metric.h
 *	  The metrics that indexes order by.
 *
 * Plain C.
 */
#ifndef VECTOR_EXT_METRIC_H
#define VECTOR_EXT_METRIC_H

#include <math.h>

#include "distance/distance.h"

/* Stored in indexes: the numbers stay */
typedef enum Metric
{
	METRIC_L2,            /* <->, ordered by its square */
	METRIC_INNER_PRODUCT, /* <#>, the negative inner product */
	METRIC_COSINE,        /* <=> */
	METRIC_HAMMING,       /* <~>, bit strings alone */
	METRIC_L1,            /* <+> */
	METRIC_JACCARD        /* <%>, bit strings alone */
} Metric;

/*
 * True where vectors of floats are ordered by squared distance, false where by
 * inner product.  Bits as floats 0 and 1 have their Hamming distance for it.
 */
static inline bool
metric_is_sqdist(Metric metric)
{
	return metric == METRIC_L2 || metric == METRIC_HAMMING;
}

/* 1 - cos, cut to [0, 2]: rounding may take the cosine outside [-1, 1] */
static inline double
cosine_from_sums(CosineSums sums)
{
	double similarity = sums.ab / sqrt((double) sums.aa * (double) sums.bb);

	if (similarity > 1.0)
		similarity = 1.0;
	else if (similarity < -1.0)
		similarity = -1.0;
	return 1.0 - similarity;
}

#endif
