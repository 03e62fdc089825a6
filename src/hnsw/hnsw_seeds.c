/*
 * hnsw_seeds.c
 *	  Seeds: rows by whose codes a search finds its ways into the ground.
 */
#include "postgres.h"

#include <math.h>

#include "common/hashfn.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"

#include "hnsw/hnsw_row_page.h"
#include "hnsw/hnsw_seeds.h"

/* One row in so many; where memory has room for less than the second, none */
#define ROWS_OF_SEED 16
#define MOST_ROWS_OF_SEED 24

/* The index may grow by so much before its model is read again */
#define ROOM_TO_GROW 1.5

/* Memory for names and codes; fewer than so many seeds are no help */
#define MOST_BYTES (512 * 1024)
#define LEAST_SEEDS 64

/* Copied once so many nodes have been looked at for each row page, */
#define WORTH 4

/* and again when the index has grown by one block in so many */
#define GROWN 8

uint32
hnsw_seeds_room(const HnswMeta *meta, const HnswLayout *layout,
				BlockNumber nblocks)
{
	double slots = (double) nblocks * layout->slots;
	double room;

	if (!hnsw_has_codes(meta) || layout->rows.codes == 0)
		return 0;
	room = MOST_BYTES /
		(layout->block_bytes / (double) HNSW_ROW_WORD + sizeof(HnswId));
	room = Min(room, ROOM_TO_GROW * slots / ROWS_OF_SEED);
	if (room < LEAST_SEEDS || room < slots / MOST_ROWS_OF_SEED)
		return 0;
	return TYPEALIGN_DOWN(HNSW_ROW_WORD, (uint32) room);
}

static uint8 *
block_of(const HnswModel *model, uint32 seed)
{
	return model->seeds->codes +
		seed / HNSW_ROW_WORD * (Size) model->layout.block_bytes;
}

/* Copying */
typedef struct Copying
{
	const HnswModel *model;
	const Codec *codec;
	CodecShape shape;
	uint32 n;      /* seeds */
	uint8 *code;   /* of one row */
	double stride; /* one of so many rows is a seed */
	double next;   /* row that is one */
	double at;     /* rows passed */
} Copying;

static void
put_seed(Copying *copying, uint32 seed, HnswId ground)
{
	copying->model->seeds->grounds[seed] = ground;
	copying->codec->put(&copying->shape, block_of(copying->model, seed),
						seed % HNSW_ROW_WORD, copying->code);
}

/*
 * One of each stride's rows, whichever: at equal distances seeds might all be of a kind,
 * where rows of several kinds follow each other in turn.
 */
static void
choose_next(Copying *copying)
{
	double strides = floor(copying->at / copying->stride) + 1;

	copying->next = copying->stride *
		(strides + murmurhash32((uint32) strides) / (PG_UINT32_MAX + 1.0));
}

/* There are more rows than seemed: every other seed stays */
static void
thin_out(Copying *copying)
{
	const HnswSeeds *seeds = copying->model->seeds;

	copying->n /= 2;
	for (uint32 i = 0; i < copying->n; i++)
	{
		copying->codec->get(&copying->shape, block_of(copying->model, 2 * i),
							2 * i % HNSW_ROW_WORD, copying->code);
		put_seed(copying, i, seeds->grounds[2 * i]);
	}
	copying->stride *= 2;
}

static void
copy_page(Copying *copying, Page page)
{
	const HnswModel *model = copying->model;

	for (uint32 lane = 0; lane < model->layout.rows.lanes; lane++)
	{
		if (!hnsw_row_is_live(page, &model->layout, lane) ||
			copying->at++ < copying->next)
			continue;
		if (copying->n == model->seeds->room)
			thin_out(copying);
		choose_next(copying);
		hnsw_row_get_code(page, model, lane, copying->code);
		put_seed(copying, copying->n++,
				 hnsw_row_grounds(page, &model->layout)[lane]);
	}
}

/* An error under way leaves none: those of the first pages alone would be worse */
static void
copy_seeds(Relation index, const HnswModel *model, BlockNumber nblocks)
{
	HnswRowWalk walk = hnsw_row_walk(index, model, NULL);
	Copying copying = {.model = model,
					   .codec = codec_of((CodecKind) model->meta.codec),
					   .shape = hnsw_codec_shape(&model->meta)};
	Buffer buffer;

	copying.code = palloc(copying.codec->code_bytes(&copying.shape));
	copying.stride =
		Max((double) nblocks * model->layout.slots / model->seeds->room,
			ROWS_OF_SEED);
	model->seeds->n = 0;
	model->seeds->nblocks = nblocks;
	while (BufferIsValid(buffer = hnsw_row_walk_next(&walk, BUFFER_LOCK_SHARE)))
	{
		copy_page(&copying, BufferGetPage(buffer));
		UnlockReleaseBuffer(buffer);
		CHECK_FOR_INTERRUPTS();
	}
	pfree(copying.code);
	model->seeds->n = copying.n;
	model->seeds->spent = 0;
}

bool
hnsw_seeds_ready(Relation index, const HnswModel *model)
{
	HnswSeeds *seeds = model->seeds;
	BlockNumber nblocks;

	if (seeds->room == 0)
		return false;
	nblocks = RelationGetNumberOfBlocks(index);
	if (seeds->n > 0 && nblocks <= seeds->nblocks + seeds->nblocks / GROWN)
		return true;
	hnsw_seeds_forget(model);
	if (seeds->room <
			(double) nblocks * model->layout.slots / MOST_ROWS_OF_SEED ||
		seeds->spent < WORTH * (double) nblocks * model->layout.slots /
				model->layout.rows.lanes)
		return false;
	copy_seeds(index, model, nblocks);
	return seeds->n > 0;
}

void
hnsw_seeds_missed(const HnswModel *model, uint64 nodes)
{
	model->seeds->spent += nodes;
}

void
hnsw_seeds_forget(const HnswModel *model)
{
	model->seeds->n = 0;
}

/* Put a seed where it belongs among the nearest n, of which the last one may go */
static uint32
keep(HnswSeed *nearest, uint32 n, uint32 most, HnswSeed seed)
{
	uint32 at = n < most ? n++ : n - 1;

	for (; at > 0 && nearest[at - 1].estimate > seed.estimate; at--)
		nearest[at] = nearest[at - 1];
	nearest[at] = seed;
	return n;
}

uint32
hnsw_seeds_find(const HnswModel *model, const CodecQuery *query,
				HnswSeed *nearest, uint32 most)
{
	const HnswSeeds *seeds = model->seeds;
	const Codec *codec = codec_of((CodecKind) model->meta.codec);
	const float terms[HNSW_ROW_WORD] = {0};
	float keys[HNSW_ROW_WORD];
	CodecScan scan = {.nlanes = HNSW_ROW_WORD,
					  .ahead = model->layout.block_bytes,
					  .terms = terms,
					  .limit = INFINITY};
	uint32 n = 0;

	for (uint32 first = 0; first < seeds->n; first += HNSW_ROW_WORD)
	{
		uint32 near;

		scan.codes = block_of(model, first);
		codec->scan(query, &scan, keys, &near);
		for (; near != 0; near &= near - 1)
		{
			uint32 lane = pg_rightmost_one_pos32(near);

			/* lanes behind the last one have what was there before */
			if (first + lane >= seeds->n || !(keys[lane] < scan.limit))
				continue;
			n = keep(nearest, n, most,
					 (HnswSeed){keys[lane], seeds->grounds[first + lane]});
			if (n == most)
				scan.limit = nearest[n - 1].estimate;
		}
	}
	return n;
}
