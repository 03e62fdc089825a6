/*
 * cost.h
 *	  What the costs of all our index scans are made of.
 *
 * Constants are in units of cpu_operator_cost, about 25 ns.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_COST_H
#define VECTOR_EXT_COST_H

#include "nodes/pathnodes.h"

#define COST_BYTES_PER_UNIT 256.0 /* arithmetic */
#define COST_PAGE_UNITS 4.0       /* find and pin a cached page */

/* Cost of n pages of which the index's share is cached */
extern Cost cost_pages(const IndexOptInfo *info, double n);

/* Rows that the query wants; some, where it does not say */
extern double cost_rows_wanted(const PlannerInfo *root);

/*
 * Can a path's scan be run?  It needs an order, and finds no rows without a vector; nor
 * any in a file of pgvector's: of that it warns (am/foreign.h).
 */
extern bool cost_can_scan(const IndexPath *path);

/* The share of an index's rows that meet a path's conditions on attributes */
extern double cost_matching_share(PlannerInfo *root, const IndexPath *path);

/* The answer for a scan that nobody can run; was it given? */
extern void cost_forbid(IndexPath *path, Cost *startup, Cost *total,
						double *pages);
extern bool cost_is_forbidden(const Path *path);

#endif
