/*
 * condition_time.h
 *	  What it takes to ask a row a query's conditions, for who weighs ways to rows.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_CONDITION_TIME_H
#define VECTOR_EXT_CONDITION_TIME_H

#include "nodes/pathnodes.h"

/*
 * Microseconds for RestrictInfos, once the row is at hand: by the costs of their
 * functions (CREATE FUNCTION ... COST), and more for those that look into arrays and
 * documents, whose costs PostgreSQL's catalogue has as those of a comparison.
 */
extern double condition_time(PlannerInfo *root, List *conditions);

#endif
