/*
 * ivf_encode.c
 *	  From a vector to what the index keeps of it.
 *
 * Compiled without contraction to FMA (Makefile): results are the same bits
 * everywhere.
 */
#include "postgres.h"

#include <math.h>

#include "am/row.h"
#include "ivf/ivf_encode.h"
#include "vector/dense.h"
#include "vector/half.h"

#define HALF_MAX 65504.0f

IvfRow
ivf_row_new(const IvfMeta *meta)
{
	IvfRow row;

	row.scaled = palloc(meta->dim * sizeof(float));
	row.copy = palloc(meta->dim * sizeof(float));
	row.error = 0;
	row.attributes = NULL;
	return row;
}

/* The least half that is not below value; infinity beyond the range */
static uint16
half_above(double value)
{
	uint16 half = float_to_half((float) value);

	while ((half & 0x7FFF) < 0x7C00 && half_to_float(half) < value)
		half++;
	return half;
}

static void
load_scaled(const IvfMeta *meta, const void *elems, float *out)
{
	value_ops[meta->elem].load(elems, out, meta->dim);
	row_scale(out, meta->dim, meta->scale);
}

/*
 * Round values to half precision in copy, back into values, and return how far
 * that took them.  What is beyond the range is cut: the error says so.
 */
static uint16
round_to_half(float *values, void *copy, int dim)
{
	double sum = 0;

	for (int i = 0; i < dim; i++)
	{
		float cut = Min(Max(values[i], -HALF_MAX), HALF_MAX);
		uint16 half = float_to_half(cut);
		double error = (double) values[i] - half_to_float(half);

		memcpy((char *) copy + i * sizeof(half), &half, sizeof(half));
		values[i] = half_to_float(half);
		sum += error * error;
	}
	/* the sum itself is rounded, by much less than this */
	return sum == 0 ? 0 : half_above(sqrt(sum) * 1.000001);
}

bool
ivf_row_set(IvfRow *row, const IvfMeta *meta, const void *elems)
{
	int dim = meta->dim;

	load_scaled(meta, elems, row->scaled);
	row->error = 0;
	if (ivf_copies_rounded(meta))
		row->error = round_to_half(row->scaled, row->copy, dim);
	else if (meta->copies != IVF_COPIES_NONE)
		memcpy(row->copy, elems, value_size(meta->elem, dim));

	if (meta->metric != METRIC_COSINE)
		return true;
	/* a length that only rounding took away still has its place */
	return row_normalize(row->scaled, dim) ||
		dense_elems_norm((ElemKind) meta->elem, elems, dim) > 0;
}

void
ivf_row_from_copy(const IvfMeta *meta, const void *copy, float *scaled)
{
	/* half precision copies are scaled already */
	if (ivf_copies_rounded(meta))
		elem_ops[ELEM_FLOAT16].load(copy, scaled, meta->dim);
	else
		load_scaled(meta, copy, scaled);
	if (meta->metric == METRIC_COSINE)
		(void) row_normalize(scaled, meta->dim);
}

bool
ivf_query_place(const IvfMeta *meta, float *scaled)
{
	row_scale(scaled, meta->dim, meta->scale);
	if (meta->metric == METRIC_COSINE)
		return row_normalize(scaled, meta->dim);
	(void) row_bring_nearer(scaled, meta->dim);
	return true;
}

bool
ivf_query_set(const IvfMeta *meta, const void *elems, float *scaled)
{
	value_ops[meta->elem].load(elems, scaled, meta->dim);
	return ivf_query_place(meta, scaled);
}

const float *
ivf_model_row(const IvfModel *model, const float *scaled, float *room)
{
	TransformShape shape = ivf_transform_shape(&model->meta);

	if (shape.kind == TRANSFORM_NONE)
		return scaled;
	transform_apply(&shape, ivf_transform_params(model), scaled, room);
	return room;
}

Size
ivf_code_bytes(const IvfMeta *meta)
{
	const Codec *codec = codec_of((CodecKind) meta->codec);
	CodecShape shape = ivf_codec_shape(meta);

	return codec == NULL ? 0 : codec->code_bytes(&shape);
}

static float
sqnorm(const float *values, int n)
{
	float sum = 0;

	for (int i = 0; i < n; i++)
		sum += values[i] * values[i];
	return sum;
}

/*
 * What a projection leaves out of a row adds to its distance from any query,
 * but for the product with what it leaves out of the query.
 */
IvfTerms
ivf_code(const IvfModel *model, const float *scaled, const float *row,
		 const float *centroid, uint8 *code, float *work)
{
	const IvfMeta *meta = &model->meta;
	const Codec *codec = codec_of((CodecKind) meta->codec);
	CodecShape shape = ivf_codec_shape(meta);
	float *residual = work + 2 * shape.dim;
	CodecRow numbers;
	IvfTerms terms;

	for (int i = 0; i < meta->model_dim; i++)
		residual[i] = row[i] - centroid[i];
	codec->encode(&shape, model->params, residual, centroid, code, &numbers,
				  work);
	terms.term = ivf_factor(meta) * numbers.correction;
	terms.scale = numbers.scale;
	terms.bound = numbers.error;
	if (meta->metric != METRIC_INNER_PRODUCT)
	{
		terms.term += numbers.sqnorm;
		if (meta->model_dim < meta->dim)
			terms.term += Max(
				sqnorm(scaled, meta->dim) - sqnorm(row, meta->model_dim), 0.0f);
	}
	return terms;
}
