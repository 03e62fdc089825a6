/*
 * distance_path.h
 *	  Scans of vector indexes that PostgreSQL does not think of by itself.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_DISTANCE_PATH_H
#define VECTOR_EXT_DISTANCE_PATH_H

#include "nodes/pathnodes.h"

/*
 * Scans of a table whose order is the one that the query wants, since it sorts by
 * what grows or shrinks with a distance: of IndexPath.
 */
extern List *distance_order_paths(PlannerInfo *root, RelOptInfo *rel);

/*
 * A scan in the order of a distance, for who looks for the rows nearest by it, in
 * any order: its path keys are not among the query's.  outer: tables for each of whose
 * rows it is made; NULL: none.
 */
extern IndexPath *distance_range_path(PlannerInfo *root, IndexOptInfo *index,
									  OpExpr *distance, Relids outer);

/* Can an index answer the query: is it ours, and does it have all rows wanted? */
extern bool distance_index_usable(const IndexOptInfo *index);

#endif
