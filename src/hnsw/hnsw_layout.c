/*
 * hnsw_layout.c
 *	  Where a node keeps what, and how many fit a page.
 */
#include "postgres.h"

#include "hnsw/hnsw_layout.h"

/* Codes begin where the processor likes to read them */
#define SLOT_ALIGNMENT 16

/*
 * The fewest parts of 4 bits that a code has: with less a search looks at half
 * as many nodes again.  Measured on word, text and image vectors.
 */
#define LEAST_PARTS 36
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

static uint32
layout_for(HnswLayout *layout, const HnswMeta *meta, uint16 parts)
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
		layout->terms = size;
		size += layout->lanes * sizeof(float);
		layout->codes = TYPEALIGN(SLOT_ALIGNMENT, size);
		size = layout->codes +
			layout->lanes / codec->block_lanes * layout->block_bytes;
	}
	layout->copy = size;
	return TYPEALIGN(SLOT_ALIGNMENT, size + meta->dim);
}

/* The most parts, up to limit, with which so many nodes fit a page; 0: none */
static uint16
parts_for(const HnswMeta *meta, uint32 slots, uint16 limit)
{
	HnswLayout layout;
	uint16 low = 0;
	uint16 high = limit;

	while (low < high)
	{
		uint16 middle = (low + high + 1) / 2;

		if (layout_for(&layout, meta, middle) * slots <= PAGE_ROOM)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

uint16
hnsw_layout_parts(const HnswMeta *meta)
{
	uint16 most = Max(meta->dim * MOST_BITS / 4, Min(meta->dim, FEW_DIMS));
	uint32 least_bits =
		meta->dim <= LARGE_DIM ? LEAST_BITS_16 : LEAST_BITS_LARGE_16;
	uint16 least = Max(meta->dim * least_bits / 16 / 4, Min(LEAST_PARTS, most));

	for (uint32 slots = PAGE_ROOM / sizeof(HnswNode); slots > 1; slots--)
	{
		uint16 parts = parts_for(meta, slots, most);

		if (parts >= least)
			return parts;
	}
	return parts_for(meta, 1, most);
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

void
hnsw_layout_init(HnswLayout *layout, const HnswMeta *meta)
{
	layout->size = layout_for(layout, meta, meta->parts);
	layout->slots = layout->size <= PAGE_ROOM ? PAGE_ROOM / layout->size : 0;
	layout->more =
		(layout->size - offsetof(HnswMore, tids)) / sizeof(ItemPointerData);
}
