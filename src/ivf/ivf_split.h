/*
 * ivf_split.h
 *	  Lists that have grown are split, tiny ones merged, while others use them.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_IVF_SPLIT_H
#define VECTOR_EXT_IVF_SPLIT_H

#include "utils/rel.h"

/*
 * After VACUUM has counted the rows of each list: replace those that should be,
 * in new pages.  elevel: of a message that says what was done.  The caller holds
 * a lock on the table that keeps VACUUM and rebuilds out, and no page is left of
 * lists that never came in force (ivf_space.h).
 *
 * Where most rows would have to move all lists are built anew (ivf_rebuild.h).
 */
extern void ivf_split(Relation index, int elevel);

#endif
