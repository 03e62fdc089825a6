/*
 * codec_sq8.c
 *	  A scalar quantizer of 8 bits: a byte for each dimension.
 *
 * image[d] = low[d] + step[d] * code[d].  The range of a dimension is that of
 * the residuals, but no wider than RANGE_DEVIATIONS standard deviations to each
 * side of their mean: a few far ones are clipped and not paid for by all.
 *
 * A product with a query is one of bytes with 16-bit weights: exact sums, the
 * same at every SIMD level.  Rows lie one after another, without blocks.
 */
#include "quant/codec.h"

#include <math.h>
#include <string.h>

#include "distance/distance.h"
#include "quant/carver.h"
#include "quant/codec_keys.h"
#include "quant/codec_sums.h"

/* At 8 bits, normal data loses least when cut about here */
#define RANGE_DEVIATIONS 4.0

#define LARGEST_CODE 255
#define MIDDLE_CODE 128
#define LARGEST_WEIGHT 32767

/* Parameters: the lows, then the steps */
static const float *
steps_of(const CodecShape *shape, const float *params)
{
	return params + shape->dim;
}

static size_t
code_bytes(const CodecShape *shape)
{
	return shape->dim;
}

static size_t
params_floats(const CodecShape *shape)
{
	return 2 * shape->dim;
}

/* What is known of the dimensions */
typedef struct Ranges
{
	double *sums;
	double *squares;
	float *lows;
	float *highs;
} Ranges;

static size_t
lay_out(Ranges *ranges, size_t dim, void *work)
{
	Carver carver = {work, 0};

	ranges->sums = carve(&carver, dim, sizeof(double));
	ranges->squares = carve(&carver, dim, sizeof(double));
	ranges->lows = carve(&carver, dim, sizeof(float));
	ranges->highs = carve(&carver, dim, sizeof(float));
	return carver.used;
}

static size_t
train_work_size(const CodecTraining *training)
{
	Ranges ranges;

	return lay_out(&ranges, training->shape.dim, NULL);
}

static void
add_row(Ranges *ranges, const float *row, size_t dim)
{
	for (size_t d = 0; d < dim; d++)
	{
		float x = row[d];

		ranges->sums[d] += x;
		ranges->squares[d] += (double) x * x;
		ranges->lows[d] = x < ranges->lows[d] ? x : ranges->lows[d];
		ranges->highs[d] = x > ranges->highs[d] ? x : ranges->highs[d];
	}
}

static bool
train(const CodecTraining *training, float *params, void *work)
{
	const RowSet *rows = &training->rows;
	Pacer pacer = {training->poll, training->poll_arg, 0};
	size_t dim = training->shape.dim;
	Ranges ranges;

	lay_out(&ranges, dim, work);
	memset(ranges.sums, 0, dim * sizeof(double));
	memset(ranges.squares, 0, dim * sizeof(double));
	memcpy(ranges.lows, row_at(rows, 0), dim * sizeof(float));
	memcpy(ranges.highs, row_at(rows, 0), dim * sizeof(float));
	for (size_t i = 0; i < rows->n; i++)
	{
		add_row(&ranges, row_at(rows, i), dim);
		if (!pacer_go_on(&pacer, 2 * dim))
			return false;
	}
	for (size_t d = 0; d < dim; d++)
	{
		double mean = ranges.sums[d] / (double) rows->n;
		double variance = ranges.squares[d] / (double) rows->n - mean * mean;
		double reach = RANGE_DEVIATIONS * sqrt(fmax(variance, 0));
		double low = fmax(ranges.lows[d], mean - reach);
		double high = fmin(ranges.highs[d], mean + reach);

		params[d] = (float) low;
		params[dim + d] = (float) (fmax(high - low, 0) / LARGEST_CODE);
	}
	return true;
}

/* The nearest code, also where numbers make no sense */
static inline uint8_t
code_of(float x, float low, float step)
{
	float code = (x - low) / step;

	code = code < LARGEST_CODE ? code : LARGEST_CODE;
	code = code > 0 ? code : 0;
	return (uint8_t) (int) (code + 0.5f);
}

static void
decode(const CodecShape *shape, const float *params, const uint8_t *code,
	   float *image)
{
	const float *steps = steps_of(shape, params);

	for (size_t d = 0; d < shape->dim; d++)
		image[d] = params[d] + steps[d] * (float) code[d];
}

static void
encode(const CodecShape *shape, const float *params, const float *residual,
	   const float *centroid, uint8_t *code, CodecRow *row, float *work)
{
	const float *steps = steps_of(shape, params);

	for (size_t d = 0; d < shape->dim; d++)
		code[d] = code_of(residual[d], params[d], steps[d]);
	decode(shape, params, code, work);
	*row = (CodecRow){.sqnorm = sum_sqnorm(centroid, work, shape->dim),
					  .scale = 1};
}

static void
put(const CodecShape *shape, uint8_t *block, size_t lane, const uint8_t *code)
{
	memcpy(block + lane * shape->dim, code, shape->dim);
}

static void
get(const CodecShape *shape, const uint8_t *block, size_t lane, uint8_t *code)
{
	memcpy(code, block + lane * shape->dim, shape->dim);
}

static size_t
padded_dims(const CodecShape *shape)
{
	return (shape->dim + BYTE_PADDING - 1) / BYTE_PADDING * BYTE_PADDING;
}

static size_t
tables_bytes(const CodecShape *shape)
{
	return padded_dims(shape) * sizeof(int16_t);
}

static size_t
work_floats(const CodecShape *shape)
{
	(void) shape;
	return 0;
}

/* What a step of the code of dimension d adds to the key */
static inline double
exact_weight(const CodecQuery *query, const float *steps, const float *row,
			 size_t d)
{
	return (double) query->factor * row[d] * steps[d];
}

/*
 * The unit of integer weights: the finest for which neither one of them nor
 * their sum is too large.  0 where there is none.
 */
static double
weight_unit(const CodecQuery *query, const float *steps, const float *row)
{
	size_t dim = query->shape.dim;
	double largest = 0;
	double sum = 0;

	for (size_t d = 0; d < dim; d++)
	{
		double weight = fabs(exact_weight(query, steps, row, d));

		largest = weight > largest ? weight : largest;
		sum += weight;
	}
	if (!(sum < HUGE_VAL))
		return 0;
	/* rounding adds up to a half to each */
	return fmax(largest / LARGEST_WEIGHT,
				sum / ((double) BYTE_WEIGHTS - (double) dim));
}

/*
 * Rounded weights are off by up to half a unit, times the code: as seen from
 * the middle code that is half as much, so that bias puts them right there.
 */
static void
prepare(const CodecShape *shape, const float *params, const float *query_row,
		CodecQuery *query, float *work)
{
	const float *steps = steps_of(shape, params);
	double unit = weight_unit(query, steps, query_row);
	int16_t *weights = query->tables;
	double bias = 0;

	(void) work;
	memset(weights, 0, tables_bytes(shape));
	for (size_t d = 0; d < shape->dim; d++)
	{
		double weight = exact_weight(query, steps, query_row, d);

		if (unit > 0)
			weights[d] = (int16_t) floor(weight / unit + 0.5);
		bias += (double) query->factor * query_row[d] * params[d];
		bias += MIDDLE_CODE * (weight - unit * weights[d]);
	}
	query->step = (float) unit;
	query->bias = (float) bias;
}

static void
scan(const CodecQuery *query, const CodecScan *scan, float *keys,
	 uint32_t *below)
{
	float *products = query->scratch;

	codec_ask_ahead(scan, scan->nlanes * query->shape.dim);
	byte_kernels()->products(query->tables, scan->codes, scan->nlanes,
							 query->shape.dim, products);
	codec_keys(scan, products, scan->base + query->bias, query->step, keys,
			   below);
}

const Codec codec_sq8 = {
	.name = "sq8",
	.block_lanes = 1,
	.block_bytes = code_bytes,
	.code_bytes = code_bytes,
	.params_floats = params_floats,
	.train_work_size = train_work_size,
	.train = train,
	.encode = encode,
	.decode = decode,
	.put = put,
	.get = get,
	.tables_bytes = tables_bytes,
	.work_floats = work_floats,
	.prepare = prepare,
	.scan = scan,
};
