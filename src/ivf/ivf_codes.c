/*
 * ivf_codes.c
 *	  The codes of all rows, for those who compare them with others.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "ivf/ivf_codes.h"
#include "ivf/ivf_encode.h"
#include "pages/page.h"

/* A copy of a segment, and its successor */
static BlockNumber
copy_segment(Relation index, const IvfModel *model, uint32 list, uint32 born,
			 BlockNumber blkno, Page copy)
{
	Buffer buffer = page_read(index, blkno, IVF_MAGIC, IVF_PAGE_SEGMENT,
							  BUFFER_LOCK_SHARE, NULL);

	memcpy(copy, BufferGetPage(buffer), BLCKSZ);
	UnlockReleaseBuffer(buffer);
	/* only on a standby, see ivf_space.c */
	if (page_special(copy)->generation > model->meta.generation)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("lists of index \"%s\" were replaced while they were "
						"read",
						RelationGetRelationName(index))));
	if (ivf_segment(copy)->list != list ||
		page_special(copy)->generation < born ||
		ivf_segment(copy)->nlanes > model->layout.capacity)
		page_corrupted(index, blkno, "The segment belongs to another list.");
	return page_special(copy)->next;
}

void
ivf_codes_read(Relation index, const IvfModel *model, IvfCodeStep step,
			   void *arg)
{
	const IvfLayout *layout = &model->layout;
	const Codec *codec = codec_of((CodecKind) model->meta.codec);
	CodecShape shape = ivf_codec_shape(&model->meta);
	uint8 *code = palloc(ivf_code_bytes(&model->meta));
	Page page = palloc(BLCKSZ);

	for (uint32 list = 0; list < model->meta.nlists; list++)
	{
		IvfListEntry entry = ivf_list_read(index, &model->meta, list);
		BlockNumber blkno = entry.first;

		while (blkno != InvalidBlockNumber)
		{
			const uint32 *live = IVF_ARRAY(page, layout->live, uint32);

			CHECK_FOR_INTERRUPTS();
			blkno = copy_segment(index, model, list, entry.born, blkno, page);
			for (uint32 lane = 0; lane < ivf_segment(page)->nlanes; lane++)
			{
				if ((live[lane / IVF_WORD] >> lane % IVF_WORD & 1) == 0)
					continue;
				codec->get(&shape, ivf_code_block(page, layout, lane),
						   lane % layout->block_lanes, code);
				step(arg, list,
					 &IVF_ARRAY(page, layout->tids, ItemPointerData)[lane],
					 code);
			}
		}
	}
	pfree(page);
	pfree(code);
}
