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
#include "utils/resowner.h"

#include "am/workers.h"

/* Errors of the class "insufficient resources" */
#define IS_RESOURCE_ERROR(code) \
	(ERRCODE_TO_CATEGORY(code) == ERRCODE_INSUFFICIENT_RESOURCES)

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

/*
 * Errors other than lack of resources are thrown.  What a failure leaves behind
 * belongs to a resource owner of its own, which is released.
 */
dsm_segment *
workers_segment(Size bytes)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner caller = CurrentResourceOwner;
	ResourceOwner owner = ResourceOwnerCreate(caller, "index build");
	dsm_segment *volatile segment = NULL;

	CurrentResourceOwner = owner;
	PG_TRY();
	{
		segment = dsm_create(bytes, 0);
		dsm_pin_mapping(segment);
	}
	PG_CATCH();
	{
		CurrentResourceOwner = caller;
		if (!IS_RESOURCE_ERROR(geterrcode()))
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
		ResourceOwnerRelease(owner, RESOURCE_RELEASE_BEFORE_LOCKS, false,
							 false);
		ResourceOwnerRelease(owner, RESOURCE_RELEASE_LOCKS, false, false);
		ResourceOwnerRelease(owner, RESOURCE_RELEASE_AFTER_LOCKS, false, false);
	}
	PG_END_TRY();
	CurrentResourceOwner = caller;
	ResourceOwnerDelete(owner);
	if (segment != NULL)
		dsm_unpin_mapping(segment);
	return segment;
}
