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

/* What is asked first, and of all lanes, lies together: summaries, then columns */
static void
lay_out_columns(IvfLayout *layout, const IvfMeta *meta, uint32 *size)
{
	uint32 nwords = ivf_live_words(layout);

	for (uint32 i = 0; i < meta->nattributes; i++)
		layout->columns[i].summary = take(size, sizeof(AttributeSummary), 8);
	for (uint32 i = 0; i < meta->nattributes; i++)
	{
		uint8 width = attribute_ops[meta->attributes[i]].width;

		layout->columns[i].nulls = take(size, nwords * sizeof(uint32), 4);
		layout->columns[i].values = take(size, nwords * IVF_WORD * width, 8);
	}
}

/* Fill the offsets for so many lanes; the bytes of it all */
static uint32
layout_for(IvfLayout *layout, const IvfMeta *meta, uint32 capacity)
{
	const Codec *codec = codec_of((CodecKind) meta->codec);
	uint32 size = sizeof(IvfSegment);

	layout->capacity = capacity;
	layout->live = take(&size, ivf_live_words(layout) * sizeof(uint32), 4);
	lay_out_columns(layout, meta, &size);
	if (codec != NULL)
	{
		uint32 nblocks = capacity / layout->block_lanes;

		layout->terms = take(&size, capacity * sizeof(float), 4);
		if (codec->scaled)
		{
			layout->scales = take(&size, capacity * sizeof(float), 4);
			layout->bounds = take(&size, capacity * sizeof(float), 4);
		}
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
	const Codec *codec = codec_of((CodecKind) meta->codec);
	CodecShape shape = ivf_codec_shape(meta);
	uint32 nblocks;

	memset(layout, 0, sizeof(*layout));
	layout->block_lanes = codec == NULL ? IVF_WORD : codec->block_lanes;
	if (codec != NULL)
		layout->block_bytes = codec->block_bytes(&shape);
	if (meta->copies != IVF_COPIES_NONE)
		layout->copy_slots =
			slots_of(value_size(ivf_copy_kind(meta), meta->dim));

	nblocks = PAGE_ROOM / sizeof(ItemPointerData) / layout->block_lanes;
	while (nblocks > 0 &&
		   layout_for(layout, meta, nblocks * layout->block_lanes) > PAGE_ROOM)
		nblocks--;
	if (nblocks == 0)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 meta->nattributes > 0
					 ? errmsg("codes of %u bytes and %u columns do not fit an "
							  "index page",
							  layout->block_bytes / layout->block_lanes,
							  meta->nattributes)
					 : errmsg("codes of %u bytes do not fit an index page",
							  layout->block_bytes / layout->block_lanes)));
}
