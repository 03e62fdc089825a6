/*
 * unit_transform.c
 *	  Linear maps: applying them at every level, and random rotations.
 */
#include <math.h>
#include <string.h>

#include "distance/distance.h"
#include "quant/transform.h"
#include "tap.h"

static float *
float_array(size_t n)
{
	void *end = guarded_end(n * sizeof(float));

	return (float *) end - n;
}

static void
fill_random(float *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		values[i] = random_float();
}

/* As the contract has it: volatile, so that each step is rounded */
static float
expected_element(const float *columns, const float *x, size_t in, size_t out,
				 size_t j)
{
	volatile float sum = 0;

	for (size_t i = 0; i < in; i++)
	{
		volatile float product = x[i] * columns[i * out + j];

		sum = sum + product;
	}
	return sum;
}

static bool
map_is_exact(size_t in, size_t out)
{
	float *columns = float_array(in * out);
	float *x = float_array(in);
	float *y = float_array(out);
	TransformShape shape = {TRANSFORM_PCA, in, out};
	bool good = true;

	fill_random(columns, in * out);
	fill_random(x, in);
	transform_apply(&shape, columns, x, y);
	for (size_t j = 0; j < out; j++)
		good = good && y[j] == expected_element(columns, x, in, out, j);
	return good;
}

/* Several rows at a time: the same bits, and nothing between them is written */
static bool
rows_are_exact(size_t in, size_t out, size_t n)
{
	enum
	{
		APART = 3
	};
	size_t ldx = in + APART;
	size_t ldy = out + APART;
	float *columns = float_array(in * out);
	float *x = float_array(n * ldx - APART);
	float *y = float_array(n * ldy - APART);
	float *one = float_array(out);
	TransformShape shape = {TRANSFORM_PCA, in, out};
	bool good = true;

	fill_random(columns, in * out);
	fill_random(x, n * ldx - APART);
	memset(y, 0xFF, (n * ldy - APART) * sizeof(float));
	transform_apply_rows(&shape, columns, x, ldx, n, y, ldy);
	for (size_t i = 0; i < n; i++)
	{
		transform_apply(&shape, columns, x + i * ldx, one);
		good = good && memcmp(one, y + i * ldy, out * sizeof(float)) == 0;
		for (size_t k = 0; k < APART && i + 1 < n; k++)
			good = good && isnan(y[i * ldy + out + k]);
	}
	return good;
}

static void
check_maps(const char *level)
{
	static const size_t wide[] = {127, 128, 129, 200, 255, 256, 300};
	static const size_t numbers[] = {1, 3, 4, 5, 8, 18};
	bool good = true;

	for (size_t out = 1; out <= 70; out++)
		good = good && map_is_exact(1 + out % 37, out);
	ok(good, "%s: few rows, to the last bit", level);
	good = true;
	for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
		good = good && map_is_exact(301, wide[i]);
	ok(good, "%s: many rows, to the last bit", level);
	good = true;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
	{
		for (size_t out = 1; out <= 70; out += 1 + i)
			good = good && rows_are_exact(1 + 5 * out % 300, out, numbers[i]) &&
				rows_are_exact(128, out, numbers[i]);
	}
	ok(good, "%s: several vectors at a time, the same bits", level);
}

static const size_t dims[] = {1,   2,   3,   4,    5,    7,    8,    17,
							  100, 128, 784, 1000, 1023, 2000, 4096, 16000};

#define NDIMS (sizeof(dims) / sizeof(dims[0]))

static double
product(const float *a, const float *b, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (double) a[i] * b[i];
	return sum;
}

/* The matrix, row by row */
static float *
rotation_matrix(size_t n, uint64_t seed)
{
	TransformTraining training = {.shape = {TRANSFORM_RANDOM, n, n},
								  .seed = seed};
	float *params = float_array(transform_params_floats(&training.shape));
	float *rows = calloc(n * n, sizeof(float));

	transform_train(&training, params, NULL);
	for (size_t i = 0; i < n; i++)
	{
		rows[i * n + i] = 1;
		transform_apply(&training.shape, params, rows + i * n, rows + i * n);
	}
	return rows;
}

static void
check_orthonormal(size_t n)
{
	float *rows = rotation_matrix(n, 7);
	double off = 0;

	for (size_t i = 0; i < n; i++)
	{
		for (size_t j = 0; j <= i; j++)
			off = fmax(off,
					   fabs(product(rows + i * n, rows + j * n, n) - (i == j)));
	}
	if (!ok(off < 2e-6, "%zu: a random rotation is orthonormal", n))
		printf("# off by %g\n", off);
	free(rows);
}

static void
check_norms(size_t n)
{
	TransformTraining training = {.shape = {TRANSFORM_RANDOM, n, n}};
	float *params = float_array(transform_params_floats(&training.shape));
	float *x = float_array(n);
	float *y = float_array(n);
	bool kept = transform_train_work_size(&training) == 0;

	for (training.seed = 0; training.seed < 5; training.seed++)
	{
		transform_train(&training, params, NULL);
		fill_random(x, n);
		transform_apply(&training.shape, params, x, y);
		kept = kept && fabs(product(y, y, n) / product(x, x, n) - 1) < 4e-6;
	}
	ok(kept, "%zu: lengths are kept", n);
}

/*
 * An axis becomes a random direction: no element is far beyond the normal
 * distribution's, and each half holds its share.
 */
static void
check_spread(size_t n)
{
	TransformTraining training = {.shape = {TRANSFORM_RANDOM, n, n}};
	float *params = float_array(transform_params_floats(&training.shape));
	float *y = float_array(n);
	double largest = 0;
	double least_share = 1;

	for (training.seed = 0; training.seed < 40; training.seed++)
	{
		transform_train(&training, params, NULL);
		memset(y, 0, n * sizeof(float));
		y[random_below((uint32_t) n)] = 1;
		transform_apply(&training.shape, params, y, y);
		for (size_t i = 0; i < n; i++)
			largest = fmax(largest, fabs(y[i]) * sqrt((double) n));
		least_share = fmin(least_share, product(y, y, n / 2));
		least_share =
			fmin(least_share, product(y + n / 2, y + n / 2, n - n / 2));
	}
	if (!ok(largest < 6 && least_share > 0.3,
			"%zu: an axis is turned to anywhere", n))
		printf("# largest %g, share %g\n", largest, least_share);
}

static bool
same_rotation(size_t n, uint64_t seed, uint64_t other)
{
	float *a = rotation_matrix(n, seed);
	float *b = rotation_matrix(n, other);
	bool same = memcmp(a, b, n * n * sizeof(float)) == 0;

	free(a);
	free(b);
	return same;
}

/* Numbers that this and any other machine must have */
static void
check_bits(void)
{
	static const float expected[5] = {0x1.607c3ap+0f, -0x1.51f0eep-1f,
									  0x1.bf0edap-3f, 0x1.02e962p-1f,
									  -0x1.6c1e26p-1f};
	TransformTraining training = {.shape = {TRANSFORM_RANDOM, 5, 5}, .seed = 1};
	float *params = float_array(transform_params_floats(&training.shape));
	float x[5] = {1, 0.5f, -0.25f, 0.75f, 1.125f};
	bool good = true;

	transform_train(&training, params, NULL);
	transform_apply(&training.shape, params, x, x);
	for (int i = 0; i < 5; i++)
		good = good && x[i] == expected[i];
	if (!ok(good, "the bits of a rotation"))
		printf("# %a %a %a %a %a\n", x[0], x[1], x[2], x[3], x[4]);
}

static void
check_none(void)
{
	TransformTraining training = {.shape = {TRANSFORM_NONE, 9, 9}};
	float x[9];
	float y[9];

	fill_random(x, 9);
	ok(transform_params_floats(&training.shape) == 0 &&
		   transform_train_work_size(&training) == 0 &&
		   transform_train(&training, NULL, NULL),
	   "none has nothing to learn");
	transform_apply(&training.shape, NULL, x, y);
	transform_apply(&training.shape, NULL, x, x);
	ok(memcmp(x, y, sizeof(x)) == 0, "and changes nothing");
}

int
main(void)
{
	for (int level = 0; level < SIMD_NLEVELS; level++)
	{
		if (distance_set_level((SimdLevel) level))
			check_maps(simd_level_name((SimdLevel) level));
	}
	for (size_t i = 0; i < NDIMS; i++)
	{
		check_norms(dims[i]);
		if (dims[i] <= 300)
			check_orthonormal(dims[i]);
		if (dims[i] >= 784)
			check_spread(dims[i]);
	}
	ok(same_rotation(100, 3, 3), "the same seed, the same rotation");
	ok(!same_rotation(100, 3, 4), "another seed, another one");
	check_bits();
	check_none();
	return done_testing();
}
