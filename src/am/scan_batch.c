/*
 * scan_batch.c
 *	  A batch's hits, in exact order.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "am/scan_state.h"

static void
sift_down(ScanHit *hits, uint32 n, uint32 at)
{
	ScanHit hit = hits[at];

	for (;;)
	{
		uint32 child = 2 * at + 1;

		if (child >= n)
			break;
		if (child + 1 < n && hits[child + 1].low < hits[child].low)
			child++;
		if (hit.low <= hits[child].low)
			break;
		hits[at] = hits[child];
		at = child;
	}
	hits[at] = hit;
}

static ScanHit
pop_hit(VectorScan *scan)
{
	ScanHit *hits = scan->batch.hits;
	ScanHit top = hits[0];

	hits[0] = hits[--scan->nqueue];
	sift_down(hits, scan->nqueue, 0);
	return top;
}

/* Is the row visible that tid leads to, and does it pass the filter's condition? */
static bool
test_row(VectorScan *scan, ItemPointer tid, bool *visible)
{
	TupleTableSlot *row = scan_heap_row(scan->heap, tid);

	scan->totals.fetched++;
	*visible = row != NULL;
	if (row == NULL)
		return false;
	if (!scan->tests || scan->filter->passes(scan->filter->arg, row))
		return true;
	scan->totals.failed++;
	return false;
}

bool
scan_row_passes(VectorScan *scan, ItemPointer tid)
{
	bool visible;

	return test_row(scan, tid, &visible);
}

bool
scan_next_passing_row(VectorScan *scan, ItemPointer tid)
{
	TupleTableSlot *row;

	while ((row = scan_heap_next(scan->heap)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		if (scan->filter->passes(scan->filter->arg, row))
		{
			*tid = scan_heap_tid(scan->heap);
			return true;
		}
		scan->totals.failed++;
	}
	return false;
}

/* The key of the row that was read last; false where it has no value */
bool
scan_key_of_row(VectorScan *scan, double *key)
{
	Datum value;

	if (!scan_heap_value(scan->heap, &value))
		return false;
	*key = scan->engine->key(scan->state, value);
	return true;
}

/* The key of the row that tid leads to; false where none is visible */
static bool
fetch_key(VectorScan *scan, ItemPointer tid, double *key)
{
	scan->totals.fetched++;
	return scan_heap_row(scan->heap, tid) != NULL && scan_key_of_row(scan, key);
}

/* Does a hit pass the filter's condition?  A batch before may have had it too. */
static Tested *
test_hit(VectorScan *scan, ItemPointer tid)
{
	Tested *tested;
	double key;
	bool visible;
	bool found;

	if (scan->tested == NULL)
		scan->tested = tested_create(scan->query.query_memory, 64, NULL);
	tested = tested_insert(scan->tested, tid_number(tid), &found);
	if (!found)
	{
		tested->passed = test_row(scan, tid, &visible);
		tested->beyond = visible && !tested->passed && scan->bound < INFINITY &&
			scan_key_of_row(scan, &key) && key > scan->bound;
	}
	return tested;
}

/*
 * Look at the first hit's row: it is known to pass, or else its key becomes exact;
 * or it goes away.
 */
static void
resolve_first(VectorScan *scan)
{
	ScanHit *first = &scan->batch.hits[0];
	double key;

	if (scan->tests && !first->passed)
	{
		const Tested *tested = test_hit(scan, &first->tid);

		first->passed = tested->passed;
		if (first->passed)
			return;
		if (tested->beyond)
		{
			/* behind whatever may be within the bound */
			first->low = first->high = INFINITY;
			sift_down(scan->batch.hits, scan->nqueue, 0);
			return;
		}
		(void) pop_hit(scan);
		scan->allowed--;
	}
	else if (fetch_key(scan, &first->tid, &key))
	{
		first->low = first->high = isnan(key) ? INFINITY : key;
		sift_down(scan->batch.hits, scan->nqueue, 0);
	}
	else
		(void) pop_hit(scan);
}

static inline bool
is_exact(const ScanHit *hit)
{
	return hit->low == hit->high;
}

/* May the first hit leave: is none of the others nearer? */
static bool
first_is_nearest(const VectorScan *scan)
{
	const ScanHit *hits = scan->batch.hits;
	double second = INFINITY;

	if (scan->tests && !hits[0].passed)
		return false;
	if (is_exact(&hits[0]) || scan_leaves_anyhow(scan))
		return true;
	if (isinf(hits[0].high))
		return false;
	if (scan->nqueue > 1)
		second = hits[1].low;
	if (scan->nqueue > 2)
		second = Min(second, hits[2].low);
	return hits[0].high <= second;
}

/* No row that is left is near enough: nothing else is to be had */
static void
end_within(VectorScan *scan)
{
	scan->totals.within++;
	scan->within = true;
	scan->batch.exhausted = true;
	scan->nqueue = 0;
}

/* The next hit of the batch in order; false when it has no more to give */
bool
scan_next_hit(VectorScan *scan, ScanHit *hit)
{
	while (scan->nqueue > 0 && scan->allowed > 0)
	{
		ScanHit *first = &scan->batch.hits[0];

		if (returned_has(&scan->returned, &first->tid))
		{
			(void) pop_hit(scan);
			continue;
		}
		if (first->low > scan->bound)
		{
			end_within(scan);
			return false;
		}
		/* infinitely far, or not a number: behind all others, in any batch */
		if (first->low == INFINITY && !scan->batch.exhausted)
			return false;
		if (!first_is_nearest(scan))
		{
			resolve_first(scan);
			continue;
		}
		if (first->low < scan->last.high && scan->order == SCAN_STRICT)
		{
			/* from an earlier batch: nearer than the last row, or in doubt */
			if (is_exact(first))
			{
				(void) pop_hit(scan);
				scan->totals.dropped++;
			}
			else
				resolve_first(scan);
			continue;
		}
		*hit = pop_hit(scan);
		scan->allowed--;
		if (hit->high > scan->last.high)
			scan->last = *hit;
		return true;
	}
	return false;
}

/*
 * Batches
 */

/*
 * Before there is another batch: what it has nearer than the last row is left
 * out, so it must be known how far that one is.
 */
void
scan_resolve_last(VectorScan *scan)
{
	if (is_exact(&scan->last))
		return;
	if (!fetch_key(scan, &scan->last.tid, &scan->last.high))
		scan->last.high = scan->last.low;
	scan->last.low = scan->last.high;
}

/* again: as the engine's open has it */
void
scan_open_query(VectorScan *scan, bool again)
{
	scan->order = scan->engine->open(scan->state, &scan->query, again);
	if (scan->order == SCAN_STRICT && scan_leaves_anyhow(scan))
		scan->order = SCAN_RELAXED;
}

void
scan_run_batch(VectorScan *scan, double k)
{
	ScanBatch *batch = &scan->batch;

	*batch = (ScanBatch){0};
	while (!scan->engine->run(scan->state, k, batch))
	{
		CHECK_FOR_INTERRUPTS();
		scan_open_query(scan, true);
		*batch = (ScanBatch){0};
	}
	scan->totals.batches++;
	scan->k = k;
	if (scan->near > 0)
	{
		batch->exhausted = false;
		batch->rank = Min(batch->rank, scan->near);
	}
	/* a condition may make most of them unnecessary, and is asked first */
	scan->nqueue = scan->tests
		? batch->nhits
		: scan_fetch_hits(scan, batch->hits, batch->nhits);
	for (uint32 i = 0; i < scan->nqueue; i++)
		batch->hits[i].passed = false;
	for (uint32 i = scan->nqueue / 2; i-- > 0;)
		sift_down(batch->hits, scan->nqueue, i);

	scan->allowed = scan->nqueue;
	if (!batch->exhausted)
		scan->allowed =
			Min(Max(ceil(batch->rank) - scan->returned.n, 0), scan->nqueue);
}
