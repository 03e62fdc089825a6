/*
 * unit_codec_train.c
 *	  Learning the parameters of codecs.
 */
#include <math.h>
#include <string.h>

#include "distance/distance.h"
#include "quant/codec.h"
#include "tap.h"

enum
{
	N = 4000,
	DIM = 23,
	STRIDE = 25
};

static float rows[N * STRIDE];
static uint32_t ids[N];

static float
random_normal(void)
{
	float sum = 0;

	for (int i = 0; i < 12; i++)
		sum += random_float();
	return sum / 2;
}

/* Each dimension has a mean and a width of its own */
static void
fill_rows(void)
{
	for (size_t i = 0; i < N; i++)
	{
		ids[i] = (uint32_t) i;
		for (size_t d = 0; d < DIM; d++)
			rows[i * STRIDE + d] =
				(float) d / 4 + random_normal() * (float) (1 + d % 5);
	}
}

static CodecTraining
training_of(size_t m)
{
	return (CodecTraining){.shape = {DIM, m},
						   .rows = {rows, STRIDE, DIM, NULL, N},
						   .iterations = 12,
						   .seed = 3};
}

/* Work memory ends where memory ends, and holds what may be there */
static bool
train(const Codec *codec, const CodecTraining *training, float *params,
	  int garbage)
{
	size_t size = codec->train_work_size(training);
	char *end = guarded_end(size);

	memset(end - size, garbage, size);
	return codec->train(training, params, end - size);
}

/* Of rows and their images, for each row */
static double
error_of(const Codec *codec, const CodecTraining *training, const float *params)
{
	static const float centroid[DIM];
	double sum = 0;

	for (size_t i = 0; i < training->rows.n; i++)
	{
		const float *row = row_at(&training->rows, i);
		uint8_t code[DIM];
		float work[2 * DIM];
		float image[DIM];
		CodecRow numbers;

		codec->encode(&training->shape, params, row, centroid, code, &numbers,
					  work);
		codec->decode(&training->shape, params, code, image);
		for (size_t d = 0; d < training->shape.dim; d++)
			sum += ((double) row[d] - image[d]) * ((double) row[d] - image[d]);
	}
	return sum / (double) training->rows.n;
}

/* The sum of variances: the error of one mean for all */
static double
variance(void)
{
	double sum = 0;

	for (size_t d = 0; d < DIM; d++)
		sum += (double) ((1 + d % 5) * (1 + d % 5));
	return sum;
}

typedef struct Countdown
{
	long left;
	long calls;
} Countdown;

static bool
count_down(void *arg)
{
	Countdown *countdown = arg;

	countdown->calls++;
	return --countdown->left < 0;
}

static void
check_poll(const Codec *codec, CodecTraining training)
{
	static float params[256 * DIM];
	Countdown countdown = {.left = 1000000};
	bool good;

	training.poll = count_down;
	training.poll_arg = &countdown;
	/* the same rows again and again, so that there are enough */
	training.rows.stride = 0;
	training.rows.n = 400000;
	good = train(codec, &training, params, 0);
	ok(good && countdown.calls > 0, "%s: polled %ld times", codec->name,
	   countdown.calls);
	countdown = (Countdown){.left = countdown.calls / 2};
	ok(!train(codec, &training, params, 0), "%s: stopped by it", codec->name);
}

static void
check_training(CodecKind kind, size_t m, double share)
{
	const Codec *codec = codec_of(kind);
	CodecTraining training = training_of(m);
	static float params[256 * DIM];
	static float again[256 * DIM];
	size_t bytes = codec->params_floats(&training.shape) * sizeof(float);
	double error;

	if (!ok(train(codec, &training, params, 0xFF), "%s: is learned",
			codec->name))
		return;
	error = error_of(codec, &training, params) / variance();
	if (!ok(error < share, "%s: a small error", codec->name))
		printf("# %g of the variance\n", error);
	training.rows.ids = ids;
	ok(train(codec, &training, again, 0) && memcmp(params, again, bytes) == 0,
	   "%s: the same rows, the same result", codec->name);
	training.rows.n = 1;
	ok(train(codec, &training, params, 0xFF) &&
		   error_of(codec, &training, params) < 1e-9,
	   "%s: a single row is kept as it is", codec->name);
	training.rows = (RowSet){rows, 0, DIM, NULL, 500};
	ok(train(codec, &training, params, 0xFF) &&
		   error_of(codec, &training, params) < 1e-9,
	   "%s: so are repeats of one", codec->name);
	training.rows = training_of(m).rows;
	check_poll(codec, training);
}

/* One row far away leaves the steps of others alone */
static void
check_outlier(void)
{
	CodecTraining training = training_of(DIM);
	float params[2 * DIM];
	float with[2 * DIM];
	float before = rows[7 * STRIDE + 5];
	bool good;

	train(&codec_sq8, &training, params, 0);
	rows[7 * STRIDE + 5] = 100;
	train(&codec_sq8, &training, with, 0);
	rows[7 * STRIDE + 5] = before;
	/* of 4000 rows; alone, it would make that step 15 times as wide */
	good = with[DIM + 5] < 2 * params[DIM + 5];
	for (size_t d = 0; d < DIM; d++)
		good = good && (d == 5 || with[DIM + d] == params[DIM + d]);
	ok(good, "sq8: a far row does not widen the steps");
	for (size_t i = 0; i < N; i++)
		rows[i * STRIDE + 5] = i % 2 == 0 ? 3e38f : -3e38f;
	ok(train(&codec_sq8, &training, with, 0) &&
		   first_nonfinite(with, 2 * DIM) == 2 * DIM,
	   "sq8: extreme rows have finite steps");
}

int
main(void)
{
	distance_init();
	fill_rows();
	if (!ok(blas_load() == NULL, "OpenBLAS is loaded"))
		return done_testing();
	/* 2 and 3 dimensions a part: 16 and 256 entries; steps of a 32nd of sigma */
	check_training(CODEC_PQ4, 9, 0.25);
	check_training(CODEC_PQ8, 9, 0.04);
	check_training(CODEC_SQ8, DIM, 1e-3);
	check_outlier();
	return done_testing();
}
