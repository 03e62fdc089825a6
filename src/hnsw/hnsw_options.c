/*
 * hnsw_options.c
 *	  What users set: storage parameters and settings; what cannot be indexed.
 *
 * A setting that was never set means "automatic", whatever SHOW prints: the
 * index's calibration counts, and a scan goes on without a budget.  Once set,
 * even to the value that SHOW printed, it means exactly what it says, and so
 * does each of them alone.
 */
#include "postgres.h"

#include <math.h>

#include "access/reloptions.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/rel.h"

#include "am/setting.h"
#include "hnsw/hnsw_model.h"
#include "hnsw/hnsw_options.h"
#include "hnsw/hnsw_page.h"
#include "vector/dense.h"
#include "vector/sparse_parse.h"

/* pgvector's limit */
#define MAX_BITS 64000

/* Shares of ef that k was when the meta data's two stretches were measured */
#define FEW 0.25
#define FULL 1.0

typedef enum HnswIterativeScan
{
	HNSW_ITERATIVE_OFF,
	HNSW_ITERATIVE_RELAXED,
	HNSW_ITERATIVE_STRICT
} HnswIterativeScan;

static relopt_kind hnsw_kind;

static int ef_search;
static int iterative_scan;
static int max_scan_tuples;
static double scan_mem_multiplier;

SETTING_KNOWS(ef_search, int)
SETTING_KNOWS(iterative_scan, int)
SETTING_KNOWS(max_scan_tuples, int)
SETTING_KNOWS(scan_mem_multiplier, double)

static const struct config_enum_entry iterative_values[] = {
	{"off", HNSW_ITERATIVE_OFF, false},
	{"relaxed_order", HNSW_ITERATIVE_RELAXED, false},
	{"strict_order", HNSW_ITERATIVE_STRICT, false},
	{NULL, 0, false}};

static relopt_enum_elt_def codes_values[] = {
	{"auto", HNSW_CODES_AUTO}, {"none", HNSW_CODES_NONE}, {"1", HNSW_CODES_1},
	{"2", HNSW_CODES_2},       {"4", HNSW_CODES_4},       {NULL}};

/* float without quotes is the name of a type, which SQL writes out */
static relopt_enum_elt_def storage_values[] = {
	{"auto", HNSW_STORAGE_AUTO},
	{"float", HNSW_STORAGE_FLOAT},
	{"pg_catalog.float8", HNSW_STORAGE_FLOAT},
	{"half", HNSW_STORAGE_HALF},
	{"int8", HNSW_STORAGE_INT8},
	{NULL}};

/* How users know the metrics */
static const char *const metric_operators[] = {
	[METRIC_L2] = "<->",     [METRIC_INNER_PRODUCT] = "<#>",
	[METRIC_COSINE] = "<=>", [METRIC_HAMMING] = "<~>",
	[METRIC_L1] = "<+>",     [METRIC_JACCARD] = "<%>"};

static void
define_parameters(void)
{
	hnsw_kind = add_reloption_kind();
	add_int_reloption(hnsw_kind, "m", "Max number of connections",
					  HNSW_DEFAULT_M, HNSW_MIN_M, HNSW_MAX_M,
					  AccessExclusiveLock);
	add_int_reloption(hnsw_kind, "ef_construction",
					  "Size of the dynamic candidate list for construction",
					  HNSW_DEFAULT_EF_CONSTRUCTION, HNSW_MIN_EF_CONSTRUCTION,
					  HNSW_MAX_EF_CONSTRUCTION, AccessExclusiveLock);
	add_int_reloption(hnsw_kind, "ef_search",
					  "Size of the candidate list for search, 0: calibrated", 0,
					  0, HNSW_MAX_EF_SEARCH, ShareUpdateExclusiveLock);
	add_enum_reloption(hnsw_kind, "codes",
					   "Bits a dimension by which neighbors are estimated",
					   codes_values, HNSW_CODES_AUTO,
					   "Valid values are \"auto\", \"none\", \"1\", \"2\", and "
					   "\"4\".",
					   AccessExclusiveLock);
	add_enum_reloption(hnsw_kind, "storage", "How a node keeps its vector",
					   storage_values, HNSW_STORAGE_AUTO,
					   "Valid values are \"auto\", \"float\", \"half\", and "
					   "\"int8\".",
					   AccessExclusiveLock);
}

void
hnsw_options_init(void)
{
	define_parameters();
	DefineCustomIntVariable(
		"hnsw.ef_search",
		"Sets the size of the dynamic candidate list for search",
		"Valid range is 1..1000.", &ef_search, 40, HNSW_MIN_EF_SEARCH,
		HNSW_MAX_EF_SEARCH, PGC_USERSET, 0, setting_note_int, assign_ef_search,
		NULL);
	DefineCustomEnumVariable(
		"hnsw.iterative_scan", "Sets the mode for iterative scans", NULL,
		&iterative_scan, HNSW_ITERATIVE_OFF, iterative_values, PGC_USERSET, 0,
		setting_note_int, assign_iterative_scan, NULL);
	DefineCustomIntVariable(
		"hnsw.max_scan_tuples",
		"Sets the max number of tuples to visit for iterative scans", NULL,
		&max_scan_tuples, 20000, 1, INT_MAX, PGC_USERSET, 0, setting_note_int,
		assign_max_scan_tuples, NULL);
	DefineCustomRealVariable(
		"hnsw.scan_mem_multiplier",
		"Sets the multiple of work_mem to use for iterative scans", NULL,
		&scan_mem_multiplier, 1, 1, 1000, PGC_USERSET, 0, setting_note_real,
		assign_scan_mem_multiplier, NULL);
	MarkGUCPrefixReserved("hnsw");
}

HnswOptions
hnsw_options(Relation index)
{
	if (index->rd_options == NULL)
		return (HnswOptions){.m = HNSW_DEFAULT_M,
							 .ef_construction = HNSW_DEFAULT_EF_CONSTRUCTION,
							 .codes = HNSW_CODES_AUTO,
							 .storage = HNSW_STORAGE_AUTO};
	return *(HnswOptions *) index->rd_options;
}

bytea *
hnsw_parse_options(Datum reloptions, bool validate)
{
	static const relopt_parse_elt table[] = {
		{"m", RELOPT_TYPE_INT, offsetof(HnswOptions, m)},
		{"ef_construction", RELOPT_TYPE_INT,
		 offsetof(HnswOptions, ef_construction)},
		{"ef_search", RELOPT_TYPE_INT, offsetof(HnswOptions, ef_search)},
		{"codes", RELOPT_TYPE_ENUM, offsetof(HnswOptions, codes)},
		{"storage", RELOPT_TYPE_ENUM, offsetof(HnswOptions, storage)}};

	return build_reloptions(reloptions, validate, hnsw_kind,
							sizeof(HnswOptions), table, lengthof(table));
}

/* A column of a fixed number of dimensions, that are not too many */
static void
check_column(Relation index, const VectorOpclass *opclass)
{
	Form_pg_attribute column = TupleDescAttr(index->rd_att, 0);
	int max_dim = opclass->elem == VALUE_BIT ? MAX_BITS
		: opclass->elem == VALUE_SPARSE      ? SPARSE_MAX_DIM
											 : DENSE_MAX_DIM;

	if (column->atttypid == VARBITOID)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("type not supported for hnsw index")));
	if (column->atttypmod < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column does not have dimensions")));
	if (column->atttypmod > max_dim)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("column cannot have more than %d dimensions for hnsw "
						"index",
						max_dim)));
}

/* Do 8 bits of each element of such a value bound its distances? */
static bool
bounded_by_int8(const VectorOpclass *opclass)
{
	return opclass->elem < ELEM_NKINDS && opclass->metric <= METRIC_COSINE;
}

/* Is it the column's own precision? */
static bool
is_own_storage(const VectorOpclass *opclass, HnswStorage storage)
{
	return storage == HNSW_STORAGE_FLOAT ? opclass->elem == ELEM_FLOAT32
		: storage == HNSW_STORAGE_HALF   ? opclass->elem == ELEM_FLOAT16
										 : false;
}

static HnswFormKind
choose_form(const VectorOpclass *opclass, HnswStorage storage)
{
	static const char *const names[] = {[HNSW_STORAGE_FLOAT] = "float",
										[HNSW_STORAGE_HALF] = "half",
										[HNSW_STORAGE_INT8] = "int8"};

	if (is_own_storage(opclass, storage))
		return HNSW_FORM_VALUE;
	if (storage == HNSW_STORAGE_AUTO)
		return bounded_by_int8(opclass) ? HNSW_FORM_INT8 : HNSW_FORM_VALUE;
	if (storage == HNSW_STORAGE_INT8 && bounded_by_int8(opclass))
		return HNSW_FORM_INT8;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("hnsw index of type %s by operator %s cannot have storage "
					"\"%s\"",
					value_ops[opclass->elem].type_name,
					metric_operators[opclass->metric], names[storage]),
			 opclass->elem == ELEM_FLOAT32 && storage == HNSW_STORAGE_HALF
				 ? errhint("Index a cast to halfvec.")
				 : errhint("Use storage \"auto\".")));
}

const VectorOpclass *
hnsw_check_supported(Relation index, HnswFormKind *form)
{
	const VectorOpclass *opclass = opclass_of(index, HNSW_OPCLASS_PROC);
	HnswOptions options = hnsw_options(index);

	check_column(index, opclass);
	if (options.ef_construction < 2 * options.m)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("ef_construction must be greater than or equal to 2 * "
						"m")));
	*form = choose_form(opclass, (HnswStorage) options.storage);
	return opclass;
}

/*
 * Between the calibrated values of k by powers of k.  Beyond them in proportion:
 * what a search keeps besides the rows it is for is a share of them.
 */
static void
set_calibrated(HnswEffort *effort, const HnswMeta *meta, double k)
{
	const HnswCalibration *above = meta->calibrations;
	const HnswCalibration *below;
	const HnswCalibration *end = above + HNSW_NCALIBRATIONS;
	double ef;
	double part;

	while (above < end && above->k < k)
		above++;
	below = above == meta->calibrations ? above : above - 1;
	if (above == end)
	{
		ef = below->ef * (k / below->k);
		effort->margin = below->margin;
	}
	else
	{
		part = above == below
			? 0
			: log(k / below->k) / log((double) above->k / below->k);
		ef = below->ef * pow((double) above->ef / below->ef, part);
		effort->margin =
			below->margin + (float) part * (above->margin - below->margin);
	}
	effort->likely = Min(ceil(Max(ef, k)), PG_INT32_MAX);
}

/* For k of ef nodes: from a quarter of them on more and more have to be right */
static double
stretch_for(const HnswMeta *meta, double k, double ef)
{
	double part = 1 + log(Max(k, 1) / ef) / log(FULL / FEW);

	return meta->stretch *
		pow(meta->full_stretch / meta->stretch, Min(Max(part, 0), 1));
}

uint32
hnsw_most_kept(double k)
{
	return Min(1000 + 20 * k, PG_INT32_MAX);
}

HnswEffort
hnsw_effort(Relation index, const HnswMeta *meta, double k)
{
	int ef = ef_search_set ? ef_search : hnsw_options(index).ef_search;
	HnswEffort effort;

	if (ef > 0)
	{
		/* as many as are needed to find what pgvector does by keeping so many */
		effort.ef = effort.likely = ceil(ef * stretch_for(meta, k, ef));
		effort.margin = 0;
		return effort;
	}
	set_calibrated(&effort, meta, k);
	effort.ef = effort.likely;
	if (hnsw_has_codes(meta))
		effort.ef = Max(hnsw_most_kept(k), effort.likely);
	else
		effort.margin = 0;
	return effort;
}

uint32
hnsw_ef(Relation index, const HnswMeta *meta, double k)
{
	return hnsw_effort(index, meta, k).likely;
}

HnswContinuation
hnsw_continuation(Relation index)
{
	HnswContinuation continuation = {
		.continues = true, .max_tuples = PG_UINT64_MAX, .max_memory = SIZE_MAX};

	if (iterative_scan_set && iterative_scan == HNSW_ITERATIVE_OFF)
	{
		continuation.continues = false;
		continuation.budget = "hnsw.iterative_scan = off";
		return continuation;
	}
	continuation.relaxed =
		iterative_scan_set && iterative_scan == HNSW_ITERATIVE_RELAXED;
	if (max_scan_tuples_set)
	{
		continuation.max_tuples = max_scan_tuples;
		continuation.budget = "hnsw.max_scan_tuples";
	}
	if (scan_mem_multiplier_set)
		continuation.max_memory = work_mem * 1024.0 * scan_mem_multiplier;
	return continuation;
}
