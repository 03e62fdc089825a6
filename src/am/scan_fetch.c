/*
 * scan_fetch.c
 *	  Keys of hits of which nothing is known but their rows.
 *
 * All of them are wanted before the first one leaves.  So rows are read in the order of
 * the table, then their values out of line, and pages are asked for before: a disk reads
 * many at a time, and what is in memory is nearer when it is looked at.
 */
#include "postgres.h"

#include <math.h>

#include "access/detoast.h"
#include "miscadmin.h"

#include "am/scan_state.h"

/* So many rows at a time: pages that are asked for */
#define GROUP 64

/* A hit whose value is out of line, with what its row says of it */
typedef struct FarValue
{
	ScanHit *hit;
	char pointer[TOAST_POINTER_SIZE];
} FarValue;

static bool
is_unknown(const ScanHit *hit)
{
	return hit->low == -INFINITY && hit->high == INFINITY;
}

static int
compare_tids(const void *a, const void *b)
{
	return ItemPointerCompare(&((ScanHit *) a)->tid, &((ScanHit *) b)->tid);
}

static void
set_key(VectorScan *scan, ScanHit *hit, Datum value)
{
	double key =
		scan->engine->key(scan->state, scan_heap_detoast(scan->heap, value));

	hit->low = hit->high = isnan(key) ? INFINITY : key;
}

/* Read the row of a hit; false where there is none to be seen, or it has no value */
static bool
read_row(VectorScan *scan, ScanHit *hit, FarValue *far, uint32 *nfar)
{
	Datum value;

	scan->totals.fetched++;
	if (scan_heap_row(scan->heap, &hit->tid) == NULL ||
		!scan_heap_stored(scan->heap, &value))
		return false;
	if (!VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(value)))
	{
		set_key(scan, hit, value);
		return true;
	}
	far += (*nfar)++;
	far->hit = hit;
	memcpy(far->pointer, DatumGetPointer(value), TOAST_POINTER_SIZE);
	scan_heap_expect_stored(scan->heap, value);
	return true;
}

/* Of n hits those that are left, which are the first ones then */
static uint32
fetch_group(VectorScan *scan, ScanHit *hits, uint32 n)
{
	FarValue far[GROUP];
	uint32 nfar = 0;
	uint32 left = 0;

	for (uint32 i = 0; i < n; i++)
		scan_heap_expect(scan->heap, &hits[i].tid);
	for (uint32 i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		hits[left] = hits[i];
		if (!is_unknown(&hits[i]) ||
			returned_has(&scan->returned, &hits[i].tid) ||
			read_row(scan, &hits[left], far, &nfar))
			left++;
	}
	for (uint32 i = 0; i < nfar; i++)
	{
		CHECK_FOR_INTERRUPTS();
		set_key(scan, far[i].hit, PointerGetDatum(far[i].pointer));
		scan_heap_forget(scan->heap);
	}
	return left;
}

uint32
scan_fetch_hits(VectorScan *scan, ScanHit *hits, uint32 n)
{
	uint32 left = 0;

	if (n == 0 || !is_unknown(&hits[0]))
		return n;
	qsort(hits, n, sizeof(ScanHit), compare_tids);
	for (uint32 i = 0; i < n; i += GROUP)
	{
		uint32 group = fetch_group(scan, &hits[i], Min(GROUP, n - i));

		memmove(&hits[left], &hits[i], group * sizeof(ScanHit));
		left += group;
	}
	return left;
}
