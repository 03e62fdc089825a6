/*
 * hnsw_handler.h
 *	  The callbacks of the access method hnsw.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_HANDLER_H
#define VECTOR_EXT_HNSW_HANDLER_H

#include "access/amapi.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"

/* Phases of a build, as progress views count them */
enum
{
	HNSW_PHASE_LOADING = 2, /* after core's "initializing" */
	HNSW_PHASE_TRAINING,
	HNSW_PHASE_BUILDING,
	HNSW_PHASE_WRITING
};

extern void hnsw_progress_phase(int64 phase);

/* hnsw_build.c */
extern IndexBuildResult *hnsw_build(Relation heap, Relation index,
									IndexInfo *info);
extern void hnsw_build_empty(Relation index);

/* hnsw_insert.c */
extern bool hnsw_insert(Relation index, Datum *values, bool *isnull,
						ItemPointer tid, Relation heap, IndexUniqueCheck unique,
						bool unchanged, IndexInfo *info);

/* hnsw_vacuum.c */
extern IndexBulkDeleteResult *hnsw_bulk_delete(IndexVacuumInfo *info,
											   IndexBulkDeleteResult *stats,
											   IndexBulkDeleteCallback callback,
											   void *state);
extern IndexBulkDeleteResult *hnsw_vacuum_cleanup(IndexVacuumInfo *info,
												  IndexBulkDeleteResult *stats);

/* hnsw_cost.c */
extern void hnsw_cost_estimate(PlannerInfo *root, IndexPath *path,
							   double loop_count, Cost *startup, Cost *total,
							   Selectivity *selectivity, double *correlation,
							   double *pages);

/* hnsw_scan.c */
struct ScanMethod;
extern const struct ScanMethod hnsw_scan_method;
extern IndexScanDesc hnsw_begin_scan(Relation index, int nkeys, int norderbys);

#endif
