/*
 * page.c
 *	  What every page of our indexes has in common.
 */
#include "postgres.h"

#include "storage/buf_internals.h"

#include "core/compat.h"
#include "pages/page.h"

void
page_init(Page page, uint32 magic, uint16 kind, uint32 generation)
{
	PageSpecial *special;

	PageInit(page, BLCKSZ, sizeof(PageSpecial));
	((PageHeader) page)->pd_lower = ((PageHeader) page)->pd_upper;
	special = page_special(page);
	special->next = InvalidBlockNumber;
	special->generation = generation;
	special->kind = kind;
	special->owner = 0;
	special->magic = magic;
}

void
page_init_unused(Page page, uint32 magic, uint16 kind, uint32 generation)
{
	page_init(page, magic, kind, generation);
	((PageHeader) page)->pd_lower = SizeOfPageHeaderData;
}

void
page_corrupted(Relation index, BlockNumber blkno, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INDEX_CORRUPTED),
			 errmsg("index \"%s\" is corrupted at block %u",
					RelationGetRelationName(index), blkno),
			 errdetail("%s", what), errhint("Please REINDEX it.")));
}

static void
check_kind(Relation index, Buffer buffer, uint32 magic, uint16 kind)
{
	Page page = BufferGetPage(buffer);

	/* a page that was never filled has no magic number, either */
	if (unlikely(page_special(page)->magic != magic ||
				 page_special(page)->kind != kind))
		page_corrupted(index, BufferGetBlockNumber(buffer),
					   "The page is not of the expected kind.");
}

/*
 * A lying link, before the storage manager complains of what is not its fault.
 * To ask for the relation's length is a system call, but one among a page's
 * worth of work; scans avoid it by hints.
 */
static void
check_block(Relation index, BlockNumber blkno)
{
	if (unlikely(blkno >= RelationGetNumberOfBlocks(index)))
		page_corrupted(index, blkno, "A link leads beyond the end.");
}

Buffer
page_read(Relation index, BlockNumber blkno, uint32 magic, uint16 kind,
		  int lock, BufferAccessStrategy strategy)
{
	Buffer buffer;

	check_block(index, blkno);
	buffer =
		ReadBufferExtended(index, MAIN_FORKNUM, blkno, RBM_NORMAL, strategy);
	LockBuffer(buffer, lock);
	check_kind(index, buffer, magic, kind);
	return buffer;
}

/*
 * A buffer found by its hint does not count as used in PostgreSQL 15.  Those
 * that seem little used are therefore read the usual way, so that pages that
 * are read all the time are not evicted.
 */
#define HOT_USAGE 3

static bool
seems_hot(Buffer buffer)
{
	return BufferIsLocal(buffer) ||
		BUF_STATE_GET_USAGECOUNT(pg_atomic_read_u32(
			&GetBufferDescriptor(buffer - 1)->state)) >= HOT_USAGE;
}

void
page_expect(Buffer hint)
{
	if (BufferIsValid(hint) && !BufferIsLocal(hint))
		__builtin_prefetch(GetBufferDescriptor(hint - 1));
}

void
page_read_ahead(Relation relation, BlockNumber blkno)
{
	Buffer buffer = PrefetchBuffer(relation, MAIN_FORKNUM, blkno).recent_buffer;

	/* already there: what is looked at first comes nearer to the processor */
	page_expect(buffer);
	if (BufferIsValid(buffer))
		__builtin_prefetch(BufferGetBlock(buffer));
}

Buffer
page_pin(Relation index, BlockNumber blkno, Buffer *hint)
{
	if (BufferIsValid(*hint) && seems_hot(*hint) &&
		ReadRecentBuffer(RELATION_LOCATOR(index), MAIN_FORKNUM, blkno, *hint))
		return *hint;
	check_block(index, blkno);
	*hint = ReadBuffer(index, blkno);
	return *hint;
}

Page
page_lock(Relation index, Buffer buffer, uint32 magic, uint16 kind)
{
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	check_kind(index, buffer, magic, kind);
	return BufferGetPage(buffer);
}

Page
page_lock_exclusive(Relation index, Buffer buffer, uint32 magic, uint16 kind)
{
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	check_kind(index, buffer, magic, kind);
	return BufferGetPage(buffer);
}

Page
page_lock_before(Relation index, Buffer buffer, uint32 magic, uint16 kind,
				 uint32 generation)
{
	Page page = BufferGetPage(buffer);

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	if (unlikely(page_special(page)->magic == magic &&
				 page_special(page)->generation > generation))
		return NULL;
	check_kind(index, buffer, magic, kind);
	return page;
}
