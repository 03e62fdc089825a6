/*
 * ivf_search.h
 *	  One search: from a query to rows with bounds on their distances.
 *
 * Three stages.  The lists are ranked by their centroids; the rows of the
 * nearest lists are estimated from their codes, and the best estimates kept;
 * these candidates are verified by their copies.  What comes out is a set of
 * hits, each with bounds between which the operator's distance lies.  Nothing
 * here reads the heap.
 *
 * Distances are in the order's own units ("keys"): squared for L2, as the
 * operator has them for the others.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_IVF_SEARCH_H
#define VECTOR_EXT_IVF_SEARCH_H

#include "am/scan.h"
#include "ivf/ivf_encode.h"

struct IvfEffort;

/* What the last run, or visit, has done */
typedef struct IvfCounters
{
	uint64 lists;
	uint64 rows;  /* estimated, holes too; compared, where there are no codes */
	uint64 lanes; /* of the segments that were looked at, holes too */
	uint64 matching;   /* of these, live rows that may be hits */
	uint64 candidates; /* verified by their copies */
} IvfCounters;

typedef struct IvfSearch
{
	Relation index;
	IvfMeta meta;
	IvfLayout layout;
	IvfCounters counters;
	bool trust_estimates; /* where there are no copies: estimates are keys */

	/*
	 * Set by who wants only rows that meet these; NULL: all.  A run for k rows goes on
	 * beyond probes as the share that does so far asks for.
	 */
	const AttributeFilter *attributes;
	/* set by who wants only these rows; NULL: all */
	const TidFilter *tids;
	/*
	 * Then this is their share of all rows; where the lists of a run have far fewer,
	 * farther ones are visited, until there are enough.  0: they are not.
	 */
	double matching_share;
	uint32 least_probes; /* lists visited however far they are */
	uint32 most_probes;  /* but no more lists than these */

	/* the hits of the last run, in no order */
	ScanHit *hits;
	uint32 nhits;
	bool complete; /* no row of the lists it visited is missing in hits */
	bool stale;    /* pages are of later lists: hits are void, begin anew */
	BlockNumber stale_block;

	struct IvfSearchState *state; /* ivf_search.c's own */
} IvfSearch;

/*
 * All memory is in the current context, and grows with candidates alone.  model:
 * NULL for the one in force; else lists that the meta page does not name yet.
 */
extern IvfSearch *ivf_search_new(Relation index, const struct IvfModel *model);

/*
 * The query of the following runs, in the column's type; memory in the current
 * context.  False for one that has no order: zero length under cosine.  The
 * dimensions must fit; error [22000] otherwise.
 */
extern bool ivf_search_set_query(IvfSearch *search, Datum query);

/*
 * Visit lists, nearest first, and verify candidates, for the k nearest rows, as
 * far as the effort says.  Where the codec bounds its error, only candidates who may
 * be among the nearest k are verified.
 */
extern void ivf_search_run(IvfSearch *search, uint32 k,
						   const struct IvfEffort *effort);

/*
 * For calibration: a scaled query, and its best estimates, unverified.
 * They are valid until the next call.
 */
extern void ivf_search_set_scaled(IvfSearch *search, const float *query);
extern const struct IvfCandidate *ivf_search_estimates(IvfSearch *search,
													   uint32 probes,
													   uint32 candidates,
													   uint32 *nfound);

/* Call visit with each live row of the probes nearest lists */
extern void ivf_search_visit(IvfSearch *search, uint32 probes, ScanVisit visit,
							 void *arg);

/* The key of a value from the heap: the operator's distance, exactly */
extern double ivf_search_key(const IvfSearch *search, Datum value);

#endif
