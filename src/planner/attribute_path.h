/*
 * attribute_path.h
 *	  Conditions on attributes for index scans, where the planner leaves them out.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_ATTRIBUTE_PATH_H
#define VECTOR_EXT_ATTRIBUTE_PATH_H

#include "nodes/pathnodes.h"

/*
 * The conditions of a table that its index, one of ours, tests by attributes: a list
 * of IndexClause in the order of columns, those of known in it.
 */
extern List *attribute_clauses(PlannerInfo *root, IndexOptInfo *index,
							   const List *known);

/* Look at the paths of each table from now on; once, from _PG_init */
extern void attribute_path_init(void);

#endif
