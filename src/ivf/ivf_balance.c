/*
 * ivf_balance.c
 *	  Which lists to split, and which to merge: a plan, from their sizes.
 *
 * The measure is the mean that lists would have if they were built now.  A list
 * has grown that has several times as many rows, and twice as many as it was made
 * of: k-means itself makes lists of very different sizes, and what it has made is
 * left alone.
 *
 * Where a list has grown, or many lists more than others, rows came that the centroids were not made for.  They
 * lie in other lists, too, whose borders cut through them.  So all lists that got
 * many new rows are clustered together, not each by itself: with the latter the
 * new rows were found much worse than the old ones.  A row moves once for each
 * quarter that its list grows by, at most.
 *
 * A list is merged that has become tiny by the same two measures.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "ivf/ivf_balance.h"

#define GROWN_MEANS 3    /* a list to be split has so many times the mean */
#define GROWN_TIMES 2    /* and what it was made of */
#define GROWN_ROWS 256   /* and so many at least */
#define DRIFT_SHARE 0.05 /* of all rows: so many came where few were foreseen */
#define NEW_MEANS 0.25   /* a list is clustered again with it that has more */
#define NEW_SHARE 0.25   /* new rows than this of the mean, and of the old */
#define TINY_MEANS 0.125 /* a list to be merged has less of the mean */
#define TINY_TIMES 0.25  /* and of what it was made of */
#define LISTS_TO_STAY 0.5f /* of those wanted, whatever is tiny */

static IvfGroup *
new_group(IvfPlan *plan, uint32 list, uint32 nparts)
{
	IvfGroup *group = &plan->groups[plan->ngroups];

	*group = (IvfGroup){.main = list,
						.head = list,
						.nparts = nparts,
						.nrows = plan->entries[list].nrows};
	plan->group_of[list] = plan->ngroups++;
	plan->nmoved += group->nrows;
	return group;
}

static bool
has_grown(const IvfListEntry *entry, double mean)
{
	return entry->nrows >= GROWN_ROWS && entry->nrows > GROWN_MEANS * mean &&
		entry->nrows > (double) GROWN_TIMES * entry->nborn;
}

/* Is it one of those that rows were added to, in a place that was not foreseen? */
static bool
has_new_rows(const IvfListEntry *entry, double mean)
{
	double nnew = (double) entry->nrows - entry->nborn;

	return nnew > NEW_SHARE * entry->nborn && nnew > NEW_MEANS * mean;
}

/*
 * How many more rows than its share of the growth a list has got; 0 where that is
 * little
 */
static double
excess_rows(const IvfListEntry *entry, double growth)
{
	double expected = growth * entry->nborn;
	double excess = entry->nrows - expected;

	return excess > NEW_SHARE * expected ? excess : 0;
}

static bool
is_tiny(const IvfListEntry *entry, double mean)
{
	return entry->nrows < TINY_MEANS * mean &&
		entry->nrows < TINY_TIMES * entry->nborn;
}

static int
compare_sizes(const void *a, const void *b, void *arg)
{
	const IvfListEntry *entries = arg;
	uint32 x = *(const uint32 *) a;
	uint32 y = *(const uint32 *) b;

	if (entries[x].nrows != entries[y].nrows)
		return entries[x].nrows < entries[y].nrows ? -1 : 1;
	return x < y ? -1 : x > y;
}

static void
read_entries(IvfPlan *plan, Relation index, const IvfMeta *meta)
{
	for (uint32 list = 0; list < plan->nlists; list++)
	{
		plan->entries[list] = ivf_list_read(index, meta, list);
		plan->nrows += plan->entries[list].nrows;
		plan->nborn += plan->entries[list].nborn;
		plan->group_of[list] = IVF_NO_GROUP;
		plan->next_member[list] = IVF_NO_LIST;
	}
}

/* Put a list in the group */
static void
add_member(IvfPlan *plan, uint32 number, uint32 list)
{
	IvfGroup *group = &plan->groups[number];

	plan->group_of[list] = number;
	plan->next_member[list] = group->head;
	group->head = list;
	group->nrows += plan->entries[list].nrows;
	plan->nmoved += plan->entries[list].nrows;
}

/* All lists that new rows went to: one group, to be clustered together */
static void
plan_split(IvfPlan *plan, double mean)
{
	uint32 nmembers = 0;
	uint32 room = IVF_MAX_LISTS - plan->nlists;
	IvfGroup *group = &plan->groups[0];

	for (uint32 list = 0; list < plan->nlists; list++)
	{
		if (!has_new_rows(&plan->entries[list], mean))
			continue;
		if (nmembers++ == 0)
			(void) new_group(plan, list, 1);
		else
			add_member(plan, 0, list);
	}
	if (nmembers == 0)
		return;
	group->nparts = Min(Max(ceil(group->nrows / mean), nmembers + 1.0),
						(double) nmembers + room);
}

IvfPlan *
ivf_plan_new(Relation index, const IvfMeta *meta,
			 uint32 (*wanted)(Relation index, double nrows))
{
	IvfPlan *plan = palloc0(sizeof(IvfPlan));
	uint32 nlists = meta->nlists;
	double nwanted;
	double most; /* lists that may be merged */
	double mean;
	double growth;
	double excess = 0;
	bool grown = false;

	plan->nlists = nlists;
	plan->entries = palloc(nlists * sizeof(IvfListEntry));
	plan->group_of = palloc(nlists * sizeof(uint32));
	plan->next_member = palloc(nlists * sizeof(uint32));
	plan->groups = palloc(nlists * sizeof(IvfGroup));
	plan->tiny = palloc(nlists * sizeof(uint32));
	read_entries(plan, index, meta);
	nwanted = wanted(index, plan->nrows);
	mean = plan->nrows / nwanted;
	growth = Max(plan->nrows / Max(plan->nborn, 1), 1);

	for (uint32 list = 0; list < nlists; list++)
	{
		grown = grown || has_grown(&plan->entries[list], mean);
		excess += excess_rows(&plan->entries[list], growth);
		if (is_tiny(&plan->entries[list], mean))
			plan->tiny[plan->ntiny++] = list;
	}
	if (grown || excess > DRIFT_SHARE * plan->nrows)
		plan_split(plan, mean);
	qsort_arg(plan->tiny, plan->ntiny, sizeof(uint32), compare_sizes,
			  plan->entries);
	most = Max(nlists - ceil(LISTS_TO_STAY * nwanted), 0);
	plan->ntiny = Min(plan->ntiny, most);
	return plan->ngroups + plan->ntiny > 0 ? plan : NULL;
}

static double
square_distance(const float *a, const float *b, int dim)
{
	return dense_kernels(ELEM_FLOAT32, ELEM_FLOAT32)->sqdist(a, b, dim, 0);
}

void
ivf_plan_merge(IvfPlan *plan, const float *centroids, int dim)
{
	bool *leaves = palloc0(plan->nlists * sizeof(bool));

	for (uint32 i = 0; i < plan->ntiny; i++)
		leaves[plan->tiny[i]] = true;
	for (uint32 i = 0; i < plan->ntiny; i++)
	{
		uint32 list = plan->tiny[i];
		uint32 nearest = IVF_NO_LIST;
		double best = INFINITY;

		CHECK_FOR_INTERRUPTS();
		for (uint32 other = 0; other < plan->nlists; other++)
		{
			double distance = leaves[other]
				? INFINITY
				: square_distance(centroids + (Size) list * dim,
								  centroids + (Size) other * dim, dim);

			if (distance < best)
			{
				best = distance;
				nearest = other;
			}
		}
		if (nearest == IVF_NO_LIST)
			continue;
		if (plan->group_of[nearest] == IVF_NO_GROUP)
			(void) new_group(plan, nearest, 1);
		add_member(plan, plan->group_of[nearest], list);
	}
	pfree(leaves);
}

void
ivf_plan_number(IvfPlan *plan)
{
	uint32 nparts = 0;
	uint32 nkept = 0;
	uint32 number = 0;

	for (uint32 i = 0; i < plan->ngroups; i++)
		nparts += plan->groups[i].nparts;
	for (uint32 list = 0; list < plan->nlists; list++)
		nkept += plan->group_of[list] == IVF_NO_GROUP;
	plan->nafter = nkept + nparts;
	for (uint32 list = plan->nafter; list < plan->nlists; list++)
	{
		if (plan->group_of[list] == IVF_NO_GROUP)
			(void) new_group(plan, list, 1);
	}
	for (uint32 i = 0; i < plan->ngroups; i++)
	{
		IvfGroup *group = &plan->groups[i];

		group->numbers = palloc(group->nparts * sizeof(uint32));
		for (uint32 part = 0; part < group->nparts; part++)
		{
			while (number < plan->nlists &&
				   plan->group_of[number] == IVF_NO_GROUP)
				number++;
			group->numbers[part] = number++;
		}
	}
}
