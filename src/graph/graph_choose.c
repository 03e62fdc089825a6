/*
 * graph_choose.c
 *	  The pruning rule over candidates whose rows lie in memory.
 */
#include "graph/graph_choose.h"

#include "graph/graph_keys.h"
#include "graph/graph_near.h"
#include "graph/graph_prune.h"

void
graph_chooser_init(GraphChooser *chooser, const GraphTask *task,
				   size_t max_candidates, Carver *carver)
{
	chooser->task = task;
	chooser->kernels = dense_kernels(ELEM_FLOAT32, ELEM_FLOAT32);
	chooser->sqdists = carve(carver, max_candidates, sizeof(float));
	chooser->rows = carve(carver, max_candidates, sizeof(float *));
	chooser->ids = carve(carver, max_candidates, sizeof(uint32_t));
	chooser->scales = carve(carver, max_candidates, sizeof(float));
	chooser->kept = carve(carver, max_candidates, sizeof(bool));
	chooser->chosen = carve(carver, task->degree, sizeof(uint32_t));
}

/* While a row is looked at for the first time, the next one is asked for */
static float
pair_sqdist(void *arg, uint32_t a, uint32_t b)
{
	GraphChooser *chooser = arg;
	const GraphTask *task = chooser->task;
	ptrdiff_t ahead = 0;
	float sqdist;

	if (task->pair != NULL)
		return task->pair(task->pair_arg, chooser->ids[b], chooser->ids[a]);
	if (a != chooser->looked_at && a + 1 < chooser->n)
		ahead = graph_ahead(chooser->rows[a], chooser->rows[a + 1]);
	chooser->looked_at = a;
	sqdist = chooser->kernels->sqdist(chooser->rows[b], chooser->rows[a],
									  graph_near_dim(task), ahead);
	if (task->projections != NULL)
		sqdist = (sqdist + task->rests[chooser->ids[a]] +
				  task->rests[chooser->ids[b]]) *
			chooser->scales[a];
	return sqdist;
}

/* By how much estimates are off from the distances of candidates */
static void
scale_estimates(GraphChooser *chooser, uint32_t row)
{
	const GraphTask *task = chooser->task;

	for (size_t i = 0; i < chooser->n; i++)
	{
		ptrdiff_t ahead = i + 1 < chooser->n
			? graph_ahead(chooser->rows[i], chooser->rows[i + 1])
			: 0;
		float estimate = chooser->kernels->sqdist(graph_near_row(task, row),
												  chooser->rows[i],
												  task->projected_dim, ahead);

		estimate += task->rests[row] + task->rests[chooser->ids[i]];
		chooser->scales[i] = estimate > 0 ? chooser->sqdists[i] / estimate : 1;
	}
}

size_t
graph_choose(GraphChooser *chooser, uint32_t row, const uint64_t *keys,
			 size_t n)
{
	GraphPruning pruning = {.sqdists = chooser->sqdists,
							.n = n,
							.degree = chooser->task->degree,
							.alpha = chooser->task->alpha,
							.pair = pair_sqdist,
							.arg = chooser};

	chooser->n = n;
	chooser->looked_at = 0;
	for (size_t i = 0; i < n; i++)
	{
		chooser->sqdists[i] = graph_key_sqdist(keys[i]);
		chooser->ids[i] = graph_key_id(keys[i], row + 1);
		if (chooser->task->pair == NULL)
			chooser->rows[i] = graph_near_row(chooser->task, chooser->ids[i]);
	}
	if (chooser->task->projections != NULL)
		scale_estimates(chooser, row);
	return graph_prune(&pruning, chooser->chosen, chooser->kept);
}
