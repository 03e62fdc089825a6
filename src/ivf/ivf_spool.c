/*
 * ivf_spool.c
 *	  Rows of a parallel build on their way to their lists, in shared memory.
 *
 * A block has the lists of its rows, then the rows.  Only its owner writes it,
 * and nobody reads it before the owner has passed a barrier.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/dsm.h"
#include "utils/memutils.h"

#include "am/workers.h"
#include "ivf/ivf_spool.h"
#include "quant/carver.h"

/* A block at least and at most, and rows in it at least */
#define BLOCK_MIN (256.0 * 1024)
#define BLOCK_MAX (128.0 * 1024 * 1024)
#define BLOCK_ROWS_MIN 16

/* Blocks that each participant fills, if rows are as many as expected */
#define BLOCKS_EACH 4

#define CACHE_LINE 64

/* Rows of a list lie anywhere: so many ahead, their bytes up to this are fetched */
#define ROWS_AHEAD 4
#define BYTES_AHEAD 1024

struct IvfSpoolShared
{
	IvfSpoolPlan plan;
	pg_atomic_uint32 nclaimed; /* goes on beyond plan.nblocks */
	dsm_handle handles[IVF_SPOOL_BLOCKS];
};

/* Where things are in a block */
typedef struct Block
{
	uint32 *nrows;
	uint32 *lists;
	char *rows;
} Block;

struct IvfSpool
{
	IvfSpoolShared *shared;
	Size stride; /* bytes from row to row */
	uint32 block_rows;
	dsm_segment *segments[IVF_SPOOL_BLOCKS];
	bool ours[IVF_SPOOL_BLOCKS];
	Block blocks[IVF_SPOOL_BLOCKS];
	int own; /* the block that we fill, or -1 */
	bool full;

	/* once it is open */
	uint32 *starts; /* nlists + 1: where lists begin in order */
	uint32 *order;  /* places of rows: block * block_rows + row */
};

/* nrows rows; returns the bytes */
static Size
lay_out(Block *block, void *memory, uint32 nrows, Size stride)
{
	Carver carver = {memory, 0};

	block->nrows = carve(&carver, 1, sizeof(uint32));
	block->lists = carve(&carver, nrows, sizeof(uint32));
	block->rows = carve(&carver, nrows, stride);
	return carver.used;
}

IvfSpoolPlan
ivf_spool_plan(Size row_size, double expected, double room,
			   uint32 nparticipants)
{
	IvfSpoolPlan plan = {.row_size = row_size};
	Size stride = MAXALIGN(row_size);
	uint32 parts = Min(nparticipants * BLOCKS_EACH, IVF_SPOOL_BLOCKS * 3 / 4);
	double bytes = Min(Max(expected / parts, BLOCK_MIN), BLOCK_MAX);
	Block block;

	if (expected > room)
		return plan;
	plan.block_rows =
		Max(bytes / (stride + sizeof(uint32)), (double) BLOCK_ROWS_MIN);
	plan.nblocks = Min(room / lay_out(&block, NULL, plan.block_rows, stride),
					   IVF_SPOOL_BLOCKS);
	return plan;
}

Size
ivf_spool_share_size(void)
{
	return sizeof(IvfSpoolShared);
}

void
ivf_spool_init(IvfSpoolShared *shared, const IvfSpoolPlan *plan)
{
	shared->plan = *plan;
	pg_atomic_init_u32(&shared->nclaimed, 0);
	for (int i = 0; i < IVF_SPOOL_BLOCKS; i++)
		shared->handles[i] = DSM_HANDLE_INVALID;
}

IvfSpool *
ivf_spool_join(IvfSpoolShared *shared)
{
	IvfSpool *spool = palloc0(sizeof(IvfSpool));

	spool->shared = shared;
	spool->stride = MAXALIGN(shared->plan.row_size);
	spool->block_rows = shared->plan.block_rows;
	spool->own = -1;
	return spool;
}

/*
 * Adding
 */

static void
use_segment(IvfSpool *spool, uint32 n, dsm_segment *segment)
{
	spool->segments[n] = segment;
	(void) lay_out(&spool->blocks[n], dsm_segment_address(segment),
				   spool->block_rows, spool->stride);
}

static bool
claim_block(IvfSpool *spool)
{
	IvfSpoolShared *shared = spool->shared;
	uint32 n = pg_atomic_fetch_add_u32(&shared->nclaimed, 1);
	dsm_segment *segment;
	Block block;

	if (n >= shared->plan.nblocks)
		return false;
	segment = workers_segment(
		lay_out(&block, NULL, spool->block_rows, spool->stride));
	if (segment == NULL)
		return false;
	use_segment(spool, n, segment);
	*spool->blocks[n].nrows = 0;
	shared->handles[n] = dsm_segment_handle(segment);
	spool->ours[n] = true;
	spool->own = (int) n;
	return true;
}

bool
ivf_spool_add(IvfSpool *spool, uint32 list, const void *row)
{
	const Block *block;
	uint32 n;

	if (!spool->full &&
		(spool->own < 0 ||
		 *spool->blocks[spool->own].nrows == spool->block_rows))
		spool->full = !claim_block(spool);
	if (spool->full)
		return false;
	block = &spool->blocks[spool->own];
	n = (*block->nrows)++;
	block->lists[n] = list;
	memcpy(block->rows + n * spool->stride, row, spool->shared->plan.row_size);
	return true;
}

/*
 * Reading
 */

/* Attach to the blocks of others; the rows of all */
static uint32
attach_blocks(IvfSpool *spool)
{
	IvfSpoolShared *shared = spool->shared;
	uint32 nrows = 0;

	for (uint32 n = 0; n < IVF_SPOOL_BLOCKS; n++)
	{
		if (shared->handles[n] == DSM_HANDLE_INVALID)
			continue;
		if (spool->segments[n] == NULL)
		{
			dsm_segment *segment = dsm_attach(shared->handles[n]);

			if (segment == NULL)
				elog(ERROR, "rows of a parallel build are gone");
			use_segment(spool, n, segment);
		}
		nrows += *spool->blocks[n].nrows;
	}
	return nrows;
}

static void
count_lists(IvfSpool *spool, uint32 nlists)
{
	uint32 *starts = spool->starts;

	for (uint32 n = 0; n < IVF_SPOOL_BLOCKS; n++)
	{
		const Block *block = &spool->blocks[n];

		CHECK_FOR_INTERRUPTS();
		for (uint32 i = 0; spool->segments[n] != NULL && i < *block->nrows; i++)
			starts[block->lists[i] + 1]++;
	}
	for (uint32 list = 0; list < nlists; list++)
		starts[list + 1] += starts[list];
}

void
ivf_spool_open(IvfSpool *spool, uint32 nlists)
{
	uint32 nrows = attach_blocks(spool);
	uint32 *starts = MemoryContextAllocExtended(
		CurrentMemoryContext, ((Size) nlists + 1) * sizeof(uint32),
		MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	spool->starts = starts;
	spool->order = MemoryContextAllocHuge(CurrentMemoryContext,
										  (Size) nrows * sizeof(uint32) + 1);
	count_lists(spool, nlists);
	for (uint32 n = 0; n < IVF_SPOOL_BLOCKS; n++)
	{
		const Block *block = &spool->blocks[n];

		CHECK_FOR_INTERRUPTS();
		for (uint32 i = 0; spool->segments[n] != NULL && i < *block->nrows; i++)
			spool->order[starts[block->lists[i]]++] = n * spool->block_rows + i;
	}
	/* each start has moved to where the next one was */
	memmove(starts + 1, starts, nlists * sizeof(uint32));
	starts[0] = 0;
}

static const char *
row_at(const IvfSpool *spool, uint32 at)
{
	uint32 place = spool->order[at];

	return spool->blocks[place / spool->block_rows].rows +
		place % spool->block_rows * spool->stride;
}

static void
prefetch_row(const IvfSpool *spool, uint32 at)
{
	const char *row = row_at(spool, at);

	for (Size byte = 0; byte < Min(spool->stride, BYTES_AHEAD);
		 byte += CACHE_LINE)
		__builtin_prefetch(row + byte);
}

void
ivf_spool_visit(const IvfSpool *spool, uint32 list, IvfSpoolVisit visit,
				void *arg)
{
	uint32 end = spool->starts[list + 1];

	for (uint32 at = spool->starts[list]; at < end; at++)
	{
		CHECK_FOR_INTERRUPTS();
		if (at + ROWS_AHEAD < end)
			prefetch_row(spool, at + ROWS_AHEAD);
		visit(arg, list, row_at(spool, at));
	}
}

void
ivf_spool_leave_others(IvfSpool *spool)
{
	for (uint32 n = 0; n < IVF_SPOOL_BLOCKS; n++)
	{
		if (spool->segments[n] == NULL || spool->ours[n])
			continue;
		dsm_detach(spool->segments[n]);
		spool->segments[n] = NULL;
	}
}

void
ivf_spool_leave(IvfSpool *spool)
{
	ivf_spool_leave_others(spool);
	for (uint32 n = 0; n < IVF_SPOOL_BLOCKS; n++)
	{
		if (spool->segments[n] != NULL)
			dsm_detach(spool->segments[n]);
	}
	if (spool->order != NULL)
	{
		pfree(spool->order);
		pfree(spool->starts);
	}
	pfree(spool);
}
