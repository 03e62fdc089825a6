/*
 * graph_links.c
 *	  Links both ways: who links to a row, and the neighbours it gets.
 */
#include "graph/graph.h"

#include <string.h>

#include "graph/graph_choose.h"
#include "graph/graph_keys.h"
#include "graph/graph_near.h"
#include "quant/carver.h"
#include "quant/pacer.h"

/* Distances that pruning computes for each candidate, about */
#define PAIRS_PER_CANDIDATE 8

bool
graph_reverse(const GraphTask *task, const GraphLink *links, uint32_t *starts,
			  uint32_t *ids)
{
	size_t degree = task->degree;
	Pacer pacer = {task->poll, task->poll_arg, 0};

	memset(starts, 0, (task->n + 1) * sizeof(uint32_t));
	for (size_t row = 0; row < task->n; row++)
	{
		const GraphLink *link = links + row * degree;

		for (size_t i = 0; i < degree && link[i].id != GRAPH_NONE; i++)
			starts[link[i].id + 1]++;
		if (!pacer_go_on(&pacer, degree))
			return false;
	}
	for (size_t row = 0; row < task->n; row++)
		starts[row + 1] += starts[row];
	for (size_t row = 0; row < task->n; row++)
	{
		const GraphLink *link = links + row * degree;

		for (size_t i = 0; i < degree && link[i].id != GRAPH_NONE; i++)
			ids[starts[link[i].id]++] = (uint32_t) row;
		if (!pacer_go_on(&pacer, degree))
			return false;
	}
	/* each start has moved to where the next one was */
	memmove(starts + 1, starts, task->n * sizeof(uint32_t));
	starts[0] = 0;
	return true;
}

typedef struct Finish
{
	const GraphTask *task;
	Pacer pacer;
	GraphChooser chooser;
	size_t room; /* of candidates */

	/* work memory */
	uint64_t *keys;  /* room */
	uint64_t *spare; /* room */
} Finish;

static size_t
lay_out(Finish *f, const GraphTask *task, size_t room, void *work)
{
	Carver carver = {work, 0};

	f->task = task;
	f->pacer = (Pacer){task->poll, task->poll_arg, 0};
	f->room = room;
	f->keys = carve(&carver, f->room, sizeof(uint64_t));
	f->spare = carve(&carver, f->room, sizeof(uint64_t));
	graph_chooser_init(&f->chooser, task, f->room, &carver);
	return carver.used;
}

/* Those that link to a row are cut when there are twice too many */
static size_t
finish_room(const GraphTask *task)
{
	return task->degree * 2 * GRAPH_INCOMING;
}

size_t
graph_finish_work_size(const GraphTask *task)
{
	Finish f;

	if (task->n > UINT32_MAX / task->degree)
		return SIZE_MAX;
	return lay_out(&f, task, finish_room(task), NULL);
}

size_t
graph_unite_work_size(const GraphTask *task, size_t nlinks)
{
	Finish f;

	if (task->n > UINT32_MAX / task->degree)
		return SIZE_MAX;
	return lay_out(&f, task, nlinks, NULL);
}

/* The link of one row to another, which is there */
static const GraphLink *
find_link(const GraphLink *link, uint32_t id)
{
	while (link->id != id)
		link++;
	return link;
}

/* Keys of the nearest rows that link to row; their number in *n */
static bool
take_incoming(Finish *f, uint32_t row, const GraphLink *links,
			  const uint32_t *ids, size_t nids, size_t *n)
{
	size_t wanted = f->task->degree * GRAPH_INCOMING;

	*n = 0;
	for (size_t i = 0; i < nids; i++)
	{
		const GraphLink *link =
			find_link(links + ids[i] * f->task->degree, row);

		f->keys[(*n)++] = graph_key(link->sqdist, ids[i], row + 1);
		if (*n == f->room)
		{
			graph_sort(f->keys, *n, f->spare);
			*n = wanted;
		}
		if (!pacer_go_on(&f->pacer, f->task->degree))
			return false;
	}
	if (*n > wanted)
	{
		graph_sort(f->keys, *n, f->spare);
		*n = wanted;
	}
	return true;
}

/* And those that it links to, up to nlinks; sorted, each once */
static size_t
add_outgoing(Finish *f, uint32_t row, const GraphLink *link, size_t nlinks,
			 size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < nlinks && link[i].id != GRAPH_NONE; i++)
		f->keys[n++] = graph_key(link[i].sqdist, link[i].id, row + 1);
	graph_sort(f->keys, n, f->spare);
	/* the distance between two rows is the same bits both ways */
	for (size_t i = 0; i < n; i++)
	{
		f->keys[kept] = f->keys[i];
		kept += i + 1 == n || f->keys[i] != f->keys[i + 1];
	}
	return kept;
}

/* Neighbours of a row from the n candidates there are */
static bool
choose_neighbours(Finish *f, uint32_t row, size_t n, uint32_t *neighbours)
{
	const GraphTask *task = f->task;
	size_t nchosen = graph_choose(&f->chooser, row, f->keys, n);

	for (size_t i = 0; i < task->degree; i++)
		neighbours[i] = i < nchosen
			? graph_key_id(f->keys[f->chooser.chosen[i]], row + 1)
			: GRAPH_NONE;
	return pacer_go_on(&f->pacer, n * task->dim * PAIRS_PER_CANDIDATE);
}

static bool
finish_row(Finish *f, uint32_t row, const GraphLink *links,
		   const uint32_t *starts, const uint32_t *ids, uint32_t *neighbours)
{
	const GraphTask *task = f->task;
	size_t n;

	if (!take_incoming(f, row, links, ids + starts[row],
					   starts[row + 1] - starts[row], &n))
		return false;
	n = add_outgoing(f, row, links + row * task->degree, task->degree, n);
	return choose_neighbours(f, row, n, neighbours);
}

bool
graph_finish(const GraphTask *task, size_t first_row, size_t end_row,
			 const GraphLink *links, const uint32_t *starts,
			 const uint32_t *ids, uint32_t *neighbours, void *work)
{
	Finish f;

	lay_out(&f, task, finish_room(task), work);
	for (size_t row = first_row; row < end_row; row++)
	{
		if (!finish_row(&f, (uint32_t) row, links, starts, ids,
						neighbours + row * task->degree))
			return false;
	}
	return true;
}

bool
graph_unite(const GraphTask *task, size_t first_row, size_t end_row,
			const GraphLink *links, size_t nlinks, uint32_t *neighbours,
			void *work)
{
	Finish f;

	lay_out(&f, task, nlinks, work);
	for (size_t row = first_row; row < end_row; row++)
	{
		size_t n =
			add_outgoing(&f, (uint32_t) row, links + row * nlinks, nlinks, 0);

		if (!choose_neighbours(&f, (uint32_t) row, n,
							   neighbours + row * task->degree))
			return false;
	}
	return true;
}
