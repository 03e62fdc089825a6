/*
 * ivf_totals.h
 *	  What a scan has done: sums over its batches, and over the queries it was
 *	  restarted for; and how EXPLAIN words them.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_IVF_TOTALS_H
#define VECTOR_EXT_IVF_TOTALS_H

struct ExplainState;

typedef struct IvfTotals
{
	uint64 searches; /* queries it was started for */
	uint64 batches;  /* one for each search, and for each time it went on */

	uint64 lists_present; /* of the index, in each search */
	uint64 lists;         /* visited; once in a search, however many batches */
	uint64 estimated;     /* rows, from codes */
	uint64 compared;      /* rows, by copies, where there are no codes */
	uint64 verified;      /* estimates, by copies */
	uint64 fetched;       /* looks at the heap, for the order */
	uint64 sorted;        /* rows of the rest that batches left */
	uint64 dropped;       /* rows nearer than one returned before */

	uint64 ended;       /* searches without further rows, but further lists */
	const char *budget; /* the setting that forbade them; static */
} IvfTotals;

/* As properties of the open group */
extern void ivf_totals_explain(const IvfTotals *totals,
							   struct ExplainState *es);

#endif
