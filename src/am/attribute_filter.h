/*
 * attribute_filter.h
 *	  Conditions on the attributes of an index: which lanes of a page meet them.
 *
 * Made of an index scan's keys: column op value, = ANY (array), IS [NOT] NULL, all
 * of which must hold.  A page is asked column by column, 32 lanes at a time.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_ATTRIBUTE_FILTER_H
#define VECTOR_EXT_ATTRIBUTE_FILTER_H

#include "access/skey.h"

#include "am/attribute.h"

/* Strategies of operator classes of attributes; the first ones are those of btree */
#define ATTRIBUTE_OVERLAPS 6 /* && */
#define ATTRIBUTE_CONTAINS 7 /* @> */

typedef enum AttributeTestKind
{
	ATTRIBUTE_IS_NULL,
	ATTRIBUTE_IS_NOT_NULL,
	ATTRIBUTE_IN_RANGE, /* low <= key <= high */
	ATTRIBUTE_IN_SET,   /* key is one of keys */
	ATTRIBUTE_HAS_BITS  /* the key has all bits of one of keys */
} AttributeTestKind;

/* A condition on one column, which a NULL meets only where it says so */
typedef struct AttributeTest
{
	AttributeTestKind kind;
	uint32 column; /* 0: the first behind the vector */
	int64 low;
	int64 high;
	uint32 nkeys;
	int64 *keys; /* of a set: ascending */
} AttributeTest;

typedef struct AttributeFilter
{
	bool never;   /* no row can meet it */
	bool recheck; /* rows that meet it are to be checked by their values */
	uint32 ntests;
	AttributeTest tests[FLEXIBLE_ARRAY_MEMBER];
} AttributeFilter;

/*
 * The conditions of scan keys, in the current context; NULL: there are none, as
 * where the vector IS NOT NULL, which all rows of an index are.
 */
extern AttributeFilter *attribute_filter_new(Relation index, ScanKey keys,
											 int nkeys);

/*
 * Clear the bits of lanes that do not meet it.  mask: so many words; columns: those
 * of a page.  False: no bit is left.
 */
extern bool attribute_filter_mask(const AttributeFilter *filter,
								  const AttributeColumn *columns, uint32 nwords,
								  uint32 *mask);

#endif
