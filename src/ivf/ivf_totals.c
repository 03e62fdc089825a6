/*
 * ivf_totals.c
 *	  What a scan has done with lists, as EXPLAIN words it.
 */
#include "postgres.h"

#include "am/explain.h"
#include "core/compat.h"
#include "ivf/ivf_totals.h"

void
ivf_totals_explain(const IvfTotals *totals, ExplainState *es)
{
	bool text = es->format == EXPLAIN_FORMAT_TEXT;

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
	explain_count("Rows Tested by Attributes", totals->tested, es);
	explain_count("Rows Meeting Conditions", totals->meeting, es);
	explain_count("Rows Estimated", totals->estimated, es);
	explain_count("Rows Compared", totals->compared, es);
	explain_count("Candidates Verified", totals->verified, es);
}
