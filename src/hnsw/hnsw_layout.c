/*
 * hnsw_layout.c
 *	  Where a node keeps what, and how many fit a page.
 */
#include "postgres.h"

#include <math.h>

#include "hnsw/hnsw_form.h"
#include "hnsw/hnsw_layout.h"

/* Codes begin where the processor likes to read them */
#define SLOT_ALIGNMENT 16

/*
 * The fewest parts of 4 bits that a code has: with 36 a search of word vectors looks
 * at two fifths more nodes, with 46 at a twentieth less.  Measured on word, text and
 * image vectors.
 */
#define LEAST_PARTS 44
#define LEAST_BITS_16 8 /* a dimension, in 16ths */
#define LEAST_BITS_LARGE_16 5
#define LARGE_DIM 1024

/* More than two bits a dimension gain nothing, but where dimensions are few */
#define MOST_BITS 2
#define FEW_DIMS 32

/* Lanes for neighbours without codes come in pairs at least */
#define LANES_WITHOUT_CODES 2

/*
 * Dimensions that a code tells of, for each of its parts; and where there are few
 * dimensions all of them.  More gain nothing: measured on text and image vectors.
 */
#define DIMS_PER_PART 2
#define LEAST_CODE_DIMS 128

/*
 * A record too long for a page leaves to codes what else there is, but for so many
 * shares of the page.
 */
#define LARGE_SHARE 2
#define SMALL_SHARE 4

/* A node keeps so much of a record at least: others are told apart by it */
#define LEAST_KEPT 256

/* Slots of a page where a record has several parts; more only if they save much */
#define MOST_SLOTS 4
#define WORTH_IT 0.9

static uint32
layout_for(HnswLayout *layout, const HnswMeta *meta, uint16 parts, Size record,
		   bool tail)
{
	const Codec *codec = codec_of((CodecKind) meta->codec);
	CodecShape shape = {.dim = meta->dim, .m = parts};
	uint32 size = sizeof(HnswNode);

	memset(layout, 0, sizeof(*layout));
	layout->lanes = TYPEALIGN(
		codec == NULL ? LANES_WITHOUT_CODES : codec->block_lanes, meta->degree);
	layout->links = size;
	size += layout->lanes * sizeof(HnswId);
	if (codec != NULL)
	{
		layout->block_bytes = codec->block_bytes(&shape);
		layout->codes = TYPEALIGN(SLOT_ALIGNMENT, size);
		size = layout->codes +
			layout->lanes / codec->block_lanes * layout->block_bytes;
	}
	if (tail)
	{
		layout->tail = size;
		size += sizeof(HnswTail);
	}
	layout->copy = size;
	return TYPEALIGN(SLOT_ALIGNMENT, size + record);
}

/* The most parts, up to limit, with which so many nodes fit a page; 0: none */
static uint16
parts_for(const HnswMeta *meta, uint32 slots, uint16 limit, Size record)
{
	HnswLayout layout;
	uint16 low = 0;
	uint16 high = limit;

	while (low < high)
	{
		uint16 middle = (low + high + 1) / 2;

		if (layout_for(&layout, meta, middle, record, false) * slots <=
			PAGE_ROOM)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

static uint16
choose_parts(const HnswMeta *meta, Size record)
{
	uint16 most = Max(meta->dim * MOST_BITS / 4, Min(meta->dim, FEW_DIMS));
	uint32 least_bits =
		meta->dim <= LARGE_DIM ? LEAST_BITS_16 : LEAST_BITS_LARGE_16;
	uint16 least = Max(meta->dim * least_bits / 16 / 4, Min(LEAST_PARTS, most));

	for (uint32 slots = PAGE_ROOM / sizeof(HnswNode); slots > 1; slots--)
	{
		uint16 parts = parts_for(meta, slots, most, record);

		if (parts >= least)
			return parts;
	}
	for (int share = 1; share <= SMALL_SHARE; share *= LARGE_SHARE)
	{
		uint16 parts =
			parts_for(meta, 1, most,
					  share == 1 ? record : Min(record, PAGE_ROOM / share));

		if (parts >= Min(LEAST_PARTS, most))
			return parts;
	}
	return 0;
}

/* Bytes of a slot, of which so many fill a page */
static Size
filling_size(uint32 slots)
{
	return PAGE_ROOM / slots / SLOT_ALIGNMENT * SLOT_ALIGNMENT;
}

/* How much of records that fit no page a node keeps, such that they fill them */
static Size
kept_of_long(Size bare, Size record)
{
	double least = 0;
	Size kept = 0;

	for (uint32 slots = 1; slots <= MOST_SLOTS; slots++)
	{
		Size size = filling_size(slots);
		double bytes;

		if (size < bare + LEAST_KEPT)
			break;
		bytes = size +
			ceil((double) (record - (size - bare)) /
				 (size - offsetof(HnswPart, data))) *
				size;
		if (slots > 1 && bytes > least * WORTH_IT)
			continue;
		least = bytes;
		kept = size - bare;
	}
	return kept;
}

bool
hnsw_layout_choose(HnswMeta *meta, Size typical)
{
	Size record = hnsw_record_bytes(meta);
	bool varies = record == 0;
	HnswLayout layout;
	Size bare;
	Size whole;

	if (varies)
	{
		/* most of them shall be all there */
		record = Min(typical + typical / 4, hnsw_record_longest(meta));
		record += sizeof(HnswTail);
	}
	if (meta->codec != CODEC_NONE && meta->parts == 0)
	{
		meta->parts = choose_parts(meta, record);
		if (meta->parts == 0)
			return false;
	}
	(void) layout_for(&layout, meta, meta->parts, 0, true);
	bare = layout.copy;
	whole = layout_for(&layout, meta, meta->parts, record, false);
	if (whole > PAGE_ROOM)
		meta->kept = kept_of_long(bare, record);
	else
		meta->kept = varies ? filling_size(PAGE_ROOM / whole) - bare : record;
	return meta->kept > 0;
}

void
hnsw_layout_transform(HnswMeta *meta)
{
	bool dense = meta->dim <= TRANSFORM_MAX_DENSE;

	meta->transform = dense ? TRANSFORM_PCA : TRANSFORM_NONE;
	meta->code_dim = dense
		? Min(meta->dim, Max(meta->parts * DIMS_PER_PART, LEAST_CODE_DIMS))
		: meta->dim;
}

/* So many words of lanes of a row page; the bytes they take */
static uint32
rows_for(HnswRowLayout *rows, const HnswMeta *meta, uint32 words,
		 uint32 code_bytes)
{
	uint32 size = sizeof(HnswRowHead);

	memset(rows, 0, sizeof(*rows));
	rows->lanes = words * HNSW_ROW_WORD;
	rows->live = size;
	size += words * sizeof(uint32);
	rows->grounds = size;
	size += rows->lanes * sizeof(HnswId);
	rows->tids = size;
	size += rows->lanes * sizeof(ItemPointerData);
	rows->summaries = MAXALIGN(size);
	rows->columns = rows->summaries + meta->ncolumns * sizeof(AttributeSummary);
	rows->nulls = rows->columns + rows->lanes * meta->column_bytes;
	size = rows->nulls + words * meta->ncolumns * sizeof(uint32);
	if (code_bytes == 0)
		return size;
	rows->codes = TYPEALIGN(SLOT_ALIGNMENT, size);
	return rows->codes + words * code_bytes;
}

/* As many lanes as fit a page: false where there are none */
static bool
fill_page(HnswRowLayout *rows, const HnswMeta *meta, uint32 code_bytes)
{
	uint32 words = PAGE_ROOM / HNSW_ROW_WORD;

	while (words > 0 && rows_for(rows, meta, words, code_bytes) > PAGE_ROOM)
		words--;
	return words > 0;
}

/* Without codes where those of one word do not fit; no lanes where columns do not */
static void
choose_rows(HnswRowLayout *rows, const HnswMeta *meta)
{
	const Codec *codec = codec_of((CodecKind) meta->codec);
	CodecShape shape = hnsw_codec_shape(meta);
	uint32 code_bytes = codec == NULL
		? 0
		: HNSW_ROW_WORD / codec->block_lanes * codec->block_bytes(&shape);

	if (!fill_page(rows, meta, code_bytes) && !fill_page(rows, meta, 0))
		memset(rows, 0, sizeof(*rows));
}

void
hnsw_layout_init(HnswLayout *layout, const HnswMeta *meta)
{
	layout->size = layout_for(layout, meta, meta->parts, meta->kept,
							  meta->kept != hnsw_record_bytes(meta));
	layout->slots = layout->size <= PAGE_ROOM ? PAGE_ROOM / layout->size : 0;
	layout->longest = hnsw_record_longest(meta);
	layout->part = layout->size - offsetof(HnswPart, data);
	layout->more =
		(layout->size - offsetof(HnswMore, tids)) / sizeof(ItemPointerData);
	choose_rows(&layout->rows, meta);
}
