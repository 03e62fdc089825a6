/*
 * exact.c
 *	  Distances in float64, and the exact answers.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataset.h"
#include "parallel.h"

/* What distances are made of; a metric needs some of them */
typedef struct Sums
{
	double ab; /* of products */
	double aa;
	double bb;
	double square; /* of squared differences */
	double taxi;   /* of absolute differences */
} Sums;

/* Independent sums, so that the compiler uses vectors of the processor */
#define LANES 8

static double
add_up(const double *lanes)
{
	double sum = 0;

	for (int j = 0; j < LANES; j++)
		sum += lanes[j];
	return sum;
}

static double
dense_products(const float *a, const float *b, size_t dim)
{
	double lanes[LANES] = {0};
	size_t i = 0;

	for (; i + LANES <= dim; i += LANES)
	{
		for (int j = 0; j < LANES; j++)
			lanes[j] += (double) a[i + j] * b[i + j];
	}
	for (; i < dim; i++)
		lanes[0] += (double) a[i] * b[i];
	return add_up(lanes);
}

static double
dense_squares(const float *a, const float *b, size_t dim)
{
	double lanes[LANES] = {0};
	size_t i = 0;

	for (; i + LANES <= dim; i += LANES)
	{
		for (int j = 0; j < LANES; j++)
		{
			double difference = (double) a[i + j] - b[i + j];

			lanes[j] += difference * difference;
		}
	}
	for (; i < dim; i++)
		lanes[0] += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
	return add_up(lanes);
}

static double
dense_taxi(const float *a, const float *b, size_t dim)
{
	double lanes[LANES] = {0};
	size_t i = 0;

	for (; i + LANES <= dim; i += LANES)
	{
		for (int j = 0; j < LANES; j++)
			lanes[j] += fabs((double) a[i + j] - b[i + j]);
	}
	for (; i < dim; i++)
		lanes[0] += fabs((double) a[i] - b[i]);
	return add_up(lanes);
}

static Sums
dense_sums(Metric metric, const float *a, const float *b, size_t dim)
{
	Sums sums = {0};

	if (metric == METRIC_L2)
		sums.square = dense_squares(a, b, dim);
	else if (metric == METRIC_L1 || metric == METRIC_HAMMING)
		sums.taxi = dense_taxi(a, b, dim);
	else
		sums.ab = dense_products(a, b, dim);
	if (metric == METRIC_COSINE || metric == METRIC_JACCARD)
	{
		sums.aa = dense_products(a, a, dim);
		sums.bb = dense_products(b, b, dim);
	}
	return sums;
}

static void
add_pair(Sums *sums, double a, double b)
{
	sums->ab += a * b;
	sums->aa += a * a;
	sums->bb += b * b;
	sums->square += (a - b) * (a - b);
	sums->taxi += fabs(a - b);
}

static Sums
sparse_sums(const Rows *a, size_t i, const Rows *b, size_t j)
{
	Sums sums = {0};
	size_t p = a->starts[i];
	size_t q = b->starts[j];
	size_t p_end = a->starts[i + 1];
	size_t q_end = b->starts[j + 1];

	while (p < p_end || q < q_end)
	{
		if (q == q_end || (p < p_end && a->indices[p] < b->indices[q]))
			add_pair(&sums, a->values[p++], 0);
		else if (p == p_end || b->indices[q] < a->indices[p])
			add_pair(&sums, 0, b->values[q++]);
		else
			add_pair(&sums, a->values[p++], b->values[q++]);
	}
	return sums;
}

double
rows_distance(const Dataset *set, const Rows *a, size_t i, const Rows *b,
			  size_t j)
{
	Sums sums;

	if (a->starts != NULL)
		sums = sparse_sums(a, i, b, j);
	else
		sums = dense_sums(set->metric, a->values + i * set->dim,
						  b->values + j * set->dim, set->dim);
	switch (set->metric)
	{
		case METRIC_L2:
			return sqrt(sums.square);
		case METRIC_COSINE:
			return 1.0 - sums.ab / sqrt(sums.aa * sums.bb);
		case METRIC_IP:
			return -sums.ab;
		case METRIC_JACCARD:
			return sums.ab == 0 ? 1.0
								: 1.0 - sums.ab / (sums.aa + sums.bb - sums.ab);
		default:
			return sums.taxi;
	}
}

double
dataset_distance(const Dataset *set, size_t query, size_t row)
{
	return rows_distance(set, &set->queries, query, &set->base, row);
}

void
keep_least(double *least, size_t *count, size_t k, double distance)
{
	size_t place;

	if (*count == k && !(distance < least[k - 1]))
		return;
	place = *count < k ? (*count)++ : k - 1;
	for (; place > 0 && least[place - 1] > distance; place--)
		least[place] = least[place - 1];
	least[place] = distance;
}

static void
answer_query(void *context, size_t query)
{
	Dataset *set = context;
	size_t count = 0;

	for (size_t i = 0; i < set->n; i++)
		keep_least(set->answers + query * set->k, &count, set->k,
				   dataset_distance(set, query, i));
}

void
dataset_compute_answers(Dataset *set, size_t k)
{
	fprintf(stderr, "%s: exact answers of %zu queries\n", set->name,
			set->nqueries);
	set->k = k < set->n ? k : set->n;
	free(set->answers);
	set->answers = allocate(set->nqueries * set->k, sizeof(double));
	parallel_for(set->nqueries, answer_query, set);
}
