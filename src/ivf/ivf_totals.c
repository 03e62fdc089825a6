/*
 * ivf_totals.c
 *	  What a scan has done, as EXPLAIN words it.
 */
#include "postgres.h"

#include "core/compat.h"
#include "ivf/ivf_totals.h"

static void
explain_count(const char *label, uint64 count, ExplainState *es)
{
	if (count > 0 || es->format != EXPLAIN_FORMAT_TEXT)
		ExplainPropertyUInteger(label, NULL, count, es);
}

void
ivf_totals_explain(const IvfTotals *totals, ExplainState *es)
{
	bool text = es->format == EXPLAIN_FORMAT_TEXT;

	ExplainPropertyUInteger("Searches", NULL, totals->searches, es);
	if (text)
		ExplainPropertyText("Lists Visited",
							psprintf(UINT64_FORMAT " of " UINT64_FORMAT,
									 totals->lists, totals->lists_present),
							es);
	else
	{
		ExplainPropertyUInteger("Lists Visited", NULL, totals->lists, es);
		ExplainPropertyUInteger("Lists Present", NULL, totals->lists_present,
								es);
	}
	explain_count("Rows Estimated", totals->estimated, es);
	explain_count("Rows Compared", totals->compared, es);
	explain_count("Candidates Verified", totals->verified, es);
	explain_count("Heap Rows Fetched for Order", totals->fetched, es);
	ExplainPropertyUInteger("Batches", NULL, totals->batches, es);
	explain_count("Rows Sorted", totals->sorted, es);
	explain_count("Rows Found Too Late", totals->dropped, es);
	if (text && totals->ended > 0)
		ExplainPropertyText(
			"Searches Ended Early",
			psprintf(UINT64_FORMAT " by %s", totals->ended, totals->budget),
			es);
	else
		explain_count("Searches Ended Early", totals->ended, es);
	if (!text && totals->ended > 0)
		ExplainPropertyText("Ended Early By", totals->budget, es);
}
