/*
 * heap_check.h
 *	  Is every row of a table in its index?
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HEAP_CHECK_H
#define VECTOR_EXT_HEAP_CHECK_H

#include "utils/rel.h"
#include "utils/snapshot.h"

#include "am/attribute.h"
#include "am/tid_set.h"
#include "am/value.h"
#include "distance/metric.h"

typedef struct HeapCheck
{
	Relation index;
	ValueKind elem;
	Metric metric;
	int dim;
	/* of the index; the caller's.  With attributes: their digests */
	tid_set_hash *tids;
	uint32 nattributes;
	const AttributeKind *attributes;
	Snapshot snapshot;         /* registered */
	MemoryContext row_context; /* reset for each row */
} HeapCheck;

/*
 * Take a snapshot, before the index is read: what it sees must be there.  Error
 * [55000]: a transaction whose snapshot is older than the index.
 */
extern void heap_check_begin(HeapCheck *check, Relation index);

/*
 * The other fields are set: look up each row that a build would index.  Error
 * [XX002] for one that is missing, or whose attributes are others.
 */
extern void heap_check_end(HeapCheck *check, Relation heap);

#endif
