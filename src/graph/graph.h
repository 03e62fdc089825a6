/*
 * graph.h
 *	  A graph of near neighbours over float32 rows that lie in memory, to search
 *	  by walking: built in bulk, by matrix products.
 *
 * The nearest rows of each row are found by clusters first, as of a k-NN graph
 * (EFANNA: Fu and Cai, arXiv 1609.07228, 2016; NSG: Fu, Xiang, Wang and Cai,
 * VLDB 2019), then pruned by the relative neighbourhood rule (graph_prune.h),
 * linked both ways, pruned again, and what cannot be reached is tied in.
 *
 * Rows are in the order of lists, and a row is its position.  Every phase but
 * the reverse one works on a range, from nothing but the task and the complete
 * results of the phases before: processes share the work by ranges, and the
 * result has the same bits however ranges are cut.
 *
 * Callers have called distance_init() and, with success, blas_load().  Work
 * memory is the caller's, aligned to 8 bytes, and one process's.  Functions that
 * return bool return false when poll stopped them.  Rows whose squares overflow
 * float32 get poor neighbours, but nothing worse happens.
 *
 * Plain C: no PostgreSQL header, no allocation, no error report, no threads.
 */
#ifndef VECTOR_EXT_GRAPH_H
#define VECTOR_EXT_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "distance/blas.h"

/* No row: the rest of a row's places is filled with it */
#define GRAPH_NONE UINT32_MAX

/*
 * The candidates of a row are looked for in the lists whose centroids are nearest
 * to it: so many, and more where these have fewer rows than so many for each
 * candidate.  In 0.6 * sqrt(n) lists of sentence embeddings 8 hold 85 % of the 64
 * nearest rows and 16 94 %, for twice the products; with all of them a search
 * would find a percent more.
 */
#define GRAPH_NEAR_LISTS 8
#define GRAPH_ROWS_PER_CANDIDATE 24

/* Of the rows that link to a row, so many times degree are looked at */
#define GRAPH_INCOMING 4

typedef struct GraphLink
{
	uint32_t id;  /* a row, or GRAPH_NONE */
	float sqdist; /* squared Euclidean distance to it */
} GraphLink;

typedef struct GraphTask
{
	const float *rows;      /* n x dim, finite, in the order of lists */
	size_t n;               /* n * degree is below 2^32 */
	size_t dim;             /* at least 1 */
	const uint32_t *starts; /* nlists + 1: list l is the rows from starts[l]
							   to before starts[l + 1]; may be empty */
	const float *centroids; /* nlists x dim */
	size_t nlists;          /* at least 1 where there are rows */
	size_t degree;          /* neighbours of a row at most, at least 1 */
	size_t candidates;      /* nearest rows looked at for each, at least 1 */
	float alpha;            /* of the pruning rule, see graph_prune.h */
	/*
	 * NULL, or what a projection leaves of the rows and of the centroids, for
	 * graph_forward() and graph_finish() to be faster: n x projected_dim, nlists x
	 * projected_dim.  The squared distance of two rows is about that of their
	 * projections and their rests, n.  Not beside pair.
	 */
	const float *projections;
	const float *projected_centroids;
	const float *rests;
	size_t projected_dim;
	/*
	 * NULL, or the squared distance of two rows in the place of that between what
	 * rows holds, which only finds candidates then: symmetric to the bit, and not
	 * negative
	 */
	float (*pair)(void *arg, uint32_t a, uint32_t b);
	void *pair_arg;
	BlasPoll poll; /* or NULL; called some 10 ms apart */
	void *poll_arg;
} GraphTask;

/* Bytes of work memory of each phase; SIZE_MAX: too many rows or dimensions */
extern size_t graph_forward_work_size(const GraphTask *task);
extern size_t graph_finish_work_size(const GraphTask *task);
extern size_t graph_unite_work_size(const GraphTask *task, size_t nlinks);
extern size_t graph_connect_work_size(const GraphTask *task);

/*
 * 1. The links that go out from the rows of lists first_list..end_list - 1:
 * links[row * degree + i], nearest first, behind the last GRAPH_NONE.  Of rows at
 * equal distance those come first that follow the row itself, then those from
 * the first row on: so equal rows are linked in a ring.
 *
 * Candidates are chosen by |a|^2 + |b|^2 - 2<a,b>, with the origin moved to the
 * centroid of the list; their distances are then computed as such.  By projections
 * half as many more are, and the nearest of these stay: of the 64 nearest rows 2 to 4
 * in 1,000 are missed, with a quarter to a third of the dimensions of texts and
 * images.
 */
extern bool graph_forward(const GraphTask *task, size_t first_list,
						  size_t end_list, GraphLink *links, void *work);

/*
 * 2. Who links to a row, by counting: row r is a neighbour of the rows
 * ids[starts[r]] .. ids[starts[r + 1] - 1], which ascend.  starts has n + 1
 * places, ids n * degree.
 */
extern bool graph_reverse(const GraphTask *task, const GraphLink *links,
						  uint32_t *starts, uint32_t *ids);

/*
 * 3. Neighbours of the rows first_row..end_row - 1: those that a row links to
 * and the nearest of those that link to it, pruned.  neighbours[row * degree +
 * i], nearest first, behind the last GRAPH_NONE.  Writes nothing else and reads
 * no neighbours.
 */
extern bool graph_finish(const GraphTask *task, size_t first_row,
						 size_t end_row, const GraphLink *links,
						 const uint32_t *starts, const uint32_t *ids,
						 uint32_t *neighbours, void *work);

/*
 * In the place of 1 to 3, where rows were linked in parts: neighbours of the rows
 * first_row..end_row - 1 from links that they have from several, pruned.  Row r
 * has links[r * nlinks] and up to nlinks - 1 after that, in any order, behind
 * the last GRAPH_NONE; some may be there twice.  They may lead to rows from n on,
 * which lie behind the others.  With pair no rows are looked at.
 */
extern bool graph_unite(const GraphTask *task, size_t first_row, size_t end_row,
						const GraphLink *links, size_t nlinks,
						uint32_t *neighbours, void *work);

/*
 * 4. See to it that a walk from the row entry reaches every row.  A row that is
 * out of reach becomes a neighbour of the nearest row within reach that has a
 * place to spare: an empty one, or its farthest neighbour that can be reached
 * otherwise; nearest among the rows of the near lists, or of further ones where
 * these have none.  *ntied: how many rows got such a link.  Serial.
 *
 * Neighbours from n on are rows of elsewhere: nothing leads back from there,
 * and their places are to spare.
 */
extern bool graph_connect(const GraphTask *task, uint32_t entry,
						  uint32_t *neighbours, size_t *ntied, void *work);

#endif
