/*
 * unit_pq.c
 *	  Product quantizer: codes bit by bit, tables, blocks, training.
 *
 * Also run as an ARM program: codes are compared there with the same sums.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "distance/distance.h"
#include "quant/pq.h"
#include "tap.h"

static const PqShape shapes[] = {{1, 1},     {8, 2},  {100, 7},
								 {64, 64},   {37, 5}, {512, 128},
								 {785, 448}, {33, 1}, {130, 113}};

#define NSHAPES (sizeof(shapes) / sizeof(shapes[0]))

/* Arrays that end where memory ends */
static float *
float_array(size_t n)
{
	void *end = guarded_end(n * sizeof(float));

	return (float *) end - n;
}

static uint8_t *
byte_array(size_t n)
{
	return (uint8_t *) guarded_end(n) - n;
}

static void
fill_random(float *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		values[i] = random_float();
}

/* Few different numbers: many entries are equally near */
static void
fill_coarse(float *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		values[i] = (float) random_below(3);
}

static float
entry(const float *codebook, size_t dimension, size_t e)
{
	return codebook[dimension * PQ_ENTRIES + e];
}

/*
 * The entry that the contract names: float32 sums in the order of dimensions,
 * volatile so that each step is rounded, the lowest of equals.
 */
static uint8_t
expected_code(const PqShape *shape, const float *codebook, const float *row,
			  size_t j)
{
	uint8_t best = 0;
	float least = INFINITY;

	for (uint8_t e = 0; e < PQ_ENTRIES; e++)
	{
		volatile float sum = 0;

		for (size_t i = pq_first_dim(shape, j); i < pq_first_dim(shape, j + 1);
			 i++)
		{
			volatile float difference = row[i] - entry(codebook, i, e);
			volatile float square = difference * difference;

			sum = sum + square;
		}
		if (sum < least)
		{
			least = sum;
			best = e;
		}
	}
	return best;
}

static double
part_sqdist(const PqShape *shape, const float *codebook, const float *row,
			size_t j, size_t e)
{
	double sum = 0;

	for (size_t i = pq_first_dim(shape, j); i < pq_first_dim(shape, j + 1); i++)
	{
		double difference = (double) row[i] - entry(codebook, i, e);

		sum += difference * difference;
	}
	return sum;
}

/* No entry is nearer in float64 than the one chosen, but for rounding */
static bool
is_nearest(const PqShape *shape, const float *codebook, const float *row,
		   size_t j, size_t code)
{
	double chosen = part_sqdist(shape, codebook, row, j, code);
	double rounding = (double) (shape->dim + 4) * 0x1p-24;

	for (size_t e = 0; e < PQ_ENTRIES; e++)
	{
		if (part_sqdist(shape, codebook, row, j, e) <
			chosen * (1 - 2 * rounding))
			return false;
	}
	return true;
}

/* What makes codes hard to agree on */
typedef enum Hardship
{
	NONE,
	TIES,     /* entries at exactly the same distance */
	ROUNDING, /* at the same distance but for the order of its terms */
	OVERFLOW, /* a row beyond the sums of float */
	NHARDSHIPS
} Hardship;

static void
fill_case(const PqShape *shape, Hardship hardship, float *codebook, float *row)
{
	fill_random(codebook, pq_codebook_floats(shape));
	fill_random(row, shape->dim);
	if (hardship == TIES)
	{
		fill_coarse(codebook, pq_codebook_floats(shape));
		fill_coarse(row, shape->dim);
	}
	if (hardship == OVERFLOW)
		row[random_below((uint32_t) shape->dim)] = 3e38f;
	for (size_t j = 0; hardship == ROUNDING && j < shape->m; j++)
	{
		size_t first = pq_first_dim(shape, j);
		size_t d = pq_first_dim(shape, j + 1) - first;

		/* seen from 0, the entries are turns of the first one */
		for (size_t i = 0; i < d; i++)
		{
			row[first + i] = 0;
			for (size_t e = 1; e < PQ_ENTRIES; e++)
				codebook[PQ_ENTRIES * (first + i) + e] =
					entry(codebook, first + (i + e) % d, 0);
		}
	}
}

static void
check_codes(const PqShape *shape)
{
	float *codebook = float_array(pq_codebook_floats(shape));
	float *row = float_array(shape->dim);
	uint8_t *codes = byte_array(shape->m);
	uint8_t *again = byte_array(shape->m);
	bool exact = true;
	bool nearest = true;
	bool inverse = true;

	for (int round = 0; round < 80; round++)
	{
		Hardship hardship = (Hardship) (round % NHARDSHIPS);

		fill_case(shape, hardship, codebook, row);
		pq_encode(shape, codebook, row, codes);
		for (size_t j = 0; j < shape->m; j++)
		{
			exact = exact && codes[j] < PQ_ENTRIES &&
				codes[j] == expected_code(shape, codebook, row, j);
			nearest = nearest &&
				(hardship == OVERFLOW ||
				 is_nearest(shape, codebook, row, j, codes[j]));
		}

		fill_random(codebook, 16 * shape->dim);
		for (size_t j = 0; j < shape->m; j++)
			codes[j] = (uint8_t) random_below(PQ_ENTRIES);
		pq_decode(shape, codebook, codes, row);
		for (size_t j = 0; j < shape->m; j++)
			inverse =
				inverse && part_sqdist(shape, codebook, row, j, codes[j]) == 0;
		pq_encode(shape, codebook, row, again);
		inverse = inverse && memcmp(codes, again, shape->m) == 0;
	}
	ok(exact, "%zu/%zu: codes as promised, to the last bit", shape->dim,
	   shape->m);
	ok(nearest, "%zu/%zu: which name the nearest entries", shape->dim,
	   shape->m);
	ok(inverse, "%zu/%zu: entries decode and encode to themselves", shape->dim,
	   shape->m);
}

/* Parts follow each other, cover all dimensions, and differ by one at most */
static void
check_parts(const PqShape *shape)
{
	size_t least = shape->dim;
	size_t most = 0;

	for (size_t j = 0; j < shape->m; j++)
	{
		size_t d = pq_first_dim(shape, j + 1) - pq_first_dim(shape, j);

		least = d < least ? d : least;
		most = d > most ? d : most;
	}
	ok(pq_first_dim(shape, 0) == 0 &&
		   pq_first_dim(shape, shape->m) == shape->dim && least >= 1 &&
		   most - least <= 1,
	   "%zu/%zu: parts", shape->dim, shape->m);
}

/* Into the lanes in another order than out of them */
static void
check_blocks(size_t m)
{
	size_t size = pq_block_bytes(m);
	uint8_t *block = byte_array(size);
	uint8_t *codes = byte_array(m);
	uint8_t *all = byte_array(PQ_BLOCK * m);
	bool layout = true;
	bool same = true;

	memset(block, 0xFF, size);
	for (size_t i = 0; i < PQ_BLOCK * m; i++)
		all[i] = (uint8_t) random_below(PQ_ENTRIES);
	for (size_t i = 0; i < PQ_BLOCK; i++)
	{
		size_t lane = i * 13 % PQ_BLOCK;

		memcpy(codes, all + lane * m, m);
		pq_block_put(block, m, lane, codes);
	}
	for (size_t lane = 0; lane < PQ_BLOCK; lane++)
	{
		pq_block_get(block, m, lane, codes);
		same = same && memcmp(codes, all + lane * m, m) == 0;
		for (size_t g = 0; g < (m + 1) / 2; g++)
		{
			uint8_t pair = block[32 * g + lane];
			uint8_t high = 2 * g + 1 < m ? all[lane * m + 2 * g + 1] : 0;

			layout = layout && pair % 16 == all[lane * m + 2 * g] &&
				pair / 16 == high;
		}
	}
	ok(same, "block of %zu parts: out comes what went in", m);
	ok(layout, "block of %zu parts: nibbles in their places", m);
}

typedef struct TableCheck
{
	const PqShape *shape;
	float *codebook;
	float *query;
	float *work;
	PqTables tables;
} TableCheck;

/* Sums of random codes against float64, and the limits of bytes */
static bool
tables_hold(TableCheck *c, float scale)
{
	size_t m = c->shape->m;
	size_t limit = m > 257 ? 65535 / m : 255;
	size_t greatest = 0;
	bool good = true;

	memset(c->tables.bytes, 0xFF, 16 * pq_padded_parts(m));
	pq_tables(c->shape, c->codebook, c->query, scale, &c->tables, c->work);
	for (size_t j = 0; j < m; j++)
	{
		size_t largest = 0;

		for (size_t e = 0; e < PQ_ENTRIES; e++)
			largest = c->tables.bytes[16 * j + e] > largest
				? c->tables.bytes[16 * j + e]
				: largest;
		good = good && largest <= limit;
		greatest += largest;
	}
	for (size_t e = 0; m % 2 == 1 && e < PQ_ENTRIES; e++)
		good = good && c->tables.bytes[16 * m + e] == 0;
	if (!good || greatest > 65535)
		return false;

	for (int round = 0; round < 20; round++)
	{
		double exact = 0;
		double absolute = 0;
		size_t sum = 0;
		double found;

		for (size_t j = 0; j < m; j++)
		{
			size_t e = random_below(PQ_ENTRIES);

			sum += c->tables.bytes[16 * j + e];
			for (size_t i = pq_first_dim(c->shape, j);
				 i < pq_first_dim(c->shape, j + 1); i++)
			{
				double product =
					(double) scale * c->query[i] * entry(c->codebook, i, e);

				exact += product;
				absolute += fabs(product);
			}
		}
		found = c->tables.bias + c->tables.step * (double) sum;
		good = good &&
			fabs(found - exact) <= (double) m * c->tables.step / 2 * 1.001 +
					absolute * (double) c->shape->dim * 0x1p-24 + 1e-32;
	}
	return good;
}

static void
check_tables(const PqShape *shape)
{
	TableCheck c = {.shape = shape,
					.codebook = float_array(pq_codebook_floats(shape)),
					.query = float_array(shape->dim),
					.work = float_array(pq_tables_work_floats(shape))};
	bool good = true;

	c.tables.bytes = byte_array(16 * pq_padded_parts(shape->m));
	for (int round = 0; round < 10 && good; round++)
	{
		fill_random(c.codebook, pq_codebook_floats(shape));
		fill_random(c.query, shape->dim);
		good = tables_hold(&c, 1) && c.tables.step > 0 && tables_hold(&c, -2);
	}
	ok(good, "%zu/%zu: sums of tables are the products", shape->dim, shape->m);

	good = tables_hold(&c, 1e-30f) && tables_hold(&c, 1e-37f) &&
		tables_hold(&c, 1e-45f);
	memset(c.query, 0, shape->dim * sizeof(float));
	good =
		good && tables_hold(&c, 1) && c.tables.step == 0 && c.tables.bias == 0;
	for (size_t i = 0; i < 16 * shape->m; i++)
		good = good && c.tables.bytes[i] == 0;
	ok(good, "%zu/%zu: also those of next to nothing", shape->dim, shape->m);

	good = true;
	for (size_t i = 0; i < shape->dim; i++)
		c.query[i] = random_float() * 3e38f;
	for (int round = 0; round < 4; round++)
	{
		fill_random(c.codebook, pq_codebook_floats(shape));
		c.codebook[random_below(16 * (uint32_t) shape->dim)] =
			round % 2 == 0 ? 3e38f : -3e38f;
		pq_tables(shape, c.codebook, c.query, round < 2 ? 1 : -1, &c.tables,
				  c.work);
		for (size_t i = 0; i < 16 * shape->m; i++)
			good = good && c.tables.bytes[i] * shape->m <= 65535;
	}
	ok(good, "%zu/%zu: products beyond float keep the limit", shape->dim,
	   shape->m);
}

/* The squared distance of the query's part j from an entry */
static double
sqdist_of_entry(const TableCheck *c, size_t j, size_t e)
{
	double sum = 0;

	for (size_t i = pq_first_dim(c->shape, j);
		 i < pq_first_dim(c->shape, j + 1); i++)
	{
		double off = (double) c->query[i] - entry(c->codebook, i, e);

		sum += off * off;
	}
	return sum;
}

/*
 * Each byte is the distance, less the least of the part, up to half a step; but the
 * largest may stand for what is beyond an eighth of the mean distance and half of
 * that of any part.
 */
static bool
distances_hold(TableCheck *c)
{
	size_t m = c->shape->m;
	double limit = m > 257 ? 65535 / m : 255;
	double bias = 0;
	double total = 0;
	double largest = 0;
	double slack;
	double far;
	bool good = true;

	pq_distance_tables(c->shape, c->codebook, c->query, &c->tables, c->work);
	for (int pass = 0; pass < 2; pass++)
	{
		far = total / 8 > largest / 2 ? total / 8 : largest / 2;
		slack = (bias + total * 16) * (double) c->shape->dim * 0x1p-22;
		for (size_t j = 0; j < m; j++)
		{
			double least = INFINITY;
			double mean = 0;

			for (size_t e = 0; e < PQ_ENTRIES; e++)
				least = fmin(least, sqdist_of_entry(c, j, e));
			for (size_t e = 0; e < PQ_ENTRIES; e++)
			{
				double value = sqdist_of_entry(c, j, e) - least;
				double byte = c->tables.bytes[16 * j + e];
				bool fits = fabs(value - byte * c->tables.step) <=
					c->tables.step * 0.5001 + slack;
				bool beyond = byte == limit && value >= far - slack;

				mean += value / PQ_ENTRIES;
				good = good && (pass == 0 || fits || beyond);
			}
			if (pass == 0)
			{
				bias += least;
				total += mean;
				largest = fmax(largest, mean);
			}
		}
	}
	return good && fabs(c->tables.bias - bias) <= slack;
}

static void
check_distances(const PqShape *shape)
{
	TableCheck c = {.shape = shape,
					.codebook = float_array(pq_codebook_floats(shape)),
					.query = float_array(shape->dim),
					.work = float_array(pq_tables_work_floats(shape))};
	bool good = true;

	c.tables.bytes = byte_array(16 * pq_padded_parts(shape->m));
	for (int round = 0; round < 10 && good; round++)
	{
		fill_random(c.codebook, pq_codebook_floats(shape));
		fill_random(c.query, shape->dim);
		/* and with a part that tells nearly all */
		for (size_t i = 0; round % 2 == 1 && i < PQ_ENTRIES; i++)
			c.codebook[i] *= 1000;
		good = distances_hold(&c);
	}
	ok(good, "%zu/%zu: tables of distances", shape->dim, shape->m);
}

/* Work memory ends where memory ends, and holds what may be there */
static bool
train(const PqTraining *training, float *codebook, int garbage)
{
	size_t size = pq_train_work_size(training);
	char *work = guarded_end(size) - size;

	memset(work, garbage, size);
	return pq_train(training, codebook, work);
}

static double
error_of(const PqTraining *training, const float *codebook)
{
	const PqShape *shape = &training->shape;
	uint8_t codes[64];
	double sum = 0;

	for (size_t i = 0; i < training->rows.n; i++)
	{
		const float *row = row_at(&training->rows, i);

		pq_encode(shape, codebook, row, codes);
		for (size_t j = 0; j < shape->m; j++)
			sum += part_sqdist(shape, codebook, row, j, codes[j]);
	}
	return sum;
}

/* A codebook of 16 rows drawn at random */
static void
draw_codebook(const PqTraining *training, float *codebook)
{
	for (size_t e = 0; e < PQ_ENTRIES; e++)
	{
		const float *row =
			row_at(&training->rows, random_below((uint32_t) training->rows.n));

		for (size_t i = 0; i < training->shape.dim; i++)
			codebook[PQ_ENTRIES * i + e] = row[i];
	}
}

static void
check_training(void)
{
	enum
	{
		N = 1500,
		DIM = 22,
		STRIDE = 25
	};
	float *rows = float_array(N * STRIDE);
	float *codebook = float_array(PQ_ENTRIES * DIM);
	float *other = float_array(PQ_ENTRIES * DIM);
	PqTraining training = {.shape = {DIM, 5},
						   .rows = {rows, STRIDE, DIM, NULL, N},
						   .iterations = 15,
						   .seed = 9};
	double error;
	double drawn = INFINITY;

	fill_random(rows, N * STRIDE);
	ok(train(&training, codebook, 0xFF), "training");
	error = error_of(&training, codebook);
	for (int round = 0; round < 10; round++)
	{
		draw_codebook(&training, other);
		drawn = fmin(drawn, error_of(&training, other));
	}
	if (!ok(error < 0.85 * drawn, "is better than ten random codebooks"))
		printf("# %g, not %g\n", error, drawn);
	ok(train(&training, other, 0) &&
		   memcmp(codebook, other, PQ_ENTRIES * DIM * sizeof(float)) == 0,
	   "the same seed, the same codebook");
	training.seed++;
	ok(train(&training, other, 0) &&
		   memcmp(codebook, other, PQ_ENTRIES * DIM * sizeof(float)) != 0,
	   "another seed, another one");
}

/*
 * Each part of a row is near one of 16 points, chosen for each part by itself;
 * the error of the best codebook is that of the means.
 */
static void
check_mixture(void)
{
	enum
	{
		N = 3000,
		DIM = 11,
		M = 3
	};
	static float rows[N * DIM];
	static float points[PQ_ENTRIES * DIM];
	static double sums[PQ_ENTRIES * DIM];
	static uint8_t of[N][M];
	static size_t counts[M][PQ_ENTRIES];
	static float best[PQ_ENTRIES * DIM];
	static float codebook[PQ_ENTRIES * DIM];
	PqTraining training = {.shape = {DIM, M},
						   .rows = {rows, DIM, DIM, NULL, N},
						   .iterations = 20,
						   .seed = 4};
	double error;
	double least;

	fill_random(points, PQ_ENTRIES * DIM);
	for (size_t i = 0; i < N; i++)
	{
		for (size_t j = 0; j < M; j++)
		{
			uint8_t e = of[i][j] = (uint8_t) random_below(PQ_ENTRIES);

			counts[j][e]++;
			for (size_t d = pq_first_dim(&training.shape, j);
				 d < pq_first_dim(&training.shape, j + 1); d++)
			{
				rows[i * DIM + d] =
					100 * entry(points, d, e) + random_float() / 8;
				sums[PQ_ENTRIES * d + e] += rows[i * DIM + d];
			}
		}
	}
	for (size_t j = 0; j < M; j++)
	{
		for (size_t d = pq_first_dim(&training.shape, j);
			 d < pq_first_dim(&training.shape, j + 1); d++)
		{
			for (size_t e = 0; e < PQ_ENTRIES; e++)
				best[PQ_ENTRIES * d + e] =
					(float) (sums[PQ_ENTRIES * d + e] / (double) counts[j][e]);
		}
	}
	least = error_of(&training, best);
	error = train(&training, codebook, 0xFF) ? error_of(&training, codebook)
											 : INFINITY;
	if (!ok(error <= least * (1 + 1e-5), "points of a mixture are found"))
		printf("# %g, not %g\n", error, least);
}

/*
 * Five times this, far apart: a first entry at 0 takes the row at 2, too, so
 * that its mean is 1; the one at 4.1 goes to the heap at 2.8.  Now 2 is nearer
 * to that heap, 0 to the row at -0.95, and the entry between has no rows.  Among
 * so many seeds are some that draw these rows.
 */
static void
check_empty_entries(void)
{
	enum
	{
		HEAP = 6,
		ROWS = 4 + HEAP,
		N = 5 * ROWS
	};
	static float rows[N];
	static float codebook[PQ_ENTRIES];
	PqTraining training = {
		.shape = {1, 1}, .rows = {rows, 1, 1, NULL, N}, .iterations = 12};
	bool good = true;

	for (size_t i = 0; i < N; i++)
	{
		static const float places[] = {-0.95f, 0, 2, 4.1f, 2.8f};
		size_t place = i % ROWS < 4 ? i % ROWS : 4;

		rows[i] = 1000 * (float) (i / ROWS) + places[place];
	}
	for (training.seed = 0; training.seed < 500 && good; training.seed++)
	{
		bool used[PQ_ENTRIES] = {false};

		good = train(&training, codebook, 0xFF);
		for (size_t i = 0; i < N; i++)
		{
			uint8_t code;

			pq_encode(&training.shape, codebook, rows + i, &code);
			used[code] = true;
		}
		for (size_t e = 0; e < PQ_ENTRIES; e++)
			good = good && used[e];
	}
	ok(good, "no entry is left without rows");
}

static void
check_few_rows(void)
{
	enum
	{
		DIM = 6
	};
	static float rows[100 * DIM];
	static float codebook[PQ_ENTRIES * DIM];
	PqTraining training = {.shape = {DIM, 4},
						   .rows = {rows, DIM, DIM, NULL, 100},
						   .iterations = 10};
	bool good = true;

	for (training.seed = 0; training.seed < 20; training.seed++)
	{
		fill_coarse(rows, 100 * DIM);
		for (size_t i = 0; i < 100 * DIM; i++)
			rows[i] += rows[i] * 0.1f;
		good = good && train(&training, codebook, 0xFF) &&
			error_of(&training, codebook) == 0 &&
			first_nonfinite(codebook, PQ_ENTRIES * DIM) == PQ_ENTRIES * DIM;
	}
	ok(good, "parts of at most 9 values are kept as they are");
	training.rows.n = 1;
	good = train(&training, codebook, 0xFF);
	for (size_t i = 0; i < PQ_ENTRIES * DIM; i++)
		good = good && codebook[i] == rows[i / PQ_ENTRIES];
	ok(good, "a single row is all entries");
	for (size_t i = 0; i < 100 * DIM; i++)
		rows[i] = random_float() * 3e38f;
	training.rows.n = 100;
	ok(train(&training, codebook, 0xFF) &&
		   first_nonfinite(codebook, PQ_ENTRIES * DIM) == PQ_ENTRIES * DIM,
	   "entries of extreme rows are finite");
	training.rows.n = SIZE_MAX / 4 + 2;
	ok(pq_train_work_size(&training) == SIZE_MAX, "too many rows");
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
check_poll(void)
{
	enum
	{
		N = 10000,
		DIM = 24
	};
	float *rows = float_array(N * DIM);
	float *codebook = float_array(PQ_ENTRIES * DIM);
	Countdown countdown = {.left = 1000000};
	PqTraining training = {.shape = {DIM, 6},
						   .rows = {rows, DIM, DIM, NULL, N},
						   .iterations = 6,
						   .seed = 1,
						   .poll = count_down,
						   .poll_arg = &countdown};
	long total;
	bool good;

	fill_random(rows, N * DIM);
	good = train(&training, codebook, 0);
	total = countdown.calls;
	ok(good && total > 4, "polled %ld times", total);
	for (long stop = 0; stop < total && good; stop++)
	{
		countdown = (Countdown){.left = stop};
		good = !train(&training, codebook, 0) && countdown.calls == stop + 1;
	}
	ok(good, "stopped wherever it polls");
}

int
main(void)
{
	distance_init();
	for (size_t i = 0; i < NSHAPES; i++)
	{
		check_parts(&shapes[i]);
		check_codes(&shapes[i]);
		check_blocks(shapes[i].m);
		check_tables(&shapes[i]);
		check_distances(&shapes[i]);
	}
	check_training();
	check_mixture();
	check_empty_entries();
	check_few_rows();
	check_poll();
	return done_testing();
}
