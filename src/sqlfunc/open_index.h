/*
 * open_index.h
 *	  Indexes of ours as arguments of SQL functions: found, allowed, locked.
 *
 * In a trusted extension, grants on its functions would be the superuser's to
 * give: everyone may execute them, and they look for themselves.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_OPEN_INDEX_H
#define VECTOR_EXT_OPEN_INDEX_H

#include "storage/lockdefs.h"
#include "utils/relcache.h"

/* Whose business it is */
typedef enum IndexRight
{
	INDEX_FOR_OWNER, /* the table's owner, members of pg_monitor */
	INDEX_FOR_READER /* who may read all rows and columns of the table */
} IndexRight;

typedef struct OpenIndex
{
	Relation heap;
	Relation index;
	LOCKMODE heap_lock;
} OpenIndex;

/*
 * Open an index of ours and its table.  heap_lock is taken on the table, at
 * most what a standby allows there.  Errors: not such an index [42809], no such
 * right [42501].
 */
extern OpenIndex open_index(Oid oid, IndexRight right, LOCKMODE heap_lock);

/* The same for functions that know of lists: error [42809] for other methods */
extern OpenIndex open_ivf_index(Oid oid, IndexRight right, LOCKMODE heap_lock);

extern void close_index(OpenIndex *open);

#endif
