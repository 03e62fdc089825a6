/*
 * opclass.h
 *	  What an operator class of ours is for: a vector, its kind of values and metric,
 *	  or an attribute beside it.
 *
 * An operator class names a support function without arguments of use, which
 * returns a pointer to one row of a table.  So neither names of operators nor
 * OIDs are compared, and the extension can be in any schema.  Classes that
 * pgvector has, too, are made as it makes them, without that function: the same
 * catalogue serves either library, whichever made it.  Their C function of
 * distance says what they are for, and whether they have one of norm.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_OPCLASS_H
#define VECTOR_EXT_OPCLASS_H

#include "utils/rel.h"

#include "am/attribute.h"
#include "am/value.h"
#include "distance/metric.h"

/* Support function numbers of the access methods */
#define HNSW_OPCLASS_PROC 4 /* 1 to 3 are pgvector's */
#define IVFPQ_OPCLASS_PROC 1
#define IVFFLAT_OPCLASS_PROC 6 /* 1 to 5 are pgvector's */

typedef struct VectorOpclass
{
	ValueKind elem;
	Metric metric;
	AttributeKind attribute; /* ATTRIBUTE_NONE: it is of vectors */
} VectorOpclass;

/*
 * Of the first column, which must be a vector: error [0A000].  proc: the number of
 * that support function in its access method.
 */
extern const VectorOpclass *opclass_of(Relation index, uint16 proc);

/*
 * The kinds of the columns behind it; their number.  Error [0A000]: one is a vector,
 * too.
 */
extern uint32 opclass_attributes(Relation index,
								 AttributeKind kinds[ATTRIBUTE_MAX]);

#endif
