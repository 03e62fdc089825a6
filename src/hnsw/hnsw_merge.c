/*
 * hnsw_merge.c
 *	  Nodes of a level that was linked in parts: links from both, pages.
 *
 * A row has links from its home and from the parts that it visited: what they lead
 * to is pruned once more, by the copies that are left of rows of all.  Those of other
 * parts lie where rows were: they are a quarter as long, and all that a part leads to
 * are there at once, as a rule.  Then each part is tied together by itself, from a row
 * that is on the level above, as far as links within it lead: so all can be reached,
 * whatever happens elsewhere.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"

#include "am/poll.h"
#include "hnsw/hnsw_divide.h"
#include "hnsw/hnsw_graph.h"
#include "hnsw/hnsw_merge.h"
#include "hnsw/hnsw_node.h"

/* Rows, and blocks, in a range; a part may have a few hundred rows only */
#define MERGED_ROWS 32
#define WRITTEN_BLOCKS 64

#define WORD 64

Size
hnsw_left_bytes(const HnswModel *model)
{
	return MAXALIGN(offsetof(HnswLeft, bytes) + model->meta.dim +
					hnsw_code_bytes(model));
}

/* Of a row of another part: what is left of it, without its code */
static Size
foreign_bytes(const HnswMeta *meta)
{
	return MAXALIGN(offsetof(HnswLeft, bytes) + meta->dim);
}

uint32
hnsw_merge_room(HnswTeam *team)
{
	HnswRows rows = hnsw_rows_of(team);
	Size bytes = (Size) team->plan.room * rows.stride * sizeof(float);

	return Min(bytes / foreign_bytes(rows.meta), PG_INT32_MAX / 2);
}

static void *
allocate(Size bytes)
{
	return MemoryContextAllocHuge(CurrentMemoryContext, Max(bytes, 8));
}

/*
 * Links of the part's rows
 */

typedef struct Merge
{
	HnswTeam *team;
	HnswLevelFiles *files;
	HnswPiece *part;
	uint32 degree;
	uint32 nlinks;      /* of a row, from all parts */
	GraphLink *links;   /* n x nlinks: to numbers, then to rows in memory */
	uint32 *neighbours; /* n x degree */

	/* rows of other parts */
	uint64 *wanted;   /* bits, by number */
	uint32 *before;   /* how many there are before each word of these */
	uint32 *foreigns; /* room: numbers of those in memory, ascending */
	uint32 nforeigns;
	uint32 room;
} Merge;

/* What the part itself and those that its rows visited have left */
static void
read_links(Merge *m)
{
	HnswPiece *part = m->part;
	uint32 *used = allocate(part->n * sizeof(uint32));

	memset(used, 0, part->n * sizeof(uint32));
	memset(m->links, 0xFF, (Size) part->n * m->nlinks * sizeof(GraphLink));
	hnsw_spool_rewind(&part->links);
	for (uint32 i = 0; i < part->links.n; i++)
	{
		HnswLeftLinks head;
		GraphLink *links;
		uint32 row;

		CHECK_FOR_INTERRUPTS();
		hnsw_spool_read(&part->links, &head, sizeof(head));
		row = m->files->numbers[head.place] - part->base;
		links = m->links + (Size) row * m->nlinks + used[row];
		hnsw_spool_read(&part->links, links, head.n * sizeof(GraphLink));
		for (uint32 j = 0; j < head.n; j++)
			links[j].id = m->files->numbers[links[j].id];
		used[row] += head.n;
	}
	hnsw_spool_end(&part->links);
	pfree(used);
}

static bool
is_home(const HnswPiece *part, uint32 number)
{
	return number >= part->base && number - part->base < part->n;
}

static Size
wanted_words(const Merge *m)
{
	return m->files->nodes.n / WORD + 1;
}

/*
 * Which rows of other parts the links of rows first .. end - 1 lead to; false:
 * more than there is room for.
 */
static bool
find_foreigns(Merge *m, uint32 first, uint32 end)
{
	Size words = wanted_words(m);

	memset(m->wanted, 0, words * sizeof(uint64));
	for (Size i = (Size) first * m->nlinks; i < (Size) end * m->nlinks; i++)
	{
		uint32 number = m->links[i].id;

		if (number != GRAPH_NONE && !is_home(m->part, number))
			m->wanted[number / WORD] |= UINT64CONST(1) << number % WORD;
	}
	m->nforeigns = 0;
	for (Size i = 0; i < words; i++)
	{
		m->before[i] = m->nforeigns;
		for (uint64 left = m->wanted[i]; left != 0; left &= left - 1)
		{
			if (m->nforeigns == m->room)
				return false;
			m->foreigns[m->nforeigns++] =
				i * WORD + pg_rightmost_one_pos64(left);
		}
	}
	return true;
}

static uint32
place_of_foreign(const Merge *m, uint32 number)
{
	uint64 below = (UINT64CONST(1) << number % WORD) - 1;

	return m->before[number / WORD] +
		pg_popcount64(m->wanted[number / WORD] & below);
}

/* What is left of a row: the next one of the file */
static void
read_left(Merge *m, HnswLeft *left)
{
	CHECK_FOR_INTERRUPTS();
	hnsw_spool_read(&m->files->nodes, left,
					offsetof(HnswLeft, bytes) + m->team->plan.meta.dim);
}

/* The next that are read are those from this number on */
static void
seek_left(Merge *m, uint32 number)
{
	hnsw_spool_seek(&m->files->nodes,
					number *
						(offsetof(HnswLeft, bytes) + m->team->plan.meta.dim));
}

static void
read_homes(Merge *m)
{
	Size bytes = hnsw_left_bytes(hnsw_team_array(m->team, HNSW_MODEL));
	char *homes =
		hnsw_team_allocate(m->team, HNSW_PART_NODES, m->part->n * bytes);

	seek_left(m, m->part->base);
	for (uint32 i = 0; i < m->part->n; i++)
		read_left(m, (HnswLeft *) (homes + i * bytes));
}

static void
read_foreigns(Merge *m)
{
	Size bytes = foreign_bytes(&m->team->plan.meta);
	char *foreigns = hnsw_team_array(m->team, HNSW_ROWS);

	for (uint32 i = 0; i < m->nforeigns; i++)
	{
		seek_left(m, m->foreigns[i]);
		read_left(m, (HnswLeft *) (foreigns + i * bytes));
	}
}

/* The rows that copies stand for, when no others are in their place any more */
static void
restore_homes(Merge *m)
{
	HnswRows rows = hnsw_rows_of(m->team);
	Size bytes = hnsw_left_bytes(hnsw_team_array(m->team, HNSW_MODEL));
	const char *homes = hnsw_team_array(m->team, HNSW_PART_NODES);
	int dim = rows.meta->dim;

	for (uint32 i = 0; i < m->part->n; i++)
	{
		const HnswLeft *left = (const HnswLeft *) (homes + i * bytes);
		float *row = rows.rows + i * rows.stride;

		CHECK_FOR_INTERRUPTS();
		hnsw_copy_row(&left->head, left->bytes, dim, row);
		if (rows.stride > dim)
			row[dim] = left->further;
	}
}

/*
 * Distances, by copies
 */

typedef struct Copies
{
	const char *homes;
	Size home_bytes;
	uint32 nhomes;
	const char *foreigns;
	Size foreign_bytes;
	int dim;
	uint32 compared; /* the row whose copy is there as weights */
	int16 *weights;
} Copies;

static void
copies_init(Copies *copies, HnswTeam *team)
{
	const HnswMeta *meta = &team->plan.meta;
	Size padded = TYPEALIGN(BYTE_PADDING, meta->dim);

	*copies = (Copies){.homes = hnsw_team_array(team, HNSW_PART_NODES),
					   .home_bytes =
						   hnsw_left_bytes(hnsw_team_array(team, HNSW_MODEL)),
					   .nhomes = team->plan.nhomes,
					   .foreigns = hnsw_team_array(team, HNSW_ROWS),
					   .foreign_bytes = foreign_bytes(meta),
					   .dim = meta->dim,
					   .compared = GRAPH_NONE,
					   .weights = palloc(padded * sizeof(int16))};
}

/* What is left of a row at home, or of one behind these */
static const HnswLeft *
left_of(const Copies *copies, uint32 row)
{
	return (const HnswLeft *) (row < copies->nhomes
								   ? copies->homes + row * copies->home_bytes
								   : copies->foreigns +
									   (row - copies->nhomes) *
										   copies->foreign_bytes);
}

/* One candidate after the other is compared with what was chosen before */
static float
copies_sqdist(void *arg, uint32_t chosen, uint32_t candidate)
{
	Copies *copies = arg;
	const HnswLeft *a = left_of(copies, candidate);
	const HnswLeft *b = left_of(copies, chosen);
	float further = a->further - b->further;

	if (copies->compared != candidate)
		hnsw_copy_weights(a->bytes, copies->dim, copies->weights);
	copies->compared = candidate;
	return hnsw_copy_sqdist(&a->head, copies->weights, &b->head, b->bytes,
							copies->dim) +
		further * further;
}

static GraphTask
task_of(HnswTeam *team)
{
	HnswRows rows = hnsw_rows_of(team);

	return (GraphTask){.rows = rows.rows,
					   .n = team->plan.nhomes,
					   .dim = rows.stride,
					   .degree = rows.meta->degree,
					   .candidates = rows.meta->ef_construction,
					   .alpha = HNSW_ALPHA,
					   .poll = poll_interrupts};
}

void
hnsw_merge_job(HnswTeam *team)
{
	uint32 begin = team->plan.merged;
	uint32 nlinks = HNSW_PARTS_OF_ROW * team->plan.meta.degree;
	GraphTask task = task_of(team);
	const GraphLink *links = hnsw_team_array(team, HNSW_PART_LINKS);
	uint32 *neighbours = hnsw_team_array(team, HNSW_NEIGHBOURS);
	void *work = allocate(graph_unite_work_size(&task, nlinks));
	Copies copies;
	uint32 first;
	uint32 end;

	copies_init(&copies, team);
	task.pair = copies_sqdist;
	task.pair_arg = &copies;
	while (hnsw_team_claim(team, &first, &end))
		(void) graph_unite(&task, begin + first, begin + end, links, nlinks,
						   neighbours, work);
	pfree(copies.weights);
	pfree(work);
}

/*
 * How a part's own graph calls a row: those at home by their place, others by
 * numbers beyond, none of which is GRAPH_NONE.
 */
static uint32
local_name(const HnswPiece *part, uint32 number)
{
	return number >= part->base ? number - part->base : number - part->base - 1;
}

static uint32
number_of(const HnswPiece *part, uint32 name)
{
	return name <= PG_INT32_MAX ? name + part->base : name + part->base + 1;
}

/* Neighbours of the rows first .. end - 1; the rows that links lead to are there */
static void
merge_rows(Merge *m, uint32 first, uint32 end)
{
	for (Size i = (Size) first * m->nlinks; i < (Size) end * m->nlinks; i++)
	{
		uint32 number = m->links[i].id;

		if (number != GRAPH_NONE)
			m->links[i].id = is_home(m->part, number)
				? number - m->part->base
				: m->part->n + place_of_foreign(m, number);
	}
	m->team->plan.merged = first;
	hnsw_team_run(m->team, HNSW_JOB_MERGE, end - first, MERGED_ROWS);
	for (Size i = (Size) first * m->degree; i < (Size) end * m->degree; i++)
	{
		uint32 row = m->neighbours[i];

		if (row != GRAPH_NONE && row >= m->part->n)
			m->neighbours[i] =
				local_name(m->part, m->foreigns[row - m->part->n]);
	}
}

/* As many rows at a time as there is room for what they lead to */
static void
merge_links(Merge *m)
{
	uint32 step = m->part->n;

	for (uint32 first = 0; first < m->part->n; first += step)
	{
		step = Min(step, m->part->n - first);
		while (!find_foreigns(m, first, first + step))
			step = (step + 1) / 2;
		read_foreigns(m);
		merge_rows(m, first, first + step);
	}
}

/*
 * All of the part within reach
 */

static void
connect_part(Merge *m)
{
	const HnswPiece *part = m->part;
	GraphTask task = task_of(m->team);
	Size bytes = (Size) part->nlists * task.dim * sizeof(float);
	uint32 *starts = allocate((part->nlists + 1) * sizeof(uint32));
	float *centroids = allocate(bytes);
	void *work;
	size_t ntied;

	hnsw_spool_read(&m->files->lists, starts,
					(part->nlists + 1) * sizeof(uint32));
	hnsw_spool_read(&m->files->lists, centroids, bytes);
	task.starts = starts;
	task.centroids = centroids;
	task.nlists = part->nlists;
	work = allocate(graph_connect_work_size(&task));
	(void) graph_connect(&task, part->root, m->neighbours, &ntied, work);
	ereport(
		DEBUG2,
		(errmsg_internal("hnsw part of %u rows: %zu tied in", part->n, ntied)));
	pfree(work);
	pfree(centroids);
	pfree(starts);
}

void
hnsw_merge_begin(HnswTeam *team, HnswLevelFiles *files)
{
	const HnswModel *model = hnsw_team_array(team, HNSW_MODEL);
	Size code_bytes = hnsw_code_bytes(model);
	uint32 n = files->nodes.n;
	uint8 *codes;

	hnsw_spool_rewind(&files->lists);
	if (code_bytes == 0)
		return;
	codes = hnsw_team_allocate(team, HNSW_CODES, n * code_bytes);
	hnsw_spool_rewind(&files->codes);
	for (uint32 i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		hnsw_spool_read(&files->codes, codes + i * code_bytes, code_bytes);
	}
	hnsw_spool_end(&files->codes);
}

void
hnsw_merge_part(HnswTeam *team, HnswLevelFiles *files, HnswPiece *part)
{
	HnswPlan *plan = &team->plan;
	const HnswModel *model = hnsw_team_array(team, HNSW_MODEL);
	Merge m = {.team = team,
			   .files = files,
			   .part = part,
			   .degree = plan->meta.degree,
			   .nlinks = HNSW_PARTS_OF_ROW * plan->meta.degree};
	HnswId first = plan->first[plan->lowest] + part->base;
	Size places = (Size) part->n * m.degree;

	if (part->n == 0)
		return;
	plan->base = part->base;
	plan->nhomes = part->n;
	m.room = hnsw_merge_room(team);
	m.links = hnsw_team_allocate(team, HNSW_PART_LINKS,
								 part->n * m.nlinks * sizeof(GraphLink));
	m.neighbours =
		hnsw_team_allocate(team, HNSW_NEIGHBOURS, places * sizeof(uint32));
	m.wanted = allocate(wanted_words(&m) * sizeof(uint64));
	m.before = allocate(wanted_words(&m) * sizeof(uint32));
	m.foreigns = allocate(m.room * sizeof(uint32));
	read_links(&m);
	read_homes(&m);
	merge_links(&m);
	restore_homes(&m);
	pfree(m.foreigns);
	pfree(m.before);
	pfree(m.wanted);
	hnsw_team_free(team, HNSW_PART_LINKS);
	connect_part(&m);
	for (Size i = 0; i < places; i++)
	{
		if (m.neighbours[i] != GRAPH_NONE)
			m.neighbours[i] = number_of(part, m.neighbours[i]);
	}
	hnsw_team_run(team, HNSW_JOB_WRITE_PART,
				  hnsw_block(&model->layout, first + part->n - 1) -
					  hnsw_block(&model->layout, first) + 1,
				  WRITTEN_BLOCKS);
	hnsw_team_free(team, HNSW_PART_NODES);
	hnsw_team_free(team, HNSW_NEIGHBOURS);
}

void
hnsw_merge_end(HnswTeam *team)
{
	hnsw_team_free(team, HNSW_CODES);
}

/*
 * Pages
 */

typedef struct PartWriter
{
	const HnswPlan *plan;
	const HnswModel *model;
	const char *nodes;
	const uint32 *neighbours;
	const uint8 *codes;
	Size left_bytes;
	Size code_bytes;
} PartWriter;

static void
set_links(const PartWriter *w, HnswNode *node, uint32 row)
{
	uint32 degree = w->plan->meta.degree;
	const uint32 *neighbours = w->neighbours + (Size) row * degree;

	for (uint32 i = 0; i < degree && neighbours[i] != GRAPH_NONE; i++)
	{
		HnswLink link = {.id = w->plan->first[w->plan->lowest] + neighbours[i]};

		if (w->codes != NULL)
			link.code = w->codes + neighbours[i] * w->code_bytes;
		hnsw_link_set(node, w->model, i, &link);
	}
}

static void
write_node(const PartWriter *w, HnswNode *node, uint32 row)
{
	const HnswLayout *layout = &w->model->layout;
	const HnswLeft *left = (const HnswLeft *) (w->nodes + row * w->left_bytes);

	hnsw_node_init(node, layout, w->plan->lowest);
	*node = left->head;
	if (node->more != HNSW_NONE)
		node->more += w->plan->first_more;
	memcpy(HNSW_ARRAY(node, layout->copy, uint8), left->bytes,
		   w->model->meta.dim);
	set_links(w, node, row);
}

/* Nodes of the part in a block, which may have those of the part before */
static void
write_block(const PartWriter *w, Relation index, BlockNumber blkno)
{
	const HnswLayout *layout = &w->model->layout;
	HnswId first = w->plan->first[w->plan->lowest] + w->plan->base;
	HnswId begin = Max(hnsw_id(layout, blkno, 0), first);
	HnswId end = Min(hnsw_id(layout, blkno + 1, 0), first + w->plan->nhomes);
	Buffer buffer = ReadBuffer(index, blkno);
	Page page = BufferGetPage(buffer);

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	if (PageIsNew(page))
		page_init(page, HNSW_MAGIC, HNSW_PAGE_NODES, 0);
	for (HnswId id = begin; id < end; id++)
		write_node(w, hnsw_node(page, layout, id), id - first);
	MarkBufferDirty(buffer);
	UnlockReleaseBuffer(buffer);
}

void
hnsw_write_part_job(HnswTeam *team)
{
	const HnswPlan *plan = &team->plan;
	const HnswModel *model = hnsw_team_array(team, HNSW_MODEL);
	PartWriter w = {.plan = plan,
					.model = model,
					.nodes = hnsw_team_array(team, HNSW_PART_NODES),
					.neighbours = hnsw_team_array(team, HNSW_NEIGHBOURS),
					.codes = hnsw_team_array(team, HNSW_CODES),
					.left_bytes = hnsw_left_bytes(model),
					.code_bytes = hnsw_code_bytes(model)};
	BlockNumber begin =
		hnsw_block(&model->layout, plan->first[plan->lowest] + plan->base);
	uint32 first;
	uint32 end;

	while (hnsw_team_claim(team, &first, &end))
	{
		for (uint32 i = first; i < end; i++)
			write_block(&w, team->index, begin + i);
	}
}
