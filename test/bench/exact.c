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

static Sums
dense_sums(Metric metric, const float *a, const float *b, size_t dim)
{
	Sums sums = {0};

	if (metric == METRIC_L2)
	{
		for (size_t i = 0; i < dim; i++)
			sums.square += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
	}
	else if (metric == METRIC_L1 || metric == METRIC_HAMMING)
	{
		for (size_t i = 0; i < dim; i++)
			sums.taxi += fabs((double) a[i] - b[i]);
	}
	else
	{
		for (size_t i = 0; i < dim; i++)
		{
			sums.ab += (double) a[i] * b[i];
			sums.aa += (double) a[i] * a[i];
			sums.bb += (double) b[i] * b[i];
		}
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

/* Ascending, the least k of those that were put in */
static void
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
