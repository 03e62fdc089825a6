/*
 * graph_near.h
 *	  Which lists are near to a list.
 *
 * Plain C: no PostgreSQL header.
 */
#ifndef VECTOR_EXT_GRAPH_NEAR_H
#define VECTOR_EXT_GRAPH_NEAR_H

#include "graph/graph.h"

/*
 * keys[0..nlists-1], as of graph_keys.h with base 0: all lists, itself first,
 * then in the order of the distances of their centroids from that of list.
 * spare has nlists places.  Returns how many of the first are its near lists.
 */
extern size_t graph_near_lists(const GraphTask *task, size_t list,
							   uint64_t *keys, uint64_t *spare);

static inline size_t
graph_list_size(const GraphTask *task, size_t list)
{
	return task->starts[list + 1] - task->starts[list];
}

static inline const float *
graph_row(const GraphTask *task, size_t row)
{
	return task->rows + row * task->dim;
}

/* Where nearness is looked for first: among projections, if there are any */
static inline size_t
graph_near_dim(const GraphTask *task)
{
	return task->projections != NULL ? task->projected_dim : task->dim;
}

static inline const float *
graph_near_row(const GraphTask *task, size_t row)
{
	return task->projections != NULL
		? task->projections + row * task->projected_dim
		: graph_row(task, row);
}

static inline const float *
graph_near_centroid(const GraphTask *task, size_t list)
{
	return task->projections != NULL
		? task->projected_centroids + list * task->projected_dim
		: task->centroids + list * task->dim;
}

/* From one row to the next that will be read, as kernels want to know it */
static inline ptrdiff_t
graph_ahead(const float *row, const float *next)
{
	return (const char *) next - (const char *) row;
}

#endif
