/*
 * life.c
 *	  What an index costs besides queries and builds: inserts, VACUUM.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "experiments.h"
#include "form.h"
#include "report.h"
#include "stats.h"

/* Rows that are inserted into the finished index, as a share of all */
#define INSERTED 0.2
#define CLIENTS 4

/* The same rows go into a table without an index, to know what that costs */
static const char *const tables[] = {"items", "bare"};

/* A client that inserts every so many-th row from one on */
typedef struct Inserter
{
	const Dataset *set;
	const Server *server;
	PGconn *connection;
	const char *table;
	size_t first;
	size_t step;
	size_t end;
	pthread_t thread;
} Inserter;

/* One statement for all rows, which are in the table fresh */
static void *
insert_select(void *argument)
{
	const Inserter *i = argument;
	char statement[200];

	snprintf(statement, sizeof(statement),
			 "INSERT INTO %s SELECT * FROM fresh WHERE id >= %zu AND id < %zu "
			 "AND id %% %zu = %zu",
			 i->table, i->first, i->end, i->step, i->first % i->step);
	PQclear(server_ask(i->server, i->connection, statement));
	return NULL;
}

/* A prepared statement for each row, each a transaction */
static void *
insert_prepared(void *argument)
{
	const Inserter *i = argument;
	char statement[128];

	snprintf(statement, sizeof(statement),
			 "PREPARE add (integer, %s) AS INSERT INTO %s VALUES ($1, $2)",
			 form_name(i->set->form), i->table);
	PQclear(server_ask(i->server, i->connection, statement));
	for (size_t row = i->first; row < i->end; row += i->step)
	{
		char id[4];
		int sizes[2] = {sizeof(id), 0};
		const int formats[2] = {1, 1};
		char *vector = row_binary(i->set, &i->set->base, row, &sizes[1]);
		const char *const values[2] = {id, vector};
		PGresult *result;

		put_int32(id, (int32_t) row);
		result =
			PQexecPrepared(i->connection, "add", 2, values, sizes, formats, 0);
		if (PQresultStatus(result) != PGRES_COMMAND_OK)
			die("%s: %s", i->server->name, PQresultErrorMessage(result));
		PQclear(result);
		free(vector);
	}
	return NULL;
}

/* How a quarter of the fresh rows is inserted */
static const struct
{
	const char *label;
	void *(*insert)(void *argument);
	int clients;
} ways[] = {{"select_1", insert_select, 1},
			{"select_4", insert_select, CLIENTS},
			{"prepared_1", insert_prepared, 1},
			{"prepared_4", insert_prepared, CLIENTS}};

#define NWAYS (sizeof(ways) / sizeof(ways[0]))

static double
wal_bytes(Server *server)
{
	char *text = server_value(
		server, "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn");
	double bytes = atof(text);

	free(text);
	return bytes;
}

/* Rows a second; *wal = bytes a row */
static double
insert_rows(const Experiment *e, Server *server, size_t way, const char *table,
			double *wal)
{
	size_t fresh = (size_t) ((double) e->set->n * (1 - INSERTED));
	size_t slice = (e->set->n - fresh) / NWAYS;
	size_t clients = (size_t) ways[way].clients;
	Inserter inserters[CLIENTS];
	double before = wal_bytes(server);
	double start;

	for (size_t c = 0; c < clients; c++)
		inserters[c] = (Inserter){.set = e->set,
								  .server = server,
								  .connection = server_again(server),
								  .table = table,
								  .first = fresh + way * slice + c,
								  .step = clients,
								  .end = fresh + (way + 1) * slice};
	start = now();
	for (size_t c = 0; c < clients; c++)
	{
		if (pthread_create(&inserters[c].thread, NULL, ways[way].insert,
						   &inserters[c]) != 0)
			die("no thread could be started");
	}
	for (size_t c = 0; c < clients; c++)
		pthread_join(inserters[c].thread, NULL);
	start = now() - start;
	*wal = (wal_bytes(server) - before) / (double) slice;
	for (size_t c = 0; c < clients; c++)
		PQfinish(inserters[c].connection);
	return (double) slice / start;
}

/* Remove one row in a hundred, and vacuum: milliseconds of the latter */
static double
vacuum_one_percent(Server *server, const char *table)
{
	double start;

	server_do(server, "DELETE FROM %s WHERE id %% 100 = 0", table);
	start = now();
	server_do(server, "VACUUM (INDEX_CLEANUP on, PARALLEL 0) %s", table);
	return (now() - start) * 1e3;
}

/* Both tables with the first rows, fresh with the others */
static void
fill_tables(const Experiment *e, Server *server)
{
	const Dataset *set = e->set;
	size_t kept = (size_t) ((double) set->n * (1 - INSERTED));
	size_t *rest = allocate(set->n, sizeof(size_t));

	for (size_t i = kept; i < set->n; i++)
		rest[i - kept] = i;
	for (int t = 0; t < 2; t++)
	{
		create_table(server, tables[t], set, "external");
		server_load(server, tables[t], set, &set->base, NULL, kept);
		server_do(server, "VACUUM ANALYZE %s", tables[t]);
	}
	create_table(server, "fresh", set, "external");
	server_load(server, "fresh", set, &set->base, rest, set->n - kept);
	server_do(server, "VACUUM ANALYZE fresh");
	free(rest);
}

/* What the rounds found of one index */
typedef struct Life
{
	double *rate[NWAYS];
	double *wal; /* of an index entry, one row a transaction */
	double *vacuum;
	double *vacuum_bare;
} Life;

static bool
measure_round(const Experiment *e, Server *server, const char *create,
			  const Life *life, int round)
{
	double wal;

	fill_tables(e, server);
	server_do(server, "RESET ALL");
	if (!server_try(server, create))
		return false;
	server_do(server, "CHECKPOINT");
	for (size_t way = 0; way < NWAYS; way++)
	{
		double bare;

		life->rate[way][round] = insert_rows(e, server, way, "items", &wal);
		insert_rows(e, server, way, "bare", &bare);
		if (ways[way].clients == 1)
			life->wal[round] = wal - bare;
	}
	life->vacuum[round] = vacuum_one_percent(server, "items");
	life->vacuum_bare[round] = vacuum_one_percent(server, "bare");
	return true;
}

static void
measure_index(const Experiment *e, Server *server, const Config *config)
{
	size_t rounds = (size_t) e->rounds;
	Life life = {.wal = calloc(rounds, sizeof(double)),
				 .vacuum = calloc(rounds, sizeof(double)),
				 .vacuum_bare = calloc(rounds, sizeof(double))};
	char *create = config_create_index(config, e->set, NULL);
	char *index = config_index(config);
	bool measured = true;

	for (size_t way = 0; way < NWAYS; way++)
		life.rate[way] = calloc(rounds, sizeof(double));
	for (int r = 0; r < e->rounds && measured; r++)
		measured = measure_round(e, server, create, &life, r);
	if (measured)
	{
		json_t *row = json_pack("{ss ss ss}", "config", index, "server",
								server->name, "set", e->set->name);
		double vacuum = percentile(life.vacuum, rounds, 0.5);
		double bare = percentile(life.vacuum_bare, rounds, 0.5);

		for (size_t way = 0; way < NWAYS; way++)
			json_object_set_new(
				row, ways[way].label,
				json_real(percentile(life.rate[way], rounds, 0.5)));
		json_object_set_new(row, "wal_B_row",
							json_real(percentile(life.wal, rounds, 0.5)));
		json_object_set_new(row, "vacuum_ms", json_real(vacuum));
		json_object_set_new(row, "of_index_ms", json_real(vacuum - bare));
		report_row("life of an index", row);
	}
	for (size_t way = 0; way < NWAYS; way++)
		free(life.rate[way]);
	free(life.wal);
	free(life.vacuum);
	free(life.vacuum_bare);
	free(create);
	free(index);
	server_do(server, "DROP TABLE items, bare, fresh");
}

void
measure_life(const Experiment *e, const char *config_path)
{
	size_t n;
	Config *configs = config_read(config_path, &n);

	for (size_t c = 0; c < n; c++)
	{
		for (int s = 0; s < e->nservers; s++)
		{
			if (config_begins_index(configs, c, &e->servers[s]))
				measure_index(e, &e->servers[s], &configs[c]);
		}
	}
}
