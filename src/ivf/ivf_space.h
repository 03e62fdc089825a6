/*
 * ivf_space.h
 *	  Blocks that are used again.
 *
 * When lists are built anew, the old pages stay for scans that still read them.
 * VACUUM marks them as free when no snapshot from before can exist.  Which pages
 * are old follows from their generation; since when, the meta page says.
 *
 * A free page, and whatever it is filled with later, bears a generation above
 * that of any scan that knew it before.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_IVF_SPACE_H
#define VECTOR_EXT_IVF_SPACE_H

#include "storage/bufmgr.h"
#include "utils/rel.h"

#include "ivf/ivf_page.h"

/* A block to fill, exclusively locked: a free one, or a new one at the end */
extern Buffer ivf_new_block(Relation index);

typedef enum IvfPageUse
{
	IVF_USE_OTHER,   /* in force, or damaged */
	IVF_USE_SEGMENT, /* in force, with rows */
	IVF_USE_OLD,     /* of lists that were replaced */
	IVF_USE_LOST,    /* of lists that were to be and never came in force */
	IVF_USE_FREE     /* marked so, or never filled */
} IvfPageUse;

/*
 * VACUUM: what a page is, by the generation that each list was born in.  The
 * caller's lock on the table keeps others from replacing lists.
 */
extern IvfPageUse ivf_page_use(const IvfMeta *meta, const uint32 *born,
							   BlockNumber block, Page page);

/* VACUUM: may pages of lists that were replaced be used again? */
extern bool ivf_old_pages_are_free(Relation heap, const IvfMeta *meta);

/* Mark an exclusively locked page as free; generation: the meta page's */
extern void ivf_free_page(Relation index, Buffer buffer, uint32 generation);

#endif
