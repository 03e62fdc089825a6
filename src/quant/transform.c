/*
 * transform.c
 *	  Linear maps before a codec: applying them, and the random one.
 */
#include "quant/transform.h"

#include <math.h>
#include <string.h>

#include "distance/distance.h"
#include "quant/rng.h"
#include "quant/transform_learn.h"

/* Hadamard transforms: after so many an axis points anywhere */
#define STEPS 4

#define HALF_ROOT 0.70710678f

size_t
transform_params_floats(const TransformShape *shape)
{
	switch (shape->kind)
	{
		case TRANSFORM_NONE:
			return 0;
		case TRANSFORM_RANDOM:
			return STEPS * shape->in;
		default:
			return shape->in * shape->out;
	}
}

size_t
transform_train_work_size(const TransformTraining *training)
{
	switch (training->shape.kind)
	{
		case TRANSFORM_PCA:
			return transform_pca_work_size(training);
		case TRANSFORM_OPQ:
			return transform_opq_work_size(training);
		default:
			return 0;
	}
}

static void
draw_signs(uint64_t seed, float *signs, size_t n)
{
	Rng rng = {seed};

	for (size_t i = 0; i < n; i++)
		signs[i] = rng_next(&rng) >> 63 != 0 ? -1 : 1;
}

bool
transform_train(const TransformTraining *training, float *params, void *work)
{
	switch (training->shape.kind)
	{
		case TRANSFORM_RANDOM:
			draw_signs(training->seed, params,
					   transform_params_floats(&training->shape));
			return true;
		case TRANSFORM_PCA:
			return transform_pca_learn(training, params, work);
		case TRANSFORM_OPQ:
			return transform_opq_learn(training, params, work);
		default:
			return true;
	}
}

/* The first two stages of hadamard() */
static void
hadamard_four(float *x)
{
	float a = x[0] + x[1];
	float b = x[0] - x[1];
	float c = x[2] + x[3];
	float d = x[2] - x[3];

	x[0] = a + c;
	x[1] = b + d;
	x[2] = a - c;
	x[3] = b - d;
}

static inline void
butterflies(float *restrict x, float *restrict y, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		float sum = x[i] + y[i];

		y[i] = x[i] - y[i];
		x[i] = sum;
	}
}

/* The fast Hadamard transform of n = 2^k numbers, orthonormal */
static void
hadamard(float *x, size_t n)
{
	float scale = (float) (1 / sqrt((double) n));
	size_t width = 4;

	if (n == 2)
		butterflies(x, x + 1, 1);
	for (size_t i = 0; n >= 4 && i < n; i += 4)
		hadamard_four(x + i);
	for (; width < n; width *= 2)
	{
		for (size_t i = 0; i < n; i += 2 * width)
			butterflies(x + i, x + i + width, width);
	}
	for (size_t i = 0; i < n; i++)
		x[i] *= scale;
}

/* Each of the first half with one of the last half, by an eighth of a turn */
static void
mix_halves(float *x, size_t n)
{
	size_t half = n / 2;
	float *y = x + n - half;

	butterflies(x, y, half);
	for (size_t i = 0; i < half; i++)
	{
		x[i] *= HALF_ROOT;
		y[i] *= HALF_ROOT;
	}
}

/*
 * Random signs and a Hadamard transform, of the first and the last 2^k
 * dimensions in turn.  Where these overlap in a few dimensions only, what is in
 * one hardly comes into the other: halves are mixed after both.
 */
static void
rotate(const float *signs, float *x, size_t n)
{
	size_t width = 1;

	while (2 * width <= n)
		width *= 2;
	for (int step = 0; step < STEPS; step++)
	{
		bool last = step % 2 == 1;

		for (size_t i = 0; i < n; i++)
			x[i] *= signs[i];
		signs += n;
		hadamard(last ? x + n - width : x, width);
		if (last && width < n)
			mix_halves(x, n);
	}
}

static bool
is_dense(const TransformShape *shape)
{
	return shape->kind != TRANSFORM_NONE && shape->kind != TRANSFORM_RANDOM;
}

void
transform_apply(const TransformShape *shape, const float *params,
				const float *x, float *y)
{
	if (is_dense(shape))
	{
		map_kernels()->apply(params, x, shape->in, shape->out, y);
		return;
	}
	if (x != y)
		memcpy(y, x, shape->in * sizeof(float));
	if (shape->kind == TRANSFORM_RANDOM)
		rotate(params, y, shape->in);
}

void
transform_apply_rows(const TransformShape *shape, const float *params,
					 const float *x, size_t ldx, size_t n, float *y, size_t ldy)
{
	if (is_dense(shape))
	{
		map_kernels()->apply_rows(params, x, ldx, n, shape->in, shape->out, y,
								  ldy);
		return;
	}
	for (size_t i = 0; i < n; i++)
		transform_apply(shape, params, x + i * ldx, y + i * ldy);
}
