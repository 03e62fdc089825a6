/*
 * grid.c
 *	  Is the plan that is taken near the fastest there is?
 *
 * Cells differ in rows, share of rows that meet a condition, LIMIT and storage.  In
 * each every query is asked in all ways, one after the other, so that noise of the
 * machine meets all alike.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "derive.h"
#include "experiments.h"
#include "form.h"
#include "report.h"
#include "stats.h"

#define SEED_OF_GRID 6
#define SCALE 10000
#define MOST_QUERIES 15
#define SETTLED 6 /* PostgreSQL plans five times before it decides */
#define NEAR 1.3
#define ENOUGH 0.95
#define TIE 1e-6

static const size_t row_parts[] = {64, 16, 4, 1}; /* of all rows of the set */
static const int shares[] = {10000, 5000, 2000, 500, 100, 30, 10, 3};
static const size_t limits[] = {1, 10, 100, 1000};
static const char *const storages[] = {"plain", "external"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The first is what is measured, the others are what else could be done */
static const struct
{
	const char *name;
	const char *settings;
} ways[] = {
	{"taken", "SELECT 1"},
	{"sequential",
	 "SET vector_ext.enable_filtered_scan = off; "
	 "SET enable_indexscan = off; SET enable_bitmapscan = off"},
	{"bitmap",
	 "SET vector_ext.enable_filtered_scan = off; "
	 "SET enable_indexscan = off; SET enable_seqscan = off"},
	{"filtered", "SET enable_sort = off; SET enable_seqscan = off"},
	{"post-filter",
	 "SET vector_ext.enable_filtered_scan = off; SET enable_sort = off; "
	 "SET enable_seqscan = off; SET enable_bitmapscan = off"}};

#define NWAYS COUNT(ways)
#define EXACT 1 /* the way that finds all */

/* A cell's figures of a way */
typedef struct Way
{
	PGconn *connection;
	double times[MOST_QUERIES];
	size_t hits;
} Way;

typedef struct Grid
{
	const Experiment *e;
	Server *server;
	const Config *config;
	size_t n; /* rows of the table */
	const char *storage;
	size_t nqueries;
	double farthest[MOST_QUERIES]; /* of the rows that are right */
	Way ways[NWAYS];
} Grid;

static void
create_rows(const Grid *grid)
{
	Server *server = grid->server;
	const Dataset *set = grid->e->set;

	create_table(server, "vectors", set, "external");
	server_load(server, "vectors", set, &set->base, NULL, grid->n);
	server_do(server, "DROP TABLE IF EXISTS items");
	server_do(server,
			  "CREATE TABLE items (id int, number int, embedding %s(%zu))",
			  form_name(set->form), set->dim);
	server_do(server, "ALTER TABLE items ALTER embedding SET STORAGE %s",
			  grid->storage);
	/* numbers are a permutation, scaled: shares are exact */
	server_do(server,
			  "INSERT INTO items SELECT id, "
			  "((row_number() OVER (ORDER BY hashint4(id + %d)) - 1) * %d "
			  "/ %zu)::int, embedding FROM vectors ORDER BY id",
			  SEED_OF_GRID, SCALE, grid->n);
	server_do(server, "DROP TABLE vectors");
	server_do(server, "CREATE INDEX ON items (number)");
}

static bool
create_index(const Grid *grid)
{
	char *create = config_create_index(grid->config, grid->e->set, NULL);
	bool created = server_try(grid->server, create);

	free(create);
	if (created)
		server_do(grid->server, "VACUUM ANALYZE items");
	return created;
}

static PGresult *
ask(const Grid *grid, const Way *way, size_t query)
{
	int size;
	char *vector =
		row_binary(grid->e->set, &grid->e->set->queries, query, &size);
	const char *const values[1] = {vector};
	const int formats[1] = {1};
	PGresult *result =
		PQexecPrepared(way->connection, "cell", 1, values, &size, formats, 0);

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		die("%s: %s", grid->server->name, PQresultErrorMessage(result));
	free(vector);
	return result;
}

/* The distance of the farthest row that an exact plan returned */
static double
farthest_of(const Grid *grid, const PGresult *result, size_t query)
{
	int n = PQntuples(result);

	if (n == 0)
		return -INFINITY;
	return dataset_distance(grid->e->set, query,
							strtoul(PQgetvalue(result, n - 1, 0), NULL, 10));
}

/* One query in all ways, each time in another order */
static void
measure_query(Grid *grid, size_t query)
{
	for (size_t i = 0; i < NWAYS; i++)
	{
		Way *way = &grid->ways[(query + i) % NWAYS];
		double start = now();
		PGresult *result = ask(grid, way, query);

		way->times[query] = (now() - start) * 1e3;
		for (int row = 0; row < PQntuples(result); row++)
			way->hits +=
				dataset_distance(grid->e->set, query,
								 strtoul(PQgetvalue(result, row, 0), NULL,
										 10)) <= grid->farthest[query] + TIE;
		PQclear(result);
	}
}

/*
 * Statements, and what is right, of which the number of rows is returned.  Each
 * plan is asked for until it stays as it is, and what it reads is in memory.
 */
static size_t
prepare_cell(Grid *grid, int share, size_t limit)
{
	size_t wanted = 0;

	for (size_t w = 0; w < NWAYS; w++)
	{
		char statement[300];

		snprintf(statement, sizeof(statement),
				 "DEALLOCATE ALL; PREPARE cell (%s) AS SELECT id FROM items "
				 "WHERE number < %d ORDER BY embedding %s $1 LIMIT %zu",
				 form_name(grid->e->set->form), share,
				 metric_operator(grid->e->set->metric), limit);
		PQclear(server_ask(grid->server, grid->ways[w].connection, statement));
		grid->ways[w].hits = 0;
		for (size_t i = 0; i < SETTLED; i++)
			PQclear(ask(grid, &grid->ways[w], i % grid->nqueries));
	}
	for (size_t q = 0; q < grid->nqueries; q++)
	{
		PGresult *result = ask(grid, &grid->ways[EXACT], q);

		grid->farthest[q] = farthest_of(grid, result, q);
		wanted += (size_t) PQntuples(result);
		PQclear(result);
	}
	return wanted;
}

static void
measure_cell(Grid *grid, int share, size_t limit)
{
	size_t wanted = prepare_cell(grid, share, limit);
	size_t best = EXACT;
	double ms[NWAYS];
	json_t *row;

	for (size_t q = 0; q < grid->nqueries; q++)
		measure_query(grid, q);
	for (size_t w = 0; w < NWAYS; w++)
	{
		Way *way = &grid->ways[w];

		ms[w] = percentile(way->times, grid->nqueries, 0.5);
		if ((double) way->hits >= ENOUGH * (double) wanted && ms[w] < ms[best])
			best = w;
	}
	row = json_pack("{ss ss ss sI ss sf sI sf sf ss sf}", "config",
					grid->config->label, "server", grid->server->name, "set",
					grid->e->set->name, "rows", (json_int_t) grid->n, "storage",
					grid->storage, "share", (double) share / SCALE, "limit",
					(json_int_t) limit, "taken_ms", ms[0], "best_ms", ms[best],
					"best", ways[best].name, "ratio", ms[0] / ms[best]);
	if (ms[0] > NEAR * ms[best])
		report_row("plans", row);
	else
		report_keep("plans", row);
}

/* All cells of a table */
static void
measure_table(Grid *grid)
{
	create_rows(grid);
	if (create_index(grid))
	{
		for (size_t w = 0; w < NWAYS; w++)
		{
			grid->ways[w].connection = server_again(grid->server);
			PQclear(server_ask(grid->server, grid->ways[w].connection,
							   ways[w].settings));
		}
		for (size_t s = 0; s < COUNT(shares); s++)
		{
			for (size_t l = 0; l < COUNT(limits); l++)
				measure_cell(grid, shares[s], limits[l]);
		}
		for (size_t w = 0; w < NWAYS; w++)
			PQfinish(grid->ways[w].connection);
	}
	server_do(grid->server, "DROP TABLE items");
}

static void
measure_index(const Experiment *e, Server *server, const Config *config)
{
	size_t n = e->set->nqueries;

	for (size_t p = 0; p < COUNT(row_parts); p++)
	{
		for (size_t s = 0; s < COUNT(storages); s++)
		{
			Grid grid = {.e = e,
						 .server = server,
						 .config = config,
						 .n = e->set->n / row_parts[p],
						 .storage = storages[s],
						 .nqueries = n < MOST_QUERIES ? n : MOST_QUERIES};

			measure_table(&grid);
		}
	}
}

void
measure_grid(const Experiment *e, const char *config_path)
{
	size_t n;
	Config *configs = config_read(config_path, &n);

	for (size_t c = 0; c < n; c++)
	{
		/* the ways are settings of ours */
		if (strcmp(configs[c].servers, "ours") == 0)
			measure_index(e, &e->servers[0], &configs[c]);
	}
}
