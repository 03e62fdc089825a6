/*
 * ivf_key.c
 *	  Keys: what rows are ordered by, exactly or within bounds.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "am/key.h"
#include "ivf/ivf_key.h"
#include "vector/dense.h"
#include "vector/half.h"

void
ivf_key_init(IvfKeyQuery *query, const IvfMeta *meta)
{
	memset(query, 0, sizeof(*query));
	query->meta = meta;
	query->room = palloc(meta->dim * sizeof(float));
}

void
ivf_key_set_query(IvfKeyQuery *query, const void *elems)
{
	const IvfMeta *meta = query->meta;

	query->elems = elems;
	if (meta->metric != METRIC_HAMMING)
		query->norm = dense_elems_norm((ElemKind) meta->elem, elems, meta->dim);
	query->copy_elems = elems;
	query->copy_kernels = value_kernels(meta->elem, ivf_copy_kind(meta));
	if (ivf_copies_rounded(meta) && meta->scale != 0)
	{
		value_ops[meta->elem].load(elems, query->room, meta->dim);
		for (int i = 0; i < meta->dim; i++)
			query->room[i] = ldexpf(query->room[i], meta->scale);
		query->copy_elems = query->room;
	}
}

double
ivf_key_exact(const IvfKeyQuery *query, const void *stored)
{
	const IvfMeta *meta = query->meta;

	return key_exact((Metric) meta->metric,
					 value_kernels(meta->elem, meta->elem), query->elems,
					 stored, meta->dim, 0);
}

/* Below this a float32 sum of squares is no longer exact to its last bits */
#define TINY_SUM 1e-30

/*
 * Bounds of the operator's key from a copy that is off by at most error, in
 * model units.  By the triangle inequality, and widened by what float32 sums
 * may be off: about dim * 2^-24 of the sum of absolute terms, here and in the
 * operator, at any SIMD level.  Where they may overflow or vanish nothing is
 * known: the heap decides.
 */
static IvfKey
bounded_key(const IvfKeyQuery *query, const void *copy, double error)
{
	const IvfMeta *meta = query->meta;
	size_t dim = meta->dim;
	double unit = ldexp(1, -meta->scale);
	double slack = (double) (dim + 8) * 0x1p-23;
	CosineSums sums;
	double middle;
	double radius;
	bool known = true;
	IvfKey key;

	switch ((Metric) meta->metric)
	{
		case METRIC_L2:
			middle = sqrt((double) query->copy_kernels->sqdist(
						 query->copy_elems, copy, dim, 0)) *
				unit;
			radius = error * unit + middle * slack;
			key.low =
				middle > radius ? (middle - radius) * (middle - radius) : 0;
			key.high = (middle + radius) * (middle + radius);
			break;
		case METRIC_INNER_PRODUCT:
			sums = query->copy_kernels->cosine(query->copy_elems, copy, dim, 0);
			middle = -(double) sums.ab * unit * unit;
			radius =
				query->norm * unit * (error + sqrt((double) sums.bb) * slack);
			key.low = middle - radius;
			key.high = middle + radius;
			/* partial sums overflow before the whole does */
			known = query->norm * unit * sqrt((double) sums.bb) < FLT_MAX / 4;
			break;
		default: /* METRIC_COSINE */
			/* |x/|x| - y/|y|| <= 2 |x - y| / |y| */
			sums = query->copy_kernels->cosine(query->copy_elems, copy, dim, 0);
			middle = cosine_from_sums(sums);
			radius = 2 * error / sqrt((double) sums.bb) + slack;
			key.low = middle - radius;
			key.high = middle + radius;
			known = sums.aa > TINY_SUM && sums.bb > TINY_SUM;
			break;
	}
	key.low -= dim * FLT_MIN;
	key.high += dim * FLT_MIN;
	/* false for NaN as well */
	if (!(known && key.low > -FLT_MAX && key.high < FLT_MAX))
	{
		key.low = -INFINITY;
		key.high = INFINITY;
	}
	return key;
}

IvfKey
ivf_key_of_copy(const IvfKeyQuery *query, const void *copy, ptrdiff_t ahead,
				uint16 error)
{
	const IvfMeta *meta = query->meta;
	double key;

	if (ivf_copies_rounded(meta) && (error != 0 || meta->scale != 0))
		return bounded_key(query, copy, half_to_float(error));
	key = key_exact((Metric) meta->metric, query->copy_kernels,
					query->copy_elems, copy, meta->dim, ahead);
	/* NaN sorts behind everything, as it does for the operator */
	if (isnan(key))
		key = INFINITY;
	return (IvfKey){.low = key, .high = key};
}
