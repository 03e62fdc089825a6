/*
 * hnsw_stop.c
 *	  When a search has found what it is for.
 */
#include "postgres.h"

#include <math.h>

#include "utils/memutils.h"

#include "hnsw/hnsw_stop.h"

/* Fewer nodes say nothing of errors */
#define LEAST_NODES 16

/*
 * What is known of errors changes as a search goes on: nodes are kept though they
 * are farther than those that would be looked at, by so many deviations.
 */
#define KEPT_MARGIN 1

/* Keys and estimates beyond are no numbers to reckon with */
#define LARGEST 1e30

void
hnsw_progress_begin(HnswProgress *progress, const HnswStop *stop, bool fitted,
					MemoryContext context)
{
	double *nearest = progress->nearest;
	uint32 room = progress->room;

	*progress = (HnswProgress){.stop = *stop,
							   .fitted = fitted,
							   .context = context,
							   .nearest = nearest,
							   .room = room,
							   .reach = INFINITY,
							   .horizon = INFINITY};
}

static void
grow(HnswProgress *progress)
{
	uint32 room = Min(Max(64, progress->room * (uint64) 2), progress->stop.k);
	double *nearest =
		MemoryContextAllocHuge(progress->context, (Size) room * sizeof(double));

	if (progress->nearest != NULL)
	{
		memcpy(nearest, progress->nearest, progress->nnearest * sizeof(double));
		pfree(progress->nearest);
	}
	progress->nearest = nearest;
	progress->room = room;
}

static void
sift_up(double *heap, uint32 at, double key)
{
	while (at > 0 && heap[(at - 1) / 2] < key)
	{
		heap[at] = heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	heap[at] = key;
}

/* In the place of the farthest */
static void
sift_down(double *heap, uint32 n, double key)
{
	uint32 at = 0;
	uint32 child;

	while ((child = 2 * at + 1) < n)
	{
		if (child + 1 < n && heap[child + 1] > heap[child])
			child++;
		if (heap[child] <= key)
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = key;
}

void
hnsw_progress_row(HnswProgress *progress, double key)
{
	if (progress->nnearest == progress->stop.k)
	{
		if (key < progress->nearest[0])
			sift_down(progress->nearest, progress->nnearest, key);
		return;
	}
	if (progress->nnearest == progress->room)
		grow(progress);
	sift_up(progress->nearest, progress->nnearest++, key);
}

/* How far estimates may be for keys as near as the k-th; and a deviation of them */
static void
set_reach(HnswProgress *progress)
{
	double n = progress->nodes;
	double key = progress->key / n;
	double estimate = progress->estimate / n;
	double key_key = progress->key_key / n - key * key;
	double both = progress->key_estimate / n - key * estimate;
	double estimate_estimate =
		progress->estimate_estimate / n - estimate * estimate;
	double slope = 1; /* of keys, over estimates */
	double variance;
	double deviation;

	if (progress->fitted && both > 0)
		slope = both / Max(estimate_estimate, 1e-300);
	variance = key_key - 2 * slope * both + slope * slope * estimate_estimate;
	deviation = sqrt(Max(variance, 0)) / slope;
	progress->reach = (float) (estimate + (progress->nearest[0] - key) / slope +
							   progress->stop.margin * deviation);
	progress->horizon = (float) (progress->reach + KEPT_MARGIN * deviation);
	progress->spoke = true;
}

void
hnsw_progress_node(HnswProgress *progress, float estimate, double key)
{
	if (fabs(estimate) < LARGEST && fabs(key) < LARGEST)
	{
		progress->nodes++;
		progress->key += key;
		progress->estimate += estimate;
		progress->key_key += key * key;
		progress->estimate_estimate += (double) estimate * estimate;
		progress->key_estimate += key * estimate;
	}
	if (progress->nodes >= Max(LEAST_NODES, progress->stop.least) &&
		progress->nnearest == progress->stop.k)
		set_reach(progress);
}
