/*
 * scan_rest.c
 *	  Rows sorted by their exact keys.
 */
#include "postgres.h"

#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/tuplesort.h"

#include "am/scan_rest.h"
#include "core/compat.h"

struct ScanRest
{
	Tuplesortstate *sort;
	TupleTableSlot *slot;
};

static TupleDesc
sort_descriptor(void)
{
	TupleDesc desc = CreateTemplateTupleDesc(2);

	TupleDescInitEntry(desc, 1, "key", FLOAT8OID, -1, 0);
	TupleDescInitEntry(desc, 2, "tid", TIDOID, -1, 0);
	return desc;
}

ScanRest *
scan_rest_begin(void)
{
	ScanRest *rest = palloc(sizeof(ScanRest));
	TupleDesc desc = sort_descriptor();
	AttrNumber attribute = 1;
	Oid less = Float8LessOperator;
	Oid collation = InvalidOid;
	bool nulls_first = false;

	rest->slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	rest->sort =
		tuplesort_begin_heap(desc, 1, &attribute, &less, &collation,
							 &nulls_first, work_mem, NULL, TUPLESORT_NONE);
	return rest;
}

void
scan_rest_add(ScanRest *rest, double key, ItemPointer tid)
{
	ExecClearTuple(rest->slot);
	rest->slot->tts_values[0] = Float8GetDatum(key);
	rest->slot->tts_values[1] = PointerGetDatum(tid);
	rest->slot->tts_isnull[0] = rest->slot->tts_isnull[1] = false;
	ExecStoreVirtualTuple(rest->slot);
	tuplesort_puttupleslot(rest->sort, rest->slot);
}

void
scan_rest_sort(ScanRest *rest)
{
	TupleDesc desc = rest->slot->tts_tupleDescriptor;

	tuplesort_performsort(rest->sort);
	ExecDropSingleTupleTableSlot(rest->slot);
	rest->slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
}

bool
scan_rest_next(ScanRest *rest, ItemPointer tid)
{
	bool isnull;

	if (!tuplesort_gettupleslot(rest->sort, true, false, rest->slot, NULL))
		return false;
	*tid = *(ItemPointer) DatumGetPointer(slot_getattr(rest->slot, 2, &isnull));
	return true;
}

void
scan_rest_end(ScanRest *rest)
{
	tuplesort_end(rest->sort);
	ExecDropSingleTupleTableSlot(rest->slot);
	pfree(rest);
}
