/*
 * ivf_space.h
 *	  Blocks that are used again.
 *
 * When lists are built anew, the old pages stay for scans that still read them.
 * VACUUM hands them out when no snapshot from before can exist.  Which pages are
 * old their generation says; since when, the meta page.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_IVF_SPACE_H
#define VECTOR_EXT_IVF_SPACE_H

#include "storage/bufmgr.h"
#include "utils/rel.h"

#include "ivf/ivf_page.h"

/* A block to fill, exclusively locked: an old one, or a new one at the end */
extern Buffer ivf_new_block(Relation index);

/* VACUUM: may pages of other generations than meta's be used again? */
extern bool ivf_old_pages_are_free(Relation heap, const IvfMeta *meta);

#endif
