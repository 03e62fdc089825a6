/*
 * returned.c
 *	  The rows that a query has been given.
 */
#include "postgres.h"

#include "am/returned.h"

void
returned_note(Returned *returned, ItemPointer tid, MemoryContext context)
{
	if (returned->n == returned->room)
	{
		uint32 room = Max(64, returned->room * 2);
		uint64 *tids = MemoryContextAlloc(context, room * sizeof(uint64));

		if (returned->n > 0)
			memcpy(tids, returned->tids, returned->n * sizeof(uint64));
		if (returned->tids != NULL)
			pfree(returned->tids);
		returned->tids = tids;
		returned->room = room;
	}
	returned->tids[returned->n++] = tid_number(tid);
}

void
returned_index(Returned *returned, MemoryContext context)
{
	bool found;

	if (returned->set != NULL)
		tid_set_destroy(returned->set);
	returned->set = tid_set_create(context, Max(returned->n, 16), NULL);
	for (uint32 i = 0; i < returned->n; i++)
		(void) tid_set_insert(returned->set, returned->tids[i], &found);
}
