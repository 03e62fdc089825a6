/*
 * unit_graph.c
 *	  Neighbour graphs against those made in float64 without any lists.
 */
#include <math.h>
#include <string.h>

#include "distance/distance.h"
#include "graph/graph.h"
#include "graph/graph_keys.h"
#include "graph/graph_prune.h"
#include "quant/kmeans.h"
#include "tap.h"

/* A task, what its phases wrote, and their work memory */
typedef struct Built
{
	GraphTask task;
	GraphLink *links;
	uint32_t *starts;
	uint32_t *ids;
	uint32_t *neighbours;
	size_t ntied;
} Built;

static double
sqdist(const GraphTask *task, size_t a, size_t b)
{
	double sum = 0;

	for (size_t i = 0; i < task->dim; i++)
	{
		double d = (double) task->rows[a * task->dim + i] -
			task->rows[b * task->dim + i];

		sum += d * d;
	}
	return sum;
}

/* Memory that ends where memory ends, full of garbage */
static void *
guarded(size_t size, int garbage)
{
	void *memory = guarded_end(size) - size;

	memset(memory, garbage, size);
	return memory;
}

/* Rows in the order of k-means' lists */
static void
put_in_lists(GraphTask *task, float *rows, size_t nlists)
{
	size_t n = task->n;
	size_t dim = task->dim;
	float *sorted = guarded(n * dim * sizeof(float), 0xFF);
	float *centroids = guarded(nlists * dim * sizeof(float), 0xFF);
	uint32_t *starts = guarded((nlists + 1) * sizeof(uint32_t), 0);
	uint32_t *nearest = calloc(n, sizeof(uint32_t));
	KmeansTask kmeans = {.rows = {rows, dim, dim, NULL, n},
						 .k = nlists,
						 .iterations = 5,
						 .seed = 1};
	KmeansAssignment a = {.rows = kmeans.rows,
						  .centroids = centroids,
						  .k = nlists,
						  .nearest = nearest};
	uint32_t at = 0;

	a.work = guarded(kmeans_assign_work_size(nlists, dim, n), 0);
	kmeans_train(&kmeans, centroids, guarded(kmeans_work_size(&kmeans), 0));
	kmeans_assign(&a);
	for (size_t l = 0; l < nlists; l++)
	{
		starts[l] = at;
		for (size_t i = 0; i < n; i++)
		{
			if (nearest[i] == l)
				memcpy(sorted + at++ * dim, rows + i * dim,
					   dim * sizeof(float));
		}
	}
	starts[nlists] = at;
	free(nearest);
	task->rows = sorted;
	task->centroids = centroids;
	task->starts = starts;
	task->nlists = nlists;
}

/* Points around so many centres, all of them offset from 0 */
static float *
mixture(size_t n, size_t dim, size_t ncentres, float offset)
{
	float *rows = calloc(n * dim, sizeof(float));
	float *centres = calloc(ncentres * dim, sizeof(float));

	for (size_t i = 0; i < ncentres * dim; i++)
		centres[i] = offset + random_float();
	for (size_t i = 0; i < n * dim; i++)
		rows[i] = centres[i / dim % ncentres * dim + i % dim] +
			0.7f * (random_float() + random_float());
	free(centres);
	return rows;
}

static GraphTask
make_task(float *rows, size_t n, size_t dim, size_t nlists)
{
	GraphTask task = {
		.n = n, .dim = dim, .degree = 12, .candidates = 30, .alpha = 1.2f};

	put_in_lists(&task, rows, nlists);
	return task;
}

static bool
run_forward(const GraphTask *task, size_t first, size_t end, GraphLink *links)
{
	return graph_forward(task, first, end, links,
						 guarded(graph_forward_work_size(task), 0xFF));
}

static bool
run_finish(const Built *built, size_t first, size_t end, uint32_t *neighbours)
{
	const GraphTask *task = &built->task;

	return graph_finish(task, first, end, built->links, built->starts,
						built->ids, neighbours,
						guarded(graph_finish_work_size(task), 0xFF));
}

static bool
build(Built *built, const GraphTask *task, uint32_t entry)
{
	size_t places = task->n * task->degree;

	built->task = *task;
	built->links = guarded(places * sizeof(GraphLink), 0xAA);
	built->starts = guarded((task->n + 1) * sizeof(uint32_t), 0xAA);
	built->ids = guarded(places * sizeof(uint32_t), 0xAA);
	built->neighbours = guarded(places * sizeof(uint32_t), 0xAA);
	built->ntied = SIZE_MAX;
	return run_forward(task, 0, task->nlists, built->links) &&
		graph_reverse(task, built->links, built->starts, built->ids) &&
		run_finish(built, 0, task->n, built->neighbours) &&
		graph_connect(task, entry, built->neighbours, &built->ntied,
					  guarded(graph_connect_work_size(task), 0xFF));
}

/* No row twice nor itself, nearest first, nothing behind the last */
static bool
is_sound(const GraphTask *task, const uint32_t *neighbours)
{
	for (size_t row = 0; row < task->n; row++)
	{
		const uint32_t *ids = neighbours + row * task->degree;

		for (size_t i = 0; i < task->degree; i++)
		{
			if (ids[i] == GRAPH_NONE)
			{
				if (i + 1 < task->degree && ids[i + 1] != GRAPH_NONE)
					return false;
				continue;
			}
			if (ids[i] >= task->n || ids[i] == row)
				return false;
			if (i > 0 &&
				sqdist(task, row, ids[i]) <
					sqdist(task, row, ids[i - 1]) * (1 - 1e-5))
				return false;
			for (size_t j = 0; j < i; j++)
			{
				if (ids[j] == ids[i])
					return false;
			}
		}
	}
	return true;
}

static size_t
count_reached(const GraphTask *task, const uint32_t *neighbours, uint32_t entry)
{
	bool *reached = calloc(task->n, sizeof(bool));
	bool grown = true;
	size_t count = 1;

	reached[entry] = true;
	while (grown)
	{
		grown = false;
		for (size_t i = 0; i < task->n * task->degree; i++)
		{
			if (!reached[i / task->degree] || neighbours[i] == GRAPH_NONE ||
				reached[neighbours[i]])
				continue;
			reached[neighbours[i]] = grown = true;
			count++;
		}
	}
	free(reached);
	return count;
}

static void
check_sort(void)
{
	enum
	{
		MAX = 300
	};
	uint64_t keys[MAX];
	uint64_t spare[MAX];
	bool good = true;

	for (size_t n = 0; n <= MAX; n++)
	{
		uint64_t sum = 0;

		for (size_t i = 0; i < n; i++)
		{
			keys[i] = n % 3 == 0 ? random_below(9) : next_random();
			sum += keys[i] * keys[i];
		}
		graph_sort(keys, n, spare);
		for (size_t i = 0; i < n; i++)
		{
			sum -= keys[i] * keys[i];
			good = good && (i == 0 || keys[i - 1] <= keys[i]);
		}
		good = good && sum == 0;
	}
	ok(good, "up to %d keys are sorted", MAX);
	ok(graph_key(1.5f, 8, 7) < graph_key(1.5f, 3, 7) &&
		   graph_key(0, 3, 7) < graph_key(1e-40f, 7, 7) &&
		   graph_key_id(graph_key(2, 3, 7), 7) == 3 &&
		   graph_key_sqdist(graph_key(2, 3, 7)) == 2,
	   "keys order by distance, then by the number from the base on");
}

typedef struct Matrix
{
	size_t n;
	size_t wanted; /* candidates that are kept, until it is enough */
	float *sqdists;
	bool same; /* was a row compared with itself? */
} Matrix;

static float
matrix_sqdist(void *arg, uint32_t a, uint32_t b)
{
	const Matrix *matrix = arg;

	if (a == b || a >= matrix->n || b >= matrix->n)
		abort();
	return matrix->sqdists[a * matrix->n + b];
}

/* The rule as it is written */
static size_t
naive_prune(const GraphPruning *pruning, uint32_t *chosen)
{
	bool *kept = calloc(pruning->n + 1, sizeof(bool));
	size_t nkept = 0;
	size_t n = 0;

	for (uint32_t p = 0; p < pruning->n && nkept < pruning->degree; p++)
	{
		bool keep = true;

		for (uint32_t q = 0; q < p; q++)
		{
			if (kept[q] &&
				(pruning->alpha * pruning->pair(pruning->arg, p, q) <
					 pruning->sqdists[p] ||
				 pruning->sqdists[p] == 0))
				keep = false;
		}
		kept[p] = keep;
		nkept += keep;
	}
	for (uint32_t p = 0; p < pruning->n && nkept < pruning->degree; p++)
	{
		nkept += !kept[p];
		kept[p] = true;
	}
	for (uint32_t p = 0; p < pruning->n; p++)
	{
		if (kept[p])
			chosen[n++] = p;
	}
	free(kept);
	return n;
}

static void
check_prune(void)
{
	bool good = true;

	for (int round = 0; round < 3000 && good; round++)
	{
		size_t n = random_below(60);
		Matrix matrix = {.n = n, .sqdists = calloc(n * n + 1, sizeof(float))};
		float *sqdists = guarded(n * sizeof(float), 0);
		GraphPruning pruning = {.sqdists = sqdists,
								.n = n,
								.degree = 1 + random_below(30),
								.alpha = 1 + (float) random_below(3) / 4,
								.pair = matrix_sqdist,
								.arg = &matrix};
		uint32_t naive[60];
		uint32_t *chosen = guarded(pruning.degree * sizeof(uint32_t), 0xFF);
		size_t expected;

		/* small integers: ties, and copies of the row */
		for (size_t i = 0; i < n; i++)
			sqdists[i] =
				(i == 0 ? 0 : sqdists[i - 1]) + (float) random_below(3);
		for (size_t a = 0; a < n; a++)
		{
			for (size_t b = 0; b <= a; b++)
				matrix.sqdists[a * n + b] = matrix.sqdists[b * n + a] =
					(float) random_below(80);
		}
		expected = naive_prune(&pruning, naive);
		good = graph_prune(&pruning, chosen, guarded(n, 0xFF)) == expected &&
			memcmp(chosen, naive, expected * sizeof(uint32_t)) == 0;
		free(matrix.sqdists);
	}
	ok(good, "pruning follows the rule");
}

static bool
is_enough(void *arg, uint32_t candidate)
{
	Matrix *matrix = arg;

	(void) candidate;
	return --matrix->wanted == 0;
}

/* Far from each other: all would be kept */
static void
check_enough(void)
{
	enum
	{
		N = 20
	};
	float pairs[N * N];
	float sqdists[N];
	uint32_t chosen[N];
	bool kept[N];
	Matrix matrix = {.n = N, .wanted = 3, .sqdists = pairs};
	GraphPruning pruning = {.sqdists = sqdists,
							.n = N,
							.degree = 8,
							.alpha = 1,
							.pair = matrix_sqdist,
							.arg = &matrix,
							.enough = is_enough};
	size_t nkept = 0;
	size_t n;

	for (size_t i = 0; i < N; i++)
		sqdists[i] = (float) (i + 1);
	for (size_t i = 0; i < N * N; i++)
		pairs[i] = 1000;
	n = graph_prune(&pruning, chosen, kept);
	for (size_t i = 0; i < N; i++)
		nkept += kept[i];
	ok(n == 8 && chosen[7] == 7 && nkept == 3 && kept[2],
	   "the rule keeps no more than is enough");
}

/* As many links as candidates: none is pruned */
static void
check_candidates(size_t n, size_t dim, size_t nlists, float offset,
				 double least)
{
	enum
	{
		K = 20
	};
	float *rows = mixture(n, dim, 40, offset);
	GraphTask task = make_task(rows, n, dim, nlists);
	GraphLink *links = guarded(n * K * sizeof(GraphLink), 0xAA);
	double *sqdists = calloc(n, sizeof(double));
	size_t found = 0;
	size_t looked = 0;
	bool right = true;
	double share;

	task.degree = task.candidates = K;
	right = run_forward(&task, 0, nlists, links);
	for (size_t row = 0; row < n; row += 7)
	{
		GraphLink *link = links + row * K;
		double kth = 0;

		for (size_t i = 0; i < n; i++)
			sqdists[i] = i == row ? INFINITY : sqdist(&task, row, i);
		for (size_t i = 0; i < K; i++)
			right = right && link[i].id < n && link[i].id != row &&
				fabs(link[i].sqdist - sqdists[link[i].id]) <=
					1e-5 * sqdists[link[i].id] &&
				(i == 0 || link[i].sqdist >= link[i - 1].sqdist);
		for (size_t k = 0; k < K; k++)
		{
			size_t best = 0;

			for (size_t i = 1; i < n; i++)
				best = sqdists[i] < sqdists[best] ? i : best;
			kth = sqdists[best];
			sqdists[best] = INFINITY;
		}
		for (size_t i = 0; i < K && right; i++)
			found += sqdist(&task, row, link[i].id) <= kth * (1 + 1e-6);
		looked += K;
	}
	share = (double) found / (double) looked;
	ok(right, "%zu rows of %zu in %zu lists: distances and order", n, dim,
	   nlists);
	if (!ok(share >= least, "and the nearest rows"))
		printf("# %.4f, not %g\n", share, least);
	free(sqdists);
	free(rows);
}

/* Links both ways by looking everywhere, pruned by the rule as written */
typedef struct RowPairs
{
	const GraphTask *task;
	const GraphLink *links; /* candidates */
} RowPairs;

static float
row_pair(void *arg, uint32_t a, uint32_t b)
{
	const RowPairs *pairs = arg;
	size_t dim = pairs->task->dim;

	return dense_kernels(ELEM_FLOAT32, ELEM_FLOAT32)
		->sqdist(pairs->task->rows + pairs->links[a].id * dim,
				 pairs->task->rows + pairs->links[b].id * dim, dim, 0);
}

static int
compare_links(const void *a, const void *b)
{
	const GraphLink *left = a;
	const GraphLink *right = b;

	if (left->sqdist != right->sqdist)
		return left->sqdist < right->sqdist ? -1 : 1;
	return left->id < right->id ? -1 : left->id > right->id;
}

static bool
finished_right(const Built *built, uint32_t row, const uint32_t *neighbours)
{
	const GraphTask *task = &built->task;
	size_t degree = task->degree;
	GraphLink *all = calloc(task->n, sizeof(GraphLink));
	float *sqdists = calloc(task->n, sizeof(float));
	uint32_t *chosen = calloc(task->n, sizeof(uint32_t));
	RowPairs pairs = {task, all};
	GraphPruning pruning = {.sqdists = sqdists,
							.degree = degree,
							.alpha = task->alpha,
							.pair = row_pair,
							.arg = &pairs};
	size_t incoming = 0;
	size_t n = 0;
	size_t nchosen;
	bool right = true;

	/* who links here; of very many the nearest */
	for (uint32_t i = 0; i < task->n * degree; i++)
	{
		if (built->links[i].id == row)
			all[incoming++] =
				(GraphLink){(uint32_t) (i / degree), built->links[i].sqdist};
	}
	qsort(all, incoming, sizeof(GraphLink), compare_links);
	if (incoming > degree * GRAPH_INCOMING)
		incoming = degree * GRAPH_INCOMING;
	n = incoming;
	for (size_t i = 0; i < degree; i++)
	{
		GraphLink link = built->links[row * degree + i];
		bool there = link.id == GRAPH_NONE;

		for (size_t j = 0; j < incoming; j++)
			there = there || all[j].id == link.id;
		if (!there)
			all[n++] = link;
	}
	qsort(all, n, sizeof(GraphLink), compare_links);
	for (size_t i = 0; i < n; i++)
		sqdists[i] = all[i].sqdist;
	pruning.n = n;
	nchosen = naive_prune(&pruning, chosen);
	for (size_t i = 0; i < degree; i++)
	{
		uint32_t expected = i < nchosen ? all[chosen[i]].id : GRAPH_NONE;

		right = right && neighbours[row * degree + i] == expected;
	}
	free(chosen);
	free(sqdists);
	free(all);
	return right;
}

static void
check_finish(void)
{
	enum
	{
		N = 1500,
		DIM = 60
	};
	float *rows = mixture(N, DIM, 10, 0);
	uint32_t *neighbours = calloc(N * 12, sizeof(uint32_t));
	GraphTask task;
	Built built;
	uint32_t most = 0;
	bool good;

	/* a row in the middle is nearer to each other than most of them */
	memset(rows, 0, DIM * sizeof(float));
	for (size_t i = 1; i < N; i++)
	{
		double square = 0;

		for (size_t d = 0; d < DIM; d++)
		{
			rows[i * DIM + d] = random_float();
			square += (double) rows[i * DIM + d] * rows[i * DIM + d];
		}
		/* no two at the same distance from it */
		square *= 1 + (double) i / N / 10;
		for (size_t d = 0; d < DIM; d++)
			rows[i * DIM + d] /= (float) sqrt(square);
	}
	task = make_task(rows, N, DIM, 12);
	good = build(&built, &task, 0) && run_finish(&built, 0, N, neighbours);
	for (size_t i = 0; i < N; i++)
		most = built.starts[i + 1] - built.starts[i] > most
			? built.starts[i + 1] - built.starts[i]
			: most;
	ok(good && most > 2 * GRAPH_INCOMING * task.degree,
	   "one row has %u that link to it", most);
	for (uint32_t row = 0; row < N && good; row++)
		good = finished_right(&built, row, neighbours);
	ok(good, "neighbours are the links both ways, pruned");
	ok(is_sound(&task, built.neighbours) &&
		   count_reached(&task, built.neighbours, 0) == N,
	   "sound, and all within reach");
	free(neighbours);
	free(rows);
}

/* Whatever the ranges and what memory held before: the same bits */
static void
check_ranges(void)
{
	enum
	{
		N = 4000,
		DIM = 19,
		NLISTS = 25
	};
	float *rows = mixture(N, DIM, 30, 0);
	GraphTask task = make_task(rows, N, DIM, NLISTS);
	size_t places = N * task.degree;
	GraphLink *links = guarded(places * sizeof(GraphLink), 0x55);
	uint32_t *neighbours = guarded(places * sizeof(uint32_t), 0x55);
	uint32_t *whole = guarded(places * sizeof(uint32_t), 0xAA);
	Built built;
	bool good = build(&built, &task, 0) && run_finish(&built, 0, N, whole);

	for (size_t l = NLISTS; l > 0; l--)
		good = good && run_forward(&task, l - 1, l, links);
	ok(good && memcmp(links, built.links, places * sizeof(GraphLink)) == 0,
	   "lists one by one give the same links");
	for (size_t row = 0; row < N; row += 371)
		good = good &&
			run_finish(&built, row, row + 371 < N ? row + 371 : N, neighbours);
	ok(good && memcmp(neighbours, whole, places * sizeof(uint32_t)) == 0,
	   "and ranges of rows the same neighbours");
	free(rows);
}

/* Blobs so far apart that no list of one is near to the other */
static void
check_connect(size_t nblobs)
{
	enum
	{
		N = 6000,
		DIM = 8
	};
	float *rows = calloc(N * DIM, sizeof(float));
	GraphTask task;
	Built built;
	bool good;

	for (size_t i = 0; i < N * DIM; i++)
		rows[i] = random_float() +
			(i % DIM == 0 ? 1000.0f * (float) (i / DIM % nblobs) : 0);
	task = make_task(rows, N, DIM, 60);
	good = build(&built, &task, 77);
	ok(good && count_reached(&task, built.neighbours, 77) == N,
	   "%zu blobs far apart are tied together", nblobs);
	ok(is_sound(&task, built.neighbours), "soundly");
	free(rows);
}

static GraphTask
line_task(const float *rows, size_t n, const uint32_t *starts,
		  const float *centroids, size_t nlists, size_t degree)
{
	return (GraphTask){.rows = rows,
					   .n = n,
					   .dim = 1,
					   .starts = starts,
					   .centroids = centroids,
					   .nlists = nlists,
					   .degree = degree,
					   .candidates = 4,
					   .alpha = 1};
}

/* Graphs of a few rows on a line, one place each */
static void
check_connect_by_hand(void)
{
	static const float rows[] = {0, 1, 2, 3};
	static const uint32_t starts[] = {0, 4};
	static const float centroid[] = {1.5f};
	GraphTask task = line_task(rows, 4, starts, centroid, 1, 1);
	uint32_t circle[] = {1, 0, 3, 2};
	uint32_t dead_end[] = {1, GRAPH_NONE, 1, 2};
	size_t ntied;
	void *work = guarded(graph_connect_work_size(&task), 0xFF);

	/* nobody needs to lead to the entry: 1 gives its place to 2 */
	ok(graph_connect(&task, 0, circle, &ntied, work) && ntied == 1 &&
		   circle[0] == 1 && circle[1] == 2 && circle[2] == 3,
	   "two circles become one path");
	ok(graph_connect(&task, 0, dead_end, &ntied, work) && ntied == 2 &&
		   count_reached(&task, dead_end, 0) == 4,
	   "a dead end goes on");
}

/* The nearest row within reach takes in who is not, whatever list it is in */
static void
check_giver_by_hand(void)
{
	static const float rows[] = {3, 5, 0, 1, 2};
	static const uint32_t starts[] = {0, 2, 5};
	static const float centroids[] = {4, 1};
	GraphTask task = line_task(rows, 5, starts, centroids, 2, 2);
	uint32_t none = GRAPH_NONE;
	uint32_t path[] = {none, none, none, none, 3, none, 4, none, 1, none};
	uint32_t full[] = {none, none, none, none, 3, none, 4, none, 1, 3};
	size_t ntied;
	void *work = guarded(graph_connect_work_size(&task), 0xFF);

	ok(graph_connect(&task, 2, path, &ntied, work) && ntied == 1 &&
		   path[8] == 0 && path[9] == 1,
	   "the nearest row gives a place, in the order of distances");
	ok(graph_connect(&task, 2, full, &ntied, work) && ntied == 1 &&
		   full[8] == 0 && full[9] == 1 && full[6] == 4 && full[7] == none,
	   "its last one that leads back");
}

static void
check_small(void)
{
	for (size_t n = 0; n <= 40; n += n < 4 ? 1 : 12)
	{
		float *rows = mixture(n + 1, 5, 3, 0);
		size_t nlists = n % 2 == 0 ? 1 : 6;
		uint32_t starts[] = {
			0, 0, 0, (uint32_t) n, (uint32_t) n, (uint32_t) n, (uint32_t) n};
		uint32_t one[] = {0, (uint32_t) n};
		GraphTask task = {.rows = rows,
						  .n = n,
						  .dim = 5,
						  .starts = nlists == 1 ? one : starts,
						  .centroids = mixture(nlists, 5, 3, 0),
						  .nlists = nlists,
						  .degree = 16,
						  .candidates = 64,
						  .alpha = 1};
		size_t expected = n > 16 ? 16 : n - (n > 0);
		Built built;
		bool good =
			build(&built, &task, 0) && is_sound(&task, built.neighbours);

		for (size_t i = 0; i < n * 16; i++)
			good = good &&
				(built.neighbours[i] != GRAPH_NONE) == (i % 16 < expected);
		ok(good && (n == 0 || count_reached(&task, built.neighbours, 0) == n),
		   "%zu rows in %zu lists, all but one empty", n, nlists);
		free(rows);
	}
}

/* The first of the dimensions, and how long the others are */
static void
project_first(GraphTask *task, size_t projected)
{
	size_t rest = task->dim - projected;
	float *projections = guarded(task->n * projected * sizeof(float), 0xFF);
	float *centroids = guarded(task->nlists * projected * sizeof(float), 0xFF);
	float *rests = guarded(task->n * sizeof(float), 0xFF);

	for (size_t i = 0; i < task->n; i++)
	{
		const float *row = task->rows + i * task->dim;

		memcpy(projections + i * projected, row, projected * sizeof(float));
		rests[i] = 0;
		for (size_t d = 0; d < rest; d++)
			rests[i] += row[projected + d] * row[projected + d];
	}
	for (size_t l = 0; l < task->nlists; l++)
		memcpy(centroids + l * projected, task->centroids + l * task->dim,
			   projected * sizeof(float));
	task->projections = projections;
	task->projected_centroids = centroids;
	task->rests = rests;
	task->projected_dim = projected;
}

/* Of the links of one graph, the share that the other has */
static double
common_share(const GraphTask *task, const uint32_t *a, const uint32_t *b)
{
	size_t degree = task->degree;
	size_t same = 0;
	size_t all = 0;

	for (size_t i = 0; i < task->n * degree; i++)
	{
		if (a[i] == GRAPH_NONE)
			continue;
		all++;
		for (size_t j = 0; j < degree; j++)
			same += b[i / degree * degree + j] == a[i];
	}
	return (double) same / (double) all;
}

static void
check_projections(void)
{
	enum
	{
		N = 6000,
		DIM = 110,
		PROJECTED = 10,
		NLISTS = 30
	};
	float *rows = mixture(N, DIM, 40, 0);
	GraphTask task;
	Built plain;
	Built projected;
	double share;
	bool good;

	/*
	 * Of two rows in three what is left out is long: by projections alone they would
	 * be everybody's neighbours.  All have some of it in common: distances are less
	 * than estimates.
	 */
	for (size_t i = 0; i < N; i++)
	{
		float length = i % 3 == 0 ? 0.02f : 0.2f;

		for (size_t d = PROJECTED; d < DIM; d++)
			rows[i * DIM + d] = 0.04f + length * random_float();
	}
	task = make_task(rows, N, DIM, NLISTS);
	good = build(&plain, &task, 0);
	project_first(&task, PROJECTED);
	good = good && build(&projected, &task, 0);
	ok(good && is_sound(&task, projected.neighbours) &&
		   count_reached(&task, projected.neighbours, 0) == N,
	   "by projections: sound, and all within reach");
	share = common_share(&task, plain.neighbours, projected.neighbours);
	if (!ok(share > 0.9, "and the neighbours that there are without"))
		printf("# %.4f\n", share);
	for (size_t i = 0; i < N * task.degree; i++)
	{
		GraphLink link = projected.links[i];
		double expected = link.id == GRAPH_NONE
			? link.sqdist
			: sqdist(&task, i / task.degree, link.id);

		good = good && fabs(link.sqdist - expected) <= 1e-5 * expected;
	}
	ok(good, "links have the distances of rows");
	free(rows);
}

/* Many equal rows, of one value or of several */
static void
check_equal(size_t nvalues)
{
	enum
	{
		N = 1100,
		DIM = 6
	};
	float *rows = calloc(N * DIM, sizeof(float));
	float *values = mixture(nvalues, DIM, 3, 5);
	GraphTask task;
	Built built;
	bool good;

	for (size_t i = 0; i < N; i++)
		memcpy(rows + i * DIM, values + i % nvalues * DIM, DIM * sizeof(float));
	task = make_task(rows, N, DIM, 8);
	good = build(&built, &task, N / 2);
	ok(good && count_reached(&task, built.neighbours, N / 2) == N,
	   "%zu values among %d rows: all within reach", nvalues, N);
	ok(is_sound(&task, built.neighbours), "soundly");
	free(values);
	free(rows);
}

/* Squares beyond float32: no sense, but no harm */
static void
check_overflow(void)
{
	enum
	{
		N = 700,
		DIM = 9
	};
	float *rows = calloc(N * DIM, sizeof(float));
	bool good = true;

	for (int round = 0; round < 3 && good; round++)
	{
		static const float scales[] = {3e38f, 1e19f, 1e-30f};
		GraphTask task;
		Built built;

		for (size_t i = 0; i < N * DIM; i++)
			rows[i] = random_float() * scales[round];
		task = make_task(rows, N, DIM, 9);
		good = build(&built, &task, 0) &&
			count_reached(&task, built.neighbours, 0) == N;
		for (size_t i = 0; i < N * task.degree; i++)
			good = good &&
				(built.neighbours[i] == GRAPH_NONE ||
				 (built.neighbours[i] < N &&
				  built.neighbours[i] != i / task.degree));
	}
	ok(good, "extreme rows have neighbours and are within reach");
	free(rows);
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
check_poll(void)
{
	enum
	{
		N = 20000,
		DIM = 48
	};
	float *rows = mixture(N, DIM, 30, 0);
	GraphTask task = make_task(rows, N, DIM, 40);
	Countdown countdown = {.left = 100000000};
	Built built;
	long total;
	bool good;

	task.poll = count_down;
	task.poll_arg = &countdown;
	good = run_forward(&task, 0, 40, calloc(N * 12, sizeof(GraphLink)));
	ok(good && countdown.calls > 20, "candidates: polled %ld times",
	   countdown.calls);
	good = build(&built, &task, 0);
	total = countdown.calls;
	countdown = (Countdown){.left = 100000000};
	good = good && run_finish(&built, 0, N, built.neighbours);
	ok(good && countdown.calls > 5, "neighbours: polled %ld times",
	   countdown.calls);
	for (long stop = 0; stop < total / 2 && good; stop += 1 + total / 8)
	{
		countdown = (Countdown){.left = stop};
		good = !build(&built, &task, 0) && countdown.calls == stop + 1;
	}
	countdown = (Countdown){.left = 3};
	good = good && !run_finish(&built, 0, N, built.neighbours) &&
		countdown.calls == 4;
	ok(good, "stopped wherever it polls");
	free(rows);
}

static void
check_sizes(void)
{
	GraphTask task = {.n = (size_t) 1 << 27,
					  .dim = 1000,
					  .nlists = 1000,
					  .degree = 32,
					  .candidates = 64};

	ok(graph_forward_work_size(&task) == SIZE_MAX &&
		   graph_finish_work_size(&task) == SIZE_MAX &&
		   graph_connect_work_size(&task) == SIZE_MAX,
	   "too many rows");
	task.n--;
	ok(graph_forward_work_size(&task) < 20 << 20 &&
		   graph_finish_work_size(&task) < 1 << 20 &&
		   graph_connect_work_size(&task) < 9 * task.n,
	   "work memory of ranges does not grow with the rows");
	task.dim = SIZE_MAX / 4 + 2;
	ok(graph_forward_work_size(&task) == SIZE_MAX, "too many dimensions");
}

int
main(void)
{
	const char *problem = blas_load();

	distance_init();
	check_sort();
	check_prune();
	check_enough();
	if (!ok(problem == NULL, "OpenBLAS is loaded"))
	{
		printf("# %s\n", problem);
		return done_testing();
	}
	check_sizes();
	check_candidates(900, 11, 1, 0, 1);
	check_candidates(900, 11, 1, 1000, 0.999);
	check_candidates(700, 1500, 7, 0, 1);
	check_candidates(12000, 24, 65, 0, 0.9);
	check_finish();
	check_ranges();
	check_connect(1);
	check_connect(2);
	check_connect(7);
	check_connect_by_hand();
	check_giver_by_hand();
	check_small();
	check_projections();
	check_equal(1);
	check_equal(40);
	check_overflow();
	check_poll();
	return done_testing();
}
