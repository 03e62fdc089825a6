/*
 * opclass.c
 *	  What an operator class of ours orders: kind of values and metric.
 */
#include "postgres.h"

#include "access/genam.h"
#include "fmgr.h"
#include "utils/rel.h"

#include "am/opclass.h"
#include "core/export.h"

const VectorOpclass *
opclass_of(Relation index, uint16 proc)
{
	FmgrInfo *function = index_getprocinfo(index, 1, proc);

	return (const VectorOpclass *) DatumGetPointer(
		FunctionCall1(function, PointerGetDatum(NULL)));
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
