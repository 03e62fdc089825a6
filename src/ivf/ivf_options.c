/*
 * ivf_options.c
 *	  What users set: storage parameters and settings.
 *
 * A setting that was never set means "automatic", whatever SHOW prints: first
 * the index's storage parameter counts, then its calibration.  Once set, even
 * to the value that SHOW printed, it means exactly what it says.
 */
#include "postgres.h"

#include <math.h>

#include "access/reloptions.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/rel.h"
#include "utils/varlena.h"

#include "am/setting.h"
#include "ivf/ivf_handler.h"
#include "ivf/ivf_options.h"
#include "vector/dense.h"

/* Lists of an ivfflat index of pgvector, where none are given */
#define PGVECTOR_LISTS 100

static relopt_kind flat_kind;
static relopt_kind pq_kind;

typedef enum IvfIterativeScan
{
	IVF_ITERATIVE_OFF,
	IVF_ITERATIVE_RELAXED
} IvfIterativeScan;

static int flat_probes;
static int flat_iterative;
static int flat_max_probes;
static int pq_probes;
static int pq_candidates;

SETTING_KNOWS(flat_probes, int)
SETTING_KNOWS(flat_iterative, int)
SETTING_KNOWS(flat_max_probes, int)

static const struct config_enum_entry iterative_values[] = {
	{"off", IVF_ITERATIVE_OFF, false},
	{"relaxed_order", IVF_ITERATIVE_RELAXED, false},
	{NULL, 0, false}};

static relopt_enum_elt_def rerank_values[] = {{"index", IVF_RERANK_INDEX},
											  {"heap", IVF_RERANK_HEAP},
											  {"none", IVF_RERANK_NONE},
											  {NULL}};

static relopt_enum_elt_def codec_values[] = {{"pq", IVF_OPTION_PQ},
											 {"sq8", IVF_OPTION_SQ8},
											 {"rabitq", IVF_OPTION_RABITQ},
											 {"none", IVF_OPTION_NONE},
											 {NULL}};

static relopt_enum_elt_def bits_values[] = {
	{"4", IVF_BITS_4}, {"8", IVF_BITS_8}, {NULL}};

static relopt_enum_elt_def transform_values[] = {
	{"auto", IVF_TRANSFORM_AUTO}, {"none", TRANSFORM_NONE},
	{"random", TRANSFORM_RANDOM}, {"pca", TRANSFORM_PCA},
	{"opq", TRANSFORM_OPQ},       {NULL}};

/* A name that means the same whatever search_path is */
static void
check_table_name(const char *value)
{
	if (value != NULL &&
		list_length(textToQualifiedNameList(cstring_to_text(value))) != 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("table name \"%s\" must be schema-qualified", value)));
}

/* A default of 0, below the least value, means that it was not given */
void
ivf_options_init(void)
{
	flat_kind = add_reloption_kind();
	add_int_reloption(flat_kind, "lists", "Number of inverted lists", 0, 1,
					  IVF_MAX_LISTS, AccessExclusiveLock);
	add_int_reloption(flat_kind, "probes", "Lists visited, 0: calibrated", 0, 0,
					  IVF_MAX_LISTS, ShareUpdateExclusiveLock);
	pq_kind = add_reloption_kind();
	add_int_reloption(pq_kind, "lists", "Number of inverted lists", 0, 1,
					  IVF_MAX_LISTS, AccessExclusiveLock);
	add_int_reloption(pq_kind, "probes", "Lists visited, 0: calibrated", 0, 0,
					  IVF_MAX_LISTS, ShareUpdateExclusiveLock);
	add_int_reloption(pq_kind, "m", "Parts of a row, a code each", 0, 0,
					  DENSE_MAX_DIM, AccessExclusiveLock);
	add_enum_reloption(pq_kind, "rerank", "What verifies estimates",
					   rerank_values, IVF_RERANK_INDEX,
					   "Valid values are \"index\", \"heap\", and \"none\".",
					   AccessExclusiveLock);
	add_enum_reloption(pq_kind, "codec", "How rows are estimated", codec_values,
					   IVF_OPTION_PQ,
					   "Valid values are \"pq\", \"sq8\", \"rabitq\", and "
					   "\"none\".",
					   AccessExclusiveLock);
	add_enum_reloption(
		pq_kind, "bits", "Bits of a code of codec \"pq\"", bits_values,
		IVF_BITS_4, "Valid values are \"4\" and \"8\".", AccessExclusiveLock);
	add_enum_reloption(pq_kind, "transform", "Linear map before the codec",
					   transform_values, IVF_TRANSFORM_AUTO,
					   "Valid values are \"auto\", \"none\", \"random\", "
					   "\"pca\", and \"opq\".",
					   AccessExclusiveLock);
	add_int_reloption(pq_kind, "dimensions",
					  "Dimensions kept by transform \"pca\", 0: half", 0, 0,
					  TRANSFORM_MAX_DENSE, AccessExclusiveLock);
	add_bool_reloption(pq_kind, "balanced",
					   "Lists are of nearly the same length", false,
					   AccessExclusiveLock);
	add_string_reloption(pq_kind, "transform_table",
						 "Table of a matrix to be the transform", NULL,
						 check_table_name, AccessExclusiveLock);
	add_string_reloption(pq_kind, "centroids_table",
						 "Table of centroids of the lists", NULL,
						 check_table_name, AccessExclusiveLock);
	add_string_reloption(pq_kind, "codebook_table",
						 "Table of a codebook of codec \"pq\"", NULL,
						 check_table_name, AccessExclusiveLock);

	DefineCustomIntVariable("ivfflat.probes", "Sets the number of probes",
							"Valid range is 1..32768.", &flat_probes, 1, 1,
							IVF_MAX_LISTS, PGC_USERSET, 0, setting_note_int,
							assign_flat_probes, NULL);
	DefineCustomEnumVariable(
		"ivfflat.iterative_scan", "Sets the mode for iterative scans", NULL,
		&flat_iterative, IVF_ITERATIVE_OFF, iterative_values, PGC_USERSET, 0,
		setting_note_int, assign_flat_iterative, NULL);
	DefineCustomIntVariable("ivfflat.max_probes",
							"Sets the max number of probes for iterative scans",
							NULL, &flat_max_probes, IVF_MAX_LISTS, 1,
							IVF_MAX_LISTS, PGC_USERSET, 0, setting_note_int,
							assign_flat_max_probes, NULL);
	MarkGUCPrefixReserved("ivfflat");

	DefineCustomIntVariable(
		"ivfpq.probes", "Sets the number of lists a scan visits",
		"0 takes the index's storage parameter, or its calibration.",
		&pq_probes, 0, 0, IVF_MAX_LISTS, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("ivfpq.candidates",
							"Sets the number of estimates that are verified",
							"0 takes the index's calibration.", &pq_candidates,
							0, 0, 1000000, PGC_USERSET, 0, NULL, NULL, NULL);
	MarkGUCPrefixReserved("ivfpq");
}

IvfMethod
ivf_method(Relation index)
{
	return index->rd_indam->amoptions == ivfflatoptions ? IVF_METHOD_FLAT
														: IVF_METHOD_PQ;
}

IvfOptions
ivf_options(Relation index)
{
	if (index->rd_options == NULL)
		return (IvfOptions){.rerank = IVF_RERANK_INDEX,
							.codec = IVF_OPTION_PQ,
							.bits = IVF_BITS_4,
							.transform = IVF_TRANSFORM_AUTO};
	return *(IvfOptions *) index->rd_options;
}

/* Names follow the struct, where its numbers say */
const char *
ivf_option_table(Relation index, IvfTable table)
{
	const IvfOptions *options = (const IvfOptions *) index->rd_options;

	if (options == NULL || ivf_method(index) != IVF_METHOD_PQ ||
		options->tables[table] == 0)
		return NULL;
	return (const char *) options + options->tables[table];
}

bytea *
ivfflatoptions(Datum reloptions, bool validate)
{
	static const relopt_parse_elt table[] = {
		{"lists", RELOPT_TYPE_INT, offsetof(IvfOptions, lists)},
		{"probes", RELOPT_TYPE_INT, offsetof(IvfOptions, probes)}};

	return build_reloptions(reloptions, validate, flat_kind, sizeof(IvfOptions),
							table, lengthof(table));
}

bytea *
ivfpqoptions(Datum reloptions, bool validate)
{
	static const relopt_parse_elt table[] = {
		{"lists", RELOPT_TYPE_INT, offsetof(IvfOptions, lists)},
		{"probes", RELOPT_TYPE_INT, offsetof(IvfOptions, probes)},
		{"m", RELOPT_TYPE_INT, offsetof(IvfOptions, m)},
		{"rerank", RELOPT_TYPE_ENUM, offsetof(IvfOptions, rerank)},
		{"codec", RELOPT_TYPE_ENUM, offsetof(IvfOptions, codec)},
		{"bits", RELOPT_TYPE_ENUM, offsetof(IvfOptions, bits)},
		{"transform", RELOPT_TYPE_ENUM, offsetof(IvfOptions, transform)},
		{"dimensions", RELOPT_TYPE_INT, offsetof(IvfOptions, dimensions)},
		{"balanced", RELOPT_TYPE_BOOL, offsetof(IvfOptions, balanced)},
		{"transform_table", RELOPT_TYPE_STRING,
		 offsetof(IvfOptions, tables[IVF_TABLE_TRANSFORM])},
		{"centroids_table", RELOPT_TYPE_STRING,
		 offsetof(IvfOptions, tables[IVF_TABLE_CENTROIDS])},
		{"codebook_table", RELOPT_TYPE_STRING,
		 offsetof(IvfOptions, tables[IVF_TABLE_CODEBOOK])}};

	return build_reloptions(reloptions, validate, pq_kind, sizeof(IvfOptions),
							table, lengthof(table));
}

/*
 * Probes, calibrated or explicit, are of the lists that were built.  Where these
 * have been split it is the same share of all: recall is no less, and all lists
 * are all lists.
 */
static uint32
scaled_probes(const IvfMeta *meta, double probes)
{
	if (meta->nlists > meta->nbuilt)
		return ceil(probes * meta->nlists / meta->nbuilt);
	return ceil(probes);
}

/*
 * What pgvector's settings mean: probes of the lists that were given, else of the
 * hundred that it would have made, so the same share of them.
 */
static uint32
flat_lists(Relation index, const IvfMeta *meta, double probes)
{
	return ivf_options(index).lists > 0
		? scaled_probes(meta, probes)
		: ceil(probes * meta->nlists / PGVECTOR_LISTS);
}

/*
 * Between the calibrated values of k by powers of k.  Beyond them candidates
 * grow in proportion, but are some for each row at least, and lists until they hold IVF_ROWS_EACH times k rows: of
 * fewer, many rows would be among the nearest that are not among the k nearest.
 */
static IvfEffort
calibrated_effort(const IvfMeta *meta, double k)
{
	const IvfCalibration *above = &meta->calibrations[IVF_NCALIBRATIONS - 1];
	const IvfCalibration *below = above;
	double probes;
	double candidates;
	double part = 0;
	float reach;
	IvfStop stop;

	for (int i = IVF_NCALIBRATIONS - 1; i >= 0; i--)
	{
		if (meta->calibrations[i].k < k)
			break;
		above = below = &meta->calibrations[i];
		if (i > 0 && meta->calibrations[i - 1].k < k)
			below = &meta->calibrations[i - 1];
	}
	reach = above->reach;
	stop = meta->stops[above - meta->calibrations];
	if (below->k < above->k)
		part = log(k / below->k) / log((double) above->k / below->k);
	probes = below->probes * pow((double) above->probes / below->probes, part);
	candidates = below->candidates *
		pow((double) above->candidates / below->candidates, part);
	if (k > above->k)
	{
		const IvfCalibration *before = above - 1;
		double factor = k / above->k;

		stop = (IvfStop){0};

		/* as it grew between the last two that were measured */
		if (reach > 0 && before->reach > 0)
			reach *= pow(Max(above->reach / before->reach, 1),
						 log(factor) / log((double) above->k / before->k));
		candidates = Max(candidates * factor, IVF_CANDIDATES_EACH * k);
		probes = Max(probes * sqrt(factor),
					 IVF_ROWS_EACH * k * Min(meta->nlists, meta->nbuilt) /
						 Max(meta->nrows, 1));
	}
	/* measured of other lists: the nearest one may be near as never before */
	if (meta->nlists > meta->nbuilt)
	{
		bool moved = meta->copies == IVF_COPIES_NONE;

		reach = 0;
		stop = (IvfStop){0};
		probes *= moved ? IVF_MOVED_PROBES : 1;
		candidates *= moved ? IVF_MOVED_CANDIDATES : IVF_SPLIT_CANDIDATES;
	}
	return (IvfEffort){.probes = Min(scaled_probes(meta, probes), meta->nlists),
					   .candidates = Min(ceil(candidates), PG_INT32_MAX),
					   .reach = reach,
					   .stop = stop};
}

static void
set_probes(uint32 probes, IvfEffort *effort)
{
	effort->probes = probes;
	effort->reach = 0;
	effort->stop.lists = 0;
	effort->stop.candidates *= IVF_SET_PROBES_MARGIN;
	effort->probes_set = true;
}

IvfEffort
ivf_effort(Relation index, const IvfMeta *meta, double k)
{
	IvfEffort effort = calibrated_effort(meta, k);
	IvfOptions options = ivf_options(index);

	if (options.probes > 0)
		set_probes(scaled_probes(meta, options.probes), &effort);
	if (ivf_method(index) == IVF_METHOD_FLAT)
	{
		if (flat_probes_set)
			set_probes(flat_lists(index, meta, flat_probes), &effort);
	}
	else
	{
		if (pq_probes > 0)
			set_probes(scaled_probes(meta, pq_probes), &effort);
		if (pq_candidates > 0)
		{
			effort.candidates = pq_candidates;
			effort.stop.candidates = 0;
		}
	}
	effort.probes = Min(effort.probes, meta->nlists);
	effort.candidates = Max(effort.candidates, ceil(k));
	return effort;
}

/*
 * Where k / share is beyond what was calibrated, lists grow as they did between the
 * last two calibrations, or at least so many times for ten times as many rows.
 */
#define LEAST_GROWTH 1.7

static double
lists_beyond(const IvfMeta *meta, double k)
{
	const IvfCalibration *most = &meta->calibrations[IVF_NCALIBRATIONS - 1];
	const IvfCalibration *fewer = most - 1;
	double decades = log10(k / most->k);
	double growth = pow((double) most->probes / Max(fewer->probes, 1),
						1 / log10((double) most->k / fewer->k));

	return most->probes * pow(Max(growth, LEAST_GROWTH), decades);
}

IvfEffort
ivf_masked_effort(Relation index, const IvfMeta *meta, double k, double share)
{
	double among = Min(k / share, Max(meta->nrows, k));
	uint32 last = IVF_NCALIBRATIONS - 1;
	IvfEffort effort = ivf_effort(index, meta, k);
	IvfEffort wide = ivf_effort(index, meta, among);

	if (!wide.probes_set && among > meta->calibrations[IVF_NCALIBRATIONS - 1].k)
		wide.probes = Min(lists_beyond(meta, among), wide.probes);
	effort.probes = wide.probes;
	effort.reach = wide.reach;
	/* how much estimates are off for a distance has little to do with k */
	if (k > meta->calibrations[last].k && pq_candidates <= 0 &&
		meta->nlists <= meta->nbuilt)
	{
		effort.stop.candidates = meta->stops[last].candidates;
		effort.stop.bias = meta->stops[last].bias;
	}
	return effort;
}

IvfContinuation
ivf_continuation(Relation index, const IvfMeta *meta, double k)
{
	IvfContinuation continuation = {
		.continues = true, .max_probes = meta->nlists, .relaxed = false};

	if (ivf_method(index) != IVF_METHOD_FLAT)
		return continuation;
	if (flat_iterative_set && flat_iterative == IVF_ITERATIVE_OFF)
	{
		continuation.continues = false;
		continuation.max_probes = ivf_effort(index, meta, k).probes;
		continuation.budget = "ivfflat.iterative_scan = off";
	}
	else if (flat_max_probes_set)
	{
		/* fewer than probes: probes counts */
		continuation.max_probes =
			flat_lists(index, meta,
					   Max(flat_max_probes, flat_probes_set ? flat_probes : 1));
		continuation.budget = "ivfflat.max_probes";
	}
	continuation.max_probes = Min(continuation.max_probes, meta->nlists);
	continuation.relaxed =
		flat_iterative_set && flat_iterative == IVF_ITERATIVE_RELAXED;
	return continuation;
}
