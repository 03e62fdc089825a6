/*
 * vector_ext.c
 *	  Where PostgreSQL enters: the module and its initialisation.
 *
 * The library needs no preloading: it is loaded by the first SQL function
 * called, and settings made before that are adopted.
 */
#include "postgres.h"

#include "utils/guc.h"

#include "am/explain.h"
#include "am/limit.h"
#include "am/methods.h"
#include "core/compat.h"
#include "distance/distance.h"
#include "hnsw/hnsw_handler.h"
#include "hnsw/hnsw_options.h"
#include "ivf/ivf_handler.h"
#include "ivf/ivf_options.h"
#include "planner/attribute_path.h"
#include "planner/filter_path.h"
#include "planner/filter_scan.h"
#include "planner/unread_distance.h"
#include "sqlfunc/fn_capabilities.h"
#include "sqlfunc/version_check.h"

VECTOR_EXT_MODULE_MAGIC(VECTOR_EXT_VERSION);

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	distance_init();
	capabilities_init();
	ivf_options_init();
	hnsw_options_init();
	limit_init();
	explain_init();
	unread_distance_init();
	attribute_path_init();
	filter_path_init(); /* behind it: of the paths that it makes */
	filter_scan_init();
	methods_register(&ivf_scan_method);
	methods_register(&hnsw_scan_method);
	MarkGUCPrefixReserved("vector_ext");
	version_check();
}
