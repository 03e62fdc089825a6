/*
 * ivf_rebuild.h
 *	  An index built anew from what it holds, while others use it.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_IVF_REBUILD_H
#define VECTOR_EXT_IVF_REBUILD_H

#include "ivf/ivf_encode.h"

/* Has it been waiting for rows to learn from, and has them now? */
extern bool ivf_rebuild_is_due(Relation index);

/*
 * Train again and replace all lists.  The caller holds a lock on the table that
 * keeps VACUUM and other rebuilds out (ShareUpdateExclusiveLock).  Rows come
 * from the index's copies: false, and nothing done, where it has none.
 */
extern bool ivf_rebuild(Relation index);

/* Put a row in the lists of model; ivf_insert.c */
extern void ivf_insert(Relation index, const IvfModel *model, ItemPointer tid,
					   const IvfRow *row);

#endif
