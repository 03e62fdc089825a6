/*
 * key.h
 *	  Keys: what rows are ordered by.  The operator's distance, or its square for
 *	  L2.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_KEY_H
#define VECTOR_EXT_KEY_H

#include "am/value.h"
#include "distance/metric.h"

/*
 * The key of a stored value's elements, or of a copy's: NaN where the operator's
 * distance is.  kernels: between the kinds of both (value_kernels()); ahead: as
 * in DenseKernels.
 */
extern double key_exact(Metric metric, const DenseKernels *kernels,
						const void *query, const void *stored, size_t dim,
						ptrdiff_t ahead);

/* The same between two values of one kind, whichever */
extern double key_of_values(ValueKind kind, Metric metric, const void *query,
							const void *stored, size_t dim);

/*
 * A key that no value exceeds which is so far away by the operator: a little more than
 * its own, for sums of copies are not rounded as those of values.  -infinity for what
 * cannot be.
 */
extern double key_at_distance(Metric metric, double distance);

#endif
