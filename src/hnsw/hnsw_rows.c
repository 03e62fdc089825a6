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
#include "hnsw/hnsw_form.h"
#include "hnsw/hnsw_image.h"
#include "hnsw/hnsw_rows.h"
#include "quant/rows.h"

#define LEAST_ROOM 1024

/* Projections have so many times fewer dimensions, or are of no use */
#define LEAST_FEWER 2

/* Claimed at a time; of memory for values no more than 64 kB */
#define PLACES 64
#define MOST_UNITS (65536 / HNSW_VALUE_UNIT)

/* Elements beyond this are scaled down to it: sums of squares stay in range */
#define SAFE 1e12f

static Size
stride_of(const HnswMeta *meta)
{
	return meta->dim + (meta->metric == METRIC_INNER_PRODUCT ? 1 : 0);
}

uint32
hnsw_rows_projected(const HnswMeta *meta)
{
	uint32 projected = meta->code_dim + stride_of(meta) - meta->dim;

	return meta->codec != CODEC_NONE && !hnsw_image_is_rough(meta) &&
			projected * LEAST_FEWER <= meta->dim
		? projected
		: 0;
}

Size
hnsw_build_bytes(const HnswMeta *meta)
{
	Size row = (meta->dim + 1) * sizeof(float) + sizeof(HnswElement) +
		sizeof(ItemPointerData) + hnsw_attribute_bytes(meta);
	/* links, who links to whom, neighbours; order and marks */
	Size graph = meta->degree * (sizeof(GraphLink) + 2 * sizeof(uint32)) +
		8 * sizeof(uint32);
	/* parts are not known yet: at most so many */
	Size code = meta->dim / 2;
	uint32 projected = hnsw_rows_projected(meta);

	if (projected > 0)
		row += (projected + 1) * sizeof(float);
	/* the levels above the ground have a share of the same */
	return (row + graph) * (meta->m + 1) / meta->m + code;
}


/* Units of memory that a value takes; 0 where values are not kept */
static uint32
units_of(const HnswMeta *meta, Size bytes)
{
	return hnsw_keeps_values(meta)
		? (bytes + HNSW_VALUE_UNIT - 1) / HNSW_VALUE_UNIT
		: 0;
}

void
hnsw_rows_allocate(HnswTeam *team, double expected, Size typical, Size bytes)
{
	HnswPlan *plan = &team->plan;
	uint32 units = units_of(&plan->meta, typical);
	Size each = hnsw_build_bytes(&plan->meta) + units * HNSW_VALUE_UNIT;
	HnswElement *elements;

	plan->most = Min(bytes / each, PG_INT32_MAX / 64);
	plan->most = Max(plan->most, LEAST_ROOM);
	plan->room = Min(Max(expected * 1.05, LEAST_ROOM), plan->most);
	/* values out of line are longer than what is known of the column says */
	plan->most_values = Min(
		Max((uint64) plan->most * units,
			(bytes - Min(plan->room * hnsw_build_bytes(&plan->meta), bytes)) /
				HNSW_VALUE_UNIT),
		PG_INT32_MAX);
	plan->value_room = Min((uint64) plan->room * units, plan->most_values);
	(void) hnsw_team_allocate(
		team, HNSW_ROWS, plan->room * stride_of(&plan->meta) * sizeof(float));
	if (units > 0)
		(void) hnsw_team_allocate(team, HNSW_VALUES,
								  (Size) plan->value_room * HNSW_VALUE_UNIT);
	(void) hnsw_team_allocate(team, HNSW_HEAP_TIDS,
							  plan->room * sizeof(ItemPointerData));
	if (plan->meta.ncolumns > 0)
		(void) hnsw_team_allocate(team, HNSW_ATTRIBUTES,
								  plan->room *
									  hnsw_attribute_bytes(&plan->meta));
	elements = hnsw_team_allocate(team, HNSW_ELEMENTS,
								  plan->room * sizeof(HnswElement));
	memset(elements, 0, plan->room * sizeof(HnswElement));
}

HnswRows
hnsw_rows_of(HnswTeam *team)
{
	return (HnswRows){.meta = &team->plan.meta,
					  .stride = stride_of(&team->plan.meta),
					  .rows = hnsw_team_array(team, HNSW_ROWS),
					  .values = hnsw_team_array(team, HNSW_VALUES),
					  .elements = hnsw_team_array(team, HNSW_ELEMENTS),
					  .tids = hnsw_team_array(team, HNSW_HEAP_TIDS),
					  .attributes = hnsw_team_array(team, HNSW_ATTRIBUTES),
					  .attribute_bytes = hnsw_attribute_bytes(&team->plan.meta),
					  .n = team->plan.nrows,
					  .ntids = team->plan.ntids};
}

bool
hnsw_rows_have_room(HnswTeam *team, HnswPlaces *places, Size bytes)
{
	uint32 units = units_of(&team->plan.meta, bytes);

	if (places->next == places->end)
	{
		places->next = hnsw_team_claim_places(team, PLACES);
		places->end = places->next + PLACES;
	}
	if (places->end_value - places->next_value < units)
	{
		uint32 claimed = Max(units, Min(PLACES * units, MOST_UNITS));

		places->next_value = hnsw_team_claim_values(team, claimed);
		places->end_value = places->next_value + claimed;
	}
	return places->next < team->plan.room &&
		(units == 0 || places->next_value + units <= team->plan.value_room);
}

static bool
grow_rows(HnswTeam *team)
{
	HnswPlan *plan = &team->plan;
	uint32 old = plan->room;
	uint32 room = Min((uint64) old + old / 4, plan->most);
	Size row = stride_of(&plan->meta) * sizeof(float);
	Size attributes = hnsw_attribute_bytes(&plan->meta);
	HnswElement *elements;

	if (room == old ||
		!hnsw_team_grow(team, HNSW_ROWS, old * row, room * row) ||
		!hnsw_team_grow(team, HNSW_HEAP_TIDS, old * sizeof(ItemPointerData),
						room * sizeof(ItemPointerData)) ||
		(attributes > 0 &&
		 !hnsw_team_grow(team, HNSW_ATTRIBUTES, old * attributes,
						 room * attributes)) ||
		!hnsw_team_grow(team, HNSW_ELEMENTS, old * sizeof(HnswElement),
						room * sizeof(HnswElement)))
		return false;
	elements = hnsw_team_array(team, HNSW_ELEMENTS);
	memset(elements + old, 0, (room - old) * sizeof(HnswElement));
	plan->room = room;
	return true;
}

static bool
grow_values(HnswTeam *team)
{
	HnswPlan *plan = &team->plan;
	uint32 old = plan->value_room;
	uint32 room = Min((uint64) old + old / 4, plan->most_values);

	if (room == old ||
		!hnsw_team_grow(team, HNSW_VALUES, (Size) old * HNSW_VALUE_UNIT,
						(Size) room * HNSW_VALUE_UNIT))
		return false;
	plan->value_room = room;
	return true;
}

/* What has been claimed beyond all room is what there is too little of */
bool
hnsw_rows_grow(HnswTeam *team)
{
	bool rows = hnsw_team_nplaces(team) > team->plan.room;
	bool values = hnsw_team_nvalues(team) > team->plan.value_room;

	return (rows || values) && (!rows || grow_rows(team)) &&
		(!values || grow_values(team));
}

bool
hnsw_rows_add(const HnswRows *rows, HnswPlaces *places, const void *elems,
			  const AttributeRow *attributes, ItemPointer tid)
{
	const HnswMeta *meta = rows->meta;
	Size bytes = value_bytes(meta->elem, elems, meta->value_dim);
	uint32 i = places->next;

	if (!hnsw_has_place(meta, elems))
		return false;
	(void) hnsw_image_set(meta, elems, rows->rows + i * rows->stride);
	rows->elements[i] = (HnswElement){
		.hash = hash_bytes((const unsigned char *) elems, (int) bytes),
		.first_tid = i,
		.ntids = 1,
		.value = places->next_value};
	rows->tids[i] = *tid;
	if (rows->attributes != NULL)
		attribute_row_pack(attributes, meta->kinds, meta->ncolumns,
						   rows->attributes + i * rows->attribute_bytes);
	if (rows->values != NULL)
		memcpy(rows->values + (Size) places->next_value * HNSW_VALUE_UNIT,
			   elems, bytes);
	places->next_value += units_of(meta, bytes);
	places->next++;
	return true;
}

Size
hnsw_rows_mean_record(const HnswRows *rows)
{
	double sum = 0;

	for (uint32 i = 0; i < rows->n; i++)
		sum += hnsw_value_record_bytes(
			rows->meta, rows->values == NULL ? NULL : hnsw_rows_value(rows, i));
	return rows->n == 0 ? 0 : sum / rows->n;
}

/*
 * The order of TIDs
 */

typedef struct PlacedTid
{
	uint64 tid;
	uint32 place;
} PlacedTid;

static int
compare_tids(const void *a, const void *b)
{
	const PlacedTid *x = a;
	const PlacedTid *y = b;

	return x->tid < y->tid ? -1 : x->tid > y->tid;
}

/* Which row is where; those behind the last one are of empty places */
static uint32 *
order_of_tids(const HnswRows *rows, uint32 nplaces, uint32 *nrows)
{
	PlacedTid *placed = MemoryContextAllocHuge(
		CurrentMemoryContext, Max(nplaces, 1) * sizeof(PlacedTid));
	uint32 *order = MemoryContextAllocHuge(CurrentMemoryContext,
										   Max(nplaces, 1) * sizeof(uint32));
	uint32 nempty = 0;

	*nrows = 0;
	for (uint32 i = 0; i < nplaces; i++)
	{
		const ItemPointerData *tid = &rows->tids[i];

		if (rows->elements[i].ntids == 0)
			order[nplaces - ++nempty] = i;
		else
			placed[(*nrows)++] = (PlacedTid){
				.tid = (uint64) ItemPointerGetBlockNumber(tid) << 16 |
					ItemPointerGetOffsetNumber(tid),
				.place = i};
	}
	qsort(placed, *nrows, sizeof(PlacedTid), compare_tids);
	for (uint32 i = 0; i < *nrows; i++)
		order[i] = placed[i].place;
	pfree(placed);
	return order;
}

HnswRows
hnsw_rows_collect(HnswTeam *team)
{
	HnswRows rows = hnsw_rows_of(team);
	uint32 *order;
	uint32 nrows;

	rows.n = Min(hnsw_team_nplaces(team), team->plan.room);
	order = order_of_tids(&rows, rows.n, &nrows);
	CHECK_FOR_INTERRUPTS();
	hnsw_rows_arrange(&rows, order);
	pfree(order);
	rows.n = rows.ntids = nrows;
	return rows;
}

uint32
hnsw_level(const ItemPointerData *tid, uint32 m)
{
	uint32 draw = murmurhash32(ItemPointerGetBlockNumber(tid) ^
							   murmurhash32(ItemPointerGetOffsetNumber(tid)));
	uint32 one_in = m * 5 / 4;
	uint32 level = 0;

	while (level < HNSW_MAX_LEVEL && draw % one_in == 0)
	{
		draw /= one_in;
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
		CurrentMemoryContext, Max(rows->n, 1) * sizeof(OrderedRow));

	for (uint32 i = 0; i < rows->n; i++)
		ordered[i] = (OrderedRow){.hash = rows->elements[i].hash, .row = i};
	qsort(ordered, rows->n, sizeof(OrderedRow), compare_hashes);
	return ordered;
}

/*
 * Two values may have one hash, though few ever do.  They are equal where those that
 * are kept are, or where their images are, of which no more is kept than a copy.
 */
static bool
is_equal(const HnswRows *rows, uint32 a, uint32 b)
{
	const HnswMeta *meta = rows->meta;
	const void *value;
	Size bytes;

	if (rows->values == NULL)
		return memcmp(rows->rows + a * rows->stride,
					  rows->rows + b * rows->stride,
					  meta->dim * sizeof(float)) == 0;
	value = hnsw_rows_value(rows, a);
	bytes = value_bytes(meta->elem, value, meta->value_dim);
	return value_is_whole(meta->elem, hnsw_rows_value(rows, b), meta->value_dim,
						  bytes) &&
		memcmp(value, hnsw_rows_value(rows, b), bytes) == 0;
}

/* TIDs in the order of elements, with their attributes */
typedef struct UnitedTids
{
	ItemPointerData *tids;
	char *attributes;
	uint32 n;
} UnitedTids;

/* Append that which is now at this place; where it is then */
static uint32
move_tid(const HnswRows *rows, uint32 at, UnitedTids *to)
{
	Size bytes = rows->attribute_bytes;

	to->tids[to->n] = rows->tids[at];
	if (bytes > 0)
		memcpy(to->attributes + to->n * bytes, rows->attributes + at * bytes,
			   bytes);
	return to->n++;
}

/*
 * Of rows with one hash, the first is the element, and the TIDs of all follow
 * each other.
 */
static void
unite_run(HnswRows *rows, OrderedRow *run, uint32 n, UnitedTids *to)
{
	for (uint32 i = 0; i < n; i++)
	{
		HnswElement *element = &rows->elements[run[i].row];

		if (element->ntids == 0)
			continue; /* united with an earlier one */
		element->first_tid = move_tid(rows, element->first_tid, to);
		for (uint32 j = i + 1; j < n; j++)
		{
			HnswElement *other = &rows->elements[run[j].row];

			if (other->ntids == 0 || !is_equal(rows, run[i].row, run[j].row))
				continue;
			other->ntids = 0;
			(void) move_tid(rows, other->first_tid, to);
			element->ntids++;
		}
		CHECK_FOR_INTERRUPTS();
	}
}

static void
unite_equal(HnswRows *rows)
{
	OrderedRow *ordered = rows_by_hash(rows);
	Size bytes = rows->attribute_bytes;
	UnitedTids united = {
		.tids = MemoryContextAllocHuge(
			CurrentMemoryContext, Max(rows->n, 1) * sizeof(ItemPointerData)),
		.attributes = MemoryContextAllocHuge(CurrentMemoryContext,
											 Max(rows->n, 1) * Max(bytes, 1))};
	uint32 kept = 0;

	for (uint32 first = 0, end; first < rows->n; first = end)
	{
		for (end = first + 1; end < rows->n; end++)
		{
			if (ordered[end].hash != ordered[first].hash)
				break;
		}
		unite_run(rows, ordered + first, end - first, &united);
	}
	pfree(ordered);
	memcpy(rows->tids, united.tids, united.n * sizeof(ItemPointerData));
	if (bytes > 0)
		memcpy(rows->attributes, united.attributes, united.n * bytes);
	pfree(united.tids);
	pfree(united.attributes);
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
		float low;
		float high;

		rows_range(rows->rows + i * rows->stride, rows->meta->dim, &low, &high);
		greatest = Max(greatest, Max(-low, high));
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
hnsw_rows_scale(float greatest)
{
	return greatest > SAFE ? (int) floor(log2(SAFE / (double) greatest)) : 0;
}

int
hnsw_rows_unite(HnswRows *rows)
{
	int scale;

	unite_equal(rows);
	for (uint32 i = 0; i < rows->n; i++)
		rows->elements[i].level =
			hnsw_level(&rows->tids[rows->elements[i].first_tid], rows->meta->m);
	scale = hnsw_rows_scale(greatest_element(rows));
	for (Size i = 0; scale != 0 && i < rows->n * rows->stride; i++)
		rows->rows[i] = ldexpf(rows->rows[i], scale);
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
	bool *placed =
		MemoryContextAllocHuge(CurrentMemoryContext, Max(rows->n, 1));

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
