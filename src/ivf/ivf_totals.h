/*
 * ivf_totals.h
 *	  What a scan has done with lists: sums over its batches, and over the queries
 *	  it was restarted for; and how EXPLAIN words them.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_IVF_TOTALS_H
#define VECTOR_EXT_IVF_TOTALS_H

struct ExplainState;

typedef struct IvfTotals
{
	uint64 lists_present; /* of the index, in each search */
	uint64 lists;         /* visited; once in a search, however many batches */
	uint64 tested;        /* rows, by their attributes */
	uint64 meeting;       /* rows of these that meet all conditions on them */
	uint64 estimated;     /* rows, from codes */
	uint64 compared;      /* rows, by copies, where there are no codes */
	uint64 verified;      /* estimates, by copies */
} IvfTotals;

/* As properties of the open group */
extern void ivf_totals_explain(const IvfTotals *totals,
							   struct ExplainState *es);

#endif
