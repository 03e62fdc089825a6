/*
 * history.c
 *	  The same rows in an index, come there in different ways.
 *
 * In the end each way leaves exactly the rows of the set, so that its answers
 * are right for all of them.  Rows that are deleted on the way are made by
 * rows_enlarge(), and have numbers beyond those of the set.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "derive.h"
#include "experiments.h"
#include "parallel.h"
#include "queries.h"
#include "report.h"

#define SEEDS 3
#define CLUSTERS 50
#define BATCHES 10
/* Rows that are deleted again, of those that are in the index before */
#define DELETED 0.2

/* What a way needs to know */
typedef struct Story
{
	const Experiment *e;
	Server *server;
	const char *create; /* the index */
	uint64_t seed;
	const Rows *more; /* the rows of the set, and others after them */
} Story;

/* ----- orders ----- */

typedef struct Place
{
	double key;
	size_t row;
} Place;

typedef struct Sorting
{
	const Story *story;
	Place *places;
	size_t *centres;
} Sorting;

static int
compare_places(const void *a, const void *b)
{
	const Place *x = a;
	const Place *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return (x->row > y->row) - (x->row < y->row);
}

static void
key_norm(void *context, size_t row)
{
	const Sorting *sorting = context;
	const Dataset *set = sorting->story->e->set;
	const Rows *base = &set->base;
	size_t begin = row * set->dim;
	size_t end = begin + set->dim;
	double sum = 0;

	if (base->starts != NULL)
	{
		begin = base->starts[row];
		end = base->starts[row + 1];
	}
	for (size_t i = begin; i < end; i++)
		sum += (double) base->values[i] * base->values[i];
	sorting->places[row] = (Place){sum, row};
}

static void
key_cluster(void *context, size_t row)
{
	const Sorting *sorting = context;
	const Dataset *set = sorting->story->e->set;
	double least = 0;
	size_t nearest = 0;

	for (size_t c = 0; c < CLUSTERS && c < set->n; c++)
	{
		double distance = rows_distance(set, &set->base, row, &set->base,
										sorting->centres[c]);

		if (c == 0 || distance < least)
		{
			least = distance;
			nearest = c;
		}
	}
	sorting->places[row] = (Place){(double) nearest, row};
}

/* How much nearer to the first of two rows than to the second */
static void
key_side(void *context, size_t row)
{
	const Sorting *sorting = context;
	const Dataset *set = sorting->story->e->set;
	const Rows *base = &set->base;

	sorting->places[row] =
		(Place){rows_distance(set, base, row, base, sorting->centres[0]) -
					rows_distance(set, base, row, base, sorting->centres[1]),
				row};
}

static size_t *
sorted_order(const Story *story, void (*key)(void *context, size_t row))
{
	size_t n = story->e->set->n;
	Sorting sorting = {story, allocate(n, sizeof(Place)),
					   random_order(n, story->seed)};
	size_t *order = allocate(n, sizeof(size_t));

	parallel_for(n, key, &sorting);
	qsort(sorting.places, n, sizeof(Place), compare_places);
	for (size_t i = 0; i < n; i++)
		order[i] = sorting.places[i].row;
	free(sorting.places);
	free(sorting.centres);
	return order;
}

/* ----- ways ----- */

static void
add_rows(const Story *story, const size_t *order, size_t n)
{
	server_load(story->server, "items", story->e->set, story->more, order, n);
}

static bool
load_and_build(const Story *story, size_t *order)
{
	add_rows(story, order, story->e->set->n);
	free(order);
	return server_try(story->server, story->create);
}

static bool
by_random(const Story *story)
{
	return load_and_build(story, random_order(story->e->set->n, story->seed));
}

static bool
by_norm(const Story *story)
{
	return load_and_build(story, sorted_order(story, key_norm));
}

static bool
by_cluster(const Story *story)
{
	return load_and_build(story, sorted_order(story, key_cluster));
}

/* Rows first .. end - 1, in batches */
static void
delete_rows(const Story *story, size_t first, size_t end)
{
	server_do(story->server, "DELETE FROM items WHERE id >= %zu AND id < %zu",
			  first, end);
	server_do(story->server, "VACUUM (INDEX_CLEANUP on) items");
}

/* Half of the rows of the index give way to others, bit by bit */
static bool
by_replacing(const Story *story)
{
	size_t n = story->e->set->n;
	size_t half = n / 2;
	size_t *order = random_order(n, story->seed);
	size_t *old = allocate(n, sizeof(size_t));

	/* first those that stay, then those that go */
	for (size_t i = 0; i < n; i++)
		old[i] = i < n - half ? order[i] : i + half;
	add_rows(story, old, n);
	free(old);
	if (!server_try(story->server, story->create))
		return false;
	for (size_t b = 0; b < BATCHES; b++)
	{
		size_t first = half * b / BATCHES;
		size_t end = half * (b + 1) / BATCHES;

		delete_rows(story, n + first, n + end);
		add_rows(story, order + n - half + first, end - first);
	}
	free(order);
	return true;
}

/* Into an empty index, with rows of which a share is deleted at the end */
static bool
by_filling(const Story *story)
{
	size_t n = story->e->set->n;
	size_t total = (size_t) ((double) n / (1 - DELETED));
	size_t *order = random_order(total, story->seed);

	if (!server_try(story->server, story->create))
		return false;
	add_rows(story, order, total);
	free(order);
	delete_rows(story, n, total);
	return true;
}

/* One side of the data is indexed, the other inserted */
static bool
by_drifting(const Story *story)
{
	size_t n = story->e->set->n;
	size_t *order = sorted_order(story, key_side);
	bool built;

	add_rows(story, order, n / 2);
	built = server_try(story->server, story->create);
	if (built)
	{
		add_rows(story, order + n / 2, n - n / 2);
		delete_rows(story, n, n); /* none: vacuum alone */
	}
	free(order);
	return built;
}

static const struct
{
	const char *experiment;
	const char *name;
	bool (*make)(const Story *story); /* false: the server cannot */
	uint64_t seeds;
} ways[] = {{"order", "random", by_random, SEEDS},
			{"order", "norm", by_norm, SEEDS},
			{"order", "clustered", by_cluster, SEEDS},
			{"age", "fresh", by_random, 1},
			{"age", "replaced", by_replacing, 1},
			{"age", "filled", by_filling, 1},
			{"age", "drifted", by_drifting, 1}};

/* All configurations of the index that was made */
static void
measure_way(const Story *story, const Config *configs, size_t c, size_t n,
			size_t way, const Queries *queries)
{
	const char *definition = configs[c].definition;

	for (; c < n; c++)
	{
		Run run;
		Measured m;

		if (!config_concerns(&configs[c], story->server))
			continue;
		if (strcmp(configs[c].definition, definition) != 0)
			break;
		run_begin(&run, story->e, story->server, &configs[c],
				  mode_find("prepared"), queries);
		for (int round = 0; round < story->e->rounds; round++)
			run_round(&run);
		m = run_end(&run);
		report_row(ways[way].experiment,
				   json_pack("{ss ss ss ss si si sf sf sf}", "config",
							 configs[c].label, "server", story->server->name,
							 "set", story->e->set->name, "way", ways[way].name,
							 "seed", (int) story->seed, "k", (int) story->e->k,
							 "recall", m.recall, "qps", m.qps, "p99_ms",
							 m.p99_ms));
	}
}

static void
measure_story(Story *story, const Config *configs, size_t c, size_t n,
			  const char *experiment, const Queries *queries)
{
	char *create = config_create_index(&configs[c], story->e->set, NULL);

	story->create = create;
	for (size_t way = 0; way < sizeof(ways) / sizeof(ways[0]); way++)
	{
		if (strcmp(ways[way].experiment, experiment) != 0)
			continue;
		for (story->seed = 1; story->seed <= ways[way].seeds; story->seed++)
		{
			server_do(story->server, "RESET ALL");
			create_table(story->server, "items", story->e->set, "external");
			if (!ways[way].make(story))
				continue;
			server_do(story->server, "ANALYZE items");
			measure_way(story, configs, c, n, way, queries);
		}
	}
	free(create);
}

void
measure_history(const Experiment *e, const char *config_path,
				const char *experiment)
{
	size_t n;
	Config *configs = config_read(config_path, &n);
	Queries queries = queries_make(e);
	size_t nmore = e->set->n + e->set->n / 2;
	Rows more = strcmp(experiment, "age") == 0 ? rows_enlarge(e->set, nmore)
											   : e->set->base;

	for (size_t c = 0; c < n; c++)
	{
		for (int s = 0; s < e->nservers; s++)
		{
			Story story = {.e = e, .server = &e->servers[s], .more = &more};

			if (config_begins_index(configs, c, &e->servers[s]))
				measure_story(&story, configs, c, n, experiment, &queries);
		}
	}
}
