/*
 * graph_near.c
 *	  Which lists are near to a list.
 */
#include "graph/graph_near.h"

#include "distance/distance.h"
#include "graph/graph_keys.h"

size_t
graph_near_lists(const GraphTask *task, size_t list, uint64_t *keys,
				 uint64_t *spare)
{
	const DenseKernels *kernels = dense_kernels(ELEM_FLOAT32, ELEM_FLOAT32);
	size_t dim = task->dim;
	size_t wanted = task->candidates * GRAPH_ROWS_PER_CANDIDATE;
	size_t nrows = 0;
	size_t nfilled = 0;
	size_t near = 0;

	for (size_t l = 0; l < task->nlists; l++)
	{
		float sqdist = kernels->sqdist(task->centroids + list * dim,
									   task->centroids + l * dim, dim, 0);

		keys[l] = graph_key(sqdist, (uint32_t) l, 0);
	}
	/* before another with the same centroid */
	keys[list] = keys[0];
	keys[0] = graph_key(0, (uint32_t) list, 0);
	graph_sort(keys + 1, task->nlists - 1, spare);
	for (;
		 near < task->nlists && (nrows < wanted || nfilled < GRAPH_NEAR_LISTS);
		 near++)
	{
		size_t size = graph_list_size(task, graph_key_id(keys[near], 0));

		nrows += size;
		nfilled += size > 0;
	}
	return near;
}
