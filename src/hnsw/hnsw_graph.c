/*
 * hnsw_graph.c
 *	  The graph of an index that is being built: its levels and their links.
 */
#include "postgres.h"

#include <math.h>

#include "utils/memutils.h"

#include "am/poll.h"
#include "graph/graph.h"
#include "hnsw/hnsw_graph.h"
#include "quant/kmeans.h"

/* Clusters: the square root of the rows, times this; rows to find them by */
#define LISTS_FACTOR 0.6
#define ROWS_PER_LIST 64
#define LIST_ROUNDS 8
#define SEED 1

/* Rows as clusters have them: list l is starts[l] .. starts[l + 1] - 1 */
typedef struct Lists
{
	uint32 n;
	float *centroids;
	uint32 *starts;
} Lists;

static void *
allocate(Size bytes)
{
	return MemoryContextAllocHuge(CurrentMemoryContext, Max(bytes, 8));
}

static RowSet
all_rows(const HnswRows *rows)
{
	return (RowSet){.rows = rows->rows,
					.stride = rows->stride,
					.dim = rows->stride,
					.n = rows->n};
}

/* Centres, by rows at equal distances from each other */
static void
train_lists(const HnswRows *rows, Lists *lists)
{
	KmeansTask task = {.rows = all_rows(rows),
					   .iterations = LIST_ROUNDS,
					   .seed = SEED,
					   .poll = poll_interrupts};
	uint32 wanted = Min(rows->n, (uint64) lists->n * ROWS_PER_LIST);
	uint32 *sample = allocate(wanted * sizeof(uint32));
	void *work;

	for (uint32 i = 0; i < wanted; i++)
		sample[i] = (uint64) i * rows->n / wanted;
	task.rows.ids = sample;
	task.rows.n = wanted;
	task.k = lists->n;
	work = allocate(kmeans_work_size(&task));
	lists->n = kmeans_train(&task, lists->centroids, work);
	pfree(work);
	pfree(sample);
}

/* Which list each row is of, and their sizes: starts[l + 1] */
static uint32 *
assign_lists(const HnswRows *rows, Lists *lists)
{
	uint32 *nearest = allocate(rows->n * sizeof(uint32));
	KmeansAssignment assignment = {.rows = all_rows(rows),
								   .centroids = lists->centroids,
								   .k = lists->n,
								   .nearest = nearest,
								   .poll = poll_interrupts};

	assignment.work =
		allocate(kmeans_assign_work_size(lists->n, rows->stride, rows->n));
	(void) kmeans_assign(&assignment);
	pfree(assignment.work);
	memset(lists->starts, 0, (lists->n + 1) * sizeof(uint32));
	for (uint32 i = 0; i < rows->n; i++)
		lists->starts[nearest[i] + 1]++;
	for (uint32 l = 0; l < lists->n; l++)
		lists->starts[l + 1] += lists->starts[l];
	return nearest;
}

/* Cluster the rows, and put those of a list next to each other */
static Lists
make_lists(HnswRows *rows)
{
	Lists lists = {.n = Max(1, LISTS_FACTOR * sqrt(rows->n))};
	uint32 *order = allocate(rows->n * sizeof(uint32));
	uint32 *next;
	uint32 *nearest;

	lists.centroids = allocate(lists.n * rows->stride * sizeof(float));
	lists.starts = allocate((lists.n + 1) * sizeof(uint32));
	train_lists(rows, &lists);
	nearest = assign_lists(rows, &lists);
	next = allocate(lists.n * sizeof(uint32));
	memcpy(next, lists.starts, lists.n * sizeof(uint32));
	for (uint32 i = 0; i < rows->n; i++)
		order[next[nearest[i]]++] = i;
	hnsw_rows_arrange(rows, order);
	pfree(nearest);
	pfree(next);
	pfree(order);
	return lists;
}

/* Links of the rows of a task, from none */
static void
link_rows(const GraphTask *task, uint32 *neighbours)
{
	Size places = task->n * task->degree;
	GraphLink *links = allocate(places * sizeof(GraphLink));
	uint32 *starts = allocate((task->n + 1) * sizeof(uint32));
	uint32 *ids = allocate(places * sizeof(uint32));
	size_t unreached;
	void *work = allocate(
		Max(graph_forward_work_size(task),
			Max(graph_finish_work_size(task), graph_connect_work_size(task))));

	/* poll does not return where it stops anything */
	(void) graph_forward(task, 0, task->nlists, links, work);
	(void) graph_reverse(task, links, starts, ids);
	(void) graph_finish(task, 0, task->n, links, starts, ids, neighbours, work);
	(void) graph_connect(task, 0, neighbours, &unreached, work);
	pfree(work);
	pfree(ids);
	pfree(starts);
	pfree(links);
}

static GraphTask
task_of(const HnswRows *rows, const Lists *lists)
{
	return (GraphTask){.rows = rows->rows,
					   .n = rows->n,
					   .dim = rows->stride,
					   .starts = lists->starts,
					   .centroids = lists->centroids,
					   .nlists = lists->n,
					   .degree = rows->meta->degree,
					   .candidates = rows->meta->ef_construction,
					   .alpha = HNSW_ALPHA,
					   .poll = poll_interrupts};
}

/* Elements of this level or above; their rows, and where lists begin in them */
static void
gather_level(const HnswRows *rows, const Lists *lists, uint32 at,
			 HnswLevel *level, float *gathered, uint32 *starts)
{
	level->n = 0;
	for (uint32 l = 0; l < lists->n; l++)
	{
		starts[l] = level->n;
		for (uint32 i = lists->starts[l]; i < lists->starts[l + 1]; i++)
		{
			if (rows->elements[i].level < at)
				continue;
			memcpy(gathered + level->n * rows->stride,
				   rows->rows + i * rows->stride, rows->stride * sizeof(float));
			level->members[level->n++] = i;
		}
	}
	starts[lists->n] = level->n;
}

static uint32
count_level(const HnswRows *rows, uint32 at)
{
	uint32 n = 0;

	for (uint32 i = 0; i < rows->n; i++)
		n += rows->elements[i].level >= at;
	return n;
}

static void
build_upper_level(const HnswRows *rows, const Lists *lists, uint32 at,
				  HnswLevel *level)
{
	uint32 n = count_level(rows, at);
	float *gathered = allocate(n * rows->stride * sizeof(float));
	uint32 *starts = allocate((lists->n + 1) * sizeof(uint32));
	GraphTask task = task_of(rows, lists);

	level->members = allocate(n * sizeof(uint32));
	level->neighbours = allocate((Size) n * task.degree * sizeof(uint32));
	gather_level(rows, lists, at, level, gathered, starts);
	task.rows = gathered;
	task.n = n;
	task.starts = starts;
	link_rows(&task, level->neighbours);
	pfree(starts);
	pfree(gathered);
}

HnswGraph *
hnsw_graph_build(HnswRows *rows)
{
	HnswGraph *graph = palloc0(sizeof(HnswGraph));
	Lists lists;
	GraphTask task;
	HnswLevel *ground = &graph->levels[0];

	if (rows->n == 0)
		return graph;
	lists = make_lists(rows);
	task = task_of(rows, &lists);
	ground->n = rows->n;
	ground->neighbours = allocate(rows->n * task.degree * sizeof(uint32));
	link_rows(&task, ground->neighbours);
	for (graph->nlevels = 1; graph->nlevels <= HNSW_MAX_LEVEL &&
		 count_level(rows, graph->nlevels) > 0;
		 graph->nlevels++)
		build_upper_level(rows, &lists, graph->nlevels,
						  &graph->levels[graph->nlevels]);
	pfree(lists.starts);
	pfree(lists.centroids);
	return graph;
}
