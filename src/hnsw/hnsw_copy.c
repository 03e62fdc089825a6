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

/* Multiples of a grid are fewer: dim times their squares are exact in float64 */
#define GRID_STEPS (1 << 19)

/* Whole numbers below are exact in float32 and float64 */
#define FLOAT_WHOLE 0x1p24
#define DOUBLE_WHOLE 0x1p52

/* Sums of rounding errors are rounded themselves, by much less than this */
#define ROUNDED_UP 1.000001

/* The least float that is not below value */
static float
float_above(double value)
{
	float result = (float) value;

	return result < value ? nextafterf(result, INFINITY) : result;
}

/*
 * The coarsest power of two that all elements are multiples of, and that is least or
 * more: pixels, counts and bytes have one.  0: there is none.
 */
static double
grid_of(const float *row, int dim, double least)
{
	double unit;
	uint32 bits = 0;
	int exponent;

	if (!(least > 0))
		return 0;
	unit = frexp(least, &exponent);
	unit = ldexp(unit == 0.5 ? unit : 1, exponent);
	for (int i = 0; i < dim; i++)
	{
		double steps = row[i] / unit;

		if (!(fabs(steps) < GRID_STEPS && steps == (int32) steps))
			return 0;
		bits |= (uint32) (int32) steps;
	}
	return bits == 0 ? unit : unit * (bits & -bits);
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
	double step;
	double grid;

	rows_range(row, dim, &low, &high);
	step = ((double) high - low) / BYTE_STEPS;
	grid = grid_of(row, dim, step);
	node->low = low;
	node->step = (float) (grid > 0 ? grid : step);
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

void
hnsw_copy_weights(const uint8 *copy, int dim, int16 *weights)
{
	int padded = TYPEALIGN(BYTE_PADDING, dim);

	for (int i = 0; i < dim; i++)
		weights[i] = copy[i];
	for (int i = dim; i < padded; i++)
		weights[i] = 0;
}

/* The squared length of the row that a copy stands for */
static double
sqnorm_of(const HnswNode *node, int dim)
{
	double low = node->low;
	double step = node->step;

	return dim * low * low + 2 * low * step * node->sum +
		step * step * node->squares;
}

float
hnsw_copy_sqdist(const HnswNode *a, const int16 *weights, const HnswNode *b,
				 const uint8 *copy, int dim)
{
	double low = (double) a->low * b->low;
	double step = (double) a->step * b->step;
	double product;
	float sum;

	byte_kernels()->products(weights, copy, 1, dim, &sum);
	product = dim * low +
		((double) a->low * b->step * b->sum +
		 (double) b->low * a->step * a->sum) +
		step * sum;
	return (float) Max(sqnorm_of(a, dim) + sqnorm_of(b, dim) - 2 * product, 0);
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
	query->grid = grid_of(query->row, dim, query->unit);
	if (query->grid > 0)
		query->unit = query->grid;
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
	product.error = fabs((double) sum) < FLOAT_WHOLE
		? 0
		: query->unit * step * fabs((double) sum) * 0x1p-24;
	product.sqnorm = sqnorm_of(node, dim);
	return product;
}

/*
 * The coarsest power of two that all elements of a row are multiples of, by its copy,
 * which then is the row itself.  0: none is known.
 */
static double
grid_of_copy(const HnswNode *node)
{
	int exponent;
	double steps;

	if (node->error > 0 || frexp(node->step, &exponent) != 0.5)
		return 0;
	steps = (double) node->low / node->step;
	return fabs(steps) < GRID_STEPS && steps == floor(steps) ? node->step : 0;
}

/*
 * Has the operator exact sums, whatever their order, of terms that are multiples of
 * unit, where those of all absolute terms are total?  Both as values have it.
 */
static bool
float_is_exact(double total, double unit)
{
	return unit >= FLT_MIN && total < FLOAT_WHOLE * unit;
}

/* What float32 sums may be off at any SIMD level, of the sum of absolute terms */
static double
slack_of_sums(int dim)
{
	return (double) (dim + 8) * 0x1p-23;
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

/* Widened by what the operator's sums may be off, unless they are exact and known */
static HnswKey
key_of_distance(const HnswQuery *query, const HnswNode *node,
				const Product *product, double grid)
{
	int dim = query->meta->dim;
	double unit = ldexp(1, -query->meta->scale);
	double term = Min(grid, query->grid) * Min(grid, query->grid);
	double sqnorms = query->sqnorm + product->sqnorm;
	double square = (sqnorms - 2 * product->value) * unit * unit;
	HnswKey key = bounds_of_distance(query, node, product);
	double slack = slack_of_sums(dim);

	if (float_is_exact(key.high * key.high * unit * unit, term * unit * unit))
	{
		if (product->error == 0 && sqnorms < DOUBLE_WHOLE * term)
			return (HnswKey){.low = square, .high = square};
		slack = 0;
	}
	key.low *= unit * (1 - slack);
	key.high *= unit * (1 + slack);
	return (HnswKey){.low = key.low * key.low - dim * FLT_MIN,
					 .high = key.high * key.high + dim * FLT_MIN};
}

static HnswKey
key_of_product(const HnswQuery *query, const HnswNode *node,
			   const Product *product, double grid)
{
	int dim = query->meta->dim;
	double unit = ldexp(1, -2 * query->meta->scale);
	double key = -product->value * unit;
	double length = sqrt(product->sqnorm) + node->error;
	double slack;

	if (product->error == 0 &&
		float_is_exact(query->length * length * unit,
					   query->grid * grid * unit))
		return (HnswKey){.low = key, .high = key};
	slack = unit *
			(query->length * node->error +
			 (query->error + query->length * slack_of_sums(dim)) * length +
			 product->error) +
		dim * FLT_MIN;
	return (HnswKey){.low = key - slack, .high = key + slack};
}

/* |q - x|^2 = 2 - 2 <q, x> at unit length */
static HnswKey
key_of_angle(const HnswQuery *query, const HnswNode *node,
			 const Product *product)
{
	int dim = query->meta->dim;
	double slack = slack_of_sums(dim) + dim * FLT_MIN;
	HnswKey key = bounds_of_distance(query, node, product);

	return (HnswKey){.low = key.low * key.low / 2 - slack,
					 .high = key.high * key.high / 2 + slack};
}

HnswKey
hnsw_key_of_copy(const HnswQuery *query, const HnswNode *node,
				 const uint8 *copy)
{
	double grid = query->grid > 0 ? grid_of_copy(node) : 0;
	Product product = product_of(query, node, copy);
	HnswKey key;

	switch ((Metric) query->meta->metric)
	{
		case METRIC_L2:
			key = key_of_distance(query, node, &product, grid);
			break;
		case METRIC_INNER_PRODUCT:
			key = key_of_product(query, node, &product, grid);
			break;
		default: /* METRIC_COSINE */
			key = key_of_angle(query, node, &product);
			break;
	}
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
