/*
 * ivf_layout.c
 *	  Where a segment keeps what.
 */
#include "postgres.h"

#include "ivf/ivf_layout.h"

/* Take the next bytes of a room; *size is what is used so far */
static uint32
take(uint32 *size, Size bytes, uint32 alignment)
{
	uint32 offset = TYPEALIGN(alignment, *size);

	*size = offset + bytes;
	return offset;
}

/* Fill the offsets for so many lanes; the bytes of it all */
static uint32
layout_for(IvfLayout *layout, const IvfMeta *meta, uint32 capacity)
{
	uint32 nblocks = capacity / IVF_BLOCK;
	uint32 size = sizeof(IvfSegment);

	layout->capacity = capacity;
	layout->live = take(&size, nblocks * sizeof(uint32), 4);
	if (meta->codec != IVF_CODEC_NONE)
	{
		layout->terms = take(&size, capacity * sizeof(float), 4);
		layout->codes = take(&size, nblocks * layout->block_bytes, 16);
	}
	if (meta->copies != IVF_COPIES_NONE)
		layout->copies = take(
			&size,
			(ivf_copy_page(layout, capacity - 1) + 1) * sizeof(BlockNumber), 4);
	layout->tids = take(&size, capacity * sizeof(ItemPointerData), 2);
	if (ivf_copies_rounded(meta))
		layout->errors = take(&size, capacity * sizeof(uint16), 2);
	return size;
}

void
ivf_layout_init(IvfLayout *layout, const IvfMeta *meta)
{
	uint32 capacity = PAGE_ROOM / sizeof(ItemPointerData) / IVF_BLOCK;

	memset(layout, 0, sizeof(*layout));
	if (meta->codec != IVF_CODEC_NONE)
		layout->block_bytes = TYPEALIGN(2, meta->m) / 2 * IVF_BLOCK;
	if (meta->copies != IVF_COPIES_NONE)
		layout->copy_slots =
			slots_of(value_size(ivf_copy_kind(meta), meta->dim));

	while (capacity > 0 &&
		   layout_for(layout, meta, capacity * IVF_BLOCK) > PAGE_ROOM)
		capacity--;
	if (capacity == 0)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("codes of %d bytes do not fit an index page",
						meta->m / 2)));
}
