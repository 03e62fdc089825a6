/*
 * graph_prune.h
 *	  Which of the rows near a row become its neighbours.
 *
 * The relative neighbourhood rule: nearest first, a candidate p of x is kept
 * unless a kept q is nearer to it than x is, so that neighbours lie in
 * different directions.  HNSW's heuristic with keepPrunedConnections (Malkov and
 * Yashunin, IEEE TPAMI 42(4), 2020, algorithm 4), with the alpha of Vamana
 * (Subramanya et al., DiskANN, NeurIPS 2019), here on squared distances.
 *
 * Plain C: no PostgreSQL header, no allocation.
 */
#ifndef VECTOR_EXT_GRAPH_PRUNE_H
#define VECTOR_EXT_GRAPH_PRUNE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The squared distance between the candidates in places a and b, which differ.
 * Called for few of the pairs, a never falling and b below it; may look at copies
 * in memory, pages, a matrix.
 */
typedef float (*GraphPairDistance)(void *arg, uint32_t a, uint32_t b);

typedef struct GraphPruning
{
	const float *sqdists; /* n: of the candidates from x, ascending */
	size_t n;
	size_t degree; /* how many may be chosen */

	/*
	 * p is kept unless alpha * sqdist(p, q) < sqdist(x, p) for a kept q.  1 is
	 * HNSW's rule; above 1 more are kept.  Of candidates that equal x the first
	 * alone is kept, else copies of a row would have each other only.
	 */
	float alpha;

	GraphPairDistance pair;
	void *arg;

	/* NULL, or: are there enough when this candidate is kept?  Then no more are. */
	bool (*enough)(void *arg, uint32_t candidate);
} GraphPruning;

/*
 * Choose up to degree candidates: those kept by the rule, and in the places that
 * are left the nearest of the others.  chosen[0..result-1]: their places among
 * the candidates, ascending.  chosen has room for degree, kept for n.
 */
extern size_t graph_prune(const GraphPruning *pruning, uint32_t *chosen,
						  bool *kept);

#endif
