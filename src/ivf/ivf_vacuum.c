/*
 * ivf_vacuum.c
 *	  Removing rows that nobody sees any more.
 *
 * One pass over all blocks in order: lanes of dead rows are cleared, to be
 * taken again by inserts.  Each TID of the index is offered to the callback,
 * as CREATE INDEX CONCURRENTLY expects.
 *
 * Cleanup trains an index that was made before there were rows to learn from, and
 * splits and merges lists.
 *
 * A scan that still holds such a TID finds nothing visible under it.  Segments
 * are never unlinked, so no scan loses its way.  Pages are locked one at a
 * time, exclusively only to change them.
 */
#include "postgres.h"

#include "commands/vacuum.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/indexfsm.h"
#include "storage/lmgr.h"

#include "am/foreign.h"
#include "core/compat.h"
#include "ivf/ivf_handler.h"
#include "ivf/ivf_model.h"
#include "ivf/ivf_rebuild.h"
#include "ivf/ivf_space.h"
#include "ivf/ivf_split.h"
#include "pages/wal.h"

typedef struct IvfVacuum
{
	IndexVacuumInfo *info;
	const IvfLayout *layout;
	IndexBulkDeleteResult *stats;
	IndexBulkDeleteCallback callback;
	void *callback_state;
	uint32 *dead;       /* a segment's lanes, as bits */
	BlockNumber *holes; /* by list: a segment with free lanes */
	double *nrows;      /* by list */
	uint32 *born;       /* by list: generation */
	uint32 nlists;
	const IvfMeta *meta;
	bool old_are_free; /* no scan can still read what was replaced */
} IvfVacuum;

/* Which live lanes are dead, by the callback; how many */
static uint32
find_dead(IvfVacuum *vacuum, Page page)
{
	const IvfLayout *layout = vacuum->layout;
	const uint32 *live = IVF_ARRAY(page, layout->live, uint32);
	uint32 nlanes = ivf_segment(page)->nlanes;
	uint32 ndead = 0;

	memset(vacuum->dead, 0, ivf_live_words(layout) * sizeof(uint32));
	for (uint32 lane = 0; lane < nlanes; lane++)
	{
		uint32 bit = 1U << lane % IVF_WORD;

		if ((live[lane / IVF_WORD] & bit) == 0)
			continue;
		if (vacuum->callback != NULL &&
			vacuum->callback(
				&IVF_ARRAY(page, layout->tids, ItemPointerData)[lane],
				vacuum->callback_state))
		{
			vacuum->dead[lane / IVF_WORD] |= bit;
			ndead++;
		}
		else
			vacuum->nrows[ivf_segment(page)->list]++;
	}
	return ndead;
}

static void
vacuum_segment(IvfVacuum *vacuum, Buffer buffer)
{
	Page page = BufferGetPage(buffer);
	uint32 ndead;
	uint32 list = ivf_segment(page)->list;

	if (list >= vacuum->nlists || list != page_special(page)->owner ||
		ivf_segment(page)->nlanes > vacuum->layout->capacity)
		page_corrupted(vacuum->info->index, BufferGetBlockNumber(buffer),
					   "The segment is of no list.");
	ndead = find_dead(vacuum, page);
	if (ndead > 0)
	{
		PageEdit edit = edit_begin(vacuum->info->index);
		Page changed = edit_page(&edit, buffer);
		uint32 *live = IVF_ARRAY(changed, vacuum->layout->live, uint32);

		for (uint32 i = 0; i < ivf_live_words(vacuum->layout); i++)
			live[i] &= ~vacuum->dead[i];
		edit_finish(&edit);
		vacuum->stats->tuples_removed += ndead;
		vacuum->holes[list] = BufferGetBlockNumber(buffer);
	}
}

static void
vacuum_block(IvfVacuum *vacuum, BlockNumber blkno)
{
	Relation index = vacuum->info->index;
	Buffer buffer = ReadBufferExtended(index, MAIN_FORKNUM, blkno, RBM_NORMAL,
									   vacuum->info->strategy);
	IvfPageUse use;

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	use =
		ivf_page_use(vacuum->meta, vacuum->born, blkno, BufferGetPage(buffer));
	if (use == IVF_USE_SEGMENT)
		vacuum_segment(vacuum, buffer);
	else if (use == IVF_USE_LOST ||
			 (use == IVF_USE_OLD && vacuum->old_are_free))
	{
		ivf_free_page(index, buffer, vacuum->meta->generation);
		use = IVF_USE_FREE;
	}
	UnlockReleaseBuffer(buffer);
	if (use == IVF_USE_OLD || use == IVF_USE_FREE)
		vacuum->stats->pages_deleted++;
	if (use == IVF_USE_FREE)
	{
		RecordFreeIndexPage(index, blkno);
		vacuum->stats->pages_free++;
	}
}

static void
scan_blocks(IvfVacuum *vacuum)
{
	BlockNumber nblocks;
	BlockNumber blkno = IVF_META_BLOCK + 1;

	/* what is added meanwhile holds no dead row: but look once more */
	while (blkno < (nblocks = RelationGetNumberOfBlocks(vacuum->info->index)))
	{
		for (; blkno < nblocks; blkno++)
		{
			vacuum_pause();
			vacuum_block(vacuum, blkno);
		}
	}
	if (vacuum->stats->pages_free > 0)
		IndexFreeSpaceMapVacuum(vacuum->info->index);
}

/* Tell inserts where there is room, and the planner how long lists are */
static void
update_directory(IvfVacuum *vacuum, const IvfMeta *meta)
{
	for (uint32 first = 0; first < vacuum->nlists;
		 first += IVF_ENTRIES_PER_PAGE)
	{
		uint32 end = Min(first + IVF_ENTRIES_PER_PAGE, vacuum->nlists);
		Buffer buffer = ivf_list_lock(vacuum->info->index, meta, first);
		PageEdit edit = edit_begin(vacuum->info->index);
		IvfListEntry *entries =
			(IvfListEntry *) page_room(edit_page(&edit, buffer));

		for (uint32 list = first; list < end; list++)
		{
			IvfListEntry *entry = &entries[list - first];

			entry->nrows = vacuum->nrows[list];
			if (vacuum->holes[list] != InvalidBlockNumber)
			{
				entry->free = entry->first;
				entry->holes = 1;
			}
		}
		edit_finish(&edit);
		UnlockReleaseBuffer(buffer);
	}
}

static IndexBulkDeleteResult *
vacuum_index(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
			 IndexBulkDeleteCallback callback, void *state)
{
	const IvfModel *model = ivf_model_get(info->index);
	IvfMeta meta = model->meta;
	IvfLayout layout = model->layout;
	IvfVacuum vacuum = {.info = info,
						.layout = &layout,
						.callback = callback,
						.callback_state = state,
						.nlists = meta.nlists,
						.meta = &meta,
						.old_are_free = ivf_old_pages_are_free(NULL, &meta)};

	if (stats == NULL)
		stats = palloc0(sizeof(IndexBulkDeleteResult));
	stats->pages_deleted = 0;
	stats->pages_free = 0;
	vacuum.stats = stats;
	vacuum.dead = palloc(ivf_live_words(&layout) * sizeof(uint32));
	vacuum.nrows = palloc0(meta.nlists * sizeof(double));
	vacuum.holes = palloc(meta.nlists * sizeof(BlockNumber));
	vacuum.born = palloc(meta.nlists * sizeof(uint32));
	for (uint32 i = 0; i < meta.nlists; i++)
	{
		vacuum.holes[i] = InvalidBlockNumber;
		vacuum.born[i] = ivf_list_read(info->index, &meta, i).born;
	}
	scan_blocks(&vacuum);
	update_directory(&vacuum, &meta);

	stats->num_index_tuples = 0;
	for (uint32 i = 0; i < meta.nlists; i++)
		stats->num_index_tuples += vacuum.nrows[i];
	stats->num_pages = RelationGetNumberOfBlocks(info->index);
	stats->estimated_count = false;
	return stats;
}

IndexBulkDeleteResult *
ivfbulkdelete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
			  IndexBulkDeleteCallback callback, void *state)
{
	return foreign_index_warned(info->index)
		? stats
		: vacuum_index(info, stats, callback, state);
}

IndexBulkDeleteResult *
ivfvacuumcleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	if (info->analyze_only || foreign_index_warned(info->index))
		return stats;
	/* nothing was deleted: the rows are counted all the same */
	if (stats == NULL)
		stats = vacuum_index(info, NULL, NULL, NULL);
	if (ivf_rebuild_is_due(info->index))
		(void) ivf_rebuild(info->index);
	else
		ivf_split(info->index, info->message_level);
	return stats;
}
