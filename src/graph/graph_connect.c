/*
 * graph_connect.c
 *	  Rows that no walk reaches are tied in.
 *
 * Breadth-first from the entry, counting for each row the rows within reach that
 * lead to it.  Then each row out of reach, in order, is given a link from one
 * within, and the walk goes on from there.  A link that gives way may have been
 * the only one after all, if what else led there lies behind it; so the walk is
 * made once more from the entry, and the whole again as long as that helps.
 */
#include "graph/graph.h"

#include <string.h>

#include "distance/distance.h"
#include "graph/graph_keys.h"
#include "graph/graph_near.h"
#include "quant/carver.h"
#include "quant/pacer.h"

/* Rows that lead to a row are counted up to here */
#define WAYS_MAX UINT8_MAX

typedef struct Connect
{
	const GraphTask *task;
	const DenseKernels *kernels;
	Pacer pacer;
	uint32_t *neighbours;
	size_t nreached;
	size_t list;  /* that lists[] are in the order of */
	size_t nnear; /* its near lists */

	/* work memory */
	bool *reached;   /* n */
	uint8_t *ways;   /* n: rows within reach that lead to a row */
	uint32_t *queue; /* n: rows within reach, in the order of the walk */
	uint64_t *lists; /* nlists: keys, the near ones first */
	uint64_t *spare; /* nlists */
} Connect;

static size_t
lay_out(Connect *c, const GraphTask *task, void *work)
{
	Carver carver = {work, 0};

	c->task = task;
	c->kernels = dense_kernels(ELEM_FLOAT32, ELEM_FLOAT32);
	c->pacer = (Pacer){task->poll, task->poll_arg, 0};
	c->list = task->nlists;
	c->reached = carve(&carver, task->n, sizeof(bool));
	c->ways = carve(&carver, task->n, sizeof(uint8_t));
	c->queue = carve(&carver, task->n, sizeof(uint32_t));
	c->lists = carve(&carver, task->nlists, sizeof(uint64_t));
	c->spare = carve(&carver, task->nlists, sizeof(uint64_t));
	return carver.used;
}

size_t
graph_connect_work_size(const GraphTask *task)
{
	Connect c;

	if (task->n > UINT32_MAX / task->degree)
		return SIZE_MAX;
	return lay_out(&c, task, NULL);
}

static uint32_t *
neighbours_of(const Connect *c, uint32_t row)
{
	return c->neighbours + row * c->task->degree;
}

/* From a row on that is new within reach */
static bool
walk_from(Connect *c, uint32_t row)
{
	size_t at = c->nreached;

	c->reached[row] = true;
	c->queue[c->nreached++] = row;
	for (; at < c->nreached; at++)
	{
		const uint32_t *next = neighbours_of(c, c->queue[at]);

		for (size_t i = 0; i < c->task->degree && next[i] != GRAPH_NONE; i++)
		{
			uint32_t id = next[i];

			c->ways[id] += c->ways[id] < WAYS_MAX;
			if (c->reached[id])
				continue;
			c->reached[id] = true;
			c->queue[c->nreached++] = id;
		}
		if (!pacer_go_on(&c->pacer, 8 * c->task->degree))
			return false;
	}
	return true;
}

static bool
walk_anew(Connect *c, uint32_t entry)
{
	memset(c->reached, 0, c->task->n * sizeof(bool));
	memset(c->ways, 0, c->task->n * sizeof(uint8_t));
	c->nreached = 0;
	return walk_from(c, entry);
}

/* The place of a row that can go to another neighbour; degree: there is none */
static size_t
spare_place(const Connect *c, uint32_t row)
{
	const uint32_t *neighbours = neighbours_of(c, row);
	size_t degree = c->task->degree;

	for (size_t i = degree; i > 0; i--)
	{
		if (neighbours[i - 1] == GRAPH_NONE || c->ways[neighbours[i - 1]] > 1)
			return i - 1;
	}
	return degree;
}

/* The list that a row is in, where lists may be empty */
static size_t
list_of(const GraphTask *task, uint32_t row)
{
	size_t low = 0;
	size_t high = task->nlists;

	while (high - low > 1)
	{
		size_t middle = low + (high - low) / 2;

		if (task->starts[middle] <= row)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* The nearest row within reach that has a place to spare */
static bool
find_giver(Connect *c, uint32_t row, GraphLink *giver)
{
	const GraphTask *task = c->task;
	size_t list = list_of(task, row);

	*giver = (GraphLink){GRAPH_NONE, 0.0f};
	if (c->list != list)
		c->nnear = graph_near_lists(task, list, c->lists, c->spare);
	c->list = list;
	for (size_t i = 0;
		 i < task->nlists && (i < c->nnear || giver->id == GRAPH_NONE); i++)
	{
		size_t near = graph_key_id(c->lists[i], 0);

		for (uint32_t id = task->starts[near]; id < task->starts[near + 1];
			 id++)
		{
			float sqdist;

			if (!c->reached[id])
				continue;
			sqdist = c->kernels->sqdist(graph_row(task, row),
										graph_row(task, id), task->dim, 0);
			if ((giver->id == GRAPH_NONE || sqdist < giver->sqdist) &&
				spare_place(c, id) < task->degree)
				*giver = (GraphLink){id, sqdist};
			if (!pacer_go_on(&c->pacer, task->dim + task->degree))
				return false;
		}
	}
	return true;
}

/* Row becomes a neighbour of giver, where it belongs by its distance */
static void
give_place(Connect *c, const GraphLink *giver, uint32_t row)
{
	const GraphTask *task = c->task;
	uint32_t *neighbours = neighbours_of(c, giver->id);
	size_t last = spare_place(c, giver->id);
	size_t place = 0;

	if (neighbours[last] != GRAPH_NONE)
	{
		c->ways[neighbours[last]]--;
		memmove(neighbours + last, neighbours + last + 1,
				(task->degree - 1 - last) * sizeof(uint32_t));
		neighbours[task->degree - 1] = GRAPH_NONE;
	}
	while (neighbours[place] != GRAPH_NONE &&
		   c->kernels->sqdist(graph_row(task, giver->id),
							  graph_row(task, neighbours[place]), task->dim,
							  0) <= giver->sqdist)
		place++;
	memmove(neighbours + place + 1, neighbours + place,
			(task->degree - 1 - place) * sizeof(uint32_t));
	neighbours[place] = row;
	c->ways[row]++;
}

/* Every row out of reach gets a link from one within, if there is a place */
static bool
tie_in(Connect *c)
{
	for (uint32_t row = 0; row < c->task->n; row++)
	{
		GraphLink giver;

		if (c->reached[row])
			continue;
		if (!find_giver(c, row, &giver))
			return false;
		if (giver.id == GRAPH_NONE)
			continue;
		give_place(c, &giver, row);
		if (!walk_from(c, row))
			return false;
	}
	return true;
}

bool
graph_connect(const GraphTask *task, uint32_t entry, uint32_t *neighbours,
			  size_t *nunreached, void *work)
{
	Connect c;
	size_t before;

	*nunreached = 0;
	if (task->n == 0)
		return true;
	lay_out(&c, task, work);
	c.neighbours = neighbours;
	if (!walk_anew(&c, entry))
		return false;
	do
	{
		before = c.nreached;
		if (before == task->n)
			break;
		if (!tie_in(&c) || !walk_anew(&c, entry))
			return false;
	} while (c.nreached > before);
	*nunreached = task->n - c.nreached;
	return true;
}
