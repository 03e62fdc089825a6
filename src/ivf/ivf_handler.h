/*
 * ivf_handler.h
 *	  The callbacks of the access methods ivfflat and ivfpq, as the manual names
 *	  them.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_IVF_HANDLER_H
#define VECTOR_EXT_IVF_HANDLER_H

#include "access/amapi.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"

/* Phases of a build, as progress views count them */
enum
{
	IVF_PHASE_TRAINING = 2, /* after core's "initializing" */
	IVF_PHASE_ASSIGNING,
	IVF_PHASE_LOADING,
	IVF_PHASE_CALIBRATING
};

extern void ivf_progress_phase(int64 phase);

/* ivf_build.c */
extern IndexBuildResult *ivfbuild(Relation heap, Relation index,
								  IndexInfo *info);
extern void ivfbuildempty(Relation index);

/* ivf_insert.c */
extern bool ivfinsert(Relation index, Datum *values, bool *isnull,
					  ItemPointer tid, Relation heap, IndexUniqueCheck unique,
					  bool unchanged, IndexInfo *info);

/* ivf_vacuum.c */
extern IndexBulkDeleteResult *ivfbulkdelete(IndexVacuumInfo *info,
											IndexBulkDeleteResult *stats,
											IndexBulkDeleteCallback callback,
											void *state);
extern IndexBulkDeleteResult *ivfvacuumcleanup(IndexVacuumInfo *info,
											   IndexBulkDeleteResult *stats);

/* ivf_cost.c */
extern void ivfcostestimate(PlannerInfo *root, IndexPath *path,
							double loop_count, Cost *startup, Cost *total,
							Selectivity *selectivity, double *correlation,
							double *pages);

/* ivf_scan.c */
struct ScanMethod;
extern const struct ScanMethod ivf_scan_method;
extern IndexScanDesc ivfbeginscan(Relation index, int nkeys, int norderbys);

#endif
