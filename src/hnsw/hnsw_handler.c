/*
 * hnsw_handler.c
 *	  The access method hnsw, as PostgreSQL sees it.
 */
#include "postgres.h"

#include "access/amapi.h"
#include "commands/progress.h"
#include "pgstat.h"

#include "am/methods.h"
#include "am/opclass.h"
#include "core/compat.h"
#include "core/export.h"
#include "hnsw/hnsw_handler.h"
#include "hnsw/hnsw_options.h"

static char *
phase_name(int64 phase)
{
	switch (phase)
	{
		case PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE:
			return "initializing";
		case HNSW_PHASE_LOADING:
			return "loading tuples";
		case HNSW_PHASE_TRAINING:
			return "training codes";
		case HNSW_PHASE_BUILDING:
			return "building graph";
		case HNSW_PHASE_WRITING:
			return "writing pages";
		default:
			return NULL;
	}
}

void
hnsw_progress_phase(int64 phase)
{
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, phase);
}

SQL_FUNCTION(hnswhandler)
{
	IndexAmRoutine *am = methods_routine(HNSW_OPCLASS_PROC);

	am->ambuild = hnsw_build;
	am->ambuildempty = hnsw_build_empty;
	am->aminsert = hnsw_insert;
	am->ambulkdelete = hnsw_bulk_delete;
	am->amvacuumcleanup = hnsw_vacuum_cleanup;
	am->amcostestimate = hnsw_cost_estimate;
	am->amoptions = hnsw_parse_options;
	am->ambuildphasename = phase_name;
	am->ambeginscan = hnsw_begin_scan;
	PG_RETURN_POINTER(am);
}

/* Named by pgvector's operator classes; we have opclass_of instead */
SQL_FUNCTION(hnsw_halfvec_support)
{
	PG_RETURN_POINTER(NULL);
}

SQL_FUNCTION(hnsw_bit_support)
{
	PG_RETURN_POINTER(NULL);
}

SQL_FUNCTION(hnsw_sparsevec_support)
{
	PG_RETURN_POINTER(NULL);
}
