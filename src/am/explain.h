/*
 * explain.h
 *	  EXPLAIN (ANALYZE) says what index scans of ours have done.
 *
 * From 18 on as properties of the plan's node.  Before, no one is asked about a
 * node: they follow below the plan, for each scan that ran.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_EXPLAIN_H
#define VECTOR_EXT_EXPLAIN_H

struct ExplainState;

/* A counter of a scan, as a property; text leaves out zeros */
extern void explain_count(const char *label, uint64 count,
						  struct ExplainState *es);

/* Install the hooks; once, from _PG_init */
extern void explain_init(void);

#endif
