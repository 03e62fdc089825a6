/*
 * wal.c
 *	  The only writer of WAL: changes of pages as generic records.
 */
#include "postgres.h"

#include "access/xloginsert.h"
#include "storage/bufmgr.h"

#include "core/compat.h"
#include "pages/wal.h"

PageEdit
edit_begin(Relation index)
{
	return (PageEdit){.state = GenericXLogStart(index)};
}

Page
edit_page(PageEdit *edit, Buffer buffer)
{
	return GenericXLogRegisterBuffer(edit->state, buffer, 0);
}

Page
edit_new_page(PageEdit *edit, Buffer buffer)
{
	return GenericXLogRegisterBuffer(edit->state, buffer,
									 GENERIC_XLOG_FULL_IMAGE);
}

void
edit_finish(PageEdit *edit)
{
	GenericXLogFinish(edit->state);
	edit->state = NULL;
}

void
edit_abort(PageEdit *edit)
{
	GenericXLogAbort(edit->state);
	edit->state = NULL;
}

Buffer
wal_extend(Relation index, ForkNumber fork)
{
	return extend_relation_locked(index, fork);
}

void
wal_log_built(Relation index, ForkNumber fork, BlockNumber first)
{
	BlockNumber nblocks = RelationGetNumberOfBlocksInFork(index, fork);

	/* an init fork is copied after a crash: it must be in the log */
	if ((fork == INIT_FORKNUM || RelationNeedsWAL(index)) && first < nblocks)
		log_newpage_range(index, fork, first, nblocks, true);
}
