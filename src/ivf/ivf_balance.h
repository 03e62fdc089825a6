/*
 * ivf_balance.h
 *	  Which lists to split, and which to merge: a plan, from their sizes.
 *
 * A group takes the rows of some lists and makes new lists of them: those that got
 * new rows become more of them, or a tiny list goes into its nearest neighbour.  All other
 * lists stay as they are and keep their numbers.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_IVF_BALANCE_H
#define VECTOR_EXT_IVF_BALANCE_H

#include "ivf/ivf_model.h"

#define IVF_NO_LIST PG_UINT32_MAX
#define IVF_NO_GROUP PG_UINT32_MAX

typedef struct IvfGroup
{
	uint32 main;      /* where there is one part, its centroid is that list's */
	uint32 head;      /* the first list whose rows it takes, see next_member */
	uint32 nparts;    /* new lists */
	double nrows;     /* by the directory */
	float *centroids; /* of the parts */
	uint32 *numbers;  /* of the parts, from ivf_plan_number() */
} IvfGroup;

typedef struct IvfPlan
{
	uint32 nlists; /* as they are */
	uint32 nafter; /* as they will be, from ivf_plan_number() */
	IvfListEntry *entries;
	double nrows;
	double nborn;        /* of these, when the lists were made */
	double nmoved;       /* rows of lists in groups */
	uint32 *group_of;    /* by list; IVF_NO_GROUP: it stays */
	uint32 *next_member; /* by list, of the same group; IVF_NO_LIST: none */
	IvfGroup *groups;
	uint32 ngroups;
	uint32 *tiny; /* lists to be merged, smallest first */
	uint32 ntiny;
} IvfPlan;

/*
 * Read the directory, and look for work; NULL: there is none.  wanted: lists that
 * so many rows should have, by their number.
 */
extern IvfPlan *ivf_plan_new(Relation index, const IvfMeta *meta,
							 uint32 (*wanted)(Relation index, double nrows));

/* Put each tiny list in the group of its nearest neighbour; centroids: nlists */
extern void ivf_plan_merge(IvfPlan *plan, const float *centroids, int dim);

/*
 * Give numbers to all parts, when it is known how many there are.  Lists with the
 * highest numbers move to numbers that would stay unused: a group each.
 */
extern void ivf_plan_number(IvfPlan *plan);

#endif
