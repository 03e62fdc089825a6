/*
 * ivf_given.c
 *	  A model from outside, in tables that storage parameters name.
 *
 * Everything is read in one go, before training: what an index keeps is a copy.
 * Names are looked up once and locked until the transaction ends; queries name
 * the table by schema, and need no operator or function that search_path could
 * replace.
 */
#include "postgres.h"

#include <math.h>

#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "distance/distance.h"
#include "ivf/ivf_given.h"
#include "ivf/ivf_options.h"
#include "quant/pq.h"
#include "vector/dense.h"

#define MAX_KEYS 2
#define BATCH_ROWS 64

/* Of products of the matrix's rows: what is allowed for rounding */
#define ORTHONORMAL 1e-3f

/* Scaled values beyond this might have squares that are not finite */
#define VALUE_MAX 1e12f

typedef struct GivenTable
{
	const char *option;
	int nkeys;
	const char *columns[MAX_KEYS + 1]; /* the numbers, then the vector */
} GivenTable;

static const GivenTable given_tables[IVF_NTABLES] = {
	[IVF_TABLE_TRANSFORM] = {"transform_table", 1, {"dimension", "entry"}},
	[IVF_TABLE_CENTROIDS] = {"centroids_table", 1, {"list", "centroid"}},
	[IVF_TABLE_CODEBOOK] = {"codebook_table", 2, {"part", "code", "entry"}}};

/* A table's rows in the order of their numbers, one behind the other */
typedef struct GivenRows
{
	const GivenTable *table;
	const char *name; /* quoted, with its schema */
	Oid oid;
	Oid vector_type;
	uint32 group;     /* rows of a part: the second number is below it */
	uint32 most;      /* rows */
	int dim;          /* of each vector; 0: the same within a part */
	Size most_values; /* floats */
	uint32 nrows;
	Size nvalues;
	Size room;
	float *values;
	int *part_dims;
	MemoryContext context; /* of values */
} GivenRows;

pg_attribute_printf(2, 3) pg_noreturn
	static void refuse(const GivenRows *rows, const char *format, ...);

static void
refuse(const GivenRows *rows, const char *format, ...)
{
	char detail[200];
	va_list args;

	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("table %s cannot be used as %s", rows->name,
					rows->table->option),
			 errdetail_internal("%s", detail)));
}

/*
 * The table
 */

/* The type vector, which lies where the column's type does */
static Oid
vector_type_of(Relation index)
{
	HeapTuple tuple =
		SearchSysCache1(TYPEOID, ObjectIdGetDatum(index->rd_opcintype[0]));
	Oid namespace;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", index->rd_opcintype[0]);
	namespace = ((Form_pg_type) GETSTRUCT(tuple))->typnamespace;
	ReleaseSysCache(tuple);
	return GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
						   CStringGetDatum(elem_ops[ELEM_FLOAT32].type_name),
						   ObjectIdGetDatum(namespace));
}

static void
check_column(const GivenRows *rows, int i)
{
	const char *column = rows->table->columns[i];
	AttrNumber number = get_attnum(rows->oid, column);
	Oid wanted = i < rows->table->nkeys ? INT4OID : rows->vector_type;

	if (number == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("table %s, the %s, has no column \"%s\"", rows->name,
						rows->table->option, column)));
	/* by name: a build has no search_path by which another would be shorter */
	if (getBaseType(get_atttype(rows->oid, number)) != wanted)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of table %s, the %s, must be of type %s",
						column, rows->name, rows->table->option,
						i < rows->table->nkeys
							? "integer"
							: elem_ops[ELEM_FLOAT32].type_name)));
}

/* Find and lock the table an option names */
static void
open_table(Relation index, GivenRows *rows, const char *option)
{
	RangeVar *name = makeRangeVarFromNameList(
		textToQualifiedNameList(cstring_to_text(option)));
	char relkind;

	rows->name = quote_qualified_identifier(name->schemaname, name->relname);
	rows->oid = RangeVarGetRelidExtended(name, AccessShareLock, RVR_MISSING_OK,
										 NULL, NULL);
	if (!OidIsValid(rows->oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table %s, the %s of index \"%s\", does not exist",
						rows->name, rows->table->option,
						RelationGetRelationName(index)),
				 errhint("Create it, or drop the parameter with ALTER INDEX "
						 "... RESET.")));
	relkind = get_rel_relkind(rows->oid);
	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE &&
		relkind != RELKIND_MATVIEW)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("%s, the %s, is not a table or materialized view",
						rows->name, rows->table->option)));
	for (int i = 0; i <= rows->table->nkeys; i++)
		check_column(rows, i);
}

/*
 * Its rows
 */

/* Numbers are complete when each is the next one */
static void
check_numbers(const GivenRows *rows, const int32 *keys)
{
	uint32 first = rows->nrows / rows->group;
	uint32 second = rows->nrows % rows->group;
	const char *const *columns = rows->table->columns;

	if (rows->table->nkeys == 1 && (uint32) keys[0] != first)
		refuse(rows, "Expected %s %u, found %s %d.", columns[0], first,
			   columns[0], keys[0]);
	if (rows->table->nkeys == 2 &&
		((uint32) keys[0] != first || (uint32) keys[1] != second))
		refuse(rows, "Expected %s %u, %s %u, found %s %d, %s %d.", columns[0],
			   first, columns[1], second, columns[0], keys[0], columns[1],
			   keys[1]);
}

static void
check_dimensions(GivenRows *rows, int dim)
{
	uint32 part = rows->nrows / rows->group;
	int expected = rows->dim;

	if (rows->nvalues + dim > rows->most_values)
		refuse(rows, "It has more dimensions than model space.");
	if (rows->part_dims != NULL)
	{
		if (rows->nrows % rows->group == 0)
			rows->part_dims[part] = dim;
		expected = rows->part_dims[part];
	}
	if (dim != expected)
		refuse(rows, "Row %u has %d dimensions, not %d.", rows->nrows, dim,
			   expected);
}

/* Room for dim more values */
static float *
next_values(GivenRows *rows, int dim)
{
	if (rows->nvalues + dim > rows->room)
	{
		rows->room = Min(Max(2 * rows->room, 65536), rows->most_values);
		if (rows->room > maintenance_work_mem * (Size) 1024 / 2 / sizeof(float))
			rows->room = rows->nvalues + dim;
		if (rows->room > maintenance_work_mem * (Size) 1024 / 2 / sizeof(float))
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("table %s, the %s, needs more than half of "
							"maintenance_work_mem",
							rows->name, rows->table->option)));
		rows->values = rows->values == NULL
			? MemoryContextAllocHuge(rows->context, rows->room * sizeof(float))
			: repalloc_huge(rows->values, rows->room * sizeof(float));
	}
	return rows->values + rows->nvalues;
}

static void
add_row(GivenRows *rows, HeapTuple tuple, TupleDesc desc)
{
	int32 keys[MAX_KEYS];
	int nkeys = rows->table->nkeys;
	DenseVector *vector;
	float *values;
	Datum datum = 0;

	for (int i = 0; i <= nkeys; i++)
	{
		bool isnull;

		datum = SPI_getbinval(tuple, desc, i + 1, &isnull);
		if (isnull)
			refuse(rows, "Column \"%s\" is null in a row.",
				   rows->table->columns[i]);
		if (i < nkeys)
			keys[i] = DatumGetInt32(datum);
	}
	if (rows->nrows == rows->most)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("table %s, the %s, has more than %u rows", rows->name,
						rows->table->option, rows->most)));
	check_numbers(rows, keys);
	vector = dense_from_datum(ELEM_FLOAT32, datum);
	check_dimensions(rows, vector->dim);
	values = next_values(rows, vector->dim);
	elem_ops[ELEM_FLOAT32].load(vector->elems, values, vector->dim);
	if (first_nonfinite(values, vector->dim) < (Size) vector->dim)
		refuse(rows, "Row %u has a value that is not finite.", rows->nrows);
	rows->nvalues += vector->dim;
	rows->nrows++;
}

/* Some rows at a time, whose memory is given back */
static void
read_rows(GivenRows *rows)
{
	const char *const *columns = rows->table->columns;
	bool two = rows->table->nkeys == 2;
	char *query = psprintf("SELECT %s, %s%s%s FROM %s ORDER BY 1%s", columns[0],
						   columns[1], two ? ", " : "", two ? columns[2] : "",
						   rows->name, two ? ", 2" : "");
	MemoryContext old;
	MemoryContext batch;
	SPIPlanPtr plan;
	Portal portal;

	SPI_connect();
	batch = AllocSetContextCreate(CurrentMemoryContext, "ivf given rows",
								  ALLOCSET_DEFAULT_SIZES);
	plan = SPI_prepare(query, 0, NULL);
	if (plan == NULL)
		elog(ERROR, "could not prepare: %s", query);
	portal = SPI_cursor_open(NULL, plan, NULL, NULL, true);
	for (;;)
	{
		SPI_cursor_fetch(portal, true, BATCH_ROWS);
		if (SPI_processed == 0)
			break;
		old = MemoryContextSwitchTo(batch);
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			CHECK_FOR_INTERRUPTS();
			add_row(rows, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(batch);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	SPI_finish();
	if (rows->nrows == 0)
		refuse(rows, "It has no rows.");
}

/*
 * Its model
 */

/* From rows of the matrix to its columns: transform_apply()'s order */
static void
read_transform(GivenRows *rows, IvfGiven *given)
{
	const DenseKernels *kernels = dense_kernels(ELEM_FLOAT32, ELEM_FLOAT32);
	Size in = rows->dim;
	Size out;

	if (in > TRANSFORM_MAX_DENSE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("transform_table takes at most %d dimensions",
						TRANSFORM_MAX_DENSE)));
	rows->most = in;
	rows->most_values = in * in;
	read_rows(rows);
	out = rows->nrows;
	for (Size i = 0; i < out; i++)
	{
		CHECK_FOR_INTERRUPTS();
		for (Size j = 0; j <= i; j++)
		{
			float product = kernels->inner_product(
				rows->values + i * in, rows->values + j * in, in, 0);

			if (i == j && !(fabsf(product - 1) <= ORTHONORMAL))
				refuse(rows, "Row %zu is not of unit length.", i);
			if (i != j && !(fabsf(product) <= ORTHONORMAL))
				refuse(rows, "Rows %zu and %zu are not orthogonal.", j, i);
		}
	}
	given->transform =
		MemoryContextAllocHuge(rows->context, in * out * sizeof(float));
	for (Size i = 0; i < out; i++)
	{
		for (Size d = 0; d < in; d++)
			given->transform[d * out + i] = rows->values[i * in + d];
	}
	given->model_dim = out;
	pfree(rows->values);
}

static void
read_centroids(GivenRows *rows, IvfGiven *given)
{
	rows->dim = given->model_dim;
	rows->most = IVF_MAX_LISTS;
	rows->most_values = (Size) IVF_MAX_LISTS * given->model_dim;
	read_rows(rows);
	given->centroids = rows->values;
	given->nlists = rows->nrows;
}

/* From entries of a part to their dimensions: the codecs' order */
static void
read_codebook(GivenRows *rows, IvfGiven *given)
{
	Size entries = rows->group;
	PqShape shape = {.dim = given->model_dim};

	rows->dim = 0;
	rows->most = entries * given->model_dim;
	rows->most_values = entries * given->model_dim;
	rows->part_dims = palloc(given->model_dim * sizeof(int));
	read_rows(rows);
	if (rows->nrows % entries != 0)
		refuse(rows, "Its last part has %zu entries, not %zu.",
			   rows->nrows % entries, entries);
	shape.m = given->m = rows->nrows / entries;
	given->codebook = MemoryContextAllocHuge(
		rows->context, entries * given->model_dim * sizeof(float));
	for (Size j = 0; j < shape.m; j++)
	{
		Size first = pq_first_dim(&shape, j);
		Size dims = pq_first_dim(&shape, j + 1) - first;

		if (rows->part_dims[j] != (int) dims)
			refuse(rows,
				   "Part %zu of %zu has entries of %d dimensions, not %zu.", j,
				   shape.m, rows->part_dims[j], dims);
		for (Size e = 0; e < entries; e++)
		{
			for (Size d = 0; d < dims; d++)
				given->codebook[pq_entry_place(&shape, entries, j, e, d)] =
					rows->values[entries * first + e * dims + d];
		}
	}
	pfree(rows->values);
}

static void
read_table(Relation index, IvfTable table, const IvfMeta *meta, IvfGiven *given)
{
	const char *option = ivf_option_table(index, table);
	GivenRows rows = {.table = &given_tables[table],
					  .group = 1,
					  .dim = meta->dim,
					  .context = CurrentMemoryContext};

	if (option == NULL)
		return;
	rows.vector_type = vector_type_of(index);
	open_table(index, &rows, option);
	switch (table)
	{
		case IVF_TABLE_TRANSFORM:
			read_transform(&rows, given);
			break;
		case IVF_TABLE_CENTROIDS:
			read_centroids(&rows, given);
			break;
		case IVF_TABLE_CODEBOOK:
			rows.group = ivf_options(index).bits == IVF_BITS_8 ? 256 : 16;
			read_codebook(&rows, given);
			break;
	}
}

bool
ivf_given_named(Relation index)
{
	for (int table = 0; table < IVF_NTABLES; table++)
	{
		if (ivf_option_table(index, (IvfTable) table) != NULL)
			return true;
	}
	return false;
}

/*
 * CREATE INDEX and REINDEX run as the owner already, vector_index_rebalance()
 * does not.  A row filter of someone else's table must not run, nor hide rows.
 */
IvfGiven
ivf_given_read(Relation index, const IvfMeta *meta)
{
	IvfGiven given = {.model_dim = meta->dim};
	Oid user;
	int security;
	int nest;

	if (IsBinaryUpgrade || !ivf_given_named(index))
		return given;
	GetUserIdAndSecContext(&user, &security);
	SetUserIdAndSecContext(index->rd_rel->relowner,
						   security | SECURITY_RESTRICTED_OPERATION);
	nest = NewGUCNestLevel();
	(void) set_config_option("row_security", "off", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	for (int table = 0; table < IVF_NTABLES; table++)
		read_table(index, (IvfTable) table, meta, &given);
	AtEOXact_GUC(false, nest);
	SetUserIdAndSecContext(user, security);
	return given;
}

bool
ivf_given_complete(const IvfGiven *given, const IvfMeta *meta)
{
	return given->centroids != NULL && meta->nprices == 0 &&
		(meta->codec == CODEC_NONE || given->codebook != NULL);
}

static void
scale_values(float *values, Size n, int scale)
{
	for (Size i = 0; i < n; i++)
	{
		values[i] = ldexpf(values[i], scale);
		if (fabsf(values[i]) > VALUE_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("centroids and codebook have values far beyond "
							"those of the rows")));
	}
}

void
ivf_given_scale(IvfGiven *given, const IvfMeta *meta)
{
	int scale = meta->metric == METRIC_COSINE ? 0 : meta->scale;
	Size entries = meta->codec == CODEC_PQ8 ? 256 : PQ_ENTRIES;

	if (given->centroids != NULL)
		scale_values(given->centroids, (Size) given->nlists * given->model_dim,
					 scale);
	if (given->codebook != NULL)
		scale_values(given->codebook, entries * given->model_dim, scale);
}
