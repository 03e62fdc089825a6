/*
 * unit_codec.c
 *	  All codecs of the table: codes, blocks, scans, damaged parameters.
 *
 * Parameters are made up here; learning them is unit_codec_train.c's.  Also run
 * as an ARM program.
 */
#include <math.h>
#include <string.h>
#include <time.h>

#include "distance/distance.h"
#include "quant/codec.h"
#include "quant/transform.h"
#include "tap.h"

static const CodecShape shapes[] = {{1, 1},    {3, 2},     {17, 5},
									{100, 25}, {784, 112}, {2000, 333}};

#define NSHAPES (sizeof(shapes) / sizeof(shapes[0]))

/* Memory that ends where memory ends; its begin is aligned to alignment */
static void *
guarded(size_t bytes, size_t alignment)
{
	return guarded_end((bytes + alignment - 1) / alignment * alignment) -
		(bytes + alignment - 1) / alignment * alignment;
}

static float *
float_array(size_t n)
{
	return (float *) guarded(n * sizeof(float), sizeof(float));
}

static float
random_normal(void)
{
	float sum = 0;

	for (int i = 0; i < 12; i++)
		sum += random_float();
	return sum / 2;
}

static void
fill_normal(float *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		values[i] = random_normal();
}

/* Plausible parameters: entries for product quantizers, ranges for scalar */
static float *
make_params(CodecKind kind, const CodecShape *shape)
{
	size_t n = codec_of(kind)->params_floats(shape);
	float *params = float_array(n);

	fill_normal(params, n);
	for (size_t d = 0; kind == CODEC_SQ8 && d < shape->dim; d++)
	{
		params[d] = -3 + random_float() / 4;
		params[shape->dim + d] = 6.0f / 255 + random_float() / 500;
	}
	return params;
}

/* Rows of one list, encoded and laid out */
typedef struct List
{
	CodecKind kind;
	const Codec *codec;
	CodecShape shape;
	float *params;
	size_t nlanes;
	float *centroid;
	float *residuals;
	uint8_t *codes;  /* one after another */
	uint8_t *blocks; /* as scans want them */
	CodecRow *rows;
	float *images;
} List;

static size_t
list_blocks(const List *list)
{
	return list->nlanes / list->codec->block_lanes;
}

static List
make_list(CodecKind kind, CodecShape shape, size_t nlanes)
{
	List list = {.kind = kind,
				 .codec = codec_of(kind),
				 .shape = shape,
				 .params = make_params(kind, &shape),
				 .nlanes = nlanes,
				 .centroid = float_array(shape.dim),
				 .residuals = float_array(nlanes * shape.dim),
				 .images = float_array(nlanes * shape.dim)};
	size_t code_bytes = list.codec->code_bytes(&shape);
	size_t block_bytes = list.codec->block_bytes(&shape);
	float *work = float_array(2 * shape.dim);

	list.codes = guarded(nlanes * code_bytes, 1);
	list.blocks = guarded(list_blocks(&list) * block_bytes, 1);
	/* begins at 16, and what is read behind the end is seen */
	if ((uintptr_t) list.blocks % 16 != 0)
		list.blocks = guarded(list_blocks(&list) * block_bytes, 16);
	list.rows = guarded(nlanes * sizeof(CodecRow), sizeof(float));
	fill_normal(list.centroid, shape.dim);
	fill_normal(list.residuals, nlanes * shape.dim);
	for (size_t i = 0; i < nlanes; i++)
	{
		uint8_t *code = list.codes + i * code_bytes;
		size_t lanes = list.codec->block_lanes;

		list.codec->encode(&shape, list.params, list.residuals + i * shape.dim,
						   list.centroid, code, &list.rows[i], work);
		list.codec->decode(&shape, list.params, code,
						   list.images + i * shape.dim);
		list.codec->put(&shape, list.blocks + i / lanes * block_bytes,
						i % lanes, code);
	}
	return list;
}

static double
product(const float *a, const float *b, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (double) a[i] * b[i];
	return sum;
}

/* Into lanes in one order, out of them in another */
static void
check_blocks(const List *list)
{
	size_t code_bytes = list->codec->code_bytes(&list->shape);
	size_t block_bytes = list->codec->block_bytes(&list->shape);
	size_t lanes = list->codec->block_lanes;
	uint8_t *code = guarded(code_bytes, 1);
	bool same = true;

	for (size_t i = list->nlanes; i-- > 0;)
	{
		memset(code, 0xFF, code_bytes);
		list->codec->get(&list->shape, list->blocks + i / lanes * block_bytes,
						 i % lanes, code);
		same =
			same && memcmp(code, list->codes + i * code_bytes, code_bytes) == 0;
	}
	ok(same, "%s %zu: out of a block comes what went in", list->codec->name,
	   list->shape.dim);
}

static double
sqdist(const float *a, const float *b, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
	return sum;
}

/* No other code of the same codec is nearer: other rows' and changed ones */
static bool
is_nearest(const List *list, size_t i)
{
	size_t dim = list->shape.dim;
	const float *residual = list->residuals + i * dim;
	double least = sqdist(residual, list->images + i * dim, dim);
	size_t code_bytes = list->codec->code_bytes(&list->shape);
	uint8_t code[2048];
	float image[2048];

	for (size_t other = 0; other < 40; other++)
	{
		size_t at = random_below((uint32_t) code_bytes);
		uint8_t limit = list->kind == CODEC_PQ4 ? 15 : 255;

		memcpy(code, list->codes + i * code_bytes, code_bytes);
		if (list->kind == CODEC_RABITQ)
			code[at] ^= (uint8_t) (1 << (dim - at * 4 < 4 ? 0 : other % 4));
		else
			code[at] = (uint8_t) random_below(limit + 1U);
		list->codec->decode(&list->shape, list->params, code, image);
		if (sqdist(residual, image, dim) < least * (1 - 1e-5))
			return false;
	}
	return true;
}

static double
square_of_sum(const float *a, const float *b, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += ((double) a[i] + b[i]) * ((double) a[i] + b[i]);
	return sum;
}

static void
check_codes(const List *list)
{
	size_t dim = list->shape.dim;
	bool nearest = true;
	bool numbers = true;
	bool within = true;

	for (size_t i = 0; i < list->nlanes; i++)
	{
		const CodecRow *row = &list->rows[i];
		const float *residual = list->residuals + i * dim;
		const float *image = list->images + i * dim;
		double sqnorm = square_of_sum(
			list->centroid, list->codec->scaled ? residual : image, dim);

		nearest = nearest && is_nearest(list, i);
		numbers = numbers && fabs(row->sqnorm / sqnorm - 1) < 1e-5 &&
			(list->codec->scaled ||
			 (row->scale == 1 && row->correction == 0 && row->error == 0));
		for (size_t d = 0; list->kind == CODEC_SQ8 && d < dim; d++)
		{
			float low = list->params[d];
			float step = list->params[dim + d];
			float high = low + 255 * step;
			float x = residual[d] < low ? low
				: residual[d] > high    ? high
										: residual[d];

			within = within && fabsf(image[d] - x) <= step * 0.5001f;
		}
	}
	ok(nearest, "%s %zu: codes are the nearest", list->codec->name, dim);
	ok(numbers, "%s %zu: and so are their numbers", list->codec->name, dim);
	if (list->kind == CODEC_SQ8)
		ok(within, "sq8 %zu: within half a step", dim);
}

/* A query against a list */
typedef struct Scan
{
	const List *list;
	float *query_row;
	CodecQuery query;
	CodecScan scan;
	float *terms;
	float *scales;
	float *errors;
	float *keys;
	uint32_t *below;
} Scan;

static size_t
words(const List *list)
{
	return (list->nlanes + 31) / 32;
}

static Scan
make_scan(const List *list, float factor)
{
	size_t n = list->nlanes;
	Scan s = {.list = list,
			  .query_row = float_array(list->shape.dim),
			  .terms = float_array(n),
			  .scales = float_array(n),
			  .errors = float_array(n),
			  .keys = float_array(n),
			  .below = (uint32_t *) (void *) float_array(words(list))};

	s.query.shape = list->shape;
	s.query.tables = guarded(list->codec->tables_bytes(&list->shape), 64);
	s.query.scratch = float_array(n);
	s.query.factor = factor;
	fill_normal(s.query_row, list->shape.dim);
	for (size_t i = 0; i < n; i++)
	{
		const CodecRow *row = &list->rows[i];

		s.terms[i] = row->sqnorm + factor * row->correction;
		s.scales[i] = row->scale;
		s.errors[i] = row->error;
	}
	s.scan = (CodecScan){
		.codes = list->blocks,
		.nlanes = n,
		.terms = s.terms,
		.scales = list->codec->scaled ? s.scales : NULL,
		.errors = list->codec->scaled ? s.errors : NULL,
		.base = factor *
			(float) product(s.query_row, list->centroid, list->shape.dim),
		.limit = INFINITY};
	return s;
}

static void
run_scan(Scan *s)
{
	const List *list = s->list;
	float *work = float_array(list->codec->work_floats(&list->shape));

	memset(s->keys, 0xFF, list->nlanes * sizeof(float));
	memset(s->below, 0xFF, words(list) * sizeof(uint32_t));
	list->codec->prepare(&list->shape, list->params, s->query_row, &s->query,
						 work);
	list->codec->scan(&s->query, &s->scan, s->keys, s->below);
}

static bool
is_below(const Scan *s, size_t i)
{
	return s->below[i / 32] >> i % 32 & 1;
}

/* What the key stands for, in float64, without slack */
static double
exact_key(const Scan *s, size_t i)
{
	size_t dim = s->list->shape.dim;

	return (double) s->scan.base + s->terms[i] +
		(double) s->scales[i] * s->query.factor *
		product(s->query_row, s->list->images + i * dim, dim);
}

/*
 * How far tables may take a product off: half a step for each table of bytes;
 * half a unit for each weight, times the distance of codes from their middle;
 * rounding in any case.
 */
static double
tolerance(const Scan *s, size_t i)
{
	const List *list = s->list;
	size_t dim = list->shape.dim;
	double step = s->query.step;
	double of = 0;

	if (list->kind == CODEC_PQ4)
		of = step / 2 * (double) list->shape.m;
	if (list->kind == CODEC_RABITQ)
		of = step / 2 * (double) ((dim + 3) / 4);
	if (list->kind == CODEC_SQ8)
		of = step / 2 * 128 * (double) dim;
	return fabs(s->scales[i]) * of * 1.001 + 1e-5 * (double) dim +
		fabs(exact_key(s, i)) * 1e-5;
}

/* Typical errors are far below the largest possible ones */
static void
check_keys(const List *list, float factor)
{
	Scan s = make_scan(list, factor);
	bool within = true;
	bool all = true;
	double off = 0;
	double spread = 0;

	run_scan(&s);
	for (size_t i = 0; i < list->nlanes; i++)
	{
		double exact = exact_key(&s, i);
		double product_alone = exact - s.scan.base - s.terms[i];

		all = all && is_below(&s, i);
		within = within && fabs(s.keys[i] - exact) <= tolerance(&s, i);
		off += (s.keys[i] - exact) * (s.keys[i] - exact);
		spread += product_alone * product_alone;
	}
	ok(all, "%s %zu: all are below infinity", list->codec->name,
	   list->shape.dim);
	if (!ok(within && off < 0.0025 * spread, "%s %zu: keys are what they say",
			list->codec->name, list->shape.dim))
		printf("# off %g of %g\n", sqrt(off), sqrt(spread));
}

/* Bits on both sides of a limit, with slack, and of what is no number */
static void
check_below(const List *list)
{
	Scan s = make_scan(list, -2);
	float *all = float_array(list->nlanes);
	size_t n = list->nlanes;
	bool good = true;

	s.scan.slack = list->codec->scaled ? 1.5f : 0;
	run_scan(&s);
	memcpy(all, s.keys, n * sizeof(float));
	for (size_t i = 0; i < n; i++)
	{
		double bound = exact_key(&s, i) - (double) s.scan.slack * s.errors[i];

		good = good && all[i] <= bound + tolerance(&s, i) &&
			all[i] >= bound - 3 * tolerance(&s, i);
	}
	ok(good, "%s %zu: lower bounds", list->codec->name, list->shape.dim);

	good = true;
	for (int round = 0; round < 3; round++)
	{
		double margin = fabs(all[n / 2]) * 1e-5;

		s.scan.limit = all[(n / 2 + (size_t) round) % n];
		s.terms[n - 1] = NAN;
		s.terms[0] = round == 1 ? -INFINITY : INFINITY;
		run_scan(&s);
		for (size_t i = 1; i + 1 < n; i++)
		{
			if (fabs(all[i] - s.scan.limit) > margin)
				good = good && is_below(&s, i) == (all[i] < s.scan.limit);
			if (is_below(&s, i))
				good = good && s.keys[i] == all[i];
		}
		good = good && (n == 1 || !is_below(&s, n - 1));
		good = good && (n < 2 || is_below(&s, 0) == (round == 1));
		for (size_t i = n; i < words(list) * 32; i++)
			good = good && !is_below(&s, i);
	}
	s.scan.limit = NAN;
	run_scan(&s);
	for (size_t word = 0; word < words(list); word++)
		good = good && s.below[word] == 0;
	ok(good, "%s %zu: bits of those below", list->codec->name, list->shape.dim);
}

/* Keys of all levels, to within the rounding of their last sums */
static void
check_levels(const List *list)
{
	Scan s = make_scan(list, -2);
	float *all = float_array(list->nlanes);
	SimdLevel best = distance_best_level();
	bool good = true;

	distance_set_level(SIMD_SCALAR);
	run_scan(&s);
	memcpy(all, s.keys, list->nlanes * sizeof(float));
	for (int level = 0; level < SIMD_NLEVELS; level++)
	{
		if (!distance_set_level((SimdLevel) level))
			continue;
		run_scan(&s);
		good = good && memcmp(all, s.keys, list->nlanes * sizeof(float)) == 0;
	}
	distance_set_level(best);
	ok(good, "%s %zu: the same keys at all levels", list->codec->name,
	   list->shape.dim);
}

/* Nothing is read or written where it should not be, and nothing else asked */
static void
check_damage(CodecKind kind, const CodecShape *shape)
{
	static const float values[] = {NAN, INFINITY, -INFINITY, 0, -1, 3e38f};
	const Codec *codec = codec_of(kind);
	List list = make_list(kind, *shape, codec->block_lanes == 1 ? 37 : 32);
	size_t nparams = codec->params_floats(shape);
	size_t code_bytes = codec->code_bytes(shape);
	uint8_t *code = guarded(code_bytes, 1);
	float *work = float_array(2 * shape->dim);
	bool codes_good = true;
	CodecRow row;

	for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++)
	{
		for (int round = 0; round < 2; round++)
		{
			Scan s;

			for (size_t i = 0; i < nparams; i++)
			{
				if (round == 0 || random_below(8) == 0)
					list.params[i] = values[v];
			}
			codec->encode(shape, list.params, list.residuals, list.centroid,
						  code, &row, work);
			codec->decode(shape, list.params, code, work);
			for (size_t i = 0; i < code_bytes; i++)
				codes_good = codes_good &&
					(codec->block_lanes == 1 || kind == CODEC_PQ8 ||
					 code[i] < 16);
			s = make_scan(&list, -2);
			run_scan(&s);
			s.query_row[0] = values[v];
			run_scan(&s);
		}
	}
	memset(list.residuals, 0, shape->dim * sizeof(float));
	codec->encode(shape, list.params, list.residuals, list.centroid, code, &row,
				  work);
	ok(codes_good, "%s %zu: damaged parameters make codes", codec->name,
	   shape->dim);
}

static void
check_codec(CodecKind kind)
{
	const Codec *codec = codec_of(kind);

	for (size_t i = 0; i < NSHAPES; i++)
	{
		size_t n = codec->block_lanes == 1 ? 101 : 96;
		List list = make_list(kind, shapes[i], n);

		check_blocks(&list);
		check_codes(&list);
		check_keys(&list, -2);
		check_keys(&list, -1);
		check_below(&list);
		check_levels(&list);
		check_damage(kind, &shapes[i]);
	}
	if (codec->block_lanes == 1)
	{
		for (size_t n = 1; n <= 33; n += 8)
		{
			List list = make_list(kind, (CodecShape){50, 50}, n);

			check_keys(&list, -2);
		}
	}
}

/*
 * RaBitQ on rotated rows, by its estimates of <q, r>: no bias, and few beyond
 * the bound.  1.9 deviations leave out 5.7 % of a normal distribution, half of
 * these below the lower bound.
 */
static void
check_rabitq(size_t dim)
{
	enum
	{
		N = 512,
		QUERIES = 20
	};
	CodecShape shape = {dim, dim};
	TransformTraining rotation = {.shape = {TRANSFORM_RANDOM, dim, dim}};
	float *signs = float_array(transform_params_floats(&rotation.shape));
	List list = make_list(CODEC_RABITQ, shape, N);
	float *work = float_array(2 * dim);
	size_t missed = 0;
	double bias = 0;
	double deviations = 0;

	/* far from round: a few directions have most of the length */
	transform_train(&rotation, signs, NULL);
	for (size_t i = 0; i < N; i++)
	{
		float *residual = list.residuals + i * dim;
		uint8_t *code = list.codes + i * list.codec->code_bytes(&shape);

		for (size_t d = 0; d < dim; d++)
			residual[d] = random_normal() * powf(0.9f, (float) d);
		transform_apply(&rotation.shape, signs, residual, residual);
		list.codec->encode(&shape, NULL, residual, list.centroid, code,
						   &list.rows[i], work);
		list.codec->put(&shape,
						list.blocks + i / 32 * list.codec->block_bytes(&shape),
						i % 32, code);
	}
	for (int round = 0; round < QUERIES; round++)
	{
		Scan s = make_scan(&list, -2);
		double length;

		length = sqrt(sqdist(s.query_row, list.centroid, dim));
		run_scan(&s);
		for (size_t i = 0; i < N; i++)
		{
			const float *residual = list.residuals + i * dim;
			double exact = s.scan.base + list.rows[i].sqnorm -
				2 * product(s.query_row, residual, dim);
			double bound = 2 * length * s.errors[i];

			missed += s.keys[i] - bound > exact;
			bias += (s.keys[i] - exact) / bound;
			deviations +=
				(s.keys[i] - exact) / bound * ((s.keys[i] - exact) / bound);
		}
	}
	bias /= N * QUERIES;
	deviations = sqrt(deviations / (N * QUERIES));
	/* keys of one query or row are not independent: some hundred are */
	if (!ok(fabs(bias) < 0.04, "rabitq %zu: no bias", dim))
		printf("# bias %g bounds\n", bias);
	if (!ok(missed < N * QUERIES * 0.05, "rabitq %zu: the bound holds", dim))
		printf("# missed %zu of %d\n", missed, N * QUERIES);
	/* 1 / 1.9 were the bound tight for every row */
	if (!ok(deviations > 0.4 && deviations < 0.6,
			"rabitq %zu: the bound is no wider than it says", dim))
		printf("# deviation %g bounds\n", deviations);
}

static void
check_rabitq_of_zero(void)
{
	static const float zeros[8];
	static const float centroid[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	CodecShape shape = {8, 8};
	uint8_t code[2];
	CodecRow row;
	float work[16];

	codec_rabitq.encode(&shape, NULL, zeros, centroid, code, &row, work);
	ok(row.sqnorm == 204 && row.scale == 0 && row.correction == 0 &&
		   row.error == 0,
	   "rabitq: the centroid itself is known exactly");
}

static double
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) now.tv_sec + (double) now.tv_nsec * 1e-9;
}

/* BENCH=1: time for a row, not a test */
static void
bench(CodecKind kind, CodecShape shape)
{
	enum
	{
		N = 4096,
		ROUNDS = 200
	};
	const Codec *codec = codec_of(kind);
	List list;
	double start = seconds();
	double encoding;
	Scan s;

	list = make_list(kind, shape, N);
	start = seconds();
	for (size_t i = 0; i < N; i++)
		codec->encode(&shape, list.params, list.residuals + i * shape.dim,
					  list.centroid, list.codes, &list.rows[i], list.images);
	encoding = seconds() - start;
	s = make_scan(&list, -2);
	run_scan(&s);
	s.scan.limit = s.keys[N / 2] - fabsf(s.keys[N / 2]);
	start = seconds();
	for (int round = 0; round < ROUNDS; round++)
		codec->scan(&s.query, &s.scan, s.keys, s.below);
	printf("# %s %zu/%zu %s: %.2f ns a row scanned, %.2f us encoded\n",
		   codec->name, shape.dim, shape.m, simd_level_name(distance_level()),
		   (seconds() - start) / ROUNDS / N * 1e9, encoding / N * 1e6);
}

int
main(void)
{
	distance_init();
	for (int kind = 0; getenv("BENCH") != NULL && kind < CODEC_KINDS; kind++)
	{
		for (int level = 0; level < SIMD_NLEVELS; level++)
		{
			if (codec_of((CodecKind) kind) != NULL &&
				distance_set_level((SimdLevel) level))
				bench((CodecKind) kind,
					  (CodecShape){512, kind == CODEC_PQ8 ? 64 : 128});
		}
	}
	if (getenv("BENCH") != NULL)
		return 0;
	ok(codec_of(CODEC_NONE) == NULL && codec_of(CODEC_KINDS) == NULL &&
		   codec_of((CodecKind) -1) == NULL,
	   "no codec, and none that there is not");
	for (int kind = CODEC_PQ4; kind < CODEC_KINDS; kind++)
		check_codec((CodecKind) kind);
	check_rabitq(128);
	check_rabitq(500);
	check_rabitq_of_zero();
	return done_testing();
}
