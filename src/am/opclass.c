/*
 * opclass.c
 *	  What an operator class of ours is for: a vector, its kind of values and metric,
 *	  or an attribute beside it.
 */
#include "postgres.h"

#include "access/amapi.h"
#include "access/genam.h"
#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "commands/defrem.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "am/opclass.h"
#include "core/export.h"

/* Support functions as pgvector numbers them */
#define DISTANCE_PROC 1
#define NORM_PROC 2

/* What a C function as DISTANCE_PROC means, with a NORM_PROC beside it or without */
typedef struct DistanceMeaning
{
	const char *symbol;
	bool norm;
	VectorOpclass opclass;
} DistanceMeaning;

/* clang-format off */
static const DistanceMeaning meanings[] = {
#define X(kind, type, public, norm, ctype) \
	{#type "_l2_squared_distance", false, {kind, METRIC_L2}}, \
	{#type "_negative_inner_product", false, {kind, METRIC_INNER_PRODUCT}}, \
	{#type "_negative_inner_product", true, {kind, METRIC_COSINE}}, \
	{CppAsString2(public##l1_distance), false, {kind, METRIC_L1}},
	ELEM_KINDS(X)
#undef X
	{"sparsevec_l2_squared_distance", false, {VALUE_SPARSE, METRIC_L2}},
	{"sparsevec_negative_inner_product", false, {VALUE_SPARSE, METRIC_INNER_PRODUCT}},
	{"sparsevec_negative_inner_product", true, {VALUE_SPARSE, METRIC_COSINE}},
	{"sparsevec_l1_distance", false, {VALUE_SPARSE, METRIC_L1}},
	{"hamming_distance", false, {VALUE_BIT, METRIC_HAMMING}},
	{"jaccard_distance", false, {VALUE_BIT, METRIC_JACCARD}},
};
/* clang-format on */

/*
 * By the name of the C function, not its address: the library may be loaded
 * beside another that exports the same name.  NULL: it is none of ours.
 */
static const VectorOpclass *
opclass_by_distance(Oid distance, bool norm)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(distance));
	const VectorOpclass *opclass = NULL;
	char *symbol;

	if (!HeapTupleIsValid(tuple))
		return NULL;
	symbol = TextDatumGetCString(
		SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &(bool){false}));
	for (int i = 0; i < lengthof(meanings); i++)
	{
		if (meanings[i].norm == norm && strcmp(meanings[i].symbol, symbol) == 0)
			opclass = &meanings[i].opclass;
	}
	ReleaseSysCache(tuple);
	pfree(symbol);
	return opclass;
}

static const VectorOpclass *
opclass_of_column(Relation index, int column, uint16 proc)
{
	FmgrInfo *function;

	if (proc > NORM_PROC && !OidIsValid(index_getprocid(index, column, proc)))
	{
		const VectorOpclass *opclass = opclass_by_distance(
			index_getprocid(index, column, DISTANCE_PROC),
			OidIsValid(index_getprocid(index, column, NORM_PROC)));

		if (opclass != NULL)
			return opclass;
	}
	function = index_getprocinfo(index, column, proc);
	return (const VectorOpclass *) DatumGetPointer(
		FunctionCall1(function, PointerGetDatum(NULL)));
}

const VectorOpclass *
opclass_of(Relation index, uint16 proc)
{
	const VectorOpclass *opclass = opclass_of_column(index, 1, proc);

	if (opclass->attribute != ATTRIBUTE_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("first column of %s index must be a vector",
						get_am_name(index->rd_rel->relam))));
	return opclass;
}

uint32
opclass_attributes(Relation index, AttributeKind kinds[ATTRIBUTE_MAX])
{
	uint32 n = IndexRelationGetNumberOfKeyAttributes(index) - 1;

	if (n > ATTRIBUTE_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("index cannot have more than %d columns beside the "
						"vector",
						ATTRIBUTE_MAX)));
	for (uint32 i = 0; i < n; i++)
	{
		/* the last of its support functions, in every access method of ours */
		kinds[i] = opclass_of_column(index, i + 2, index->rd_indam->amsupport)
					   ->attribute;
		if (kinds[i] == ATTRIBUTE_NONE)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("%s index cannot have more than one vector column",
							get_am_name(index->rd_rel->relam))));
	}
	return n;
}

#define OPCLASS(kind, type, suffix, metric) \
	SQL_FUNCTION(type##_opclass_##suffix) \
	{ \
		static const VectorOpclass opclass = {kind, metric}; \
\
		PG_RETURN_POINTER(&opclass); \
	}

#define X(kind, type, public, norm, ctype) \
	OPCLASS(kind, type, l2, METRIC_L2) \
	OPCLASS(kind, type, ip, METRIC_INNER_PRODUCT) \
	OPCLASS(kind, type, cosine, METRIC_COSINE) \
	OPCLASS(kind, type, l1, METRIC_L1)
ELEM_KINDS(X)
#undef X

OPCLASS(VALUE_BIT, bit, hamming, METRIC_HAMMING)
OPCLASS(VALUE_BIT, bit, jaccard, METRIC_JACCARD)

OPCLASS(VALUE_SPARSE, sparsevec, l2, METRIC_L2)
OPCLASS(VALUE_SPARSE, sparsevec, ip, METRIC_INNER_PRODUCT)
OPCLASS(VALUE_SPARSE, sparsevec, cosine, METRIC_COSINE)
OPCLASS(VALUE_SPARSE, sparsevec, l1, METRIC_L1)

/* Attributes */
#define ATTRIBUTE(name, kind) \
	SQL_FUNCTION(name##_attribute) \
	{ \
		static const VectorOpclass opclass = {.attribute = kind}; \
\
		PG_RETURN_POINTER(&opclass); \
	}

ATTRIBUTE(int2, ATTRIBUTE_INT2)
ATTRIBUTE(int4, ATTRIBUTE_INT4)
ATTRIBUTE(int8, ATTRIBUTE_INT8)
ATTRIBUTE(float4, ATTRIBUTE_FLOAT4)
ATTRIBUTE(float8, ATTRIBUTE_FLOAT8)
ATTRIBUTE(bool, ATTRIBUTE_BOOL)
ATTRIBUTE(date, ATTRIBUTE_DATE)
ATTRIBUTE(timestamp, ATTRIBUTE_TIMESTAMP)
ATTRIBUTE(timestamptz, ATTRIBUTE_TIMESTAMPTZ)
ATTRIBUTE(text, ATTRIBUTE_TEXT)
ATTRIBUTE(uuid, ATTRIBUTE_UUID)
ATTRIBUTE(int4_array, ATTRIBUTE_INT4_ARRAY)
