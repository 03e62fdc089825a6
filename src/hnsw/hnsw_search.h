/*
 * hnsw_search.h
 *	  One search: from a query to elements with bounds on their distances.
 *
 * From the entry down, level by level, or on the ground from seeds (hnsw_seeds.h): the
 * nearest nodes met so far wait in a pool, and the nearest one that has not been looked at is next, until all of
 * the pool have been (Malkov and Yashunin, algorithm 2).  Where neighbours are
 * estimated it is chosen one look ahead.  A look at a node gives
 * bounds of its own distance, and, from their codes, estimates of its
 * neighbours'.  Nothing here reads the heap.
 *
 * Locks: one page at a time, shared.  Links may be stale: what is found at
 * their end is taken for what it is.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_SEARCH_H
#define VECTOR_EXT_HNSW_SEARCH_H

#include "am/scan.h"
#include "hnsw/hnsw_copy.h"
#include "hnsw/hnsw_model.h"
#include "hnsw/hnsw_stop.h"

/* A node that was looked at */
typedef struct HnswFound
{
	double key; /* the middle of its bounds */
	HnswId id;
	HnswId below;
} HnswFound;

typedef struct HnswCounters
{
	uint64 nodes;     /* looked at */
	uint64 estimates; /* of neighbours */
	uint64 seeds;     /* estimated */
} HnswCounters;

typedef struct HnswSearch
{
	Relation index;
	HnswMeta meta;
	HnswLayout layout;
	HnswCounters counters; /* of the last run */

	/* the elements of the last run, in no order: a hit for each TID */
	ScanHit *hits;
	uint32 nhits;
	const TidFilter *tids; /* set by who wants hits of these alone; NULL: all */
	/* likewise, of rows with such attributes: hnsw_masked.h looks at these alone */
	const AttributeFilter *attributes;
	bool visits; /* set by who wants neighbours visited, not estimated */
	bool seeds; /* set by who may begin by seeds, which are the backend's own */
	HnswStop stop;  /* set by who knows when a run may end; not of insertions */
	HnswId without; /* set by who wants a search as if it had never been there:
					 * an element's node on the ground; HNSW_NONE: none */
	bool complete;  /* no element that can be reached is missing */
	bool stopped;   /* the last run did, before all that were kept were seen */

	/* what was looked at on the last level, see below for its order */
	HnswFound *found;
	uint32 nfound;

	struct HnswSearchState *state; /* hnsw_search.c's own */
} HnswSearch;

/* All memory is in the current context, and grows with ef */
extern HnswSearch *hnsw_search_new(Relation index);

/*
 * The query of the following runs, in the column's type; memory in the current
 * context.  False for one that has no order: zero length under cosine.  The
 * dimensions must fit; error [22000] otherwise.
 */
extern bool hnsw_search_set_query(HnswSearch *search, Datum query);

/* The same by its elements, which must live on */
extern bool hnsw_search_set_elems(HnswSearch *search, const void *elems);

/* For calibration: a query as a scaled row */
extern void hnsw_search_set_row(HnswSearch *search, const float *row);

/*
 * All the way to the ground, where ef nodes are kept: hits; found, in no order.  Where
 * neighbours are estimated, and stop says so, it ends before all of them have been
 * looked at.
 */
extern void hnsw_search_run(HnswSearch *search, uint32 ef);

/* Put found in order, nearest first: most scans never need it */
extern void hnsw_search_sort(HnswSearch *search);

/*
 * For insertion: begin at the entry of this moment, and go down to, but not
 * including, level; then search levels one by one: found, nearest first.  False
 * where there is no entry.  ef: nodes that will be kept there.
 */
extern bool hnsw_search_descend(HnswSearch *search, uint32 level, uint32 ef,
								HnswState *state);
extern void hnsw_search_level(HnswSearch *search, uint32 level, uint32 ef);

/* The exact key of a value, and bounds by a node's copy */
extern double hnsw_search_key(const HnswSearch *search, Datum value);

/*
 * For searches that are led by something else than links (hnsw_masked.h)
 */

/* A row, and where its element is */
typedef struct HnswRowAt
{
	HnswId ground;
	ItemPointerData tid;
	float estimate;
	float
		key; /* in the same unit, once it was looked at; infinite: nobody sees it */
} HnswRowAt;

/*
 * Begin without hits, by the meta data of this moment.  Returns the query as the
 * codec wants it; without codes that mean anything NULL.
 */
extern const CodecQuery *hnsw_search_begin(HnswSearch *search);

/* Hits of rows, by their elements; rows are put in the order of those, with keys */
extern void hnsw_search_look_at(HnswSearch *search, HnswRowAt *rows, uint32 n);

/* Do estimates, and keys of rows looked at, stand for the operator's distances? */
extern bool hnsw_search_estimates_keys(const HnswSearch *search);

/* Have the meta data changed since?  Then what codes have said may be wrong. */
extern bool hnsw_search_is_outdated(HnswSearch *search);

#endif
