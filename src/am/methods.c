/*
 * methods.c
 *	  The access methods of this library, as a table.
 */
#include "postgres.h"

#include "commands/vacuum.h"
#include "utils/rel.h"

#include "am/methods.h"
#include "am/scan.h"

#define MAX_METHODS 8

static const ScanMethod *methods[MAX_METHODS];
static int nmethods;

/* The catalogue holds nothing else to check: opclass_of needs its function */
static bool
validate(Oid opclass)
{
	return true;
}

IndexAmRoutine *
methods_routine(uint16 nsupport)
{
	IndexAmRoutine *am = makeNode(IndexAmRoutine);

	am->amstrategies = 0;
	am->amsupport = nsupport;
	am->amcanorderbyop = true;
	am->amoptionalkey = true;
	/* attributes beside the vector */
	am->amcanmulticol = true;
	am->amsearcharray = true;
	am->amsearchnulls = true;
	am->amparallelvacuumoptions = VACUUM_OPTION_PARALLEL_BULKDEL;
	am->amkeytype = InvalidOid;

	am->amvalidate = validate;
	am->amrescan = scan_rescan;
	am->amgettuple = scan_gettuple;
	am->amendscan = scan_end;
	return am;
}

void
methods_register(const ScanMethod *method)
{
	Assert(nmethods < MAX_METHODS);
	methods[nmethods++] = method;
}

const ScanMethod *
methods_find(Relation index)
{
	for (int i = 0; i < nmethods; i++)
	{
		if (index != NULL && index->rd_indam->ambeginscan == methods[i]->begin)
			return methods[i];
	}
	return NULL;
}

bool
methods_own(Oid index)
{
	Relation relation = index_open(index, NoLock);
	bool own = methods_find(relation) != NULL;

	index_close(relation, NoLock);
	return own;
}
