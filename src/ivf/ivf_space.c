/*
 * ivf_space.c
 *	  Blocks that are used again.
 *
 * The free space map is not crash-safe: it may name a block that is in use.  So
 * the page itself decides, under its lock.  That it is free to use, and not only
 * old, was decided by VACUUM before it went into the map, and stays so.
 */
#include "postgres.h"

#include "access/transam.h"
#include "storage/indexfsm.h"
#include "utils/snapmgr.h"

#include "core/compat.h"
#include "ivf/ivf_model.h"
#include "ivf/ivf_space.h"
#include "pages/wal.h"

static bool
is_old(Page page, const IvfMeta *meta)
{
	if (PageIsNew(page))
		return true;
	return page_special(page)->magic == IVF_MAGIC &&
		page_special(page)->kind != IVF_PAGE_META &&
		page_special(page)->generation < meta->generation;
}

Buffer
ivf_new_block(Relation index)
{
	const IvfMeta *meta = &ivf_model_get(index)->meta;
	BlockNumber blkno;

	while ((blkno = GetFreeIndexPage(index)) != InvalidBlockNumber)
	{
		Buffer buffer = ReadBuffer(index, blkno);

		if (ConditionalLockBuffer(buffer))
		{
			if (is_old(BufferGetPage(buffer), meta))
				return buffer;
			LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
		}
		ReleaseBuffer(buffer);
	}
	return wal_extend(index, MAIN_FORKNUM);
}

bool
ivf_old_pages_are_free(Relation heap, const IvfMeta *meta)
{
	return GlobalVisCheckRemovableFullXid(
		heap, FullTransactionIdFromU64(meta->replaced));
}
