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

/*
 * Put lists in force that have been written beside the old ones: fills in
 * meta->replaced, and writes the meta page.  The caller holds the heavyweight
 * lock of that page exclusively, so that no insert is under way.
 */
extern void ivf_replace_meta(Relation index, IvfMeta *meta);

/*
 * Put a row in a list of model, the nearest one or this; model_row: the row in
 * model space.  ivf_insert.c.
 */
extern void ivf_insert(Relation index, const IvfModel *model, ItemPointer tid,
					   const IvfRow *row);
extern void ivf_insert_in(Relation index, const IvfModel *model, uint32 list,
						  ItemPointer tid, const IvfRow *row,
						  const float *model_row);

#endif
