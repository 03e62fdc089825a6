/*
 * fn_capabilities.c
 *	  What this library is and what it uses of the machine.
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "core/compat.h"
#include "core/export.h"
#include "distance/distance.h"
#include "sqlfunc/fn_capabilities.h"

/* The values of vector_ext.simd_level beside the levels: the best there is */
#define SIMD_AUTO SIMD_NLEVELS

static const struct config_enum_entry simd_level_options[] = {
	{"auto", SIMD_AUTO, false}, {"scalar", SIMD_SCALAR, false},
	{"avx2", SIMD_AVX2, false}, {"avx512", SIMD_AVX512, false},
	{"neon", SIMD_NEON, false}, {NULL, 0, false}};

static int simd_level = SIMD_AUTO;

static bool
check_simd_level(int *newval, void **extra, GucSource source)
{
	if (*newval != SIMD_AUTO && !distance_level_supported((SimdLevel) *newval))
	{
		GUC_check_errdetail("This processor has no %s.",
							simd_level_name((SimdLevel) *newval));
		return false;
	}
	return true;
}

static void
assign_simd_level(int newval, void *extra)
{
	distance_set_level(newval == SIMD_AUTO ? distance_best_level()
										   : (SimdLevel) newval);
}

void
capabilities_init(void)
{
	DefineCustomEnumVariable("vector_ext.simd_level",
							 "Sets the processor instructions that distance "
							 "functions use.",
							 "auto takes the best this processor has. Results "
							 "may differ between levels by rounding.",
							 &simd_level, SIMD_AUTO, simd_level_options,
							 PGC_USERSET, 0, check_simd_level,
							 assign_simd_level, NULL);
}

static void
put_row(ReturnSetInfo *rsinfo, const char *name, const char *value)
{
	Datum values[2] = {CStringGetTextDatum(name), CStringGetTextDatum(value)};
	bool nulls[2] = {false, false};

	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* vector_ext_capabilities() -> setof (name text, value text) */
SQL_FUNCTION(vector_ext_capabilities)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	StringInfoData available;

	InitMaterializedSRF(fcinfo, 0);

	initStringInfo(&available);
	for (int level = 0; level < SIMD_NLEVELS; level++)
	{
		if (distance_level_supported((SimdLevel) level))
			appendStringInfo(&available, "%s%s", available.len > 0 ? ", " : "",
							 simd_level_name((SimdLevel) level));
	}

	put_row(rsinfo, "library_version", VECTOR_EXT_VERSION);
	put_row(rsinfo, "built_for_postgresql", PG_VERSION);
	put_row(rsinfo, "simd_level", simd_level_name(distance_level()));
	put_row(rsinfo, "simd_levels_available", available.data);
	return (Datum) 0;
}
