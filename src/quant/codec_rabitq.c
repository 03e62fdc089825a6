/*
 * codec_rabitq.c
 *	  RaBitQ: a bit for each dimension, and a bound of the error.
 *
 * Gao and Long, RaBitQ: quantizing high-dimensional vectors with a theoretical
 * error bound for approximate nearest neighbor search, SIGMOD 2024.  The image
 * of a residual r is s, the signs of its elements.  Where r was rotated at
 * random before,
 *
 *		<r, v>  ~  |r|^2 / |r|_1 * <s, v>
 *
 * has no bias (equation 13), for any v.  The scale of a row is that factor, and
 * with v = q - c, for a query q and the centroid c,
 *
 *		<q, r> = <c, r> + <q - c, r>
 *			   ~ <c, r> - scale * <c, s>  +  scale * <q, s>
 *
 * of which the first two are the correction.  With t = |r|_1 / (|r| sqrt(D)) it
 * is off by no more than
 *
 *		|q - c| * |r| * sqrt((1 - t^2) / t^2) * EPSILON / sqrt(D - 1)
 *
 * (equation 14), but for few queries: 1.9 deviations of a normal variable.
 *
 * Unlike in the paper signs are looked up, four at a time, as the codes of a
 * product quantizer of 4 bits, in tables of the query's bytes: those of one
 * query serve all lists.
 */
#include "quant/codec.h"

#include <math.h>

#include "distance/distance.h"
#include "quant/codec_sums.h"
#include "quant/pq.h"

#define EPSILON 1.9

/* Dimensions in a code */
#define SIGNS 4

static size_t
parts(const CodecShape *shape)
{
	return (shape->dim + SIGNS - 1) / SIGNS;
}

static size_t
block_bytes(const CodecShape *shape)
{
	return pq_block_bytes(parts(shape));
}

static size_t
code_bytes(const CodecShape *shape)
{
	return parts(shape);
}

static size_t
params_floats(const CodecShape *shape)
{
	(void) shape;
	return 0;
}

/* Bit d % 4 of code d / 4 is set where residual[d] is not negative */
static void
take_signs(const float *residual, size_t dim, uint8_t *code)
{
	size_t whole = dim / SIGNS;

	for (size_t j = 0; j < whole; j++)
	{
		const float *x = residual + SIGNS * j;

		code[j] = (uint8_t) ((x[0] >= 0) | (x[1] >= 0) << 1 | (x[2] >= 0) << 2 |
							 (x[3] >= 0) << 3);
	}
	if (dim % SIGNS > 0)
		code[whole] = 0;
	for (size_t d = SIGNS * whole; d < dim; d++)
		code[whole] |= (uint8_t) ((residual[d] >= 0) << d % SIGNS);
}

static void
decode(const CodecShape *shape, const float *params, const uint8_t *code,
	   float *image)
{
	(void) params;
	for (size_t d = 0; d < shape->dim; d++)
		image[d] = code[d / SIGNS] >> d % SIGNS & 1 ? 1 : -1;
}

/* For |q - c| = 1; sqnorm and l1 are those of the residual */
static double
error_of(double sqnorm, double l1, double dim)
{
	double rest = sqnorm * dim - l1 * l1;

	if (!(rest > 0) || dim < 2)
		return 0;
	return EPSILON * sqrt(sqnorm * rest / (dim - 1)) / l1;
}

static void
encode(const CodecShape *shape, const float *params, const float *residual,
	   const float *centroid, uint8_t *code, CodecRow *row, float *work)
{
	size_t dim = shape->dim;
	float sqnorm = sum_products(residual, residual, dim);
	float l1;

	take_signs(residual, dim, code);
	decode(shape, params, code, work);
	l1 = sum_products(residual, work, dim);
	*row = (CodecRow){.sqnorm = sum_sqnorm(centroid, residual, dim)};
	if (!(l1 > 0))
		return;
	row->scale = sqnorm / l1;
	row->correction = sum_products(centroid, residual, dim) -
		row->scale * sum_products(centroid, work, dim);
	row->error = (float) error_of(sqnorm, l1, (double) dim);
}

static void
put(const CodecShape *shape, uint8_t *block, size_t lane, const uint8_t *code)
{
	pq_block_put(block, parts(shape), lane, code);
}

static void
get(const CodecShape *shape, const uint8_t *block, size_t lane, uint8_t *code)
{
	pq_block_get(block, parts(shape), lane, code);
}

static size_t
tables_bytes(const CodecShape *shape)
{
	return PQ_ENTRIES * pq_padded_parts(parts(shape));
}

static size_t
work_floats(const CodecShape *shape)
{
	return PQ_ENTRIES * parts(shape);
}

/* Sums of four numbers with all signs, less the least one, which is -*total */
static void
sum_signs(const float *x, float *values, float *total)
{
	*total = fabsf(x[0]) + fabsf(x[1]) + fabsf(x[2]) + fabsf(x[3]);
	for (unsigned e = 0; e < PQ_ENTRIES; e++)
	{
		float value = *total;

		for (unsigned k = 0; k < SIGNS; k++)
			value += e >> k & 1 ? x[k] : -x[k];
		values[e] = value;
	}
}

static void
prepare(const CodecShape *shape, const float *params, const float *query_row,
		CodecQuery *query, float *work)
{
	PqTables tables = {.bytes = query->tables};
	float widest = 0;
	double bias = 0;

	(void) params;
	for (size_t j = 0; j < parts(shape); j++)
	{
		float x[SIGNS] = {0};
		float total;

		for (size_t k = 0; k < SIGNS && SIGNS * j + k < shape->dim; k++)
			x[k] = query->factor * query_row[SIGNS * j + k];
		sum_signs(x, work + PQ_ENTRIES * j, &total);
		widest = 2 * total > widest ? 2 * total : widest;
		bias -= total;
	}
	pq_round_tables(parts(shape), work, widest, &tables);
	query->step = tables.step;
	query->bias = (float) bias;
}

/*
 * What the bytes of tables take away from a sum, twice the standard deviation:
 * each is off by up to half a step.
 */
static float
table_error(const CodecQuery *query)
{
	return query->step * (float) sqrt((double) parts(&query->shape) / 3);
}

static void
scan(const CodecQuery *query, const CodecScan *scan, float *keys,
	 uint32_t *below)
{
	size_t nblocks = scan->nlanes / LOOKUP_BLOCK;
	uint16_t *sums = query->scratch;
	LookupScaled scaled = {.terms = scan->terms,
						   .scales = scan->scales,
						   .errors = scan->errors,
						   .base = scan->base,
						   .bias = query->bias,
						   .step = query->step,
						   .slack = scan->slack,
						   .limit = scan->limit};

	/* no slack: estimates are wanted, not bounds */
	if (scan->slack > 0)
		scaled.bias -= table_error(query);
	lookup_kernels()->sums(scan->codes, nblocks, scan->ahead, query->tables,
						   pq_padded_parts(parts(&query->shape)), sums);
	lookup_kernels()->below_scaled(sums, &scaled, nblocks, below);
	for (size_t block = 0; block < nblocks; block++)
	{
		for (uint32_t near = below[block]; near != 0; near &= near - 1)
		{
			size_t i = block * LOOKUP_BLOCK + __builtin_ctz(near);
			float product = scaled.bias + scaled.step * sums[i];

			keys[i] = scaled.base + scaled.scales[i] * product +
				scaled.terms[i] - scaled.slack * scaled.errors[i];
		}
	}
}

const Codec codec_rabitq = {
	.name = "rabitq",
	.scaled = true,
	.block_lanes = PQ_BLOCK,
	.block_bytes = block_bytes,
	.code_bytes = code_bytes,
	.params_floats = params_floats,
	.encode = encode,
	.decode = decode,
	.put = put,
	.get = get,
	.tables_bytes = tables_bytes,
	.work_floats = work_floats,
	.prepare = prepare,
	.scan = scan,
};
