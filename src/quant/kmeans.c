/*
 * kmeans.c
 *	  Training: first centres, Lloyd's rounds, empty clusters, two levels.
 *
 * Rows of a cluster are brought together by counting, so that a centre is the
 * float64 mean of its rows without k x dim sums beside the centres.
 */
#include "quant/kmeans.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/select.h"
#include "distance/distance.h"
#include "quant/carver.h"

/* First centres are drawn from so many distinct rows for each, and at least */
#define SEED_ROWS_PER_CENTRE 4
#define SEED_ROWS_MIN 1024

/*
 * The last rounds are over all rows.  Those before find the way by so many rows
 * for each centre, where these are at most half of all.
 */
#define LAST_ROUNDS 5
#define ROUGH_ROWS_PER_CENTRE 16

/* Rows that are added up at once, a number that the compiler unrolls */
#define ROWS_AT_ONCE 4

/* How far the halves of a cluster move apart, of the way to its farthest row */
#define SPLIT_STEP 0.1f

/* With so many centres not all of them are looked at in each round */
#define NEAR_K_MIN (2 * KMEANS_NEAR)
#define NEAR_BLOCK 16 /* centres that are compared with all at a time */

/* Rounds in which centres that have lost all rows move to one */
#define SETTLE_ROUNDS 4

typedef struct Trainer
{
	const KmeansTask *task;
	Rng rng;
	Pacer pacer;
	size_t ngroups; /* clusters of the first level; 0: there is one level */

	/* work memory */
	uint32_t *ids;     /* n: rows in order of their group; two levels only */
	uint32_t *groups;  /* ngroups + 1: where groups begin in ids */
	uint32_t *caps;    /* ngroups: distinct rows */
	uint32_t *seats;   /* ngroups: centres to make */
	uint32_t *nearest; /* n: centre of each row of the set */
	uint32_t *order;   /* n: places in the set, in order of their centre */
	uint32_t *starts;  /* k + 1: where centres begin in order */
	uint32_t *sizes;   /* k: rows, halved for centres that were split */
	uint32_t *owned;   /* k: for each centre, the id of a row that is its own */
	uint32_t *rough;   /* ids: rows of the first rounds */
	uint32_t *sorted;  /* ids: rows of a set, in order of their centre */
	RowSet sorted_set; /* by these ids */
	uint32_t *near;    /* k x KMEANS_NEAR, where has_near() says so */
	float *norms;      /* k: squared lengths of centres */
	float *apart;      /* NEAR_BLOCK x k: squared distances of centres */
	double *keys;      /* k: those of one of them */
	float *sqdists;    /* rows that first centres are drawn from */
	double *sum;       /* dim */
	void *assign_work;
} Trainer;

static size_t
min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t
max_size(size_t a, size_t b)
{
	return a > b ? a : b;
}

static size_t
seed_rows(size_t k, size_t n)
{
	if (k > n / SEED_ROWS_PER_CENTRE)
		return n;
	return min_size(n, max_size(k * SEED_ROWS_PER_CENTRE, SEED_ROWS_MIN));
}

/* Among so many centres it pays to look at those alone that are near */
static bool
has_near(size_t k)
{
	return k >= NEAR_K_MIN && k < KMEANS_TWO_LEVEL_K;
}

/* One more where it costs little, and makes up for what is not looked at */
static int
last_rounds(const Trainer *t, size_t k)
{
	return t->ngroups == 0 && has_near(k) ? LAST_ROUNDS + 1 : LAST_ROUNDS;
}

/* Rows of the first rounds; 0: all rounds are over all rows */
static size_t
rough_rows(const Trainer *t, size_t k, size_t n)
{
	if (t->task->iterations <= last_rounds(t, k) ||
		k > n / 2 / ROUGH_ROWS_PER_CENTRE)
		return 0;
	return k * ROUGH_ROWS_PER_CENTRE;
}

static size_t
lay_out(Trainer *t, const KmeansTask *task, void *work)
{
	Carver carver = {work, 0};
	size_t n = task->rows.n;
	size_t k = min_size(task->k, n); /* no more than distinct rows */
	size_t assign_size = kmeans_assign_work_size(k, task->rows.dim, n);
	size_t near_k = has_near(k) ? k : 0;

	t->task = task;
	t->ngroups = k < KMEANS_TWO_LEVEL_K ? 0 : (size_t) sqrt((double) k);
	t->ids = carve(&carver, t->ngroups > 0 ? n : 0, sizeof(uint32_t));
	t->groups = carve(&carver, t->ngroups + 1, sizeof(uint32_t));
	t->caps = carve(&carver, t->ngroups, sizeof(uint32_t));
	t->seats = carve(&carver, t->ngroups, sizeof(uint32_t));
	/* one array of 2 n while it is the table of rows_distinct() */
	t->nearest = carve(&carver, n, 2 * sizeof(uint32_t));
	t->order = t->nearest == NULL ? NULL : t->nearest + n;
	t->starts = carve(&carver, k + 1, sizeof(uint32_t));
	t->sizes = carve(&carver, k, sizeof(uint32_t));
	t->owned = carve(&carver, k, sizeof(uint32_t));
	/* of any set: its own rows and centres are no more */
	t->rough = carve(&carver, min_size(k * ROUGH_ROWS_PER_CENTRE, n / 2),
					 sizeof(uint32_t));
	t->sorted = carve(&carver, near_k > 0 ? n : 0, sizeof(uint32_t));
	t->near = carve(&carver, near_k, KMEANS_NEAR * sizeof(uint32_t));
	t->norms = carve(&carver, near_k, sizeof(float));
	t->apart = carve(&carver, near_k, NEAR_BLOCK * sizeof(float));
	t->keys = carve(&carver, near_k, sizeof(double));
	t->sqdists = carve(&carver, seed_rows(k, n), sizeof(float));
	t->sum = carve(&carver, task->rows.dim, sizeof(double));
	t->assign_work = carve(&carver, assign_size, 1);
	return carver.used;
}

size_t
kmeans_work_size(const KmeansTask *task)
{
	Trainer t;

	if (task->rows.n > INT32_MAX)
		return SIZE_MAX;
	return lay_out(&t, task, NULL);
}

/* A set of rows and its centres */
typedef struct Clusters
{
	const RowSet *set;
	size_t k;
	float *centroids; /* k x dim */
	uint32_t
		*owned; /* k: the row that a centre was, or that is nearest to it */
} Clusters;

static float *
centre_at(const Clusters *clusters, size_t c)
{
	return clusters->centroids + c * clusters->set->dim;
}

static bool
has_rows(const Trainer *t, size_t c)
{
	return t->starts[c + 1] > t->starts[c];
}

/*
 * Find nearest[]; near: or NULL, as KmeansAssignment has it.  The cost, or -1 when
 * poll stopped it.
 */
static double
assign_rows(Trainer *t, const Clusters *clusters, const uint32_t *near)
{
	KmeansAssignment a = {.rows = *clusters->set,
						  .centroids = clusters->centroids,
						  .k = clusters->k,
						  .near = near,
						  .nearest = t->nearest,
						  .work = t->assign_work,
						  .poll = t->task->poll,
						  .poll_arg = t->task->poll_arg};

	bool done = t->task->assign == NULL
		? kmeans_assign(&a)
		: t->task->assign(&a, t->task->assign_arg);

	return done ? a.cost : -1;
}

/* order[] and starts[] from nearest[], by counting */
static void
group_rows(Trainer *t, const Clusters *clusters)
{
	size_t n = clusters->set->n;
	size_t k = clusters->k;
	uint32_t *starts = t->starts;

	memset(starts, 0, (k + 1) * sizeof(uint32_t));
	for (size_t i = 0; i < n; i++)
		starts[t->nearest[i] + 1]++;
	for (size_t c = 0; c < k; c++)
		starts[c + 1] += starts[c];
	for (size_t i = 0; i < n; i++)
		t->order[starts[t->nearest[i]]++] = (uint32_t) i;
	/* each start has moved to where the next one was */
	memmove(starts + 1, starts, k * sizeof(uint32_t));
	starts[0] = 0;
}

/* To unit length; a centre of length 0 stays as it is */
static void
normalise(float *centre, size_t dim)
{
	double square = 0;

	for (size_t i = 0; i < dim; i++)
		square += (double) centre[i] * centre[i];
	if (square == 0)
		return;
	for (size_t i = 0; i < dim; i++)
		centre[i] = (float) (centre[i] / sqrt(square));
}

typedef float TwoFloats __attribute__((vector_size(8)));
typedef double TwoDoubles __attribute__((vector_size(16)));

static inline TwoDoubles
two_of(const float *row)
{
	TwoFloats floats;

	memcpy(&floats, row, sizeof(floats));
	return __builtin_convertvector(floats, TwoDoubles);
}

/*
 * Add n rows, at most ROWS_AT_ONCE, so that sums are read and written once for all.  gcc
 * 12 does not vectorize what changes the width of its numbers.
 */
static inline void
add_rows(double *sum, const float *const *rows, size_t n, size_t dim)
{
	size_t i = 0;

	for (; i + 2 <= dim; i += 2)
	{
		TwoDoubles two;

		memcpy(&two, sum + i, sizeof(two));
		for (size_t j = 0; j < n; j++)
			two += two_of(rows[j] + i);
		memcpy(sum + i, &two, sizeof(two));
	}
	for (size_t j = 0; i < dim && j < n; j++)
		sum[i] += rows[j][i];
}

/* The rows at places from first to end - 1, all of one cluster */
static bool
sum_rows(Trainer *t, const RowSet *set, uint32_t first, uint32_t end)
{
	memset(t->sum, 0, set->dim * sizeof(double));
	while (first < end)
	{
		const float *rows[ROWS_AT_ONCE];
		size_t n = min_size(ROWS_AT_ONCE, end - first);

		for (size_t i = 0; i < n; i++, first++)
		{
			if (first + ROWS_AHEAD < set->n)
				prefetch_row(set, t->order[first + ROWS_AHEAD]);
			rows[i] = row_at(set, t->order[first]);
		}
		if (n == ROWS_AT_ONCE)
			add_rows(t->sum, rows, ROWS_AT_ONCE, set->dim);
		else
			add_rows(t->sum, rows, n, set->dim);
		if (!pacer_go_on(&t->pacer, n * set->dim))
			return false;
	}
	return true;
}

/* Each centre that has rows becomes their mean */
static bool
average_rows(Trainer *t, const Clusters *clusters)
{
	size_t dim = clusters->set->dim;

	for (size_t c = 0; c < clusters->k; c++)
	{
		float *centre = centre_at(clusters, c);
		uint32_t size = t->starts[c + 1] - t->starts[c];

		t->sizes[c] = size;
		if (size == 0)
			continue;
		if (!sum_rows(t, clusters->set, t->starts[c], t->starts[c + 1]))
			return false;
		for (size_t i = 0; i < dim; i++)
			centre[i] = (float) (t->sum[i] / size);
		if (t->task->spherical)
			normalise(centre, dim);
	}
	return true;
}

/* The rows of cluster c at the least and the largest distance from its centre */
typedef struct Extremes
{
	uint32_t nearest; /* ids; not set without rows */
	uint32_t farthest;
	float sqdist; /* of the farthest; 0 without rows */
} Extremes;

static bool
find_extremes(Trainer *t, const Clusters *clusters, size_t c, Extremes *found)
{
	const RowSet *set = clusters->set;
	const DenseKernels *kernels = dense_kernels(ELEM_FLOAT32, ELEM_FLOAT32);
	float least = INFINITY;

	found->sqdist = 0;
	for (uint32_t at = t->starts[c]; at < t->starts[c + 1]; at++)
	{
		const float *row = row_at(set, t->order[at]);
		float sqdist =
			kernels->sqdist(centre_at(clusters, c), row, set->dim, 0);

		if (at == t->starts[c] || sqdist < least)
		{
			found->nearest = row_id(set, t->order[at]);
			least = sqdist;
		}
		if (at == t->starts[c] || sqdist > found->sqdist)
		{
			found->farthest = row_id(set, t->order[at]);
			found->sqdist = sqdist;
		}
		if (!pacer_go_on(&t->pacer, set->dim))
			return false;
	}
	return true;
}

/*
 * Halve the cluster of old for new, which has no rows.  The mean of the rows
 * lies between the two centres, so there are rows on either side.
 */
static void
split_centre(const Trainer *t, float *old, float *new, const float *farthest)
{
	size_t dim = t->task->rows.dim;

	for (size_t i = 0; i < dim; i++)
	{
		float step = SPLIT_STEP * farthest[i] - SPLIT_STEP * old[i];
		float away = old[i] - step;

		new[i] = old[i] + step;
		old[i] = isfinite(away) ? away : old[i];
	}
	if (t->task->spherical)
	{
		normalise(old, dim);
		normalise(new, dim);
	}
}

/*
 * Give the centre empty half of the largest cluster that can be split; where
 * there is none it stays as it is.
 */
static bool
fill_cluster(Trainer *t, const Clusters *clusters, size_t empty)
{
	const RowSet *set = clusters->set;

	for (;;)
	{
		size_t largest = 0;
		Extremes extremes;

		for (size_t c = 1; c < clusters->k; c++)
		{
			if (t->sizes[c] > t->sizes[largest])
				largest = c;
		}
		if (t->sizes[largest] < 2)
			return true;
		if (!find_extremes(t, clusters, largest, &extremes))
			return false;
		if (extremes.sqdist > 0)
		{
			split_centre(t, centre_at(clusters, largest),
						 centre_at(clusters, empty),
						 set->rows + extremes.farthest * set->stride);
			clusters->owned[empty] = extremes.farthest;
			t->sizes[empty] = t->sizes[largest] / 2;
			t->sizes[largest] -= t->sizes[empty];
			return true;
		}
		/* its rows are equal, or it is a new half, whose rows are the other's */
		t->sizes[largest] = 0;
	}
}

/* Counts the centres without rows; false when poll stopped it */
static bool
fill_empty(Trainer *t, const Clusters *clusters, size_t *nempty)
{
	*nempty = 0;
	for (size_t c = 0; c < clusters->k; c++)
	{
		if (has_rows(t, c))
			continue;
		++*nempty;
		if (!pacer_go_on(&t->pacer, clusters->k) ||
			!fill_cluster(t, clusters, c))
			return false;
	}
	return true;
}

/* A centre with rows owns the one nearest to it */
static bool
find_owned(Trainer *t, const Clusters *clusters)
{
	for (size_t c = 0; c < clusters->k; c++)
	{
		Extremes extremes;

		if (!has_rows(t, c))
			continue;
		if (!find_extremes(t, clusters, c, &extremes))
			return false;
		clusters->owned[c] = extremes.nearest;
	}
	return true;
}

/*
 * The set becomes one of the same rows in order of their centre, which nearest[]
 * then has for each.
 */
static void
sort_rows(Trainer *t, Clusters *clusters)
{
	const RowSet *set = clusters->set;

	for (size_t i = 0; i < set->n; i++)
		t->nearest[i] = row_id(set, t->order[i]);
	memcpy(t->sorted, t->nearest, set->n * sizeof(uint32_t));
	for (size_t c = 0; c < clusters->k; c++)
	{
		for (uint32_t at = t->starts[c]; at < t->starts[c + 1]; at++)
			t->nearest[at] = (uint32_t) c;
	}
	t->sorted_set = *set;
	t->sorted_set.ids = t->sorted;
	clusters->set = &t->sorted_set;
}

/*
 * The KMEANS_NEAR of k centres at the least squared distances, in ascending order
 * of their numbers
 */
static void
choose_near(Trainer *t, const float *sqdists, size_t k, uint32_t *near)
{
	double limit;
	size_t nfound = 0;
	size_t nequal = KMEANS_NEAR; /* how many at the limit are chosen */

	for (size_t i = 0; i < k; i++)
		t->keys[i] = sqdists[i] < FLT_MAX ? sqdists[i] : FLT_MAX;
	limit = select_nth(t->keys, k, KMEANS_NEAR - 1);
	for (size_t i = 0; i < k; i++)
		nequal -= sqdists[i] < limit;
	for (size_t i = 0; i < k && nfound < KMEANS_NEAR; i++)
	{
		bool at_limit = !(sqdists[i] < limit);

		/* what is beyond float32 is as far as the limit can be */
		if (at_limit &&
			(nequal == 0 || (sqdists[i] > limit && limit < FLT_MAX)))
			continue;
		nequal -= at_limit;
		near[nfound++] = (uint32_t) i;
	}
}

/* near[], or NULL where all are to be looked at.  False: stopped */
static bool
find_near(Trainer *t, const Clusters *clusters, const uint32_t **near)
{
	const KmeansTask *task = t->task;
	const DenseKernels *kernels = dense_kernels(ELEM_FLOAT32, ELEM_FLOAT32);
	size_t dim = clusters->set->dim;
	size_t k = clusters->k;

	*near = NULL;
	if (t->ngroups > 0 || !has_near(k))
		return true;
	for (size_t c = 0; c < k; c++)
		t->norms[c] = kernels->inner_product(centre_at(clusters, c),
											 centre_at(clusters, c), dim, 0);
	for (size_t c = 0; c < k; c += NEAR_BLOCK)
	{
		size_t n = min_size(NEAR_BLOCK, k - c);

		if (!blas_sqdists(centre_at(clusters, c), dim, t->norms + c, n,
						  clusters->centroids, dim, t->norms, k, dim, t->apart,
						  k, task->poll, task->poll_arg))
			return false;
		for (size_t i = 0; i < n; i++)
			choose_near(t, t->apart + i * k, k,
						t->near + (c + i) * KMEANS_NEAR);
	}
	*near = t->near;
	return true;
}

/*
 * Lloyd's rounds from the centres given, until they gain little.  The set may be
 * another one of the same rows afterwards.
 */
static bool
run_rounds(Trainer *t, Clusters *clusters, int rounds)
{
	const uint32_t *near = NULL;
	double before = 0;

	for (int round = 0; round < rounds; round++)
	{
		double cost = assign_rows(t, clusters, near);
		size_t nempty;

		if (cost < 0)
			return false;
		group_rows(t, clusters);
		if (!average_rows(t, clusters) || !fill_empty(t, clusters, &nempty))
			return false;
		if (round > 0 && nempty == 0 &&
			!(before - cost > KMEANS_MIN_GAIN * before))
			break;
		before = cost;
		if (round + 1 == rounds)
			break;
		if (!find_near(t, clusters, &near))
			return false;
		if (near != NULL)
			sort_rows(t, clusters);
	}
	return true;
}

/*
 * Centres become those of all rows, from being the rows that they own.  rough:
 * a fair sample of nrough rows, which may be none.
 */
static bool
improve_centres(Trainer *t, const Clusters *wanted, size_t nrough)
{
	int iterations = t->task->iterations;
	int last = last_rounds(t, wanted->k);
	RowSet rough = *wanted->set;
	Clusters clusters = *wanted;
	Clusters sample = *wanted;

	if (iterations == 0)
		return true;
	rough.ids = t->rough;
	rough.n = nrough;
	sample.set = &rough;
	if (nrough > 0 && !run_rounds(t, &sample, iterations - last))
		return false;
	return run_rounds(t, &clusters, nrough > 0 ? last : iterations) &&
		find_owned(t, &clusters);
}

/* Each centre becomes the row that it owns */
static void
copy_owned(const Clusters *clusters)
{
	const RowSet *set = clusters->set;

	for (size_t c = 0; c < clusters->k; c++)
		memcpy(centre_at(clusters, c),
			   set->rows + clusters->owned[c] * set->stride,
			   set->dim * sizeof(float));
}

/*
 * Make up to wanted->k centres of one set; returns their number, 0 when poll
 * stopped it.
 */
static size_t
train_set(Trainer *t, const Clusters *wanted)
{
	Clusters clusters = *wanted;
	RowSet sample = *wanted->set;
	/* as long as there are no clusters, the arrays of rows are free */
	uint32_t *distinct = t->nearest;
	size_t ndistinct = rows_distinct(wanted->set, distinct, &t->pacer);
	size_t nrough;

	if (ndistinct <= wanted->k)
	{
		memcpy(wanted->owned, distinct, ndistinct * sizeof(uint32_t));
		clusters.k = ndistinct;
		copy_owned(&clusters);
		return ndistinct;
	}
	sample.ids = distinct;
	sample.n = seed_rows(wanted->k, ndistinct);
	clusters.k = rows_seed(&sample, wanted->k, &t->rng, t->sqdists,
						   wanted->owned, &t->pacer);
	copy_owned(&clusters);
	nrough = rough_rows(t, wanted->k, wanted->set->n);
	nrough = min_size(nrough, ndistinct);
	memcpy(t->rough, distinct, nrough * sizeof(uint32_t));
	return clusters.k > 0 && improve_centres(t, &clusters, nrough) ? clusters.k
																   : 0;
}

/*
 * Share k centres out by Webster's method: the next one goes to the group with
 * the most rows for 2 * seats + 1.  Each group with rows gets one, none gets
 * more than it has distinct rows.
 */
static bool
share_out(Trainer *t, size_t ngroups, size_t k)
{
	size_t given = 0;

	for (size_t g = 0; g < ngroups; g++)
	{
		t->seats[g] = t->caps[g] > 0;
		given += t->seats[g];
	}
	for (; given < k; given++)
	{
		double most = 0;
		size_t winner = 0;

		for (size_t g = 0; g < ngroups; g++)
		{
			double share = (double) (t->groups[g + 1] - t->groups[g]) /
				(2.0 * t->seats[g] + 1.0);

			if (share > most && t->seats[g] < t->caps[g])
			{
				most = share;
				winner = g;
			}
		}
		if (most == 0)
			break;
		t->seats[winner]++;
		if (!pacer_go_on(&t->pacer, ngroups))
			return false;
	}
	return true;
}

/* The rows of group g of the first level */
static RowSet
group_set(const Trainer *t, size_t g)
{
	RowSet set = t->task->rows;

	set.ids = t->ids + t->groups[g];
	set.n = t->groups[g + 1] - t->groups[g];
	return set;
}

/* First level: ids[], groups[], caps[]; the number of groups, 0 when stopped */
static size_t
make_groups(Trainer *t, const Clusters *all)
{
	Clusters coarse = *all;

	coarse.k = t->ngroups;
	coarse.k = train_set(t, &coarse);
	if (coarse.k == 0 || assign_rows(t, &coarse, NULL) < 0)
		return 0;
	group_rows(t, &coarse);
	for (size_t i = 0; i < all->set->n; i++)
		t->ids[i] = row_id(all->set, t->order[i]);
	memcpy(t->groups, t->starts, (coarse.k + 1) * sizeof(uint32_t));
	for (size_t g = 0; g < coarse.k; g++)
	{
		RowSet set = group_set(t, g);

		t->caps[g] = 0;
		if (set.n == 0)
			continue;
		t->caps[g] = (uint32_t) rows_distinct(&set, t->nearest, &t->pacer);
		if (t->caps[g] == 0)
			return 0;
	}
	return coarse.k;
}

static size_t
train_two_levels(Trainer *t, const Clusters *all)
{
	size_t ndistinct = rows_distinct(all->set, t->nearest, &t->pacer);
	size_t ngroups;
	size_t made = 0;

	if (ndistinct <= all->k)
		return ndistinct == 0 ? 0 : train_set(t, all);
	ngroups = make_groups(t, all);
	if (ngroups == 0 || !share_out(t, ngroups, all->k))
		return 0;
	for (size_t g = 0; g < ngroups; g++)
	{
		RowSet set = group_set(t, g);
		Clusters clusters = {&set, t->seats[g], centre_at(all, made),
							 all->owned + made};

		if (clusters.k == 0)
			continue;
		clusters.k = train_set(t, &clusters);
		if (clusters.k == 0)
			return 0;
		made += clusters.k;
	}
	return made;
}

/*
 * A row may be nearer to a centre of another group than to that of its own.  A
 * centre that so loses the row it owns moves there; those that lose theirs to
 * it follow.
 */
static bool
settle_centres(Trainer *t, const Clusters *clusters)
{
	size_t bytes = clusters->set->dim * sizeof(float);
	RowSet owned = *clusters->set;
	Clusters pairs = *clusters;

	owned.ids = clusters->owned;
	owned.n = clusters->k;
	pairs.set = &owned;
	for (int round = 0; round < SETTLE_ROUNDS; round++)
	{
		bool moved = false;

		if (assign_rows(t, &pairs, NULL) < 0)
			return false;
		for (size_t c = 0; c < clusters->k; c++)
		{
			float *centre = centre_at(clusters, c);
			const float *row = row_at(&owned, c);

			if (t->nearest[c] == c || memcmp(centre, row, bytes) == 0)
				continue;
			memcpy(centre, row, bytes);
			moved = true;
		}
		if (!moved)
			break;
	}
	return true;
}

size_t
kmeans_train(const KmeansTask *task, float *centroids, void *work)
{
	size_t dim = task->rows.dim;
	Clusters all = {&task->rows, task->k, centroids, NULL};
	Trainer t;

	lay_out(&t, task, work);
	t.rng.state = task->seed;
	t.pacer = (Pacer){task->poll, task->poll_arg, 0};
	all.owned = t.owned;
	all.k = t.ngroups > 0 ? train_two_levels(&t, &all) : train_set(&t, &all);
	if (all.k == 0 || (task->iterations > 0 && !settle_centres(&t, &all)))
		return 0;
	for (size_t c = all.k; c < task->k; c++)
		memcpy(centroids + c * dim, centroids + (c - all.k) * dim,
			   dim * sizeof(float));
	return all.k;
}
