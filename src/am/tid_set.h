/*
 * tid_set.h
 *	  Sets of heap TIDs: lib/simplehash.h for them.
 *
 *		tid_set_create(context, expected, NULL), tid_set_insert(set, number, &found),
 *		tid_set_lookup(set, number), tid_set_destroy(set)
 *
 * 16 bytes a TID, at most twice that.  An entry has room for a number of its owner's.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_TID_SET_H
#define VECTOR_EXT_TID_SET_H

#include "common/hashfn.h"
#include "storage/itemptr.h"

/* A TID as a number: block, then offset */
static inline uint64
tid_number(ItemPointer tid)
{
	return (uint64) ItemPointerGetBlockNumber(tid) << 16 |
		ItemPointerGetOffsetNumber(tid);
}

typedef struct TidSetEntry
{
	uint64 number;
	uint32 digest; /* the owner's, who sets it when he has inserted the TID */
	char status;
} TidSetEntry;

#define SH_PREFIX tid_set
#define SH_ELEMENT_TYPE TidSetEntry
#define SH_KEY_TYPE uint64
#define SH_KEY number
#define SH_HASH_KEY(set, key) murmurhash32((uint32) ((key) ^ (key) >> 32))
#define SH_EQUAL(set, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

#endif
