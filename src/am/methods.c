/*
 * methods.c
 *	  The access methods of this library, as a table.
 */
#include "postgres.h"

#include "utils/rel.h"

#include "am/methods.h"

#define MAX_METHODS 8

static const ScanMethod *methods[MAX_METHODS];
static int nmethods;

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
