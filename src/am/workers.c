/*
 * workers.c
 *	  Parallel workers that build an index: how many, and what they share.
 */
#include "postgres.h"

#include "access/table.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "optimizer/planner.h"
#include "storage/bufmgr.h"
#include "utils/guc.h"

#include "am/workers.h"

/*
 * PostgreSQL counts the table's own blocks; vectors often lie out of line, and
 * to read them is part of the work.  So the threshold is lowered by the share
 * of blocks it does not see.
 */
int
workers_plan(Relation heap, Relation index)
{
	Oid toast_id = heap->rd_rel->reltoastrelid;
	double nblocks = RelationGetNumberOfBlocks(heap);
	double all = nblocks;
	int level;
	int nworkers;
	char threshold[32];

	if (OidIsValid(toast_id))
	{
		Relation toast = table_open(toast_id, AccessShareLock);

		all += RelationGetNumberOfBlocks(toast);
		table_close(toast, AccessShareLock);
	}
	if (nblocks == 0)
		return 0;
	snprintf(threshold, sizeof(threshold), "%d",
			 (int) (min_parallel_table_scan_size * nblocks / all));
	level = NewGUCNestLevel();
	(void) set_config_option("min_parallel_table_scan_size", threshold,
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true,
							 0, false);
	nworkers = plan_create_index_workers(RelationGetRelid(heap),
										 RelationGetRelid(index));
	AtEOXact_GUC(true, level);
	return nworkers;
}

bool
workers_share(ParallelContext *context, const WorkersChunk *chunks, int nchunks)
{
	for (int i = 0; i < nchunks; i++)
		shm_toc_estimate_chunk(&context->estimator, chunks[i].size);
	shm_toc_estimate_keys(&context->estimator, nchunks);
	InitializeParallelDSM(context);
	if (context->seg == NULL)
		return false;
	for (int i = 0; i < nchunks; i++)
	{
		char *bytes = shm_toc_allocate(context->toc, chunks[i].size);

		memset(bytes, 0, chunks[i].size);
		shm_toc_insert(context->toc, chunks[i].key, bytes);
	}
	return true;
}
