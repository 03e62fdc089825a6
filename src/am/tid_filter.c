/*
 * tid_filter.c
 *	  A set of heap TIDs that is asked often: the rows that a search may find.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "am/tid_filter.h"
#include "core/compat.h"

#define WORD_BITS 64
#define WORDS_MOST (MaxHeapTuplesPerPage / WORD_BITS + 1)

/* Bits in which rows are folded, so many times as many as there are rows at least */
#define FOLDED_BITS 65536
#define BITS_PER_ROW 4

typedef struct BlockPlace
{
	BlockNumber block;
	uint32 place;
	char status;
} BlockPlace;

#define SH_PREFIX block_places
#define SH_ELEMENT_TYPE BlockPlace
#define SH_KEY_TYPE BlockNumber
#define SH_KEY block
#define SH_HASH_KEY(set, key) murmurhash32(key)
#define SH_EQUAL(set, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

uint32
tid_filter_find_place(const TidFilter *filter, BlockNumber block)
{
	const BlockPlace *found = block_places_lookup(filter->hashed, block);

	return found != NULL ? found->place : 0;
}

static void
measure_block(TidFilter *filter, const BitmapBlock *block)
{
	filter->nblocks = Max(filter->nblocks, block->number + 1);
	if (block->noffsets < 0)
	{
		filter->whole++;
		filter->words_each = WORDS_MOST;
		return;
	}
	if (filter->blocks++ == 0)
		ItemPointerSet(&filter->first, block->number, block->offsets[0]);
	filter->rows += block->noffsets;
	filter->recheck |= block->recheck;
	for (int i = 0; i < block->noffsets; i++)
		filter->words_each =
			Max(filter->words_each, block->offsets[i] / WORD_BITS + 1);
}

static void
place_block(TidFilter *filter, const BitmapBlock *block, uint32 place)
{
	uint64 *words = filter->words + place;
	bool found;

	if (filter->places != NULL)
		filter->places[block->number] = place;
	else
		block_places_insert(filter->hashed, block->number, &found)->place =
			place;
	if (block->noffsets < 0)
		memset(words, 0xFF, filter->words_each * sizeof(uint64));
	for (int i = 0; i < block->noffsets; i++)
		words[block->offsets[i] / WORD_BITS] |= UINT64CONST(1)
			<< block->offsets[i] % WORD_BITS;
}

static void
reserve(TidFilter *filter)
{
	Size places = (Size) filter->nblocks * sizeof(uint32);
	uint32 blocks = filter->blocks + filter->whole;
	Size words = ((Size) blocks + 1) * filter->words_each * sizeof(uint64);

	if (words / sizeof(uint64) > PG_UINT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many rows for a filtered vector scan")));
	if (places <= (Size) work_mem * 1024)
		filter->places =
			MemoryContextAllocExtended(CurrentMemoryContext, Max(places, 1),
									   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	else
		filter->hashed =
			block_places_create(CurrentMemoryContext, blocks, NULL);
	filter->words = MemoryContextAllocExtended(
		CurrentMemoryContext, words, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

/* Rows of different blocks that fall on one bit are few in a row */
static inline uint32
folded_bit(BlockNumber block, uint32 offset)
{
	return (block * 61 + offset) % FOLDED_BITS;
}

static void
fold_block(TidFilter *filter, const BitmapBlock *block)
{
	for (int i = 0; i < block->noffsets; i++)
	{
		uint32 bit = folded_bit(block->number, block->offsets[i]);

		filter->folded[bit / 32] |= 1U << bit % 32;
	}
}

/* A look at how much there is, and then a second one */
TidFilter *
tid_filter_new(TIDBitmap *bitmap)
{
	TidFilter *filter = palloc0(sizeof(TidFilter));
	BitmapBlocks blocks;
	BitmapBlock block;
	uint32 place = 0;

	filter->words_each = 1;
	bitmap_blocks_begin(&blocks, bitmap);
	while (bitmap_blocks_next(&blocks, &block))
		measure_block(filter, &block);
	bitmap_blocks_end(&blocks);
	filter->recheck |= filter->whole > 0;
	reserve(filter);
	if (filter->whole == 0 && filter->rows * BITS_PER_ROW <= FOLDED_BITS)
		filter->folded = palloc0(FOLDED_BITS / 8);
	CHECK_FOR_INTERRUPTS();
	bitmap_blocks_begin(&blocks, bitmap);
	while (bitmap_blocks_next(&blocks, &block))
	{
		place_block(filter, &block, place += filter->words_each);
		if (filter->folded != NULL)
			fold_block(filter, &block);
	}
	bitmap_blocks_end(&blocks);
	return filter;
}

/* Lanes that may be in it: without a branch that depends on any */
static uint32
lanes_near(const TidFilter *filter, const ItemPointerData *tids, uint32 n)
{
	uint32 near = 0;

	for (uint32 lane = 0; lane < n; lane++)
	{
		uint32 bit = folded_bit(ItemPointerGetBlockNumberNoCheck(&tids[lane]),
								ItemPointerGetOffsetNumberNoCheck(&tids[lane]));

		near |= (filter->folded[bit / 32] >> bit % 32 & 1) << lane;
	}
	return near;
}

uint32
tid_filter_lanes(const TidFilter *filter, const ItemPointerData *tids,
				 uint32 lanes)
{
	if (filter->folded != NULL && lanes != 0)
		lanes &= lanes_near(filter, tids, pg_leftmost_one_pos32(lanes) + 1);
	for (uint32 rest = lanes; rest != 0; rest &= rest - 1)
	{
		uint32 lane = pg_rightmost_one_pos32(rest);

		lanes &= ~((uint32) !tid_filter_has(filter, &tids[lane]) << lane);
	}
	return lanes;
}

static void
visit_block(const TidFilter *filter, BlockNumber block, uint32 place,
			TidFilterVisit visit, void *arg)
{
	ItemPointerData tid;

	for (uint32 i = 0; i < filter->words_each; i++)
	{
		uint64 word = filter->words[place + i];

		for (; word != 0; word &= word - 1)
		{
			uint32 offset = i * WORD_BITS + pg_rightmost_one_pos64(word);

			if (offset < FirstOffsetNumber || offset > MaxHeapTuplesPerPage)
				continue; /* of a whole block */
			ItemPointerSet(&tid, block, offset);
			visit(arg, &tid);
		}
	}
}

void
tid_filter_visit(const TidFilter *filter, TidFilterVisit visit, void *arg)
{
	block_places_iterator iterator;
	const BlockPlace *entry;

	for (BlockNumber block = 0;
		 filter->places != NULL && block < filter->nblocks; block++)
	{
		if (filter->places[block] != 0)
			visit_block(filter, block, filter->places[block], visit, arg);
	}
	if (filter->places != NULL)
		return;
	block_places_start_iterate(filter->hashed, &iterator);
	while ((entry = block_places_iterate(filter->hashed, &iterator)) != NULL)
		visit_block(filter, entry->block, entry->place, visit, arg);
}

bool
tid_filter_first(const TidFilter *filter, ItemPointer tid)
{
	if (filter->blocks == 0)
		return false;
	*tid = filter->first;
	return true;
}
