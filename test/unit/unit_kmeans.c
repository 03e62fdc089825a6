/*
 * unit_kmeans.c
 *	  Clusters against those found in float64, and at the edges.
 */
#include <math.h>
#include <string.h>

#include "distance/distance.h"
#include "quant/kmeans.h"
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

static double
sqdist(const float *a, const float *b, size_t dim)
{
	double sum = 0;

	for (size_t i = 0; i < dim; i++)
		sum += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
	return sum;
}

static double
norm(const float *a, size_t dim)
{
	double sum = 0;

	for (size_t i = 0; i < dim; i++)
		sum += (double) a[i] * a[i];
	return sqrt(sum);
}

static void
scale_to_unit(float *row, size_t dim)
{
	double length = norm(row, dim);

	for (size_t i = 0; i < dim; i++)
		row[i] = (float) (row[i] / length);
}

static size_t
nearest_of(const float *row, const float *centroids, size_t k, size_t dim)
{
	size_t nearest = 0;

	for (size_t c = 1; c < k; c++)
	{
		if (sqdist(row, centroids + c * dim, dim) <
			sqdist(row, centroids + nearest * dim, dim))
			nearest = c;
	}
	return nearest;
}

static double
objective(const RowSet *rows, const float *centroids, size_t k)
{
	double sum = 0;

	for (size_t i = 0; i < rows->n; i++)
	{
		const float *row = row_at(rows, i);
		size_t c = nearest_of(row, centroids, k, rows->dim);

		sum += sqdist(row, centroids + c * rows->dim, rows->dim);
	}
	return sum;
}

static size_t
count_empty(const RowSet *rows, const float *centroids, size_t k)
{
	bool *used = calloc(k, sizeof(bool));
	size_t empty = k;

	for (size_t i = 0; i < rows->n; i++)
	{
		size_t c = nearest_of(row_at(rows, i), centroids, k, rows->dim);

		empty -= !used[c];
		used[c] = true;
	}
	free(used);
	return empty;
}

/* One of Lloyd's rounds as it stands in books */
static void
naive_round(const KmeansTask *task, float *centroids)
{
	size_t dim = task->rows.dim;
	double *sums = calloc(task->k * dim, sizeof(double));
	size_t *counts = calloc(task->k, sizeof(size_t));

	for (size_t i = 0; i < task->rows.n; i++)
	{
		const float *row = row_at(&task->rows, i);
		size_t c = nearest_of(row, centroids, task->k, dim);

		counts[c]++;
		for (size_t d = 0; d < dim; d++)
			sums[c * dim + d] += row[d];
	}
	for (size_t c = 0; c < task->k; c++)
	{
		for (size_t d = 0; counts[c] > 0 && d < dim; d++)
			centroids[c * dim + d] =
				(float) (sums[c * dim + d] / (double) counts[c]);
		if (task->spherical)
			scale_to_unit(centroids + c * dim, dim);
	}
	free(counts);
	free(sums);
}

/* Work memory ends where memory ends, and holds what may be there */
static size_t
train(const KmeansTask *task, float *centroids, int garbage)
{
	size_t size = kmeans_work_size(task);
	void *work = guarded_end(size) - size;

	memset(work, garbage, size);
	return kmeans_train(task, centroids, work);
}

static bool
assign(KmeansAssignment *a)
{
	size_t size = kmeans_assign_work_size(a->k, a->rows.dim, a->rows.n);

	a->work = guarded_end(size) - size;
	memset(a->work, 0xFF, size);
	return kmeans_assign(a);
}

/*
 * From the same first centres, as good as the rounds in float64, or nearly: the
 * first rounds look at a part of the rows
 */
static void
check_against_naive(bool spherical, size_t n, size_t dim, size_t k)
{
	size_t stride = dim + 3;
	float *rows = float_array(n * stride);
	float *centroids = float_array(k * dim);
	float *naive = float_array(k * dim);
	KmeansTask task = {.rows = {rows, stride, dim, NULL, n},
					   .k = k,
					   .spherical = spherical,
					   .seed = 3};
	double ours;
	double theirs;

	fill_random(rows, n * stride);
	for (size_t i = 0; spherical && i < n; i++)
		scale_to_unit(rows + i * stride, dim);

	ok(train(&task, naive, 0) == k, "%zu rows: %zu first centres", n, k);
	task.iterations = 8;
	ok(train(&task, centroids, 0xFF) == k, "and as many in the end");
	for (int round = 0; round < task.iterations; round++)
		naive_round(&task, naive);
	ours = objective(&task.rows, centroids, k);
	theirs = objective(&task.rows, naive, k);
	if (!ok(ours < 1.02 * theirs, "as good as the rounds in float64"))
		printf("# %g, not %g\n", ours, theirs);
	if (spherical)
	{
		bool unit = true;

		for (size_t c = 0; c < k; c++)
			unit = unit && fabs(norm(centroids + c * dim, dim) - 1) < 1e-6;
		ok(unit, "centres have unit length");
	}
}

/* Clusters far from each other are found; rows of the set lie among others */
static void
check_separated(void)
{
	enum
	{
		NCLUSTERS = 30,
		SIZE = 20,
		DIM = 20,
		N = NCLUSTERS * SIZE
	};
	static float rows[2 * N * DIM];
	static float centroids[NCLUSTERS * DIM];
	static float means[NCLUSTERS * DIM];
	static uint32_t ids[N];
	KmeansTask task = {.rows = {rows, DIM, DIM, ids, N},
					   .k = NCLUSTERS,
					   .iterations = 10,
					   .seed = 1};
	double worst = 0;

	fill_random(rows, 2 * N * DIM);
	fill_random(means, NCLUSTERS * DIM);
	for (size_t c = 0; c < NCLUSTERS; c++)
	{
		double sums[DIM] = {0};

		for (size_t i = 0; i < SIZE; i++)
		{
			size_t id = 2 * (c + NCLUSTERS * i) + 1;

			ids[c + NCLUSTERS * i] = (uint32_t) id;
			for (size_t d = 0; d < DIM; d++)
			{
				rows[id * DIM + d] = 1000 * means[c * DIM + d] + random_float();
				sums[d] += rows[id * DIM + d];
			}
		}
		for (size_t d = 0; d < DIM; d++)
			means[c * DIM + d] = (float) (sums[d] / SIZE);
	}
	train(&task, centroids, 0);
	for (size_t c = 0; c < NCLUSTERS; c++)
	{
		const float *mean = means + c * DIM;
		size_t found = nearest_of(mean, centroids, NCLUSTERS, DIM);

		worst = fmax(worst, sqdist(mean, centroids + found * DIM, DIM));
	}
	ok(worst < 1e-6, "clusters far apart are found as they are");
}

/* Few values among many rows; a zero has two signs */
static void
check_duplicates(void)
{
	enum
	{
		N = 500,
		STRIDE = 3,
		K = 10
	};
	static const float values[3][2] = {{1, 2}, {0, 5}, {-7, 0.1f}};
	static float rows[N * STRIDE];
	static float centroids[K * 2];
	KmeansTask task = {.rows = {rows, STRIDE, 2, NULL, N},
					   .k = K,
					   .iterations = 10,
					   .seed = 1};
	bool good = true;

	fill_random(rows, N * STRIDE);
	for (size_t i = 0; i < N; i++)
	{
		float *row = rows + STRIDE * i;

		memcpy(row, values[random_below(3)], sizeof(values[0]));
		if (row[0] == 0 && random_below(2) == 0)
			row[0] = -0.0f;
	}
	ok(train(&task, centroids, 0) == 3, "3 different rows give 3 centres");
	for (size_t v = 0; v < 3; v++)
		good = good &&
			sqdist(values[v],
				   centroids + 2 * nearest_of(values[v], centroids, 3, 2),
				   2) == 0;
	ok(good, "which are these rows");
	good = true;
	for (size_t c = 3; c < K; c++)
		good =
			good && sqdist(centroids + 2 * c, centroids + 2 * (c % 3), 2) == 0;
	ok(good, "the other centres repeat them");

	task.k = 2;
	ok(train(&task, centroids, 0) == 2 &&
		   count_empty(&task.rows, centroids, 2) == 0,
	   "fewer centres than different rows");
}

/* k = 1, k = n, more than n, and nearly n */
static void
check_extreme_k(void)
{
	enum
	{
		N = 300,
		DIM = 5
	};
	static float rows[N * DIM];
	static float centroids[2 * N * DIM];
	double sums[DIM] = {0};
	float mean[DIM];
	KmeansTask task = {
		.rows = {rows, DIM, DIM, NULL, N}, .k = 1, .iterations = 10, .seed = 1};

	fill_random(rows, N * DIM);
	for (size_t i = 0; i < N * DIM; i++)
		sums[i % DIM] += rows[i];
	for (size_t d = 0; d < DIM; d++)
		mean[d] = (float) (sums[d] / N);
	ok(train(&task, centroids, 0xFF) == 1 &&
		   sqdist(mean, centroids, DIM) < 1e-12,
	   "one centre is the mean");

	task.k = N;
	ok(train(&task, centroids, 0xFF) == N &&
		   objective(&task.rows, centroids, N) == 0,
	   "as many centres as rows are the rows");
	task.k = 2 * N;
	ok(train(&task, centroids, 0xFF) == N &&
		   objective(&task.rows, centroids, N) == 0 &&
		   memcmp(centroids, centroids + N * DIM, N * DIM * sizeof(float)) == 0,
	   "more are these again");
	task.k = 250;
	ok(train(&task, centroids, 0xFF) == 250 &&
		   count_empty(&task.rows, centroids, 250) == 0,
	   "nearly as many: none without a row");
	task.rows.n = 1;
	task.k = 1;
	ok(train(&task, centroids, 0xFF) == 1 &&
		   memcmp(centroids, rows, sizeof(mean)) == 0,
	   "a single row");
}

/*
 * Five times this on an arc, far apart: a first centre at 0 takes the row at 2,
 * too, so that its mean is 1; the one at 4.1 goes to the heap at 2.8.  Now 2 is
 * nearer to that heap, 0 to the row at -0.95, and the centre between has no
 * rows.  Among so many seeds are some that draw these rows.  The largest cluster
 * is of equal rows, which cannot be split.
 */
static void
check_empty_clusters(bool spherical)
{
	enum
	{
		HEAP = 6,
		ROWS = 4 + HEAP,
		EQUAL = 50,
		N = 5 * ROWS + EQUAL,
		DIM = 2,
		K = 17
	};
	static float rows[N * DIM];
	static float centroids[K * DIM];
	static float once_more[K * DIM];
	KmeansTask task = {.rows = {rows, DIM, DIM, NULL, N},
					   .k = K,
					   .spherical = spherical,
					   .iterations = 30};
	bool used = true;
	bool stable = true;
	bool unit = true;

	for (size_t i = 0; i < N; i++)
	{
		static const double places[] = {-0.95, 0, 2, 4.1, 2.8};
		size_t place = i % ROWS < 4 ? i % ROWS : 4;
		double angle =
			i < 5 * ROWS ? (double) (i / ROWS) + 0.01 * places[place] : 5.5;

		rows[DIM * i] = (float) cos(angle);
		rows[DIM * i + 1] = (float) sin(angle);
	}
	for (task.seed = 0; task.seed < 500; task.seed++)
	{
		task.iterations = 2;
		used = used && train(&task, centroids, (int) task.seed) == K &&
			count_empty(&task.rows, centroids, K) == 0;
		for (size_t c = 0; c < K; c++)
			unit = unit && fabs(norm(centroids + c * DIM, DIM) - 1) < 1e-6;

		task.iterations = 30;
		train(&task, centroids, (int) task.seed);
		memcpy(once_more, centroids, sizeof(centroids));
		naive_round(&task, once_more);
		stable = stable && sqdist(centroids, once_more, K * DIM) < 1e-12;
	}
	ok(used && unit == spherical, "no cluster is left empty%s",
	   spherical ? " on the sphere" : "");
	ok(stable, "and rounds go on with the new centres");
}

/* Rows near a few thousand points, some of which two groups have to share */
static void
fill_mixture(float *rows, size_t n, size_t dim)
{
	enum
	{
		NPOINTS = 2700
	};
	float *points = float_array(NPOINTS * dim);

	fill_random(points, NPOINTS * dim);
	fill_random(rows, n * dim);
	for (size_t i = 0; i < n; i++)
	{
		const float *point = points + random_below(NPOINTS) * dim;

		for (size_t d = 0; d < dim; d++)
			rows[i * dim + d] = point[d] + 0.09f * rows[i * dim + d];
	}
}

static void
check_two_levels(void)
{
	enum
	{
		N = 20000,
		DIM = 8,
		K = KMEANS_TWO_LEVEL_K
	};
	float *rows = float_array(N * DIM);
	float *centroids = float_array(K * DIM);
	float *again = float_array(K * DIM);
	uint32_t *nearest = calloc(N, sizeof(uint32_t));
	static bool used[K];
	KmeansTask task = {
		.rows = {rows, DIM, DIM, NULL, N}, .k = K, .iterations = 6, .seed = 1};
	KmeansAssignment a = {
		.rows = task.rows, .centroids = centroids, .k = K, .nearest = nearest};
	size_t empty = K;
	double one_level;

	fill_mixture(rows, N, DIM);
	a.k = task.k = K - 1;
	ok(train(&task, centroids, 0xFF) == K - 1 && assign(&a), "one level");
	one_level = a.cost;
	a.k = task.k = K;
	ok(train(&task, centroids, 0xFF) == K && assign(&a), "two levels");
	if (!ok(a.cost < 1.15 * one_level, "are nearly as good"))
		printf("# %g, not %g\n", a.cost, one_level);
	for (size_t i = 0; i < N; i++)
	{
		empty -= !used[nearest[i]];
		used[nearest[i]] = true;
	}
	ok(empty == 0, "none without a row");
	ok(train(&task, again, 0) == K &&
		   memcmp(centroids, again, K * DIM * sizeof(float)) == 0,
	   "the same seed, the same centres");

	/* half of all rows are one and the same, in a group by itself */
	for (size_t i = 0; i < N / 2; i++)
	{
		for (size_t d = 0; d < DIM; d++)
			rows[i * DIM + d] = 5;
	}
	ok(train(&task, centroids, 0xFF) == K, "two levels with a heap of equals");
	for (size_t i = 0; i < N * DIM; i++)
		rows[i] = (float) (i / DIM % 1000);
	a.rows.n = 1000;
	ok(train(&task, centroids, 0xFF) == 1000 &&
		   objective(&a.rows, centroids, 1000) == 0,
	   "two levels, fewer rows than centres");
	free(nearest);
}

static void
check_seeds(void)
{
	enum
	{
		N = 2000,
		DIM = 11,
		K = 40
	};
	static float rows[N * DIM];
	static float a[K * DIM];
	static float b[K * DIM];
	KmeansTask task = {
		.rows = {rows, DIM, DIM, NULL, N}, .k = K, .iterations = 10, .seed = 5};

	fill_random(rows, N * DIM);
	train(&task, a, 0xFF);
	train(&task, b, 0);
	ok(memcmp(a, b, sizeof(a)) == 0, "the same seed, the same centres");
	task.seed = 6;
	train(&task, b, 0);
	ok(memcmp(a, b, sizeof(a)) != 0, "another seed, others");
}

/* Distances, in tiles and chunks that are not full */
static void
check_assignment(size_t n, size_t dim, size_t k, float offset)
{
	size_t stride = dim + 1;
	float *rows = float_array(n * stride);
	float *centroids = float_array(k * dim);
	float *sqdists = calloc(n, sizeof(float));
	KmeansAssignment a = {.rows = {rows, stride, dim, NULL, n},
						  .centroids = centroids,
						  .k = k,
						  .nearest = calloc(n, sizeof(uint32_t)),
						  .sqdists = sqdists};
	bool good = true;
	double cost = 0;

	for (size_t i = 0; i < n * stride; i++)
		rows[i] = offset + random_float();
	for (size_t i = 0; i < k * dim; i++)
		centroids[i] = offset + random_float();
	good = assign(&a);
	for (size_t i = 0; i < n && good; i++)
	{
		const float *row = rows + i * stride;
		const float *best =
			centroids + nearest_of(row, centroids, k, dim) * dim;
		const float *chosen = centroids + a.nearest[i] * dim;
		/* lengths, as seen from the centres' mean, are below sqrt(3 dim) */
		double bound = 0x1p-20 * 3 * (double) dim;

		good = a.nearest[i] < k &&
			sqdist(row, chosen, dim) <= sqdist(row, best, dim) + bound &&
			fabs(a.sqdists[i] - sqdist(row, chosen, dim)) <= bound;
		cost += a.sqdists[i];
	}
	ok(good && fabs(cost - a.cost) <= 1e-6 * cost,
	   "assignment: %zu rows of %zu around %g to %zu centres", n, dim,
	   (double) offset, k);
	a.sqdists = NULL;
	ok(assign(&a) && fabs(cost - a.cost) <= 1e-6 * cost,
	   "the same without distances");
	free(sqdists);
	free(a.nearest);
}

/* Rows that have a centre: of those near it the nearest, in tiles and chunks */
static void
check_near(size_t n, size_t dim, size_t k)
{
	float *rows = float_array(n * dim);
	float *centroids = float_array(k * dim);
	uint32_t *near = calloc(k * KMEANS_NEAR, sizeof(uint32_t));
	KmeansAssignment a = {.rows = {rows, dim, dim, NULL, n},
						  .centroids = centroids,
						  .k = k,
						  .near = near,
						  .nearest = calloc(n, sizeof(uint32_t))};
	bool good = true;
	double cost = 0;

	fill_random(rows, n * dim);
	fill_random(centroids, k * dim);
	/* every third one, beginning anywhere */
	for (size_t c = 0; c < k; c++)
	{
		for (size_t i = 0; i < KMEANS_NEAR; i++)
			near[c * KMEANS_NEAR + i] =
				(uint32_t) (c % (k - 3 * KMEANS_NEAR) + 3 * i);
	}
	for (size_t i = 0; i < n; i++)
		a.nearest[i] = (uint32_t) (i * k / n);
	good = assign(&a);
	for (size_t i = 0; i < n && good; i++)
	{
		const uint32_t *choice = near + i * k / n * KMEANS_NEAR;
		double least = INFINITY;
		bool found = false;

		for (size_t j = 0; j < KMEANS_NEAR; j++)
		{
			const float *centre = centroids + choice[j] * dim;

			least = fmin(least, sqdist(rows + i * dim, centre, dim));
			found = found || a.nearest[i] == choice[j];
		}
		cost += least;
		good = found &&
			sqdist(rows + i * dim, centroids + a.nearest[i] * dim, dim) <=
				least + 0x1p-20 * 3 * (double) dim;
	}
	ok(good && fabs(cost - a.cost) <= 1e-5 * cost,
	   "the nearest of some: %zu rows of %zu to %zu centres", n, dim, k);
	free(near);
	free(a.nearest);
}

/* Small integers around 0: nothing is rounded, so that ties are ties */
static void
check_ties(void)
{
	enum
	{
		N = 1200,
		DIM = 3,
		K = 600
	};
	static float rows[N * DIM];
	static float centroids[K * DIM];
	static uint32_t nearest[N];
	KmeansAssignment a = {.rows = {rows, DIM, DIM, NULL, N},
						  .centroids = centroids,
						  .k = K,
						  .nearest = nearest};
	bool good;

	for (size_t i = 0; i < N * DIM; i++)
		rows[i] = (float) random_below(9) - 4;
	for (size_t c = 0; c < K; c += 2)
	{
		for (size_t d = c * DIM; d < (c + 1) * DIM; d++)
		{
			centroids[d] = (float) random_below(9) - 4;
			centroids[d + DIM] = -centroids[d];
		}
	}
	good = assign(&a);
	for (size_t i = 0; i < N; i++)
		good =
			good && nearest[i] == nearest_of(rows + i * DIM, centroids, K, DIM);
	ok(good, "of centres at equal distance the first");
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

/* Stopped at any poll, it ends at once and says so */
static void
check_poll(size_t n, size_t dim, size_t k)
{
	float *rows = float_array(n * dim);
	float *centroids = float_array(k * dim);
	Countdown countdown = {.left = 1000000};
	KmeansTask task = {.rows = {rows, dim, dim, NULL, n},
					   .k = k,
					   .iterations = 3,
					   .seed = 1,
					   .poll = count_down,
					   .poll_arg = &countdown};
	long total;
	bool good = true;

	fill_random(rows, n * dim);
	good = train(&task, centroids, 0) == k;
	total = countdown.calls;
	ok(good && total > 20, "%zu centres: polled %ld times", k, total);
	for (long stop = 0; stop < total && good; stop += 1 + total / 20)
	{
		countdown = (Countdown){.left = stop};
		good = train(&task, centroids, 0) == 0 && countdown.calls == stop + 1;
	}
	ok(good, "stopped wherever it polls");
}

/* Squares beyond float32: no sense, but no harm */
static void
check_overflow(void)
{
	enum
	{
		N = 400,
		DIM = 9,
		K = 20
	};
	static float rows[N * DIM];
	static float centroids[K * DIM];
	KmeansTask task = {
		.rows = {rows, DIM, DIM, NULL, N}, .k = K, .iterations = 5, .seed = 1};
	bool good = true;

	for (int round = 0; round < 4; round++)
	{
		static const float scales[] = {3.4e38f, 1e25f, 1e19f, 1e-30f};

		for (size_t i = 0; i < N * DIM; i++)
			rows[i] = random_float() * scales[round];
		/* squares of the last differences are zero */
		good = good && train(&task, centroids, 0) == (round == 3 ? 1 : K) &&
			first_nonfinite(centroids, K * DIM) == K * DIM;
	}
	ok(good, "centres of extreme rows are finite");
}

/* Who shares the work: tiles from the last to the first */
static bool
assign_by_tiles(KmeansAssignment *a, void *arg)
{
	size_t tile = kmeans_tile_rows(a->rows.dim);
	size_t ntiles = (a->rows.n + tile - 1) / tile;
	double *costs = calloc(ntiles, sizeof(double));

	++*(int *) arg;
	for (size_t i = ntiles; i-- > 0;)
	{
		KmeansAssignment part = *a;
		size_t first = i * tile;

		part.rows.n = i + 1 == ntiles ? a->rows.n - first : tile;
		if (a->rows.ids != NULL)
			part.rows.ids += first;
		else
			part.rows.rows += first * a->rows.stride;
		part.nearest += first;
		kmeans_assign(&part);
		costs[i] = part.cost;
	}
	a->cost = 0;
	for (size_t i = 0; i < ntiles; i++)
		a->cost += costs[i];
	free(costs);
	return true;
}

/* Centres are the same bits, whoever finds the nearest ones */
static void
check_shared(void)
{
	enum
	{
		N = 6000,
		DIM = 40,
		K = 150
	};
	static float rows[N * DIM];
	static float alone[K * DIM];
	static float shared[K * DIM];
	int calls = 0;
	KmeansTask task = {
		.rows = {rows, DIM, DIM, NULL, N}, .k = K, .iterations = 10, .seed = 3};

	fill_random(rows, N * DIM);
	train(&task, alone, 0);
	task.assign = assign_by_tiles;
	task.assign_arg = &calls;
	train(&task, shared, 0);
	ok(kmeans_tile_rows(DIM) < K * 16 && calls > 5,
	   "the work was shared, by tiles");
	ok(memcmp(alone, shared, sizeof(alone)) == 0, "with the same result");
}

static void
check_sizes(void)
{
	/* 4 bytes for each of so many elements look like few */
	size_t wraps = SIZE_MAX / 4 + 2;
	KmeansTask task = {.rows = {.dim = 1000, .n = 1000000}, .k = 1000};

	ok(kmeans_work_size(&task) < 16 * 1000000 + (20 << 20),
	   "work memory does not grow with n x k");
	ok(kmeans_assign_work_size(32768, 4000, 1000000) < 12 << 20 &&
		   kmeans_assign_work_size(32768, 64000, 1000000) < 12 << 20,
	   "nor with dimensions");
	task.rows.n = (size_t) 1 << 31;
	ok(kmeans_work_size(&task) == SIZE_MAX, "too many rows");
	task.rows.n = 1000;
	task.rows.dim = wraps;
	ok(kmeans_work_size(&task) == SIZE_MAX &&
		   kmeans_assign_work_size(1000, wraps, 1000) == SIZE_MAX,
	   "too many dimensions");
}

int
main(void)
{
	const char *problem = blas_load();

	distance_init();
	if (!ok(problem == NULL, "OpenBLAS is loaded"))
	{
		printf("# %s\n", problem);
		return done_testing();
	}
	check_sizes();
	check_assignment(1, 1, 1, 0);
	check_assignment(1500, 7, 300, 0);
	check_assignment(1500, 7, 256, 1000);
	check_assignment(700, 2000, 30, 0);
	check_assignment(40, 64000, 35, 0);
	check_near(3000, 7, 200);
	check_near(500, 30000, 150);
	check_ties();
	check_separated();
	check_against_naive(false, 3000, 17, 40);
	check_against_naive(true, 3000, 17, 40);
	check_duplicates();
	check_extreme_k();
	check_empty_clusters(false);
	check_empty_clusters(true);
	check_seeds();
	check_two_levels();
	check_poll(3000, 50, 300);
	check_poll(20000, 8, KMEANS_TWO_LEVEL_K);
	check_overflow();
	check_shared();
	return done_testing();
}
