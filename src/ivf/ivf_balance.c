/*
 * ivf_balance.c
 *	  Which lists to split, and which to merge: a plan, from their sizes.
 *
 * The measure is the mean that lists would have if they were built now.  A list
 * is split that has several times as many rows, and twice as many as it was made
 * of: k-means itself makes lists of very different sizes, and what it has made is
 * left alone.  So each row is moved once for each doubling of its list, at most.
 * A list is merged that has become tiny by the same two measures.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "ivf/ivf_balance.h"

#define GROWN_MEANS 3      /* a list to be split has so many times the mean */
#define GROWN_TIMES 2      /* and what it was made of */
#define GROWN_ROWS 256     /* and so many at least */
#define TINY_MEANS 0.125   /* a list to be merged has less of the mean */
#define TINY_TIMES 0.25    /* and of what it was made of */
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
		plan->group_of[list] = IVF_NO_GROUP;
		plan->next_member[list] = IVF_NO_LIST;
	}
}

IvfPlan *
ivf_plan_new(Relation index, const IvfMeta *meta,
			 uint32 (*wanted)(Relation index, double nrows))
{
	IvfPlan *plan = palloc0(sizeof(IvfPlan));
	uint32 nlists = meta->nlists;
	uint32 room = IVF_MAX_LISTS - nlists;
	uint32 nwanted;
	uint32 nadded = 0;
	double mean;

	plan->nlists = nlists;
	plan->entries = palloc(nlists * sizeof(IvfListEntry));
	plan->group_of = palloc(nlists * sizeof(uint32));
	plan->next_member = palloc(nlists * sizeof(uint32));
	plan->groups = palloc(nlists * sizeof(IvfGroup));
	plan->tiny = palloc(nlists * sizeof(uint32));
	read_entries(plan, index, meta);
	nwanted = wanted(index, plan->nrows);
	mean = plan->nrows / nwanted;

	for (uint32 list = 0; list < nlists; list++)
	{
		const IvfListEntry *entry = &plan->entries[list];

		if (has_grown(entry, mean) && nadded < room)
		{
			uint32 nparts = Min(ceil(entry->nrows / mean), room - nadded + 1.0);

			new_group(plan, list, nparts);
			nadded += nparts - 1;
		}
		else if (is_tiny(entry, mean))
			plan->tiny[plan->ntiny++] = list;
	}
	qsort_arg(plan->tiny, plan->ntiny, sizeof(uint32), compare_sizes,
			  plan->entries);
	plan->ntiny = Min(plan->ntiny,
					  Max(nlists + nadded - ceil(LISTS_TO_STAY * nwanted), 0));
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
		IvfGroup *group;

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
		group = &plan->groups[plan->group_of[nearest]];
		plan->group_of[list] = plan->group_of[nearest];
		plan->next_member[list] = group->head;
		group->head = list;
		group->nrows += plan->entries[list].nrows;
		plan->nmoved += plan->entries[list].nrows;
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
