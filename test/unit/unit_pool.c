/*
 * unit_pool.c
 *	  A search's pool against a sorted list of all that was added.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "graph/graph_pool.h"
#include "tap.h"

#define MOST_WANTED 200
#define ROUNDS 300
#define STEPS 3000

/* All that counts, nearest first; ids tell equal keys apart */
typedef struct Kept
{
	float key;
	uint32_t id;
	bool waits;
} Kept;

typedef struct List
{
	size_t n;
	size_t wanted;
	Kept kept[MOST_WANTED + 1];
} List;

static double
uniform(void)
{
	return drand48();
}

static double
few_values(void)
{
	return floor(6 * drand48());
}

/* Nearer and nearer, so that all that waits is left out */
static double
falling(void)
{
	static double last = 1;

	last *= 0.999;
	return last;
}

static double
to_the_limits(void)
{
	return drand48() < 0.3 ? FLT_MAX : 1 / (drand48() + 1e-12);
}

static void
list_add(List *list, float key, uint32_t id, bool waits)
{
	size_t at = list->n;

	while (at > 0 && list->kept[at - 1].key > key)
		at--;
	memmove(list->kept + at + 1, list->kept + at,
			(list->n - at) * sizeof(Kept));
	list->kept[at] = (Kept){key, id, waits};
	if (list->n < list->wanted)
		list->n++;
}

static Kept *
list_next(List *list)
{
	for (size_t i = 0; i < list->n; i++)
	{
		if (list->kept[i].waits)
			return &list->kept[i];
	}
	return NULL;
}

/* Is it the nearest that waits, or one as near?  Then it is taken from the list. */
static bool
list_take(List *list, const GraphPoolEntry *next)
{
	Kept *nearest = list_next(list);

	if (next == NULL || nearest == NULL)
	{
		/* of those that equal the limit the list and the pool may keep others */
		return (next == NULL && nearest == NULL) ||
			(list->n == list->wanted &&
			 (next != NULL ? next->key : nearest->key) ==
				 list->kept[list->n - 1].key);
	}
	if (next->key != nearest->key)
		return false;
	for (size_t i = 0; i < list->n; i++)
	{
		if (list->kept[i].id == next->id)
			nearest = &list->kept[i];
	}
	nearest->waits = false;
	return true;
}

static void
compare_with_list(const char *what, double (*draw)(void))
{
	/* behind these is memory that nobody may touch */
	GraphPoolEntry *waiting_end = (GraphPoolEntry *) guarded_end(
		GRAPH_POOL_ROOM(MOST_WANTED) * sizeof(GraphPoolEntry));
	float *kept_end = (float *) guarded_end(MOST_WANTED * sizeof(float));
	size_t wrong = 0;

	for (int round = 0; round < ROUNDS; round++)
	{
		size_t wanted = 1 + (size_t) (drand48() * MOST_WANTED);
		List list = {.wanted = wanted};
		GraphPool pool = {.wanted = wanted,
						  .waiting = waiting_end - GRAPH_POOL_ROOM(wanted),
						  .kept = kept_end - wanted};
		double takes = drand48();

		graph_pool_reset(&pool);
		for (uint32_t step = 0; step < STEPS; step++)
		{
			float key = (float) draw();
			bool waits = drand48() < 0.9;

			if (graph_pool_is_full(&pool) != (list.n == wanted))
				wrong++;
			if (graph_pool_is_full(&pool) &&
				graph_pool_limit(&pool) != list.kept[list.n - 1].key)
				wrong++;
			if (!graph_pool_is_full(&pool) || key < graph_pool_limit(&pool))
			{
				graph_pool_add(&pool, (GraphPoolEntry){.key = key, .id = step},
							   waits);
				list_add(&list, key, step, waits);
			}
			if (drand48() < takes)
			{
				const GraphPoolEntry *next = graph_pool_next(&pool);

				wrong += !list_take(&list, next);
				if (next != NULL)
					graph_pool_take(&pool);
			}
		}
	}
	ok(wrong == 0, "%s: as the list has it", what);
}

int
main(void)
{
	srand48(5);
	compare_with_list("uniform", uniform);
	compare_with_list("few values", few_values);
	compare_with_list("falling", falling);
	compare_with_list("to the limits", to_the_limits);
	return done_testing();
}
