/*
 * wal.c
 *	  The only writer of WAL: changes of pages as generic records.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xloginsert.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"

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

BlockNumber
wal_extend_run(Relation index, ForkNumber fork, uint32 n)
{
	BlockNumber first = InvalidBlockNumber;

	/* a new relation is not ours alone: workers of a build extend it, too */
	LockRelationForExtension(index, ExclusiveLock);
	for (uint32 i = 0; i < n; i++)
	{
		Buffer buffer = extend_relation_locked(index, fork);

		if (i == 0)
			first = BufferGetBlockNumber(buffer);
		UnlockReleaseBuffer(buffer);
	}
	UnlockRelationForExtension(index, ExclusiveLock);
	return first;
}

Buffer
wal_extend(Relation index, ForkNumber fork)
{
	/* a new relation is ours alone, unless workers build it with us */
	bool need_lock = !RELATION_IS_LOCAL(index) || IsInParallelMode();
	Buffer buffer;

	if (need_lock)
		LockRelationForExtension(index, ExclusiveLock);
	buffer = extend_relation_locked(index, fork);
	if (need_lock)
		UnlockRelationForExtension(index, ExclusiveLock);
	return buffer;
}

void
wal_log_page(Relation index, Buffer buffer)
{
	START_CRIT_SECTION();
	MarkBufferDirty(buffer);
	if (RelationNeedsWAL(index))
		(void) log_newpage_buffer(buffer, true);
	END_CRIT_SECTION();
}

void
wal_log_built(Relation index, ForkNumber fork, BlockNumber first)
{
	BlockNumber nblocks = RelationGetNumberOfBlocksInFork(index, fork);

	/* an init fork is copied after a crash: it must be in the log */
	if ((fork == INIT_FORKNUM || RelationNeedsWAL(index)) && first < nblocks)
		log_newpage_range(index, fork, first, nblocks, true);
}

void
wal_log_run(Relation index, BlockNumber first, BlockNumber end)
{
	if (RelationNeedsWAL(index) && first < end)
		log_newpage_range(index, MAIN_FORKNUM, first, end, true);
}
