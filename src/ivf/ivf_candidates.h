/*
 * ivf_candidates.h
 *	  The best estimates of a scan, in the order in which they were met.
 *
 * Room for several times as many as are wanted: when it is full the best stay.
 * They keep their order, so that copies are later read in the order of their
 * pages.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_IVF_CANDIDATES_H
#define VECTOR_EXT_IVF_CANDIDATES_H

#include "storage/itemptr.h"
#include "utils/float.h"

typedef struct IvfCandidate
{
	double key;       /* estimated; without codec, the key itself */
	BlockNumber page; /* the first page of its copy */
	uint32 offset;    /* of the copy in that page's room */
	ItemPointerData tid;
	uint16 error; /* of the copy, see IvfLayout.errors */
} IvfCandidate;

typedef struct IvfCandidates
{
	IvfCandidate *items;
	double *keys; /* scratch */
	uint32 n;
	uint32 wanted;
	uint32 room;      /* of items and keys, more than wanted */
	double threshold; /* who is not below it need not come */
	bool dropped;     /* has anyone been turned away? */
} IvfCandidates;

/* Empty it for a new scan; memory is kept, or grown in the same context */
extern void ivf_candidates_reset(IvfCandidates *candidates, uint32 wanted);

/* Keep the best wanted below the threshold */
extern void ivf_candidates_shrink(IvfCandidates *candidates);

/* Who is not below threshold is not wanted: from here on, and at the next shrink */
static inline void
ivf_candidates_limit(IvfCandidates *candidates, double threshold)
{
	if (threshold < candidates->threshold)
	{
		candidates->threshold = threshold;
		candidates->dropped = true;
	}
}

/* The place for one more, whose key is below the threshold */
static inline IvfCandidate *
ivf_candidates_add(IvfCandidates *candidates)
{
	if (unlikely(candidates->n == candidates->room))
		ivf_candidates_shrink(candidates);
	return &candidates->items[candidates->n++];
}

/* The distances of the nearest few so far; the farthest of them is the limit */
typedef struct IvfNearest
{
	double *heap; /* the largest first */
	uint32 n;
	uint32 wanted;
	uint32 room;
} IvfNearest;

/* Empty it; memory is kept, or grown in the current context */
extern void ivf_nearest_reset(IvfNearest *nearest, uint32 wanted);
extern void ivf_nearest_offer(IvfNearest *nearest, double distance);

/* Infinite while there are fewer than wanted */
static inline double
ivf_nearest_limit(const IvfNearest *nearest)
{
	return nearest->wanted == 0 || nearest->n < nearest->wanted
		? get_float8_infinity()
		: nearest->heap[0];
}

#endif
