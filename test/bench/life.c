/*
 * life.c
 *	  What an index costs besides queries: build, memory, inserts, VACUUM.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "experiments.h"
#include "memory.h"
#include "report.h"
#include "stats.h"

/* Rows that are inserted into the finished index, as a share of all */
#define INSERTED 0.2
#define CLIENTS 4

/* items has the first rows, and fresh the rest of the set */
static void
split_items(Server *server, const Dataset *set)
{
	create_items(server, set, "external");
	server_do(server, "DROP TABLE IF EXISTS fresh");
	server_do(server,
			  "CREATE TABLE fresh AS SELECT * FROM items WHERE id >= %zu",
			  (size_t) ((double) set->n * (1 - INSERTED)));
	server_do(server, "DELETE FROM items WHERE id IN (SELECT id FROM fresh)");
	server_do(server, "VACUUM FULL ANALYZE items");
	server_do(server, "ANALYZE fresh");
	server_do(server, "CHECKPOINT");
}

/* Insert all fresh rows by so many clients at once: rows a second */
static double
insert_fresh(Server *server, int clients)
{
	PGconn *connections[CLIENTS];
	char *count = server_value(server, "SELECT count(*) FROM fresh");
	double rows = atof(count);
	double start = now();

	for (int c = 0; c < clients; c++)
		connections[c] = server_again(server);
	start = now();
	for (int c = 0; c < clients; c++)
	{
		char statement[128];

		snprintf(statement, sizeof(statement),
				 "INSERT INTO items SELECT * FROM fresh WHERE id %% %d = %d",
				 clients, c);
		if (!PQsendQuery(connections[c], statement))
			die("%s: %s", server->name, PQerrorMessage(connections[c]));
	}
	for (int c = 0; c < clients; c++)
	{
		PGresult *result;

		while ((result = PQgetResult(connections[c])) != NULL)
		{
			if (PQresultStatus(result) != PGRES_COMMAND_OK)
				die("%s: %s", server->name, PQresultErrorMessage(result));
			PQclear(result);
		}
	}
	start = now() - start;
	for (int c = 0; c < clients; c++)
		PQfinish(connections[c]);
	free(count);
	return rows / start;
}

/* Remove one row in a hundred, and vacuum: milliseconds of the latter */
static double
vacuum_one_percent(Server *server)
{
	double start;

	server_do(server, "DELETE FROM items WHERE id %% 100 = 0");
	start = now();
	server_do(server, "VACUUM (INDEX_CLEANUP on) items");
	return (now() - start) * 1e3;
}

static void
measure_index(const Experiment *e, Server *server, const Config *config)
{
	size_t rounds = (size_t) e->rounds;
	double *seconds = calloc(rounds, sizeof(double));
	double *peak = calloc(rounds, sizeof(double));
	double *alone = calloc(rounds, sizeof(double));
	double *together = calloc(rounds, sizeof(double));
	double *vacuum = calloc(rounds, sizeof(double));
	char *create = config_create_index(config, e->set);
	char *size;

	for (size_t r = 0; r < rounds; r++)
	{
		split_items(server, e->set);
		seconds[r] = memory_run(server, create, &peak[r]);
		alone[r] = insert_fresh(server, 1);
		server_do(server,
				  "DELETE FROM items WHERE id IN "
				  "(SELECT id FROM fresh)");
		server_do(server, "VACUUM items");
		together[r] = insert_fresh(server, CLIENTS);
		vacuum[r] = vacuum_one_percent(server);
	}
	size = server_value(server, "SELECT pg_relation_size('items_index')");
	report_row(
		"life of an index",
		json_pack("{ss ss ss sf sf sf sf sf sf}", "config", config->definition,
				  "server", server->name, "set", e->set->name, "build_s",
				  percentile(seconds, rounds, 0.5), "build_peak_MB",
				  percentile(peak, rounds, 0.5), "inserts_s",
				  percentile(alone, rounds, 0.5), "inserts_s_by_4",
				  percentile(together, rounds, 0.5), "vacuum_ms",
				  percentile(vacuum, rounds, 0.5), "MB", atof(size) / 1e6));
	free(size);
	free(create);
	free(seconds);
	free(peak);
	free(alone);
	free(together);
	free(vacuum);
}

void
measure_life(const Experiment *e, const char *config_path)
{
	size_t n;
	Config *configs = config_read(config_path, &n);

	for (int s = 0; s < e->nservers; s++)
	{
		const char *last = "-";

		for (size_t c = 0; c < n; c++)
		{
			if (!config_concerns(&configs[c], &e->servers[s]) ||
				strcmp(configs[c].definition, last) == 0)
				continue;
			last = configs[c].definition;
			measure_index(e, &e->servers[s], &configs[c]);
		}
	}
}
