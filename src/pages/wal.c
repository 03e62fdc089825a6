/*
 * wal.c
 *	  The only writer of WAL: changes of pages as generic records.
 */
#include "postgres.h"

#include "access/rmgr.h"
#include "access/xact.h"
#include "access/xloginsert.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"

#include "core/compat.h"
#include "pages/page.h"
#include "pages/wal.h"

/*
 * Generic records, as generic_xlog.c of PostgreSQL redoes them: of each page fragments
 * (offset, length: 2 bytes each; so many bytes).  We make them ourselves, since
 * GenericXLogFinish() compares pages byte by byte: of an edit that changes a few
 * bytes that is nearly all the time.  What PostgreSQL sees is the same.
 */
typedef uint16 FragmentHead[2];

/* Fragments lie at least as far apart as their heads are long; the room fits it */
#define FRAGMENT_GAP sizeof(FragmentHead)
#define DELTA_ROOM (BLCKSZ + 2 * sizeof(FragmentHead))

/* A page, or the part of one that may change */
typedef struct EditedPage
{
	Buffer buffer;
	bool is_new;
	uint32 start;
	uint32 end;
	char *image; /* of the part */
} EditedPage;

struct PageEditState
{
	bool logged;
	int npages;
	EditedPage pages[EDIT_MAX_PAGES];
};

/* The changes of one page */
typedef struct Delta
{
	uint32 bytes;
	char data[DELTA_ROOM];
} Delta;

PageEdit
edit_begin(Relation index)
{
	PageEditState *state = palloc(sizeof(PageEditState));

	state->logged = RelationNeedsWAL(index);
	state->npages = 0;
	return (PageEdit){.state = state};
}

/* A part that is in one that is there already is a part of its image */
static char *
add_part(PageEditState *state, Buffer buffer, bool is_new, uint32 start,
		 uint32 end)
{
	EditedPage *edited = state->pages;
	EditedPage *last = edited + state->npages;

	while (edited < last && edited->buffer != buffer)
		edited++;
	if (edited == last)
	{
		if (state->npages == EDIT_MAX_PAGES)
			elog(ERROR, "an edit has at most %d pages", EDIT_MAX_PAGES);
		*edited = (EditedPage){.buffer = buffer,
							   .is_new = is_new,
							   .start = start,
							   .end = end,
							   .image = palloc(end - start)};
		memcpy(edited->image, BufferGetPage(buffer) + start, end - start);
		state->npages++;
	}
	else if (start < edited->start || end > edited->end)
		elog(ERROR, "an edit has another part of the page already");
	return edited->image + (start - edited->start);
}

Page
edit_page(PageEdit *edit, Buffer buffer)
{
	return add_part(edit->state, buffer, false, 0, BLCKSZ);
}

Page
edit_new_page(PageEdit *edit, Buffer buffer)
{
	return add_part(edit->state, buffer, true, 0, BLCKSZ);
}

char *
edit_room(PageEdit *edit, Buffer buffer, uint32 offset, uint32 bytes)
{
	uint32 start = page_room(BufferGetPage(buffer)) - BufferGetPage(buffer);

	return add_part(edit->state, buffer, false, start + offset,
					start + offset + bytes);
}

static void
add_fragment(Delta *delta, const EditedPage *edited, uint32 start, uint32 end)
{
	FragmentHead head = {(uint16) start, (uint16) (end - start)};

	memcpy(delta->data + delta->bytes, head, sizeof(head));
	memcpy(delta->data + delta->bytes + sizeof(head),
		   edited->image + (start - edited->start), end - start);
	delta->bytes += sizeof(head) + end - start;
}

/* The first place from at on in which they differ, or end */
static uint32
find_difference(const char *a, const char *b, uint32 at, uint32 end)
{
	for (; at + sizeof(uint64) <= end; at += sizeof(uint64))
	{
		uint64 x;
		uint64 y;

		memcpy(&x, a + at, sizeof(x));
		memcpy(&y, b + at, sizeof(y));
		if (x != y)
			break;
	}
	while (at < end && a[at] == b[at])
		at++;
	return at;
}

/* What differs between start and end */
static void
compare_region(Delta *delta, const EditedPage *edited, uint32 start, uint32 end)
{
	const char *page = BufferGetPage(edited->buffer) + start;
	const char *image = edited->image + (start - edited->start);
	uint32 n = end - start;
	uint32 first = find_difference(page, image, 0, n);

	while (first < n)
	{
		uint32 behind = first + 1; /* what differs */
		uint32 next;

		for (;;)
		{
			while (behind < n && page[behind] != image[behind])
				behind++;
			next = find_difference(page, image, behind, n);
			if (next == n || next - behind > FRAGMENT_GAP)
				break;
			behind = next;
		}
		add_fragment(delta, edited, start + first, start + behind);
		first = next;
	}
}

/* Of a whole page: room that it did not have so far is logged as it is */
static void
find_delta(Delta *delta, const EditedPage *edited)
{
	PageHeader before = (PageHeader) BufferGetPage(edited->buffer);
	PageHeader after = (PageHeader) edited->image;

	delta->bytes = 0;
	if (edited->start > 0)
		compare_region(delta, edited, edited->start, edited->end);
	else if (before->pd_lower == after->pd_lower &&
			 before->pd_upper == after->pd_upper)
	{
		compare_region(delta, edited, 0, after->pd_lower);
		compare_region(delta, edited, after->pd_upper, BLCKSZ);
	}
	else
	{
		add_fragment(delta, edited, 0, after->pd_lower);
		add_fragment(delta, edited, after->pd_upper, BLCKSZ);
	}
}

/* Between the parts of a page that are in use is nothing: so is it redone */
static void
clear_hole(EditedPage *edited)
{
	PageHeader header = (PageHeader) edited->image;

	if (edited->start == 0)
		memset(edited->image + header->pd_lower, 0,
			   header->pd_upper - header->pd_lower);
}

/* Within a critical section: log the record of an edit that has been done */
static void
log_edit(const PageEditState *state, Delta *deltas)
{
	XLogRecPtr lsn;

	XLogBeginInsert();
	for (int i = 0; i < state->npages; i++)
	{
		const EditedPage *edited = &state->pages[i];

		XLogRegisterBuffer(i, edited->buffer,
						   REGBUF_STANDARD |
							   (edited->is_new ? REGBUF_FORCE_IMAGE : 0));
		if (!edited->is_new)
			XLogRegisterBufData(i, deltas[i].data, deltas[i].bytes);
	}
	lsn = XLogInsert(RM_GENERIC_ID, 0);
	for (int i = 0; i < state->npages; i++)
		PageSetLSN(BufferGetPage(state->pages[i].buffer), lsn);
}

void
edit_finish(PageEdit *edit)
{
	PageEditState *state = edit->state;
	Delta deltas[EDIT_MAX_PAGES];

	for (int i = 0; i < state->npages; i++)
	{
		clear_hole(&state->pages[i]);
		if (state->logged && !state->pages[i].is_new)
			find_delta(&deltas[i], &state->pages[i]);
	}
	START_CRIT_SECTION();
	for (int i = 0; i < state->npages; i++)
	{
		const EditedPage *edited = &state->pages[i];

		memcpy(BufferGetPage(edited->buffer) + edited->start, edited->image,
			   edited->end - edited->start);
		MarkBufferDirty(edited->buffer);
	}
	if (state->logged)
		log_edit(state, deltas);
	END_CRIT_SECTION();
	for (int i = 0; i < state->npages; i++)
		pfree(state->pages[i].image);
	pfree(state);
	edit->state = NULL;
}

BlockNumber
wal_extend_run(Relation index, ForkNumber fork, uint32 n)
{
	BlockNumber first;

	/* a new relation is not ours alone: workers of a build extend it, too */
	LockRelationForExtension(index, ExclusiveLock);
	first = n > 0 ? extend_relation_by(index, fork, n) : InvalidBlockNumber;
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
