/*
 * hnsw_row_write.c
 *	  Writes the row pages of an index that is being built.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/bufmgr.h"

#include "hnsw/hnsw_row_page.h"
#include "hnsw/hnsw_row_write.h"

/* Blocks in a range */
#define WRITTEN_BLOCKS 16

static int
compare_places(const void *a, const void *b)
{
	return ItemPointerCompare((ItemPointer) & ((const HnswRowPlace *) a)->tid,
							  (ItemPointer) & ((const HnswRowPlace *) b)->tid);
}

void
hnsw_write_rows(HnswTeam *team, uint32 n)
{
	HnswRowPlace *places = hnsw_team_array(team, HNSW_ROW_PLACES);

	CHECK_FOR_INTERRUPTS();
	qsort(places, n, hnsw_row_place_bytes(&team->plan.meta), compare_places);
	team->plan.ntids = n;
	hnsw_team_run(team, HNSW_JOB_WRITE_ROWS, team->plan.nrow_pages,
				  WRITTEN_BLOCKS);
	hnsw_team_free(team, HNSW_ROW_PLACES);
}

static void
write_row(const HnswModel *model, Page page, uint32 lane,
		  const HnswRowPlace *place, HnswRow *row)
{
	AttributeRow attributes;

	attribute_row_unpack(&attributes, model->meta.kinds, model->meta.ncolumns,
						 place->attributes);
	row->tid = place->tid;
	row->attributes = &attributes;
	hnsw_row_set(page, model, lane, row);
}

static void
write_page(HnswTeam *team, uint32 i)
{
	const HnswPlan *plan = &team->plan;
	const HnswModel *model = hnsw_team_array(team, HNSW_MODEL);
	HnswRowPlace *places = hnsw_team_array(team, HNSW_ROW_PLACES);
	const uint8 *codes = hnsw_team_array(team, HNSW_CODES);
	const Codec *codec = codec_of((CodecKind) model->meta.codec);
	CodecShape shape = hnsw_codec_shape(&model->meta);
	Size code_bytes = codec == NULL ? 0 : codec->code_bytes(&shape);
	BlockNumber blkno = plan->meta.rows + i;
	uint32 lanes = model->layout.rows.lanes;
	uint64 first = (uint64) i * lanes;
	uint64 end = Min(first + lanes, plan->ntids);
	Buffer buffer = ReadBufferExtended(team->index, MAIN_FORKNUM, blkno,
									   RBM_ZERO_AND_LOCK, NULL);
	Page page = BufferGetPage(buffer);

	hnsw_row_page_init(page);
	for (uint64 at = first; at < end; at++)
	{
		const HnswRowPlace *place = hnsw_row_place(&plan->meta, places, at);
		HnswRow row = {.ground = plan->first[0] + place->element};

		if (codes != NULL)
			row.code = codes + place->element * code_bytes;
		write_row(model, page, at - first, place, &row);
	}
	if (i + 1 < plan->nrow_pages)
		page_special(page)->next = blkno + 1;
	MarkBufferDirty(buffer);
	UnlockReleaseBuffer(buffer);
}

void
hnsw_write_rows_job(HnswTeam *team)
{
	uint32 first;
	uint32 end;

	while (hnsw_team_claim(team, &first, &end))
	{
		for (uint32 i = first; i < end; i++)
		{
			CHECK_FOR_INTERRUPTS();
			write_page(team, i);
		}
	}
}
