/*
 * distance_form.h
 *	  Expressions that grow or shrink with a distance that an index orders by:
 *	  "1 - (v <=> q)", "(v <#> q) * -1".
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_DISTANCE_FORM_H
#define VECTOR_EXT_DISTANCE_FORM_H

#include "nodes/pathnodes.h"

/* scale * distance + offset */
typedef struct DistanceForm
{
	OpExpr *distance; /* as index scans have it: the indexed value first */
	double scale;     /* finite and not 0 */
	double offset;    /* finite */
	double terms;     /* sum of the absolute terms that make the offset */
} DistanceForm;

/*
 * An expression as a form of a distance by which the first column of the index is
 * ordered; false where it is none.  The rest of the distance says nothing of the
 * table, and is not volatile.
 */
extern bool distance_form_of(PlannerInfo *root, const Expr *expression,
							 const IndexOptInfo *index, DistanceForm *form);

/*
 * A condition that no row meets which is farther than some distance: where
 * form.scale * distance + form.offset is beyond limit.
 */
typedef struct DistanceBound
{
	RestrictInfo *condition;
	DistanceForm form;
	Expr *limit; /* float8; says nothing of the table, not volatile */
} DistanceBound;

/* The conditions of an index's table that are bounds: of DistanceBound */
extern List *distance_bounds(PlannerInfo *root, const IndexOptInfo *index);

/* Likewise those of joins, for a scan for each row of the other tables */
extern List *distance_join_bounds(PlannerInfo *root, const IndexOptInfo *index);

#endif
