/*
 * methods.h
 *	  The access methods of this library, as a table: who meets an index scan in
 *	  a plan looks here whether it is one of ours, and what can be done with it.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_METHODS_H
#define VECTOR_EXT_METHODS_H

#include "access/amapi.h"
#include "access/genam.h"
#include "utils/relcache.h"

struct ExplainState;

/* Takes what an index says of itself, name by name */
typedef void (*MethodFact)(void *arg, const char *name, const char *value);

typedef enum MethodReach
{
	REACH_FIRST,   /* its first search is all */
	REACH_BOUNDED, /* to the end of a budget */
	REACH_ALL      /* to the last row */
} MethodReach;

typedef struct ScanMethod
{
	ambeginscan_function begin; /* by which its indexes are told from others */

	uint32 foreign_magic; /* of pgvector's meta page, am/foreign.h */

	/*
	 * Print what a scan that has begun did so far, as properties of the group
	 * that is open.  Labels are the same in all formats; text leaves out what
	 * is zero.
	 */
	void (*explain)(IndexScanDesc scan, struct ExplainState *es);

	/* How far a scan may go, by the settings in force */
	MethodReach (*reach)(Relation index);

	/*
	 * Microseconds that a search is likely to take for k rows of a set (ScanQuery's
	 * tids) of so many.
	 */
	double (*masked_time)(Relation index, double k, double rows);

	/*
	 * Microseconds that it takes to name so many rows of all, the nearest by estimate
	 * (ScanEngine.nearest); infinite where it cannot be done.
	 */
	double (*nearest_time)(Relation index, double n);

	/*
	 * Errors [XX002] where an index contradicts itself or, if heapallindexed,
	 * its table.  The caller holds a lock on the table that keeps VACUUM out, but
	 * on a standby.
	 */
	void (*check)(Relation heap, Relation index, bool heapallindexed);

	/*
	 * Learn anew from what the index holds: false, and nothing done, where that
	 * is no copies of rows.  The caller holds a lock on the table that keeps
	 * VACUUM and others who do this out.
	 */
	bool (*learn)(Relation index);

	/* Settings in force, rows, bytes of the index's parts */
	void (*describe)(Relation index, MethodFact fact, void *arg);
} ScanMethod;

/*
 * What all methods tell PostgreSQL alike: they order by an operator, have attributes
 * beside it, and scans are those of am/scan.h.  nsupport: support functions of their operator classes.
 */
extern IndexAmRoutine *methods_routine(uint16 nsupport);

/* Add a method, which is kept; once for each, from _PG_init */
extern void methods_register(const ScanMethod *method);

/* The method of an index; NULL where it is not ours, or index is NULL */
extern const ScanMethod *methods_find(Relation index);

/* Is it an index of ours?  The caller holds a lock on it. */
extern bool methods_own(Oid index);

#endif
