/*
 * ivf_check.h
 *	  Is an index what it should be?
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_IVF_CHECK_H
#define VECTOR_EXT_IVF_CHECK_H

#include "utils/rel.h"

#include "am/methods.h"
#include "ivf/ivf_page.h"

/*
 * Look at every page and every row: kinds and links of pages, TIDs that appear
 * once, codes equal to those made anew from the copies.  heapallindexed: every
 * row of the heap that a snapshot taken now sees is there, too.  Errors [XX002]
 * with block and lane.  Memory: 24 bytes a row.
 *
 * The caller holds a lock on the heap that keeps VACUUM out.
 */
extern void ivf_check(Relation heap, Relation index, bool heapallindexed);

/* ivf_describe.c: settings in force, rows, lists, bytes by part */
extern void ivf_describe(Relation index, MethodFact fact, void *arg);

/* Rows, as of the build or the last VACUUM */
extern double ivf_count_rows(Relation index, const IvfMeta *meta);

/* Those of the list that has most */
extern double ivf_largest_list(Relation index, const IvfMeta *meta);

/* Blocks of each kind, by IVF_PAGE_*; [0]: those that are free */
#define IVF_NPAGE_KINDS (IVF_PAGE_COPIES + 1)
extern void ivf_count_pages(Relation index, BlockNumber *counts);

#endif
