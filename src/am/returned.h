/*
 * returned.h
 *	  The rows that a query has been given, so that no batch returns one again.
 *
 * Most queries end with their first batch, so TIDs are only listed, 8 bytes
 * each, until somebody asks for them.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_RETURNED_H
#define VECTOR_EXT_RETURNED_H

#include "am/tid_set.h"

/* Zeros are an empty one: so it is emptied where its context was reset */
typedef struct Returned
{
	uint64 *tids; /* tid_number() of each */
	uint32 n;
	uint32 room;
	tid_set_hash *set; /* the same, as they were at returned_index() */
} Returned;

/* Add a TID, in memory of that context */
extern void returned_note(Returned *returned, ItemPointer tid,
						  MemoryContext context);

/* Let all TIDs noted so far be found, 16 to 32 bytes each */
extern void returned_index(Returned *returned, MemoryContext context);

/* Was it noted before the last returned_index()? */
static inline bool
returned_has(const Returned *returned, ItemPointer tid)
{
	return returned->set != NULL &&
		tid_set_lookup(returned->set, tid_number(tid)) != NULL;
}

#endif
