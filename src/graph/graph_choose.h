/*
 * graph_choose.h
 *	  The pruning rule over candidates whose rows lie in memory.
 *
 * Plain C: no PostgreSQL header.
 */
#ifndef VECTOR_EXT_GRAPH_CHOOSE_H
#define VECTOR_EXT_GRAPH_CHOOSE_H

#include "distance/distance.h"
#include "graph/graph.h"
#include "quant/carver.h"

typedef struct GraphChooser
{
	const GraphTask *task;
	const DenseKernels *kernels;
	size_t n;           /* candidates */
	uint32_t looked_at; /* the last one compared with kept ones */

	/* work memory */
	float *sqdists;     /* of candidates */
	const float **rows; /* theirs */
	uint32_t *ids;
	bool *kept;
	uint32_t *chosen; /* degree: places among the candidates */
} GraphChooser;

/* For up to so many candidates */
extern void graph_chooser_init(GraphChooser *chooser, const GraphTask *task,
							   size_t max_candidates, Carver *carver);

/*
 * Choose from candidates in the order of their keys, whose ids count from base;
 * returns how many chosen[] there are.
 */
extern size_t graph_choose(GraphChooser *chooser, const uint64_t *keys,
						   size_t n, uint32_t base);

#endif
