/*
 * ivf_candidates.c
 *	  The best estimates of a scan, in the order in which they were met.
 */
#include "postgres.h"

#include <math.h>

#include "utils/memutils.h"

#include "core/select.h"
#include "ivf/ivf_candidates.h"

void
ivf_candidates_reset(IvfCandidates *candidates, uint32 wanted)
{
	Size room = Max((Size) wanted * 4, 256);

	if (candidates->items == NULL || candidates->room < room)
	{
		MemoryContext context = candidates->items == NULL
			? CurrentMemoryContext
			: GetMemoryChunkContext(candidates->items);

		if (candidates->items != NULL)
		{
			pfree(candidates->items);
			pfree(candidates->keys);
			candidates->items = NULL;
		}
		candidates->keys =
			MemoryContextAllocHuge(context, room * sizeof(double));
		candidates->items =
			MemoryContextAllocHuge(context, room * sizeof(IvfCandidate));
		candidates->room = room;
	}
	candidates->n = 0;
	candidates->wanted = wanted;
	candidates->threshold = INFINITY;
	candidates->dropped = false;
}

/* The threshold may have come down since they came */
static void
drop_far(IvfCandidates *candidates)
{
	uint32 kept = 0;

	for (uint32 i = 0; i < candidates->n; i++)
	{
		/* who is the last of those that stayed is at it */
		bool keep = candidates->items[i].key <= candidates->threshold;

		candidates->items[kept] = candidates->items[i];
		kept += keep;
	}
	candidates->n = kept;
}

void
ivf_candidates_shrink(IvfCandidates *candidates)
{
	uint32 kept = 0;
	double limit;
	uint32 below = 0;
	uint32 equal;

	if (candidates->dropped)
		drop_far(candidates);
	if (candidates->n <= candidates->wanted)
		return;
	for (uint32 i = 0; i < candidates->n; i++)
		candidates->keys[i] = candidates->items[i].key;
	limit = select_nth(candidates->keys, candidates->n, candidates->wanted - 1);

	/* of those at the limit, only as many as there is room for */
	for (uint32 i = 0; i < candidates->n; i++)
		below += candidates->items[i].key < limit;
	equal = candidates->wanted - below;
	for (uint32 i = 0; i < candidates->n; i++)
	{
		double key = candidates->items[i].key;
		bool keep = key < limit;

		if (unlikely(key == limit) && equal > 0)
		{
			equal--;
			keep = true;
		}
		/* no branch: there is no foreseeing who stays */
		candidates->items[kept] = candidates->items[i];
		kept += keep;
	}
	candidates->n = kept;
	candidates->threshold = limit;
	candidates->dropped = true;
}

void
ivf_nearest_reset(IvfNearest *nearest, uint32 wanted)
{
	if (wanted > nearest->room)
	{
		if (nearest->heap != NULL)
			pfree(nearest->heap);
		nearest->heap = NULL;
		nearest->heap = MemoryContextAllocHuge(CurrentMemoryContext,
											   (Size) wanted * sizeof(double));
		nearest->room = wanted;
	}
	nearest->n = 0;
	nearest->wanted = wanted;
}

/* A heap by insertion at the end, or in place of the farthest */
void
ivf_nearest_offer(IvfNearest *nearest, double distance)
{
	double *heap = nearest->heap;
	uint32 at = 0;

	if (nearest->n < nearest->wanted)
	{
		at = nearest->n++;
		for (; at > 0 && heap[(at - 1) / 2] < distance; at = (at - 1) / 2)
			heap[at] = heap[(at - 1) / 2];
		heap[at] = distance;
		return;
	}
	if (!(distance < heap[0]))
		return;
	for (;;)
	{
		uint32 child = 2 * at + 1;

		if (child >= nearest->n)
			break;
		if (child + 1 < nearest->n && heap[child + 1] > heap[child])
			child++;
		if (distance >= heap[child])
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = distance;
}
