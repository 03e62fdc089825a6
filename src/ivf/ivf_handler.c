/*
 * ivf_handler.c
 *	  The access methods ivfflat and ivfpq, as PostgreSQL sees them.
 */
#include "postgres.h"

#include "access/amapi.h"
#include "access/reloptions.h"
#include "commands/progress.h"

#include "am/methods.h"
#include "am/opclass.h"
#include "core/compat.h"
#include "core/export.h"
#include "ivf/ivf_handler.h"
#include "ivf/ivf_options.h"

static char *
ivfbuildphasename(int64 phase)
{
	switch (phase)
	{
		case PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE:
			return "initializing";
		case IVF_PHASE_TRAINING:
			return "performing k-means";
		case IVF_PHASE_ASSIGNING:
			return "assigning tuples";
		case IVF_PHASE_LOADING:
			return "loading tuples";
		case IVF_PHASE_CALIBRATING:
			return "measuring recall";
		default:
			return NULL;
	}
}

static IndexAmRoutine *
make_routine(uint16 nsupport, amoptions_function options)
{
	IndexAmRoutine *am = methods_routine(nsupport);

	am->ambuild = ivfbuild;
	am->ambuildempty = ivfbuildempty;
	am->aminsert = ivfinsert;
	am->ambulkdelete = ivfbulkdelete;
	am->amvacuumcleanup = ivfvacuumcleanup;
	am->amcostestimate = ivfcostestimate;
	am->amoptions = options;
	am->ambuildphasename = ivfbuildphasename;
	am->ambeginscan = ivfbeginscan;
	return am;
}

SQL_FUNCTION(ivfflathandler)
{
	PG_RETURN_POINTER(make_routine(IVFFLAT_OPCLASS_PROC, ivfflatoptions));
}

SQL_FUNCTION(ivfpqhandler)
{
	PG_RETURN_POINTER(make_routine(IVFPQ_OPCLASS_PROC, ivfpqoptions));
}

/* Named by pgvector's operator classes; we have opclass_of instead */
SQL_FUNCTION(ivfflat_halfvec_support)
{
	PG_RETURN_POINTER(NULL);
}

SQL_FUNCTION(ivfflat_bit_support)
{
	PG_RETURN_POINTER(NULL);
}
