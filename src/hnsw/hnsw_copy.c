/*
 * hnsw_copy.c
 *	  A row, rounded to 8 bits a dimension, and bounds on its distances.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "am/key.h"
#include "am/row.h"
#include "hnsw/hnsw_copy.h"
#include "hnsw/hnsw_form.h"
#include "hnsw/hnsw_image.h"
#include "quant/rows.h"

#define BYTE_STEPS 255

/* Elements that the compiler rounds side by side: a number it knows */
#define BLOCK 16
#define WEIGHT_MAX 32767

/* Sums of rounding errors are rounded themselves, by much less than this */
#define ROUNDED_UP 1.000001

/* The least float that is not below value */
static float
float_above(double value)
{
	float result = (float) value;

	return result < value ? nextafterf(result, INFINITY) : result;
}

/* n elements in steps from low, to the nearest; and what they are off by then */
static pg_attribute_always_inline void
round_some(const float *row, int n, double low, double step, int32 *bytes,
		   double *off)
{
	double least_step = step > 0 ? step : 1;

	for (int k = 0; k < n; k++)
	{
		int32 byte = (int32) ((row[k] - low) / least_step + 0.5);

		bytes[k] = Min(byte, BYTE_STEPS);
	}
	for (int k = 0; k < n; k++)
		off[k] = row[k] - (low + step * bytes[k]);
}

void
hnsw_copy_set(const float *row, int dim, HnswNode *node, uint8 *copy)
{
	float low;
	float high;
	double error = 0;

	rows_range(row, dim, &low, &high);
	node->low = low;
	node->step = (float) (((double) high - low) / BYTE_STEPS);
	node->sum = node->squares = 0;
	for (int i = 0; i < dim; i += BLOCK)
	{
		int n = Min(BLOCK, dim - i);
		int32 bytes[BLOCK];
		double off[BLOCK];

		if (n == BLOCK)
			round_some(row + i, BLOCK, low, node->step, bytes, off);
		else
			round_some(row + i, n, low, node->step, bytes, off);
		for (int k = 0; k < n; k++)
		{
			copy[i + k] = (uint8) bytes[k];
			node->sum += bytes[k];
			node->squares += bytes[k] * bytes[k];
			error += off[k] * off[k];
		}
	}
	node->error = float_above(sqrt(error) * ROUNDED_UP);
}

void
hnsw_copy_row(const HnswNode *node, const uint8 *copy, int dim, float *row)
{
	for (int i = 0; i < dim; i++)
		row[i] = (float) ((double) node->low + (double) node->step * copy[i]);
}

/*
 * The query
 */

void
hnsw_query_init(HnswQuery *query, const HnswMeta *meta)
{
	Size padded = TYPEALIGN(BYTE_PADDING, meta->dim);

	memset(query, 0, sizeof(*query));
	query->meta = meta;
	query->row = palloc(meta->dim * sizeof(float));
	if (!hnsw_keeps_values(meta))
		query->weights = palloc0(padded * sizeof(int16));
}

/* No sum of products with bytes may leave 32 bits */
static double
weight_unit(const float *row, int dim)
{
	double greatest = 0;
	double total = 0;

	for (int i = 0; i < dim; i++)
	{
		greatest = Max(greatest, fabs((double) row[i]));
		total += fabs((double) row[i]);
	}
	return Max(greatest / WEIGHT_MAX, total / ((double) BYTE_WEIGHTS - dim));
}

static void
set_weights(HnswQuery *query)
{
	int dim = query->meta->dim;
	double error = 0;
	double squares = 0;
	double length = 0;

	if (query->weights == NULL)
		return;
	query->unit = weight_unit(query->row, dim);
	query->sum = 0;
	for (int i = 0; i < dim; i++)
	{
		double value = query->row[i];
		double weight = query->unit > 0 ? floor(value / query->unit + 0.5) : 0;
		double off = value - query->unit * weight;

		query->weights[i] = (int16) weight;
		query->sum += weight;
		squares += weight * weight;
		error += off * off;
		length += value * value;
	}
	query->sqnorm = query->unit * query->unit * squares;
	query->error = sqrt(error) * ROUNDED_UP;
	query->length = sqrt(length) * ROUNDED_UP;
}

bool
hnsw_query_set(HnswQuery *query, const void *elems)
{
	const HnswMeta *meta = query->meta;

	query->elems = elems;
	(void) hnsw_image_set(meta, elems, query->row);
	query->bounded = meta->metric == METRIC_COSINE ||
		!row_bring_nearer(query->row, meta->dim);
	set_weights(query);
	return hnsw_has_place(meta, elems);
}

void
hnsw_query_set_row(HnswQuery *query, const float *row)
{
	query->elems = NULL;
	query->bounded = true;
	memcpy(query->row, row, query->meta->dim * sizeof(float));
	set_weights(query);
}

/*
 * Keys
 */

/* What is known of the rounded query and a copy: their product, within error */
typedef struct Product
{
	double value;
	double error;
	double sqnorm; /* of the copy */
} Product;

static Product
product_of(const HnswQuery *query, const HnswNode *node, const uint8 *copy)
{
	int dim = query->meta->dim;
	double low = node->low;
	double step = node->step;
	Product product;
	float sum;

	byte_kernels()->products(query->weights, copy, 1, dim, &sum);
	product.value = query->unit * (low * query->sum + step * sum);
	product.error = query->unit * step * fabs((double) sum) * 0x1p-24;
	product.sqnorm = dim * low * low + 2 * low * step * node->sum +
		step * step * node->squares;
	return product;
}

/*
 * Bounds of |q - x| in scaled units, for x and q themselves: they are off from
 * what the product is of by known distances.
 */
static HnswKey
bounds_of_distance(const HnswQuery *query, const HnswNode *node,
				   const Product *product)
{
	double square = query->sqnorm + product->sqnorm - 2 * product->value;
	double slack =
		2 * product->error + 0x1p-44 * (query->sqnorm + product->sqnorm);
	double radius = query->error + node->error;
	double near = sqrt(Max(square - slack, 0)) - radius;

	return (HnswKey){.low = Max(near, 0),
					 .high = sqrt(Max(square + slack, 0)) + radius};
}

/*
 * Widened by what the operator's float32 sums may be off, at any SIMD level:
 * about dim * 2^-24 of the sum of absolute terms.
 */
HnswKey
hnsw_key_of_copy(const HnswQuery *query, const HnswNode *node,
				 const uint8 *copy)
{
	const HnswMeta *meta = query->meta;
	int dim = meta->dim;
	double unit = ldexp(1, -meta->scale);
	double slack = (double) (dim + 8) * 0x1p-23;
	Product product = product_of(query, node, copy);
	double radius;
	HnswKey key;

	switch ((Metric) meta->metric)
	{
		case METRIC_L2:
			key = bounds_of_distance(query, node, &product);
			key.low *= unit * (1 - slack);
			key.high *= unit * (1 + slack);
			key.low *= key.low;
			key.high *= key.high;
			break;
		case METRIC_INNER_PRODUCT:
			radius = query->length * node->error +
				(query->error + query->length * slack) *
					(sqrt(product.sqnorm) + node->error) +
				product.error;
			key.low = (-product.value - radius) * unit * unit;
			key.high = (-product.value + radius) * unit * unit;
			break;
		default: /* METRIC_COSINE: |q - x|^2 = 2 - 2 <q, x> at unit length */
			key = bounds_of_distance(query, node, &product);
			key.low = key.low * key.low / 2 - slack;
			key.high = key.high * key.high / 2 + slack;
			break;
	}
	key.low -= dim * FLT_MIN;
	key.high += dim * FLT_MIN;
	/* false for NaN as well; large values overflow in the operator */
	if (!(query->bounded && key.low > -FLT_MAX / 4 && key.high < FLT_MAX / 4))
	{
		key.low = -INFINITY;
		key.high = INFINITY;
	}
	return key;
}

double
hnsw_key_exact(const HnswQuery *query, const void *stored)
{
	const HnswMeta *meta = query->meta;

	return key_of_values(meta->elem, (Metric) meta->distance, query->elems,
						 stored, meta->value_dim);
}
