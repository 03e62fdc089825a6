/*
 * limit.h
 *	  Tells an index scan how many rows are wanted of it.
 *
 * PostgreSQL does not: neither amrescan nor ExecSetTupleBound passes the LIMIT
 * to an index scan.  An ExecutorStart hook walks each plan from its Limit nodes
 * down to our scans, through nodes that pass on every row they get, and leaves
 * LIMIT + OFFSET in the scan's order-by key: its upper 16 flags are the access
 * method's own.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_LIMIT_H
#define VECTOR_EXT_LIMIT_H

#include "access/skey.h"
#include "nodes/extensible.h"

#define LIMIT_SHIFT 16
#define LIMIT_MAX 0xFFFF /* as many, or more */

/* Install the hook; once, from _PG_init */
extern void limit_init(void);

/*
 * A node of these methods passes on the rows of its first child, or hands that what
 * makes it return no other rows.
 */
extern void limit_pass_through(const CustomExecMethods *methods);

/* Rows wanted of a scan with this order-by key; 0: not known */
static inline double
limit_of(const ScanKeyData *order)
{
	return (uint32) order->sk_flags >> LIMIT_SHIFT;
}

#endif
