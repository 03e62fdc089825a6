/*
 * hnsw_nearest.c
 *	  The nearest elements of the queries of calibration, of a build in parts.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "am/poll.h"
#include "distance/distance.h"
#include "graph/graph.h"
#include "hnsw/hnsw_calibrate.h"
#include "hnsw/hnsw_nearest.h"

/* Rows that are multiplied with all queries at a time */
#define CHUNK 1024

void
hnsw_nearest_begin(HnswTeam *team)
{
	HnswPlan *plan = &team->plan;
	HnswRows rows = hnsw_rows_of(team);
	Size dim = plan->meta.dim;
	float *queries;
	HnswNearest *nearest;

	plan->nqueries = Min(rows.n, HNSW_CALIBRATION_QUERIES);
	queries = hnsw_team_allocate(team, HNSW_QUERIES,
								 plan->nqueries * dim * sizeof(float));
	nearest = hnsw_team_allocate(team, HNSW_NEAREST_ROWS,
								 plan->nqueries * sizeof(HnswNearest));
	for (uint32 q = 0; q < plan->nqueries; q++)
	{
		uint32 row = (uint64) q * rows.n / plan->nqueries;

		memcpy(queries + q * dim, rows.rows + row * rows.stride,
			   dim * sizeof(float));
		nearest[q].n = 0;
		nearest[q].self = GRAPH_NONE;
		nearest[q].limit = INFINITY;
	}
}

static int
compare_near(const void *a, const void *b)
{
	const HnswNearRow *x = a;
	const HnswNearRow *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

static void
trim(HnswNearest *nearest)
{
	qsort(nearest->rows, nearest->n, sizeof(HnswNearRow), compare_near);
	if (nearest->n <= HNSW_NEAREST_KEPT)
		return;
	nearest->n = HNSW_NEAREST_KEPT;
	nearest->limit = nearest->rows[nearest->n - 1].key;
}

static void
see_row(HnswNearest *nearest, double key, uint32 number, bool itself)
{
	if (itself)
		nearest->self = number;
	else
	{
		nearest->rows[nearest->n++] = (HnswNearRow){key, number};
		if (nearest->n == 2 * HNSW_NEAREST_KEPT)
			trim(nearest);
	}
}

void
hnsw_nearest_see(HnswTeam *team, uint32 base)
{
	const HnswMeta *meta = &team->plan.meta;
	HnswRows rows = hnsw_rows_of(team);
	const uint32 *ranks = hnsw_team_array(team, HNSW_RANKS);
	const float *queries = hnsw_team_array(team, HNSW_QUERIES);
	HnswNearest *nearest = hnsw_team_array(team, HNSW_NEAREST_ROWS);
	Size bytes = meta->dim * sizeof(float);
	float *products = palloc(team->plan.nqueries * CHUNK * sizeof(float));

	for (uint32 first = 0; first < rows.n; first += CHUNK)
	{
		uint32 n = Min(CHUNK, rows.n - first);
		const float *chunk = rows.rows + first * rows.stride;

		(void) blas_inner_products(queries, meta->dim, team->plan.nqueries,
								   chunk, rows.stride, n, meta->dim, products,
								   CHUNK, poll_interrupts, NULL);
		for (uint32 i = 0; i < n; i++)
		{
			const float *row = chunk + i * rows.stride;
			double sqnorm = dense_kernels(ELEM_FLOAT32, ELEM_FLOAT32)
								->inner_product(row, row, meta->dim, 0);

			for (uint32 q = 0;
				 ranks[first + i] != GRAPH_NONE && q < team->plan.nqueries; q++)
			{
				double key = hnsw_order_key(
					meta, products[(Size) q * CHUNK + i], sqnorm);

				if (key <= nearest[q].limit)
					see_row(&nearest[q], key, base + ranks[first + i],
							memcmp(row, queries + q * meta->dim, bytes) == 0);
			}
		}
		CHECK_FOR_INTERRUPTS();
	}
	pfree(products);
}

void
hnsw_nearest_end(HnswTeam *team)
{
	HnswNearest *nearest = hnsw_team_array(team, HNSW_NEAREST_ROWS);

	for (uint32 q = 0; q < team->plan.nqueries; q++)
		trim(&nearest[q]);
}
