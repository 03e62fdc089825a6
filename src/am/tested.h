/*
 * tested.h
 *	  The rows that a query's condition has been asked of, and what it said.
 *
 * lib/simplehash.h for them: tested_create(context, expected, NULL),
 * tested_insert(set, number, &found), tested_lookup(set, number).  16 bytes a row, at
 * most twice that.  number: tid_number() of am/tid_set.h.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_TESTED_H
#define VECTOR_EXT_TESTED_H

#include "am/tid_set.h"

typedef struct Tested
{
	uint64 number;
	bool passed;
	bool beyond; /* it failed, and is farther than what is wanted */
	char status;
} Tested;

#define SH_PREFIX tested
#define SH_ELEMENT_TYPE Tested
#define SH_KEY_TYPE uint64
#define SH_KEY number
#define SH_HASH_KEY(set, key) murmurhash32((uint32) ((key) ^ (key) >> 32))
#define SH_EQUAL(set, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

#endif
