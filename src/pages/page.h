/*
 * page.h
 *	  What every page of our indexes has in common.
 *
 *		OFFSET SIZE DESCRIPTION
 *		     0   24 PageHeaderData; pd_lower = pd_upper = 8176: the room counts
 *					as used, so that no WAL record leaves a part of it out
 *		    24 8152 room, its layout belongs to the access method
 *		  8176   16 PageSpecial
 *
 * A page is read through page_read(), which checks the special space: a page
 * that says of itself to be something else is reported as corruption, with the
 * block number, before a byte of its room is looked at.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_PAGE_H
#define VECTOR_EXT_PAGE_H

#include "storage/bufmgr.h"
#include "storage/bufpage.h"
#include "utils/rel.h"

#include "core/compat.h"

/* Each access method numbers its kinds of pages from 1 */
typedef struct PageSpecial
{
	BlockNumber next;  /* of a chain, or InvalidBlockNumber */
	uint32 generation; /* of the structure that this page is part of */
	uint16 kind;
	uint16 owner; /* the part of the structure, where it has any; or 0 */
	uint32 magic; /* of the access method's page format */
} PageSpecial;

StaticAssertDecl(sizeof(PageSpecial) == 16, "special space of 16 bytes");

#define PAGE_CACHE_LINE 64

#define PAGE_ROOM \
	(BLCKSZ - MAXALIGN(SizeOfPageHeaderData) - sizeof(PageSpecial))

/* The room of a page */
static inline char *
page_room(Page page)
{
	return (char *) page + MAXALIGN(SizeOfPageHeaderData);
}

/* At a fixed place: the page's header need not be looked at */
static inline PageSpecial *
page_special(Page page)
{
	return (PageSpecial *) ((char *) page + BLCKSZ - sizeof(PageSpecial));
}

/* Make an empty page: zeros, chained to nothing */
extern void page_init(Page page, uint32 magic, uint16 kind, uint32 generation);

/* The same without a room, which takes no place in WAL: for a page in no use */
extern void page_init_unused(Page page, uint32 magic, uint16 kind,
							 uint32 generation);

/*
 * Read, pin and lock a block and check that it is such a page.  lock is
 * BUFFER_LOCK_SHARE or BUFFER_LOCK_EXCLUSIVE; strategy may be NULL.  Errors
 * [XX002 index_corrupted] name the index and the block.
 */
extern Buffer page_read(Relation index, BlockNumber blkno, uint32 magic,
						uint16 kind, int lock, BufferAccessStrategy strategy);

/*
 * Pin a block, unlocked and unchecked.  hint: where it was found last time, and
 * is now; it makes the search in the buffer table unnecessary as long as it
 * holds.
 */
extern Buffer page_pin(Relation index, BlockNumber blkno, Buffer *hint);

/* Soon page_pin() will be called with this hint: ask for what it looks at */
extern void page_expect(Buffer hint);

/* Soon this block of any relation will be read: have it brought nearer */
extern void page_read_ahead(Relation relation, BlockNumber blkno);

/* Lock a pinned block for reading, and check it like page_read */
extern Page page_lock(Relation index, Buffer buffer, uint32 magic, uint16 kind);

/* page_lock for who will change it */
extern Page page_lock_exclusive(Relation index, Buffer buffer, uint32 magic,
								uint16 kind);

/*
 * page_lock for who came by way of a structure of this generation: NULL where a
 * later one has taken the page, locked all the same.
 */
extern Page page_lock_before(Relation index, Buffer buffer, uint32 magic,
							 uint16 kind, uint32 generation);

/* Ask the processor's cache for so many bytes of the room */
static inline void
page_prefetch(Page page, uint32 offset, uint32 size)
{
	const char *at = page_room(page) + offset;

	for (uint32 line = 0; line < size; line += PAGE_CACHE_LINE)
		__builtin_prefetch(at + line);
}

/* The error of page_read for what its caller finds in the room */
pg_noreturn extern void page_corrupted(Relation index, BlockNumber blkno,
									   const char *what);

#endif
