/*
 * hnsw_rows.c
 *	  The rows of an index that is being built, in memory.
 */
#include "postgres.h"

#include <math.h>

#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "graph/graph.h"
#include "hnsw/hnsw_copy.h"
#include "hnsw/hnsw_rows.h"

#define LEAST_ROOM 1024

/* Elements beyond this are scaled down to it: sums of squares stay in range */
#define SAFE 1e12f

Size
hnsw_build_bytes(const HnswMeta *meta)
{
	Size row = (meta->dim + 1) * sizeof(float) + sizeof(HnswElement) +
		sizeof(ItemPointerData);
	/* links, who links to whom, neighbours; order and marks */
	Size graph = meta->degree * (sizeof(GraphLink) + 2 * sizeof(uint32)) +
		8 * sizeof(uint32);
	/* parts are not known yet: at most so many */
	Size code = meta->dim / 2 + sizeof(float);

	/* the levels above the ground have a share of the same */
	return (row + graph) * (meta->m + 1) / meta->m + code;
}

HnswRows *
hnsw_rows_new(const HnswMeta *meta, double expected, Size bytes)
{
	HnswRows *rows = palloc0(sizeof(HnswRows));

	rows->meta = meta;
	rows->context = CurrentMemoryContext;
	rows->stride = meta->dim + (meta->metric == METRIC_INNER_PRODUCT ? 1 : 0);
	rows->most = Min(bytes / hnsw_build_bytes(meta), PG_INT32_MAX / 64);
	rows->most = Max(rows->most, LEAST_ROOM);
	rows->room = Min(Max(expected * 1.05, LEAST_ROOM), rows->most);
	rows->rows = MemoryContextAllocHuge(
		rows->context, rows->room * rows->stride * sizeof(float));
	rows->elements =
		MemoryContextAllocHuge(rows->context, rows->room * sizeof(HnswElement));
	rows->tids = MemoryContextAllocHuge(rows->context,
										rows->room * sizeof(ItemPointerData));
	return rows;
}

bool
hnsw_rows_have_room(const HnswRows *rows)
{
	return rows->n < rows->most;
}

static void
grow(HnswRows *rows)
{
	uint32 room = Min((uint64) rows->room + rows->room / 4, rows->most);

	rows->rows = repalloc_huge(rows->rows, room * rows->stride * sizeof(float));
	rows->elements = repalloc_huge(rows->elements, room * sizeof(HnswElement));
	rows->tids = repalloc_huge(rows->tids, room * sizeof(ItemPointerData));
	rows->room = room;
}

void
hnsw_rows_add(HnswRows *rows, const void *elems, ItemPointer tid)
{
	const HnswMeta *meta = rows->meta;

	Assert(hnsw_rows_have_room(rows));
	if (rows->n == rows->room)
		grow(rows);
	if (!hnsw_row_set(meta, elems, rows->rows + rows->n * rows->stride))
		return;
	rows->elements[rows->n] =
		(HnswElement){.hash = hash_bytes((const unsigned char *) elems,
										 value_size(meta->elem, meta->dim)),
					  .first_tid = rows->n,
					  .ntids = 1};
	rows->tids[rows->n++] = *tid;
	rows->ntids = rows->n;
}

uint32
hnsw_level(const ItemPointerData *tid, uint32 m)
{
	uint32 draw = murmurhash32(ItemPointerGetBlockNumber(tid) ^
							   murmurhash32(ItemPointerGetOffsetNumber(tid)));
	uint32 level = 0;

	while (level < HNSW_MAX_LEVEL && draw % m == 0)
	{
		draw /= m;
		level++;
	}
	return level;
}

/*
 * Equal rows
 */

typedef struct OrderedRow
{
	uint32 hash;
	uint32 row;
} OrderedRow;

static int
compare_hashes(const void *a, const void *b)
{
	const OrderedRow *x = a;
	const OrderedRow *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->row < y->row ? -1 : 1;
}

static OrderedRow *
rows_by_hash(const HnswRows *rows)
{
	OrderedRow *ordered = MemoryContextAllocHuge(
		rows->context, Max(rows->n, 1) * sizeof(OrderedRow));

	for (uint32 i = 0; i < rows->n; i++)
		ordered[i] = (OrderedRow){.hash = rows->elements[i].hash, .row = i};
	qsort(ordered, rows->n, sizeof(OrderedRow), compare_hashes);
	return ordered;
}

/*
 * Of rows with one hash, the first is the element, and the TIDs of all follow
 * each other.  Two values may have one hash, though few ever do: they are as
 * good as equal only where their rows are.
 */
static void
unite_run(HnswRows *rows, OrderedRow *run, uint32 n, ItemPointerData *tids,
		  uint32 *ntids)
{
	Size bytes = rows->meta->dim * sizeof(float);

	for (uint32 i = 0; i < n; i++)
	{
		const float *row = rows->rows + run[i].row * rows->stride;
		HnswElement *element = &rows->elements[run[i].row];

		if (element->ntids == 0)
			continue; /* united with an earlier one */
		tids[*ntids] = rows->tids[run[i].row];
		element->first_tid = (*ntids)++;
		for (uint32 j = i + 1; j < n; j++)
		{
			if (rows->elements[run[j].row].ntids == 0 ||
				memcmp(row, rows->rows + run[j].row * rows->stride, bytes) != 0)
				continue;
			rows->elements[run[j].row].ntids = 0;
			tids[(*ntids)++] = rows->tids[run[j].row];
			element->ntids++;
		}
		CHECK_FOR_INTERRUPTS();
	}
}

static void
unite_equal(HnswRows *rows)
{
	OrderedRow *ordered = rows_by_hash(rows);
	ItemPointerData *tids = MemoryContextAllocHuge(
		rows->context, Max(rows->n, 1) * sizeof(ItemPointerData));
	uint32 ntids = 0;
	uint32 kept = 0;

	for (uint32 first = 0, end; first < rows->n; first = end)
	{
		for (end = first + 1; end < rows->n; end++)
		{
			if (ordered[end].hash != ordered[first].hash)
				break;
		}
		unite_run(rows, ordered + first, end - first, tids, &ntids);
	}
	pfree(ordered);
	pfree(rows->tids);
	rows->tids = tids;
	for (uint32 i = 0; i < rows->n; i++)
	{
		if (rows->elements[i].ntids == 0)
			continue;
		rows->elements[kept] = rows->elements[i];
		if (kept < i)
			memcpy(rows->rows + kept * rows->stride,
				   rows->rows + i * rows->stride,
				   rows->meta->dim * sizeof(float));
		kept++;
	}
	rows->n = kept;
}

static float
greatest_element(const HnswRows *rows)
{
	float greatest = 0;

	for (uint32 i = 0; i < rows->n; i++)
	{
		const float *row = rows->rows + i * rows->stride;

		for (int d = 0; d < rows->meta->dim; d++)
			greatest = Max(greatest, fabsf(row[d]));
	}
	return greatest;
}

/*
 * The nearest rows to each other shall be those with the largest products with
 * a query between them: with one more element, that makes all of one length
 * (Bachrach et al., Speeding up the Xbox recommender system, RecSys 2014).
 */
static void
make_equally_long(HnswRows *rows)
{
	int dim = rows->meta->dim;
	double longest = 0;

	for (int pass = 0; pass < 2; pass++)
	{
		for (uint32 i = 0; i < rows->n; i++)
		{
			float *row = rows->rows + i * rows->stride;
			double square = 0;

			for (int d = 0; d < dim; d++)
				square += (double) row[d] * row[d];
			if (pass == 0)
				longest = Max(longest, square);
			else
				row[dim] = (float) sqrt(Max(longest - square, 0));
		}
	}
}

int
hnsw_rows_unite(HnswRows *rows)
{
	float greatest;
	int scale = 0;

	unite_equal(rows);
	for (uint32 i = 0; i < rows->n; i++)
		rows->elements[i].level =
			hnsw_level(&rows->tids[rows->elements[i].first_tid], rows->meta->m);
	greatest = greatest_element(rows);
	if (greatest > SAFE)
	{
		scale = (int) floor(log2(SAFE / (double) greatest));
		for (Size i = 0; i < rows->n * rows->stride; i++)
			rows->rows[i] = ldexpf(rows->rows[i], scale);
	}
	if (rows->meta->metric == METRIC_INNER_PRODUCT)
		make_equally_long(rows);
	return scale;
}

/* Along the cycles of the permutation, so that no second copy is needed */
void
hnsw_rows_arrange(HnswRows *rows, const uint32 *order)
{
	Size bytes = rows->stride * sizeof(float);
	float *row = palloc(bytes);
	bool *placed = MemoryContextAllocHuge(rows->context, Max(rows->n, 1));

	memset(placed, 0, rows->n);
	for (uint32 first = 0; first < rows->n; first++)
	{
		HnswElement element = rows->elements[first];
		uint32 at = first;

		if (placed[first])
			continue;
		memcpy(row, rows->rows + first * rows->stride, bytes);
		for (; order[at] != first; at = order[at])
		{
			rows->elements[at] = rows->elements[order[at]];
			memcpy(rows->rows + at * rows->stride,
				   rows->rows + order[at] * rows->stride, bytes);
			placed[at] = true;
		}
		rows->elements[at] = element;
		memcpy(rows->rows + at * rows->stride, row, bytes);
		placed[at] = true;
	}
	pfree(placed);
	pfree(row);
}
