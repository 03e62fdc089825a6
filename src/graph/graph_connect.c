/*
 * graph_connect.c
 *	  Rows that no walk reaches are tied in.
 *
 * Breadth-first from the entry, with a tree of the links by which rows were
 * first met.  Then each row out of reach, in order, is given a link from one
 * within, and the walk goes on from there.  Only links that are not of the tree
 * give way, so nothing gets lost; and since a tree has fewer links than rows,
 * there is always a place.
 */
#include "graph/graph.h"

#include <string.h>

#include "distance/distance.h"
#include "graph/graph_keys.h"
#include "graph/graph_near.h"
#include "quant/carver.h"
#include "quant/pacer.h"

/* A row met on the way costs as much as so many floats that are read */
#define WALK_WORK 8

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
	uint32_t *from;  /* n: the row that the walk came from, the entry from
						itself; GRAPH_NONE: out of reach */
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
	c->from = carve(&carver, task->n, sizeof(uint32_t));
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

/* Neither no row nor one of elsewhere */
static bool
is_inside(const Connect *c, uint32_t row)
{
	return row < c->task->n;
}

/* A row is met, coming from another */
static void
reach(Connect *c, uint32_t row, uint32_t from)
{
	c->from[row] = from;
	c->queue[c->nreached++] = row;
}

/* Whatever can be reached by way of row, which is new within reach */
static bool
walk_from(Connect *c, uint32_t row, uint32_t from)
{
	size_t at = c->nreached;

	for (reach(c, row, from); at < c->nreached; at++)
	{
		uint32_t here = c->queue[at];
		const uint32_t *next = neighbours_of(c, here);

		for (size_t i = 0; i < c->task->degree && next[i] != GRAPH_NONE; i++)
		{
			if (is_inside(c, next[i]) && c->from[next[i]] == GRAPH_NONE)
				reach(c, next[i], here);
		}
		if (!pacer_go_on(&c->pacer, WALK_WORK * c->task->degree))
			return false;
	}
	return true;
}

/* The place of a row that can go to another neighbour; degree: there is none */
static size_t
spare_place(const Connect *c, uint32_t row)
{
	const uint32_t *neighbours = neighbours_of(c, row);
	size_t degree = c->task->degree;

	for (size_t i = degree; i > 0; i--)
	{
		if (!is_inside(c, neighbours[i - 1]) ||
			c->from[neighbours[i - 1]] != row)
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

			if (c->from[id] == GRAPH_NONE)
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
		memmove(neighbours + last, neighbours + last + 1,
				(task->degree - 1 - last) * sizeof(uint32_t));
		neighbours[task->degree - 1] = GRAPH_NONE;
	}
	while (neighbours[place] != GRAPH_NONE &&
		   (!is_inside(c, neighbours[place]) ||
			c->kernels->sqdist(graph_row(task, giver->id),
							   graph_row(task, neighbours[place]), task->dim,
							   0) <= giver->sqdist))
		place++;
	memmove(neighbours + place + 1, neighbours + place,
			(task->degree - 1 - place) * sizeof(uint32_t));
	neighbours[place] = row;
}

bool
graph_connect(const GraphTask *task, uint32_t entry, uint32_t *neighbours,
			  size_t *ntied, void *work)
{
	Connect c;

	*ntied = 0;
	if (task->n == 0)
		return true;
	lay_out(&c, task, work);
	c.neighbours = neighbours;
	c.nreached = 0;
	memset(c.from, 0xFF, task->n * sizeof(uint32_t));
	if (!walk_from(&c, entry, entry))
		return false;
	for (uint32_t row = 0; row < task->n; row++)
	{
		GraphLink giver;

		if (c.from[row] != GRAPH_NONE)
			continue;
		if (!find_giver(&c, row, &giver))
			return false;
		give_place(&c, &giver, row);
		++*ntied;
		if (!walk_from(&c, row, giver.id))
			return false;
	}
	return true;
}
