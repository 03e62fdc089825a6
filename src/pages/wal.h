/*
 * wal.h
 *	  The only writer of WAL: changes of pages as generic records.
 *
 * An edit is one record: a crash leaves all of its pages changed, or none.
 *
 *		PageEdit edit = edit_begin(index);
 *		Page page = edit_page(&edit, buffer);	 exclusively locked buffer
 *		... change page ...
 *		edit_finish(&edit);						 then unlock
 *
 * At most EDIT_MAX_PAGES pages.  edit_page returns a copy: the buffer itself
 * changes in edit_finish.  Nothing between the two may throw after an edit has
 * begun, except to give it up: an error drops the copies.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_WAL_H
#define VECTOR_EXT_WAL_H

#include "access/xloginsert.h"
#include "storage/bufpage.h"
#include "utils/rel.h"

/* As many as the redo of a generic record takes */
#define EDIT_MAX_PAGES XLR_NORMAL_MAX_BLOCK_ID

typedef struct PageEditState PageEditState;

typedef struct PageEdit
{
	PageEditState *state;
} PageEdit;

extern PageEdit edit_begin(Relation index);

/* A page with content */
extern Page edit_page(PageEdit *edit, Buffer buffer);

/* The same where no more than so many bytes of its room, from offset on, change */
extern char *edit_room(PageEdit *edit, Buffer buffer, uint32 offset,
					   uint32 bytes);

/* A new page, logged as a whole */
extern Page edit_new_page(PageEdit *edit, Buffer buffer);

extern void edit_finish(PageEdit *edit);

/*
 * Add a block at the end of the index, pinned and exclusively locked.  Zeros: a
 * crash before it is filled leaves an unused block, nothing else.
 */
extern Buffer wal_extend(Relation index, ForkNumber fork);

/* Add n blocks that follow each other, zeros; the first one */
extern BlockNumber wal_extend_run(Relation index, ForkNumber fork, uint32 n);

/* Log a page as a whole: new content of an exclusively locked buffer */
extern void wal_log_page(Relation index, Buffer buffer);

/*
 * Log all blocks from first on, of an index that is being built: its pages have
 * been written without a record each.  For init forks always, else as the
 * relation needs.
 */
extern void wal_log_built(Relation index, ForkNumber fork, BlockNumber first);

/* Likewise blocks first .. end - 1 of the main fork; a parallel worker may */
extern void wal_log_run(Relation index, BlockNumber first, BlockNumber end);

#endif
