/*
 * hnsw_parts.c
 *	  A build of more rows than memory has room for: in parts, by way of files.
 *
 * The leader alone reads and writes files; what is computed of the rows in memory
 * are jobs as ever.  Processes read the table in any order, so nothing may depend
 * on where a row is in a file: samples are drawn by TID, the rows of a part put in
 * the order of TIDs.
 *
 * One file, since its steps hand on files and arrays that only the next one reads;
 * what could be told apart is in hnsw_divide, hnsw_spool, hnsw_nearest and hnsw_merge.
 */
#include "postgres.h"

#include <math.h>

#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"

#include "hnsw/hnsw_copy.h"
#include "hnsw/hnsw_divide.h"
#include "hnsw/hnsw_encode.h"
#include "hnsw/hnsw_graph.h"
#include "hnsw/hnsw_handler.h"
#include "hnsw/hnsw_merge.h"
#include "hnsw/hnsw_nearest.h"
#include "hnsw/hnsw_parts.h"
#include "hnsw/hnsw_row_write.h"
#include "hnsw/hnsw_write.h"
#include "pages/wal.h"

/* Of the memory of a build, how much may be numbers and codes of all rows */
#define RESIDENT_SHARE 0.5

/* Rows in memory, for each that has a part's room: sizes of parts differ */
#define SPARE_ROOM (1.3 * HNSW_PARTS_OF_ROW)

/* Part of the room that a sample is meant to fill, and rows thinned out */
#define SAMPLED 0.95

/* Rows in a range */
#define LEFT_ROWS 256

/* A further TID of an element, by where it was loaded */
typedef struct FurtherTid
{
	ItemPointerData tid;
	uint32 element;
	uint32 place; /* of its row, as HnswSpooled has it */
} FurtherTid;

/* A TID of a row that was read, and its element */
typedef struct PlacedTid
{
	ItemPointerData tid;
	uint32 element;
	uint32 place;
} PlacedTid;

/* The rows in memory */
typedef struct Loaded
{
	HnswSpooled *heads; /* room: by where they were loaded */
	uint32 room;
	uint32 n;
	uint32 nhomes; /* the first ones */
	uint32 *slots; /* hash table: where they were loaded, + 1 */
	uint32 nslots; /* a power of 2 */
	FurtherTid *tids;
	Size ntids;
	Size tids_room;
} Loaded;

typedef struct HnswParts
{
	HnswSpool rows;       /* of the level that is next */
	HnswSpool upper;      /* of the level above it */
	HnswSpool more;       /* elements with further TIDs: number, n, TIDs */
	HnswSpool tids;       /* PlacedTid of all rows */
	HnswSpool attributes; /* packed, of the rows as they were read */
	float greatest;       /* element of a row, before they are scaled */
	double longest;       /* squared length of a row, likewise */
	double scaled_longest;
	uint32 nmore; /* slots */
	uint32 ntids;
	Loaded loaded;
	HnswPiece *parts; /* of the level */
	uint32 nparts;
	HnswLevelFiles files;
} HnswParts;

static void *
allocate(Size bytes)
{
	return MemoryContextAllocHuge(CurrentMemoryContext, Max(bytes, 8));
}

static Size
row_bytes(HnswTeam *team)
{
	return hnsw_rows_of(team).stride * sizeof(float);
}

/*
 * Rows to files
 */

uint32
hnsw_parts_most(const HnswPlan *plan, Size bytes)
{
	const Codec *codec = codec_of((CodecKind) plan->meta.codec);
	CodecShape shape = hnsw_codec_shape(&plan->meta);
	/* first numbers, and then TIDs */
	Size resident = hnsw_row_place_bytes(&plan->meta);
	double most;

	if (codec != NULL)
		resident += codec->code_bytes(&shape);
	most = Min(bytes * RESIDENT_SHARE / resident,
			   HNSW_MOST_PARTS * (double) plan->most / SPARE_ROOM);
	most = Min(most, PG_INT32_MAX / 64);
	return most < 2.0 * plan->most ? 0 : most;
}

static void
measure(HnswParts *parts, const HnswMeta *meta, const float *row)
{
	double square = 0;

	for (int d = 0; d < meta->dim; d++)
	{
		parts->greatest = Max(parts->greatest, fabsf(row[d]));
		square += (double) row[d] * row[d];
	}
	parts->longest = Max(parts->longest, square);
}

void
hnsw_parts_spill(HnswTeam *team)
{
	HnswPlan *plan = &team->plan;
	HnswRows rows = hnsw_rows_of(team);
	uint32 n = Min(hnsw_team_nplaces(team), plan->room);
	MemoryContext old = MemoryContextSwitchTo(team->context);
	HnswParts *parts = team->parts;

	if (parts == NULL)
		parts = team->parts = palloc0(sizeof(HnswParts));
	for (uint32 i = 0; i < n; i++)
	{
		const float *row = rows.rows + i * rows.stride;
		HnswSpooled head = {.hash = rows.elements[i].hash,
							.place = parts->rows.n,
							.tid = rows.tids[i]};

		CHECK_FOR_INTERRUPTS();
		if (rows.elements[i].ntids == 0)
			continue;
		measure(parts, rows.meta, row);
		hnsw_spool_write(&parts->rows, &head, sizeof(head));
		hnsw_spool_write(&parts->rows, row, rows.stride * sizeof(float));
		parts->rows.n++;
		if (rows.attributes != NULL)
			hnsw_spool_write(&parts->attributes,
							 rows.attributes + i * rows.attribute_bytes,
							 rows.attribute_bytes);
	}
	memset(rows.elements, 0, n * sizeof(HnswElement));
	hnsw_team_reset_places(team);
	plan->nspilled = parts->rows.n;
	MemoryContextSwitchTo(old);
}

/*
 * A row from the table becomes what it is in the graph, as hnsw_rows_unite() makes
 * them.
 */
static void
prepare(const HnswParts *parts, const HnswRows *rows, float *row)
{
	int dim = rows->meta->dim;
	double square = 0;

	for (int d = 0; d < dim; d++)
	{
		if (rows->meta->scale != 0)
			row[d] = ldexpf(row[d], rows->meta->scale);
		square += (double) row[d] * row[d];
	}
	if (rows->stride > dim)
		row[dim] = (float) sqrt(Max(parts->scaled_longest - square, 0));
}

/* The next row of the level, as it is in the graph */
static void
read_row(HnswParts *parts, const HnswRows *rows, uint32 lowest,
		 HnswSpooled *head, float *row)
{
	CHECK_FOR_INTERRUPTS();
	hnsw_spool_read(&parts->rows, head, sizeof(*head));
	hnsw_spool_read(&parts->rows, row, rows->stride * sizeof(float));
	if (lowest == 0)
		prepare(parts, rows, row);
}

static uint64
tid_order(const ItemPointerData *tid)
{
	return (uint64) ItemPointerGetBlockNumber(tid) << 16 |
		ItemPointerGetOffsetNumber(tid);
}

/* About so much of all rows have this; by TID */
static bool
is_drawn(const ItemPointerData *tid, double share)
{
	uint32 draw =
		murmurhash32(ItemPointerGetOffsetNumber(tid) ^
					 murmurhash32(ItemPointerGetBlockNumber(tid) + 1));

	return draw <= share * PG_UINT32_MAX;
}

/* Rows that were loaded, in the order of their TIDs */
typedef struct OrderedTid
{
	uint64 tid;
	uint32 loaded;
} OrderedTid;

static int
compare_tids(const void *a, const void *b)
{
	const OrderedTid *x = a;
	const OrderedTid *y = b;

	return x->tid < y->tid ? -1 : x->tid > y->tid;
}

static void
arrange_by_tid(HnswTeam *team)
{
	const Loaded *loaded = &team->parts->loaded;
	HnswRows rows = hnsw_rows_of(team);
	uint32 n = loaded->n;
	OrderedTid *ordered = allocate(n * sizeof(OrderedTid));
	uint32 *order = allocate(n * sizeof(uint32));

	for (uint32 i = 0; i < n; i++)
	{
		ordered[i] = (OrderedTid){tid_order(&loaded->heads[i].tid), i};
		rows.elements[i] = (HnswElement){
			.hash = loaded->heads[i].hash, .first_tid = i, .ntids = 1};
	}
	qsort(ordered, n, sizeof(OrderedTid), compare_tids);
	for (uint32 i = 0; i < n; i++)
		order[i] = ordered[i].loaded;
	pfree(ordered);
	rows.n = team->plan.nrows = n;
	hnsw_rows_arrange(&rows, order);
	pfree(order);
}

/*
 * Rows into memory
 */

static void
grow(HnswTeam *team)
{
	Loaded *loaded = &team->parts->loaded;

	team->plan.most = PG_INT32_MAX / 64;
	if (!hnsw_rows_grow(team))
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("could not load a part of an hnsw index into memory")));
	loaded->room = team->plan.room;
	loaded->heads =
		repalloc_huge(loaded->heads, loaded->room * sizeof(HnswSpooled));
}

/* Nothing is loaded; there will be room for n, and equal ones are found */
static void
begin_loading(HnswTeam *team, uint32 n)
{
	Loaded *loaded = &team->parts->loaded;

	if (loaded->heads == NULL)
	{
		loaded->room = team->plan.room;
		loaded->heads = allocate(loaded->room * sizeof(HnswSpooled));
	}
	loaded->n = loaded->nhomes = 0;
	loaded->ntids = 0;
	for (loaded->nslots = 16; loaded->nslots < 2 * (uint64) n;)
		loaded->nslots *= 2;
	loaded->slots = allocate(loaded->nslots * sizeof(uint32));
	memset(loaded->slots, 0, loaded->nslots * sizeof(uint32));
}

static void
end_loading(HnswTeam *team)
{
	pfree(team->parts->loaded.slots);
	arrange_by_tid(team);
}

static void
add_tid(Loaded *loaded, const HnswSpooled *head, uint32 element)
{
	if (loaded->ntids == loaded->tids_room)
	{
		loaded->tids_room = Max(1024, 2 * loaded->tids_room);
		loaded->tids = loaded->tids == NULL
			? allocate(loaded->tids_room * sizeof(FurtherTid))
			: repalloc_huge(loaded->tids,
							loaded->tids_room * sizeof(FurtherTid));
	}
	loaded->tids[loaded->ntids++] =
		(FurtherTid){head->tid, element, head->place};
}

/*
 * A row is loaded, unless it equals one that is: of equal ones that with the first
 * TID is the element.  False where there is no room for it.
 */
static bool
take_row(Loaded *loaded, const HnswRows *rows, const HnswSpooled *head,
		 const float *row)
{
	Size bytes = rows->meta->dim * sizeof(float);
	uint32 slot = head->hash & (loaded->nslots - 1);

	for (; loaded->slots[slot] != 0; slot = (slot + 1) & (loaded->nslots - 1))
	{
		uint32 other = loaded->slots[slot] - 1;
		HnswSpooled *first = &loaded->heads[other];

		if (first->hash != head->hash ||
			memcmp(rows->rows + other * rows->stride, row, bytes) != 0)
			continue;
		if (tid_order(&head->tid) > tid_order(&first->tid))
			add_tid(loaded, head, other);
		else
		{
			add_tid(loaded, first, other);
			*first = *head;
		}
		return true;
	}
	if (loaded->n == loaded->room)
		return false;
	memcpy(rows->rows + loaded->n * rows->stride, row,
		   rows->stride * sizeof(float));
	loaded->heads[loaded->n] = *head;
	loaded->slots[slot] = ++loaded->n;
	return true;
}

/*
 * Rows of a part: all, or a share of them, drawn by value, as copies of a row must
 * come together; what there is no room for is left out.
 */
static void
load_rows(HnswTeam *team, HnswSpool *spool, bool all, double share)
{
	Loaded *loaded = &team->parts->loaded;
	Size bytes = row_bytes(team);
	float *row = palloc(bytes);

	hnsw_spool_rewind(spool);
	for (uint32 i = 0; i < spool->n; i++)
	{
		HnswSpooled head;
		HnswRows rows;

		CHECK_FOR_INTERRUPTS();
		hnsw_spool_read(spool, &head, sizeof(head));
		hnsw_spool_read(spool, row, bytes);
		if (share < 1 && murmurhash32(head.hash) > share * PG_UINT32_MAX)
			continue;
		rows = hnsw_rows_of(team);
		while (!take_row(loaded, &rows, &head, row) && all)
		{
			grow(team);
			rows = hnsw_rows_of(team);
		}
	}
	pfree(row);
	hnsw_spool_end(spool);
}

static void
load_part(HnswTeam *team, HnswPiece *part)
{
	Loaded *loaded = &team->parts->loaded;
	double room;

	begin_loading(team, part->homes.n + part->visitors.n);
	load_rows(team, &part->homes, true, 1);
	/* when links are merged, those of a row need room for what they lead to */
	while (hnsw_merge_room(team) < HNSW_PARTS_OF_ROW * team->plan.meta.degree)
		grow(team);
	loaded->nhomes = loaded->n;
	room = loaded->room - loaded->n;
	/* where there are too many, some do not visit */
	load_rows(team, &part->visitors, false,
			  part->visitors.n <= room ? 1 : room / part->visitors.n * SAMPLED);
	end_loading(team);
}

/* Rows of the level as far as there is room for a sample of them */
static HnswRows
load_sample(HnswTeam *team)
{
	HnswParts *parts = team->parts;
	Loaded *loaded = &parts->loaded;
	HnswRows rows = hnsw_rows_of(team);
	double share = SAMPLED * team->plan.room / parts->rows.n;

	begin_loading(team, 0);
	hnsw_spool_rewind(&parts->rows);
	for (uint32 i = 0; i < parts->rows.n && loaded->n < loaded->room; i++)
	{
		HnswSpooled *head = &loaded->heads[loaded->n];

		read_row(parts, &rows, team->plan.lowest, head,
				 rows.rows + loaded->n * rows.stride);
		loaded->n += is_drawn(&head->tid, share);
	}
	end_loading(team);
	return hnsw_rows_of(team);
}

HnswRows
hnsw_parts_sample(HnswTeam *team)
{
	HnswParts *parts = team->parts;
	HnswPlan *plan = &team->plan;

	plan->meta.scale = hnsw_rows_scale(parts->greatest);
	parts->scaled_longest = ldexp(parts->longest, 2 * plan->meta.scale);
	plan->lowest = 0;
	return load_sample(team);
}

/*
 * The level, divided
 */

static void
send_row(HnswTeam *team, HnswSpooled *head, const float *row,
		 const HnswDivision *division)
{
	HnswParts *parts = team->parts;
	Size bytes = row_bytes(team);

	head->home = division->parts[0];
	for (int i = 0; i < HNSW_PARTS_OF_ROW; i++)
	{
		HnswPiece *part = &parts->parts[division->parts[i]];
		HnswSpool *to = i == 0 ? &part->homes : &part->visitors;

		if (division->parts[i] == HNSW_NO_PART)
			break;
		hnsw_spool_write(to, head, sizeof(*head));
		hnsw_spool_write(to, row, bytes);
		to->n++;
	}
}

/* All rows go to their parts, of which a sample is in memory */
static void
divide_level(HnswTeam *team)
{
	HnswParts *parts = team->parts;
	HnswPlan *plan = &team->plan;
	HnswSpooled *heads = parts->loaded.heads;
	HnswRows rows = hnsw_rows_of(team);

	parts->nparts = hnsw_divide_plan(team, parts->rows.n, plan->room);
	parts->parts = palloc0(parts->nparts * sizeof(HnswPiece));
	hnsw_spool_rewind(&parts->rows);
	for (uint32 done = 0; done < parts->rows.n; done += plan->nrows)
	{
		const HnswDivision *divisions;

		plan->nrows = Min(plan->room, parts->rows.n - done);
		for (uint32 i = 0; i < plan->nrows; i++)
			read_row(parts, &rows, plan->lowest, &heads[i],
					 rows.rows + i * rows.stride);
		divisions = hnsw_divide(team);
		for (uint32 i = 0; i < plan->nrows; i++)
		{
			CHECK_FOR_INTERRUPTS();
			send_row(team, &heads[i], rows.rows + i * rows.stride,
					 &divisions[i]);
		}
	}
	hnsw_divide_end(team);
}

/*
 * What a part leaves
 */

void
hnsw_leave_job(HnswTeam *team)
{
	const HnswPlan *plan = &team->plan;
	const HnswModel *model = hnsw_team_array(team, HNSW_MODEL);
	HnswRows rows = hnsw_rows_of(team);
	const uint32 *neighbours = hnsw_team_array(team, HNSW_NEIGHBOURS);
	const uint32 *ranks = hnsw_team_array(team, HNSW_RANKS);
	GraphLink *links = hnsw_team_array(team, HNSW_PART_LINKS);
	char *nodes = hnsw_team_array(team, HNSW_PART_NODES);
	Size left_bytes = hnsw_left_bytes(model);
	Size code_bytes = hnsw_code_bytes(model);
	uint32 degree = plan->meta.degree;
	int dim = plan->meta.dim;
	const uint8 *codes = hnsw_team_array(team, HNSW_CODES);
	uint32 first;
	uint32 end;

	while (hnsw_team_claim(team, &first, &end))
	{
		for (uint32 i = first; i < end; i++)
		{
			const float *row = rows.rows + i * rows.stride;
			HnswLeft *left;

			for (uint32 j = 0; j < degree; j++)
			{
				GraphLink *link = &links[(Size) i * degree + j];

				link->id = neighbours[(Size) i * degree + j];
				if (link->id != GRAPH_NONE)
					link->sqdist =
						dense_kernels(ELEM_FLOAT32, ELEM_FLOAT32)
							->sqdist(row, rows.rows + link->id * rows.stride,
									 rows.stride, 0);
			}
			if (ranks[i] == GRAPH_NONE)
				continue;
			left = (HnswLeft *) (nodes + ranks[i] * left_bytes);
			memset(left, 0, offsetof(HnswLeft, bytes));
			if (rows.stride > dim)
				left->further = row[dim];
			hnsw_copy_set(row, dim, &left->head, left->bytes);
			if (code_bytes > 0)
				memcpy(left->bytes + dim, codes + i * code_bytes, code_bytes);
		}
	}
}

/* Names of the rows at home, in their order: numbers, and ranks for jobs */
static void
number_homes(HnswTeam *team, HnswPiece *part)
{
	HnswParts *parts = team->parts;
	const Loaded *loaded = &parts->loaded;
	HnswRows rows = hnsw_rows_of(team);
	uint32 *ranks =
		hnsw_team_allocate(team, HNSW_RANKS, rows.n * sizeof(uint32));

	part->n = 0;
	for (uint32 i = 0; i < rows.n; i++)
	{
		uint32 at = rows.elements[i].first_tid;

		ranks[i] = GRAPH_NONE;
		if (at >= loaded->nhomes)
			continue;
		ranks[i] = part->n;
		parts->files.numbers[loaded->heads[at].place] = part->base + part->n++;
	}
}

static void
leave_links(HnswTeam *team)
{
	HnswParts *parts = team->parts;
	const HnswSpooled *heads = parts->loaded.heads;
	HnswRows rows = hnsw_rows_of(team);
	GraphLink *links = hnsw_team_array(team, HNSW_PART_LINKS);
	uint32 degree = team->plan.meta.degree;

	for (uint32 i = 0; i < rows.n; i++)
	{
		const HnswSpooled *head = &heads[rows.elements[i].first_tid];
		HnswSpool *to = &parts->parts[head->home].links;
		GraphLink *link = links + (Size) i * degree;
		HnswLeftLinks count = {.place = head->place};

		CHECK_FOR_INTERRUPTS();
		for (; count.n < degree && link[count.n].id != GRAPH_NONE; count.n++)
		{
			uint32 other = link[count.n].id;

			link[count.n].id = heads[rows.elements[other].first_tid].place;
		}
		hnsw_spool_write(to, &count, sizeof(count));
		hnsw_spool_write(to, link, count.n * sizeof(GraphLink));
		to->n++;
	}
}

static int
compare_further(const void *a, const void *b)
{
	const FurtherTid *x = a;
	const FurtherTid *y = b;

	if (x->element != y->element)
		return x->element < y->element ? -1 : 1;
	return ItemPointerCompare((ItemPointer) &x->tid, (ItemPointer) &y->tid);
}

/* Where the further TIDs of an element begin; there may be none */
static Size
find_further(const Loaded *loaded, uint32 element)
{
	Size low = 0;
	Size high = loaded->ntids;

	while (low < high)
	{
		Size middle = low + (high - low) / 2;

		if (loaded->tids[middle].element < element)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void
leave_tid(HnswParts *parts, const ItemPointerData *tid, uint32 place,
		  uint32 number)
{
	PlacedTid placed = {.tid = *tid, .element = number, .place = place};

	hnsw_spool_write(&parts->tids, &placed, sizeof(placed));
	parts->tids.n++;
}

/* TIDs of an element on the ground: its head, or a file; and those of all, a file */
static void
leave_tids(HnswTeam *team, uint32 at, uint32 number, HnswNode *node)
{
	HnswParts *parts = team->parts;
	const Loaded *loaded = &parts->loaded;
	const HnswModel *model = hnsw_team_array(team, HNSW_MODEL);
	Size first = find_further(loaded, at);
	uint32 n = 0;

	while (first + n < loaded->ntids && loaded->tids[first + n].element == at)
		n++;
	parts->ntids += n + 1;
	node->tids[0] = loaded->heads[at].tid;
	leave_tid(parts, &node->tids[0], loaded->heads[at].place, number);
	for (uint32 i = 0; i < n; i++)
		leave_tid(parts, &loaded->tids[first + i].tid,
				  loaded->tids[first + i].place, number);
	node->ntids = Min(n + 1, HNSW_TIDS);
	for (uint32 i = 1; i < node->ntids; i++)
		node->tids[i] = loaded->tids[first + i - 1].tid;
	if (n + 1 <= HNSW_TIDS)
		return;
	first += HNSW_TIDS - 1;
	n -= HNSW_TIDS - 1;
	node->more = parts->nmore;
	parts->nmore += (n + model->layout.more - 1) / model->layout.more;
	hnsw_spool_write(&parts->more, &number, sizeof(number));
	hnsw_spool_write(&parts->more, &n, sizeof(n));
	for (uint32 i = 0; i < n; i++)
		hnsw_spool_write(&parts->more, &loaded->tids[first + i].tid,
						 sizeof(ItemPointerData));
	parts->more.n++;
}

/* An element that is on the level above, too */
static void
leave_upper(HnswTeam *team, const HnswSpooled *from, uint16 level,
			const HnswNode *node, HnswId name, const float *row)
{
	HnswParts *parts = team->parts;
	HnswSpooled head = *from;

	head.place = parts->upper.n++;
	head.ground = node->ground;
	head.below = name;
	head.level = level;
	hnsw_spool_write(&parts->upper, &head, sizeof(head));
	hnsw_spool_write(&parts->upper, row, row_bytes(team));
}

/*
 * The level of an element that is at home.  At least one of the part is on the
 * level above: without, the part could not be reached.
 */
static uint32
level_of(const HnswPlan *plan, const HnswSpooled *head)
{
	return plan->lowest == 0 ? hnsw_level(&head->tid, plan->meta.m)
							 : head->level;
}

static uint32
find_root(HnswTeam *team)
{
	const Loaded *loaded = &team->parts->loaded;
	HnswRows rows = hnsw_rows_of(team);
	const uint32 *ranks = hnsw_team_array(team, HNSW_RANKS);

	for (uint32 i = 0; i < rows.n; i++)
	{
		if (ranks[i] != GRAPH_NONE &&
			level_of(&team->plan, &loaded->heads[rows.elements[i].first_tid]) >
				team->plan.lowest)
			return ranks[i];
	}
	return 0;
}

static void
leave_nodes(HnswTeam *team, HnswPiece *part)
{
	HnswParts *parts = team->parts;
	const HnswPlan *plan = &team->plan;
	HnswLevelFiles *files = &parts->files;
	const HnswModel *model = hnsw_team_array(team, HNSW_MODEL);
	const HnswSpooled *heads = parts->loaded.heads;
	HnswRows rows = hnsw_rows_of(team);
	const uint32 *ranks = hnsw_team_array(team, HNSW_RANKS);
	char *nodes = hnsw_team_array(team, HNSW_PART_NODES);
	int dim = plan->meta.dim;
	Size code_bytes = hnsw_code_bytes(model);

	part->root = find_root(team);
	for (uint32 i = 0; i < rows.n; i++)
	{
		uint32 at = rows.elements[i].first_tid;
		uint32 number = part->base + ranks[i];
		HnswLeft *left;
		HnswNode *node;
		HnswId name;
		uint32 level;

		CHECK_FOR_INTERRUPTS();
		if (ranks[i] == GRAPH_NONE)
			continue;
		left = (HnswLeft *) (nodes + ranks[i] * hnsw_left_bytes(model));
		node = &left->head;
		name = plan->first[plan->lowest] + number;
		node->state = HNSW_LIVE;
		node->level = plan->lowest;
		node->hash = heads[at].hash;
		node->more = HNSW_NONE;
		node->ground = plan->lowest == 0 ? name : heads[at].ground;
		node->below = plan->lowest == 0 ? HNSW_NONE : heads[at].below;
		if (plan->lowest == 0)
			leave_tids(team, at, number, node);
		hnsw_spool_write(&files->nodes, left, offsetof(HnswLeft, bytes) + dim);
		if (code_bytes > 0)
			hnsw_spool_write(&files->codes, left->bytes + dim, code_bytes);
		files->nodes.n++;
		level = level_of(plan, &heads[at]);
		if (ranks[i] == part->root)
			level = Max(level, plan->lowest + 1);
		if (level > plan->lowest)
			leave_upper(team, &heads[at], level, node, name,
						rows.rows + i * rows.stride);
	}
}

/* Lists of the rows at home; their centroids are those of visitors, too */
static void
leave_lists(HnswTeam *team, HnswPiece *part)
{
	HnswSpool *lists = &team->parts->files.lists;
	uint32 nlists = team->plan.nlists;
	const uint32 *starts = hnsw_team_array(team, HNSW_LIST_STARTS);
	const uint32 *ranks = hnsw_team_array(team, HNSW_RANKS);
	uint32 start = 0;
	uint32 i = 0;

	part->nlists = nlists;
	for (uint32 l = 0; l <= nlists; l++)
	{
		for (; i < starts[l]; i++)
			start += ranks[i] != GRAPH_NONE;
		hnsw_spool_write(lists, &start, sizeof(start));
	}
	hnsw_spool_write(lists, hnsw_team_array(team, HNSW_CENTROIDS),
					 nlists * row_bytes(team));
}

/* Link a part; what is left of it goes to files */
static void
build_part(HnswTeam *team, HnswPiece *part)
{
	HnswPlan *plan = &team->plan;
	Loaded *loaded = &team->parts->loaded;
	const HnswModel *model = hnsw_team_array(team, HNSW_MODEL);
	Size places;

	load_part(team, part);
	places = (Size) plan->nrows * plan->meta.degree;
	hnsw_graph_arrange(team);
	hnsw_encode(team);
	hnsw_graph_link_part(team);
	number_homes(team, part);
	(void) hnsw_team_allocate(team, HNSW_PART_LINKS,
							  places * sizeof(GraphLink));
	(void) hnsw_team_allocate(team, HNSW_PART_NODES,
							  part->n * hnsw_left_bytes(model));
	hnsw_team_run(team, HNSW_JOB_LEAVE, plan->nrows, LEFT_ROWS);
	if (loaded->ntids > 0)
		qsort(loaded->tids, loaded->ntids, sizeof(FurtherTid), compare_further);
	leave_links(team);
	leave_nodes(team, part);
	leave_lists(team, part);
	if (plan->lowest == 0)
		hnsw_nearest_see(team, part->base);
	hnsw_team_free(team, HNSW_CODES);
	hnsw_team_free(team, HNSW_PART_NODES);
	hnsw_team_free(team, HNSW_PART_LINKS);
	hnsw_team_free(team, HNSW_RANKS);
	hnsw_team_free(team, HNSW_NEIGHBOURS);
	hnsw_team_free(team, HNSW_LIST_STARTS);
	hnsw_team_free(team, HNSW_CENTROIDS);
}

/*
 * Levels
 */

/* Blocks for the nodes of the level, and on the ground for more TIDs */
static void
extend(HnswTeam *team, uint32 n, HnswState *state)
{
	HnswPlan *plan = &team->plan;
	const HnswModel *model = hnsw_team_array(team, HNSW_MODEL);
	HnswId end = plan->first[plan->lowest] + n;

	if (plan->lowest == 0)
	{
		plan->first_more = end;
		end += team->parts->nmore;
	}
	state->space = hnsw_block(&model->layout, end - 1);
	wal_extend_run(team->index, MAIN_FORKNUM,
				   state->space + 1 -
					   hnsw_block(&model->layout, plan->first[plan->lowest]));
}

static void
write_more(HnswTeam *team)
{
	HnswParts *parts = team->parts;
	const HnswPlan *plan = &team->plan;
	HnswId id = plan->first_more;

	hnsw_spool_rewind(&parts->more);
	for (uint32 i = 0; i < parts->more.n; i++)
	{
		uint32 number;
		uint32 n;
		ItemPointerData *tids;

		hnsw_spool_read(&parts->more, &number, sizeof(number));
		hnsw_spool_read(&parts->more, &n, sizeof(n));
		tids = allocate(n * sizeof(ItemPointerData));
		hnsw_spool_read(&parts->more, tids, n * sizeof(ItemPointerData));
		id = hnsw_write_more(team, plan->first[0] + number, tids, n, id);
		pfree(tids);
	}
	hnsw_spool_end(&parts->more);
}

/* The row of a TID: rows are where they were read, as their attributes are */
static void
load_tid(HnswTeam *team, HnswRowPlace *places)
{
	HnswSpool *tids = &team->parts->tids;
	HnswRowPlace *row;
	PlacedTid placed;

	hnsw_spool_read(tids, &placed, sizeof(placed));
	if (placed.place >= tids->n)
		elog(ERROR, "row %u of %u of an hnsw index", placed.place, tids->n);
	row = hnsw_row_place(&team->plan.meta, places, placed.place);
	row->tid = placed.tid;
	row->element = placed.element;
}

/* Row pages; codes are in memory */
static void
write_row_pages(HnswTeam *team)
{
	HnswSpool *tids = &team->parts->tids;
	HnswSpool *attributes = &team->parts->attributes;
	const HnswMeta *meta = &team->plan.meta;
	HnswRowPlace *places = hnsw_team_allocate(
		team, HNSW_ROW_PLACES, tids->n * hnsw_row_place_bytes(meta));

	hnsw_spool_rewind(tids);
	hnsw_spool_rewind(attributes);
	for (uint32 i = 0; i < tids->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		load_tid(team, places);
		if (meta->ncolumns > 0)
			hnsw_spool_read(attributes,
							hnsw_row_place(meta, places, i)->attributes,
							hnsw_attribute_bytes(meta));
	}
	hnsw_write_rows(team, tids->n);
	hnsw_spool_end(tids);
	hnsw_spool_end(attributes);
}

/* The level of all rows of the file; a sample of them is in memory */
static void
build_level(HnswTeam *team, HnswState *state)
{
	HnswParts *parts = team->parts;
	HnswPlan *plan = &team->plan;
	const HnswModel *model = hnsw_team_array(team, HNSW_MODEL);
	uint32 n = 0;

	plan->first[plan->lowest] =
		hnsw_id(&model->layout, RelationGetNumberOfBlocks(team->index), 0);
	divide_level(team);
	plan->nwhole = parts->rows.n;
	parts->files =
		(HnswLevelFiles){.numbers = allocate(parts->rows.n * sizeof(uint32))};
	hnsw_spool_end(&parts->rows);
	for (uint32 p = 0; p < parts->nparts; p++)
	{
		HnswPiece *part = &parts->parts[p];

		part->base = n;
		if (part->homes.n > 0)
			build_part(team, part);
		n += part->n;
	}
	if (plan->lowest == 0)
		plan->nrows = n;
	hnsw_progress_phase(HNSW_PHASE_WRITING);
	extend(team, n, state);
	hnsw_merge_begin(team, &parts->files);
	for (uint32 p = 0; p < parts->nparts; p++)
		hnsw_merge_part(team, &parts->files, &parts->parts[p]);
	pfree(parts->files.numbers);
	if (plan->lowest == 0)
		write_row_pages(team);
	hnsw_merge_end(team);
	if (plan->lowest == 0)
	{
		write_more(team);
		hnsw_nearest_end(team);
	}
	hnsw_spool_end(&parts->files.nodes);
	hnsw_spool_end(&parts->files.lists);
	pfree(parts->parts);
	parts->rows = parts->upper;
	parts->upper = (HnswSpool){.file = NULL};
	plan->nwhole = 0;
	plan->lowest++;
}

/* What is left of levels is in memory */
static void
build_rest(HnswTeam *team, HnswState *state)
{
	HnswParts *parts = team->parts;
	Loaded *loaded = &parts->loaded;
	HnswPlan *plan = &team->plan;
	HnswUpper *upper;
	HnswRows rows;

	begin_loading(team, parts->rows.n);
	load_rows(team, &parts->rows, true, 1);
	end_loading(team);
	rows = hnsw_rows_of(team);
	upper = hnsw_team_allocate(team, HNSW_UPPER, rows.n * sizeof(HnswUpper));
	for (uint32 i = 0; i < rows.n; i++)
	{
		const HnswSpooled *head = &loaded->heads[rows.elements[i].first_tid];

		rows.elements[i].level = head->level - plan->lowest;
		upper[rows.elements[i].first_tid] =
			(HnswUpper){.ground = head->ground, .below = head->below};
	}
	hnsw_progress_phase(HNSW_PHASE_BUILDING);
	hnsw_graph_arrange(team);
	hnsw_encode(team);
	hnsw_graph_link(team);
	hnsw_progress_phase(HNSW_PHASE_WRITING);
	hnsw_write_levels(team, state);
	hnsw_team_free(team, HNSW_UPPER);
}

void
hnsw_parts_write(HnswTeam *team, const float *floats)
{
	HnswPlan *plan = &team->plan;
	HnswParts *parts = team->parts;
	HnswState state = {.entry = HNSW_NONE};
	Buffer meta;
	uint32 nelements = 0;

	hnsw_nearest_begin(team);
	meta = hnsw_write_begin(team, floats);
	for (;;)
	{
		hnsw_progress_phase(HNSW_PHASE_BUILDING);
		build_level(team, &state);
		if (plan->lowest == 1)
			nelements = plan->nrows;
		if (parts->rows.n <= plan->room || plan->lowest > HNSW_MAX_LEVEL)
			break;
		(void) load_sample(team);
	}
	build_rest(team, &state);
	pfree(parts->loaded.heads);
	if (parts->loaded.tids != NULL)
		pfree(parts->loaded.tids);
	plan->nrows = nelements;
	plan->ntids = parts->ntids;
	state.nrows = parts->ntids;
	hnsw_write_end(team, meta, &state);
}
