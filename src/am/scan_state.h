/*
 * scan_state.h
 *	  What the parts of a scan share (scan.h is all that others see).
 *
 *		scan.c			the access method's callbacks
 *		scan_batch.c	a batch's hits, in exact order
 *		scan_fetch.c	keys of hits that only the table knows
 *		scan_filter.c	which way to rows that pass a filter
 *		scan_sort.c		rows sorted at once
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_SCAN_STATE_H
#define VECTOR_EXT_SCAN_STATE_H

#include "am/returned.h"
#include "am/scan.h"
#include "am/scan_heap.h"
#include "am/scan_rest.h"
#include "am/tested.h"

/* A batch is made for so many times the rows of the one before */
#define BATCH_GROWTH 4

/* Sums over all queries; README.md says what EXPLAIN calls them */
typedef struct ScanTotals
{
	uint64 searches; /* queries it was started for */
	uint64 batches;  /* one for each search, and for each time it went on */
	uint64 fetched;  /* looks at the heap, for the order or the filter */
	uint64 sorted;   /* rows of the rest that batches left */
	uint64 dropped;  /* rows nearer than one returned before */
	uint64 failed;   /* the filter's condition */
	uint64 matching; /* rows of the filter's sets */
	uint64 whole;    /* blocks of them, of which any row may match */

	/* how searches with a filter went */
	uint64 by_condition;
	uint64 masked;
	uint64 exact;
	uint64 asked;      /* all rows of the table first; then masked or exact */
	uint64 asked_near; /* near rows first; then masked */

	uint64 within;      /* ended where no row within the distance is left */
	uint64 ended;       /* searches that a setting kept from further rows */
	const char *budget; /* that setting; static */
} ScanTotals;

typedef struct VectorScan
{
	MemoryContext context; /* of all there is; lives until the end */
	const ScanEngine *engine;
	void *state; /* the engine's */
	ScanQuery query;
	ScanHeap *heap;
	const RowFilter *filter; /* NULL: none */
	double bound;            /* no key beyond it is wanted; infinity: none */
	ScanTotals totals;

	/* the query */
	bool started;
	bool ended;  /* the executor has been told so */
	bool within; /* because no row that is left is near enough */
	ScanOrder order;
	double k; /* rows the batch was made for */
	ScanBatch batch;
	uint32 nqueue;  /* hits not looked at: a heap by their low bounds */
	uint32 allowed; /* of which so many may be returned */
	ScanHit last;   /* that was returned */
	Returned returned;
	ScanRest *rest; /* NULL: batches */

	/* where its filter's condition is asked */
	bool tests;
	bool bounded;        /* settings say how far it may go */
	tested_hash *tested; /* rows it was asked of; NULL: none */
	ScanHit *ready; /* rows that pass, in order: nready of them, next is next */
	uint32 nready;
	uint32 next;
	uint32 ready_room;
	double wanted;  /* so many are held back */
	ScanHit before; /* the last one that was returned, before those of ready */
	double
		near; /* of these rows that pass the nearest are known; 0: it is not so */
} VectorScan;

/* Do rows leave in any order? */
static inline bool
scan_leaves_anyhow(const VectorScan *scan)
{
	return scan->filter != NULL && scan->filter->any_order;
}

/*
 * scan_batch.c
 */

/* Is the row that tid leads to visible, and does it pass the filter's condition? */
extern bool scan_row_passes(VectorScan *scan, ItemPointer tid);

/*
 * The next row of the table, in its order, that passes the filter's condition; false
 * where there are no more.
 */
extern bool scan_next_passing_row(VectorScan *scan, ItemPointer tid);

/* The key of the row that was read last; false where it has no value */
extern bool scan_key_of_row(VectorScan *scan, double *key);

/* The next hit of the batch in order; false when it has no more to give */
extern bool scan_next_hit(VectorScan *scan, ScanHit *hit);

/*
 * Before there is another batch: what it has nearer than the last row is left out, so
 * it must be known how far that one is.
 */
extern void scan_resolve_last(VectorScan *scan);

/* Begin the engine's query; again: as its open has it */
extern void scan_open_query(VectorScan *scan, bool again);

/* Make a batch for k rows */
extern void scan_run_batch(VectorScan *scan, double k);

/*
 * scan_fetch.c
 */

/*
 * Where nothing is known of hits the table is read for their keys.  How many are left,
 * which are the first ones then: whoever has no visible row, or no value, goes.
 */
extern uint32 scan_fetch_hits(VectorScan *scan, ScanHit *hits, uint32 n);

/*
 * scan_sort.c
 */

/* All rows that are left, by exact distance where the query has an order */
extern void scan_sort_rest(VectorScan *scan);

/*
 * scan_filter.c
 */

/* The first batch of a query with a filter, or all its rows */
extern void scan_start_filtered(IndexScanDesc desc, VectorScan *scan);

/* Fewer have passed than are wanted: which is the way to more of them? */
extern void scan_go_on_testing(IndexScanDesc desc, VectorScan *scan);

/* More are wanted than near rows have that pass */
extern void scan_go_beyond_near(IndexScanDesc desc, VectorScan *scan);

/*
 * The next hit that passes.  False where the batch has fewer than are wanted, and
 * there may be more elsewhere.
 */
extern bool scan_next_passing(VectorScan *scan, ScanHit *hit);

/* Is it better to look at all rows of the set than to search among them for k? */
extern bool scan_exact_is_shorter(IndexScanDesc desc, VectorScan *scan,
								  double k);

#endif
