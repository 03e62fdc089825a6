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
	const float **rows; /* theirs, or projections */
	float *scales;      /* of estimates by these */
	uint32_t *ids;
	bool *kept;
	uint32_t *chosen; /* degree: places among the candidates */
} GraphChooser;

/* For up to so many candidates */
extern void graph_chooser_init(GraphChooser *chooser, const GraphTask *task,
							   size_t max_candidates, Carver *carver);

/*
 * Choose from a row's candidates in the order of their keys, whose ids count from
 * row + 1; returns how many chosen[] there are.  Where there are projections
 * candidates are compared with each other by these: the estimate is to the distance
 * as it is for the candidate's from the row.  Of 32 neighbours one is another one
 * then, for texts and images with a quarter to a third of their dimensions.
 */
extern size_t graph_choose(GraphChooser *chooser, uint32_t row,
						   const uint64_t *keys, size_t n);

#endif
