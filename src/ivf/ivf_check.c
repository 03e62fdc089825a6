/*
 * ivf_check.c
 *	  Is an index what it should be?
 *
 * Each segment is copied under its lock and looked at afterwards, its copy
 * pages as well: rows that others add meanwhile do no harm.  Lanes that are
 * emptied and used again would: the caller's lock keeps VACUUM out.  It cannot
 * on a standby, so there no two things are compared that are read one after the
 * other.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"

#include "am/heap_check.h"
#include "core/compat.h"
#include "ivf/ivf_attributes.h"
#include "ivf/ivf_check.h"
#include "ivf/ivf_encode.h"
#include "pages/page.h"

typedef struct IvfCheck
{
	Relation index;
	IvfModel *model; /* ours: the relation cache may change */
	uint8 *visited;  /* a bit for each block */
	BlockNumber nblocks;
	tid_set_hash *tids;
	char *segment; /* the image of one */
	char *copy;
	float *row;
	float *centroid;
	float *work;
	float *model_row;
	uint8 *code;
	uint8 *stored_code;
	uint32 list; /* at hand, and the generation it was born in */
	uint32 born;
	bool settled; /* nobody takes rows away: not so on a standby */
} IvfCheck;

pg_attribute_printf(3, 4) pg_noreturn
	static void complain(const IvfCheck *check, BlockNumber blkno,
						 const char *format, ...);

static void
complain(const IvfCheck *check, BlockNumber blkno, const char *format, ...)
{
	char what[200];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	page_corrupted(check->index, blkno, what);
}

/*
 * A page of lists that came in force later.  On a standby they may have done so
 * since the check began.
 */
pg_noreturn static void
complain_later(const IvfCheck *check, BlockNumber blkno)
{
	if (!check->settled)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("lists of index \"%s\" were replaced during the check",
						RelationGetRelationName(check->index)),
				 errhint("Check it again.")));
	complain(check, blkno, "The page is of another generation.");
}

/* A page of the list at hand; its owner and generation say so */
static void
check_owner(const IvfCheck *check, BlockNumber blkno, Page page)
{
	if (page_special(page)->owner != check->list)
		complain(check, blkno, "The page is of list %u, not %u.",
				 page_special(page)->owner, check->list);
	if (page_special(page)->generation < check->born)
		complain(check, blkno,
				 "The page is of generation %u, its list was born in %u.",
				 page_special(page)->generation, check->born);
}

/* Lock a page of the list at hand */
static Buffer
lock_page(IvfCheck *check, BlockNumber blkno, uint16 kind)
{
	Buffer buffer = ivf_pin(check->index, check->model, blkno);
	Page page = page_lock_before(check->index, buffer, IVF_MAGIC, kind,
								 check->model->meta.generation);

	if (page == NULL)
		complain_later(check, blkno);
	check_owner(check, blkno, page);
	return buffer;
}

/* A block is part of one structure alone, and once */
static void
visit_block(IvfCheck *check, BlockNumber blkno, BlockNumber from)
{
	if (blkno >= check->nblocks)
	{
		/* it may have been added since */
		BlockNumber nblocks = RelationGetNumberOfBlocks(check->index);

		if (blkno >= nblocks)
			complain(check, from, "A link leads to block %u, beyond the end.",
					 blkno);
		check->visited = repalloc(check->visited, nblocks / 8 + 1);
		memset(check->visited + check->nblocks / 8 + 1, 0,
			   nblocks / 8 - check->nblocks / 8);
		check->nblocks = nblocks;
	}
	if (check->visited[blkno / 8] & 1 << blkno % 8)
		complain(check, from, "Block %u is linked a second time.", blkno);
	check->visited[blkno / 8] |= 1 << blkno % 8;
}

/* The code of a lane is the one that its copy has now */
static void
check_code(IvfCheck *check, BlockNumber blkno, uint32 lane)
{
	const IvfLayout *layout = &check->model->layout;
	const IvfMeta *meta = &check->model->meta;
	const Codec *codec = codec_of((CodecKind) meta->codec);
	CodecShape shape = ivf_codec_shape(meta);
	Page page = (Page) check->segment;
	IvfTerms terms;
	IvfTerms stored;

	ivf_row_from_copy(meta, check->copy, check->row);
	terms = ivf_code(check->model, check->row,
					 ivf_model_row(check->model, check->row, check->model_row),
					 check->centroid, check->code, check->work);
	stored = terms;
	stored.term = IVF_ARRAY(page, layout->terms, float)[lane];
	if (codec->scaled)
	{
		stored.scale = IVF_ARRAY(page, layout->scales, float)[lane];
		stored.bound = IVF_ARRAY(page, layout->bounds, float)[lane];
	}
	codec->get(&shape, ivf_code_block(page, layout, lane),
			   lane % layout->block_lanes, check->stored_code);
	if (memcmp(check->code, check->stored_code, ivf_code_bytes(meta)) != 0 ||
		memcmp(&terms, &stored, sizeof(terms)) != 0)
		complain(check, blkno, "The code of lane %u is not that of its copy.",
				 lane);
}

/*
 * Columns of a lane, as far as they say themselves; their digest, where they are
 * to be compared with the heap's.
 */
static uint32
check_attributes(IvfCheck *check, BlockNumber blkno, uint32 lane)
{
	const IvfMeta *meta = &check->model->meta;
	Page page = (Page) check->segment;
	AttributeColumn columns[ATTRIBUTE_MAX];
	AttributeRow attributes;
	uint32 invalid;

	ivf_columns(page, &check->model->layout, meta, columns);
	invalid = attribute_columns_invalid(columns, meta->nattributes, lane);
	if (invalid > 0)
		complain(check, blkno, "Attribute %u of lane %u is not valid.", invalid,
				 lane);
	if (!check->settled)
		return 0;
	attribute_columns_get(columns, meta->nattributes, lane, &attributes);
	return attribute_row_digest(&attributes, meta->nattributes);
}

static void
check_lane(IvfCheck *check, BlockNumber blkno, uint32 lane)
{
	const IvfLayout *layout = &check->model->layout;
	Page page = (Page) check->segment;
	ItemPointer tid = &IVF_ARRAY(page, layout->tids, ItemPointerData)[lane];
	TidSetEntry *entry;
	BlockNumber later;
	bool found;

	if (!ItemPointerIsValid(tid))
		complain(check, blkno, "Lane %u has no valid TID.", lane);
	entry = tid_set_insert(check->tids, tid_number(tid), &found);
	entry->digest = check_attributes(check, blkno, lane);
	if (found && check->settled)
		complain(check, blkno, "Row (%u,%u) of lane %u is indexed twice.",
				 ItemPointerGetBlockNumber(tid),
				 ItemPointerGetOffsetNumber(tid), lane);
	if (check->model->meta.copies == IVF_COPIES_NONE)
		return;
	later = ivf_copy_read(check->index, check->model,
						  IVF_ARRAY(page, layout->copies,
									BlockNumber)[ivf_copy_page(layout, lane)],
						  lane, check->copy);
	if (later != InvalidBlockNumber)
		complain_later(check, later);
	if (check->model->meta.codec != CODEC_NONE && check->settled)
		check_code(check, blkno, lane);
}

static void
check_segment(IvfCheck *check, BlockNumber blkno)
{
	const IvfLayout *layout = &check->model->layout;
	Page page = (Page) check->segment;
	uint32 nlanes = ivf_segment(page)->nlanes;
	const uint32 *live = IVF_ARRAY(page, layout->live, uint32);

	if (nlanes == 0 || nlanes > layout->capacity)
		complain(check, blkno, "The segment says it has %u lanes.", nlanes);
	if (layout->copy_slots.size > 0 && layout->copy_slots.pages_each == 1)
	{
		for (uint32 lane = 0; lane < nlanes;
			 lane += layout->copy_slots.per_page)
		{
			BlockNumber copies = IVF_ARRAY(
				page, layout->copies, BlockNumber)[ivf_copy_page(layout, lane)];

			visit_block(check, copies, blkno);
			UnlockReleaseBuffer(lock_page(check, copies, IVF_PAGE_COPIES));
		}
	}
	for (uint32 lane = 0; lane < layout->capacity; lane++)
	{
		if ((live[lane / IVF_WORD] >> lane % IVF_WORD & 1) == 0)
			continue;
		CHECK_FOR_INTERRUPTS();
		if (lane >= nlanes)
			complain(check, blkno, "Lane %u is live, of %u.", lane, nlanes);
		check_lane(check, blkno, lane);
	}
}

static IvfListEntry
read_entry(IvfCheck *check, uint32 list)
{
	IvfListEntry entry;
	uint32 first = list - list % IVF_ENTRIES_PER_PAGE;
	IvfListEntry *entries = palloc(IVF_ENTRIES_PER_PAGE * sizeof(*entries));

	if (!ivf_lists_read(check->index, check->model, first, list - first + 1,
						entries))
		complain_later(
			check, check->model->meta.directory + list / IVF_ENTRIES_PER_PAGE);
	entry = entries[list - first];
	pfree(entries);
	return entry;
}

static void
check_list(IvfCheck *check, uint32 list)
{
	const IvfMeta *meta = &check->model->meta;
	BlockNumber from = meta->directory + list / IVF_ENTRIES_PER_PAGE;
	IvfListEntry entry = read_entry(check, list);
	BlockNumber blkno = entry.first;

	check->list = list;
	check->born = entry.born;
	if (entry.born > meta->generation)
		complain(check, from, "List %u was born in generation %u.", list,
				 entry.born);
	ivf_centroid_read(check->index, meta, list, check->centroid);
	while (blkno != InvalidBlockNumber)
	{
		Buffer buffer;

		visit_block(check, blkno, from);
		buffer = lock_page(check, blkno, IVF_PAGE_SEGMENT);
		memcpy(check->segment, BufferGetPage(buffer), BLCKSZ);
		UnlockReleaseBuffer(buffer);
		if (ivf_segment((Page) check->segment)->list != list)
			complain(check, blkno, "The segment is of list %u, not %u.",
					 ivf_segment((Page) check->segment)->list, list);
		check_segment(check, blkno);
		from = blkno;
		blkno = page_special((Page) check->segment)->next;
	}
}

void
ivf_check(Relation heap, Relation index, bool heapallindexed)
{
	const IvfModel *model = ivf_model_get(index);
	const IvfMeta *meta = &model->meta;
	Size size =
		offsetof(IvfModel, params) + ivf_params_floats(meta) * sizeof(float);
	IvfCheck check = {.index = index, .settled = !RecoveryInProgress()};
	HeapCheck rows = {0};

	if (heapallindexed)
		heap_check_begin(&rows, index);
	check.model = MemoryContextAllocHuge(CurrentMemoryContext, size);
	memcpy(check.model, model, size);
	check.model->nhints = 0;
	meta = &check.model->meta;
	check.nblocks = RelationGetNumberOfBlocks(index);
	check.visited = palloc0(check.nblocks / 8 + 1);
	check.tids = tid_set_create(CurrentMemoryContext, 1024, NULL);
	check.segment = palloc(BLCKSZ);
	check.copy = palloc(TYPEALIGN(BLCKSZ, meta->dim * sizeof(float)));
	check.row = palloc(meta->dim * sizeof(float));
	check.model_row = palloc(meta->model_dim * sizeof(float));
	check.centroid = palloc(meta->model_dim * sizeof(float));
	check.work = palloc(3 * meta->model_dim * sizeof(float));
	check.code = palloc(ivf_code_bytes(meta) + 1);
	check.stored_code = palloc(ivf_code_bytes(meta) + 1);
	for (uint32 list = 0; list < meta->nlists; list++)
		check_list(&check, list);
	if (heapallindexed)
	{
		rows.elem = meta->elem;
		rows.metric = (Metric) meta->metric;
		rows.dim = meta->dim;
		rows.tids = check.tids;
		rows.nattributes = check.settled ? meta->nattributes : 0;
		rows.attributes = meta->attributes;
		heap_check_end(&rows, heap);
	}
}

void
ivf_count_pages(Relation index, BlockNumber *counts)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(index);

	memset(counts, 0, IVF_NPAGE_KINDS * sizeof(BlockNumber));
	for (BlockNumber blkno = 0; blkno < nblocks; blkno++)
	{
		Buffer buffer =
			ReadBufferExtended(index, MAIN_FORKNUM, blkno, RBM_NORMAL, NULL);
		Page page = BufferGetPage(buffer);
		uint16 kind = 0;

		CHECK_FOR_INTERRUPTS();
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		if (!PageIsNew(page) && page_special(page)->magic == IVF_MAGIC &&
			page_special(page)->kind < IVF_NPAGE_KINDS)
			kind = page_special(page)->kind;
		UnlockReleaseBuffer(buffer);
		counts[kind]++;
	}
}

double
ivf_count_rows(Relation index, const IvfMeta *meta)
{
	double nrows = 0;

	for (uint32 list = 0; list < meta->nlists; list++)
		nrows += ivf_list_read(index, meta, list).nrows;
	return nrows;
}

double
ivf_largest_list(Relation index, const IvfMeta *meta)
{
	double largest = 0;

	for (uint32 list = 0; list < meta->nlists; list++)
		largest = Max(largest, ivf_list_read(index, meta, list).nrows);
	return largest;
}
