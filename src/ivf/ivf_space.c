/*
 * ivf_space.c
 *	  Blocks that are used again.
 *
 * The free space map is not crash-safe: it may name a block that is in use.  So
 * the page itself says that it is free, and is asked under its lock.
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
is_free(Page page)
{
	return PageIsNew(page) ||
		(page_special(page)->magic == IVF_MAGIC &&
		 page_special(page)->kind == IVF_PAGE_FREE);
}

Buffer
ivf_new_block(Relation index)
{
	BlockNumber blkno;

	while ((blkno = GetFreeIndexPage(index)) != InvalidBlockNumber)
	{
		Buffer buffer;

		/* the map may have outlived pages that a crash took away */
		if (blkno >= RelationGetNumberOfBlocks(index))
			continue;
		buffer = ReadBuffer(index, blkno);
		if (ConditionalLockBuffer(buffer))
		{
			if (is_free(BufferGetPage(buffer)))
				return buffer;
			LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
		}
		ReleaseBuffer(buffer);
	}
	return wal_extend(index, MAIN_FORKNUM);
}

void
ivf_free_page(Relation index, Buffer buffer, uint32 generation)
{
	PageEdit edit = edit_begin(index);

	page_init_unused(edit_new_page(&edit, buffer), IVF_MAGIC, IVF_PAGE_FREE,
					 generation);
	edit_finish(&edit);
}

/* Is block one of n that begin at first? */
static bool
in_run(BlockNumber block, BlockNumber first, Size n)
{
	return first != InvalidBlockNumber && block >= first && block - first < n;
}

/* Is a page of the model, of this kind, the one in force? */
static bool
model_page_in_force(const IvfMeta *meta, BlockNumber block, uint16 kind)
{
	Slots slots = ivf_centroid_slots(meta);
	Size params = ivf_params_floats(meta) * sizeof(float);

	if (kind == IVF_PAGE_CENTROIDS)
		return in_run(block, meta->centroids,
					  slots_npages(&slots, meta->nlists));
	if (kind == IVF_PAGE_CODEBOOK)
		return in_run(block, meta->codebook,
					  (params + PAGE_ROOM - 1) / PAGE_ROOM);
	return in_run(block, meta->directory,
				  (meta->nlists + IVF_ENTRIES_PER_PAGE - 1) /
					  IVF_ENTRIES_PER_PAGE);
}

IvfPageUse
ivf_page_use(const IvfMeta *meta, const uint32 *born, BlockNumber block,
			 Page page)
{
	const PageSpecial *special = page_special(page);

	if (is_free(page))
		return IVF_USE_FREE;
	/* damaged: not ours to touch */
	if (special->magic != IVF_MAGIC || special->kind < IVF_PAGE_CENTROIDS ||
		special->kind > IVF_PAGE_COPIES)
		return IVF_USE_OTHER;
	if (special->generation > meta->generation)
		return IVF_USE_LOST;
	if (special->kind < IVF_PAGE_SEGMENT)
		return model_page_in_force(meta, block, special->kind) ? IVF_USE_OTHER
															   : IVF_USE_OLD;
	if (special->owner >= meta->nlists ||
		special->generation < born[special->owner])
		return IVF_USE_OLD;
	return special->kind == IVF_PAGE_SEGMENT ? IVF_USE_SEGMENT : IVF_USE_OTHER;
}

bool
ivf_old_pages_are_free(Relation heap, const IvfMeta *meta)
{
	return GlobalVisCheckRemovableFullXid(
		heap, FullTransactionIdFromU64(meta->replaced));
}
