/*
 * queries.c
 *	  The queries of a set, and the ways to ask them.
 */
#include "queries.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "form.h"
#include "stats.h"

/* float32 distances of equal vectors may differ so much, and as a share */
#define TIE 1e-6
#define LOOK_US 5000
#define MOST_RECALL_S 10
#define MOST_ROUND_S 2

Queries
queries_make(const Experiment *e)
{
	const Dataset *set = e->set;
	Queries q = {calloc(set->nqueries, sizeof(char *)),
				 calloc(set->nqueries, sizeof(int)),
				 calloc(set->nqueries, sizeof(char *)),
				 calloc(set->nqueries, sizeof(char *))};

	for (size_t i = 0; i < set->nqueries; i++)
	{
		char *text = row_text(set, &set->queries, i);
		size_t length = strlen(text) + 100;

		q.binary[i] = row_binary(set, &set->queries, i, &q.size[i]);
		q.statement[i] = malloc(length);
		snprintf(q.statement[i], length,
				 "SELECT id FROM items ORDER BY embedding %s '%s' LIMIT %zu",
				 metric_operator(set->metric), text, e->k);
		q.explain[i] = malloc(length);
		snprintf(q.explain[i], length,
				 "EXPLAIN (ANALYZE, TIMING OFF) EXECUTE knn ('%s')", text);
		free(text);
	}
	return q;
}

static PGresult *
ask_prepared(const Run *run, PGconn *connection, size_t query)
{
	const Filter *filter = run->filter;
	bool two = filter != NULL && filter->type != NULL;
	const char *const values[2] = {run->queries->binary[query],
								   two ? filter->values[query] : NULL};
	const int sizes[2] = {run->queries->size[query],
						  two ? filter->sizes[query] : 0};
	const int formats[2] = {1, 1};
	PGresult *result = PQexecPrepared(connection, "knn", two ? 2 : 1, values,
									  sizes, formats, 1);

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		die("%s: %s", run->server->name, PQresultErrorMessage(result));
	return result;
}

static PGresult *
ask_text(const Run *run, PGconn *connection, size_t query)
{
	return server_ask(run->server, connection, run->queries->statement[query]);
}

static PGresult *
ask_explain(const Run *run, PGconn *connection, size_t query)
{
	return server_ask(run->server, connection, run->queries->explain[query]);
}

static double
execution_ms(const PGresult *result)
{
	double ms = NAN;

	for (int row = 0; row < PQntuples(result); row++)
		(void) sscanf(PQgetvalue(result, row, 0), "Execution Time: %lf", &ms);
	return ms;
}

static const Mode modes[] = {
	{"prepared", 1, false, ask_prepared, NULL},
	{"text", 1, true, ask_text, NULL},
	{"server", 1, false, ask_explain, execution_ms},
	{"clients", MAX_CLIENTS, false, ask_prepared, NULL},
};

const Mode *
mode_find(const char *name)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
	{
		if (strcmp(modes[i].name, name) == 0)
			return &modes[i];
	}
	die("no mode is named %s", name);
}

static long
result_id(const PGresult *result, int row, const Mode *mode)
{
	const unsigned char *p = (const unsigned char *) PQgetvalue(result, row, 0);

	if (mode->text)
		return atol((const char *) p);
	return (long) p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

static size_t
count_wanted(const Run *run, size_t query)
{
	return run->filter != NULL ? run->filter->wanted[query] : run->e->k;
}

/* How many answers are as near as the farthest that is wanted */
static size_t
count_right(const Run *run, size_t query, const PGresult *result)
{
	const Dataset *set = run->e->set;
	double answer = run->filter != NULL
		? run->filter->farthest[query]
		: set->answers[query * set->k + run->e->k - 1];
	double limit = answer + fabs(answer) * TIE + TIE;
	size_t right = 0;

	for (int row = 0; row < PQntuples(result); row++)
	{
		long id = result_id(result, row, run->mode);

		if (id < 0 || (size_t) id >= set->n)
			die("row %ld was never loaded", id);
		right += dataset_distance(set, query, (size_t) id) <= limit;
	}
	return right;
}

/* Is it time to stop? */
static bool
is_late(const Run *run, double start, double most)
{
	return run->filter != NULL && now() - start > most;
}

static void
measure_recall(Run *run)
{
	const Dataset *set = run->e->set;
	double start = now();
	size_t right = 0;
	size_t wanted = 0;
	size_t filled = 0;
	size_t i;

	for (i = 0; i < set->nqueries && !is_late(run, start, MOST_RECALL_S); i++)
	{
		PGresult *result = run->mode->text
			? ask_text(run, run->server->connection, i)
			: ask_prepared(run, run->server->connection, i);

		right += count_right(run, i, result);
		wanted += count_wanted(run, i);
		filled += (size_t) PQntuples(result) >= count_wanted(run, i);
		PQclear(result);
	}
	run->queries_looked_at = i;
	run->recall = wanted > 0 ? (double) right / (double) wanted : 1;
	run->filled = (double) filled / (double) i;
}

static void
set_up(const Run *run, PGconn *connection, const Config *config)
{
	const Filter *filter = run->filter;
	char knn[160];
	char prepare[600];

	PQclear(server_ask(run->server, connection, "RESET ALL"));
	PQclear(server_ask(run->server, connection, "DEALLOCATE ALL"));
	if (strcmp(config->settings, "-") != 0)
		PQclear(server_ask(run->server, connection, config->settings));
	snprintf(knn, sizeof(knn),
			 "SELECT id FROM items ORDER BY embedding %s $1 LIMIT %zu",
			 metric_operator(run->e->set->metric), run->e->k);
	snprintf(prepare, sizeof(prepare), "PREPARE knn (%s%s%s) AS %s",
			 form_name(run->e->set->form),
			 filter != NULL && filter->type != NULL ? ", " : "",
			 filter != NULL && filter->type != NULL ? filter->type : "",
			 filter != NULL ? filter->statement : knn);
	PQclear(server_ask(run->server, connection, prepare));
}

static void
begin(Run *run, const Experiment *e, Server *server, const Config *config,
	  const Mode *mode, const Queries *queries, const Filter *filter)
{
	size_t rounds = (size_t) e->rounds;

	*run = (Run){.e = e,
				 .server = server,
				 .mode = mode,
				 .queries = queries,
				 .filter = filter,
				 .connections = {server->connection}};
	run->qps = calloc(rounds, sizeof(double));
	run->latencies = calloc(rounds * (size_t) mode->clients * e->set->nqueries,
							sizeof(double));
	for (int c = 1; c < mode->clients; c++)
		run->connections[c] = server_again(server);
	if (mode->clients > 1)
		run->watcher = server_again(server);
	for (int c = 0; c < mode->clients; c++)
		set_up(run, run->connections[c], config);
	measure_recall(run);
	for (size_t i = 0; i < e->set->nqueries; i++)
	{
		for (int c = 1; c < mode->clients; c++)
			PQclear(mode->ask(run, run->connections[c], i));
	}
}

void
run_begin(Run *run, const Experiment *e, Server *server, const Config *config,
		  const Mode *mode, const Queries *queries)
{
	begin(run, e, server, config, mode, queries, NULL);
}

void
run_begin_filtered(Run *run, const Experiment *e, Server *server,
				   const Config *config, const Queries *queries,
				   const Filter *filter)
{
	begin(run, e, server, config, mode_find("prepared"), queries, filter);
}

/* A client of a round */
typedef struct Client
{
	const Run *run;
	PGconn *connection;
	size_t first; /* query; clients do not ask the same at a time */
	double *latencies;
	size_t asked;
	pthread_t thread;
} Client;

static void *
ask_all(void *argument)
{
	Client *client = argument;
	const Run *run = client->run;
	size_t n = run->e->set->nqueries;
	double begun = now();
	size_t i;

	for (i = 0; i < n && !is_late(run, begun, MOST_ROUND_S); i++)
	{
		double start = now();
		PGresult *result =
			run->mode->ask(run, client->connection, (client->first + i) % n);

		client->latencies[i] = run->mode->took_ms != NULL
			? run->mode->took_ms(result)
			: (now() - start) * 1e3;
		PQclear(result);
	}
	client->asked = i;
	return NULL;
}

/* Look what the clients wait for until the round is over */
static void *
watch(void *argument)
{
	Run *run = argument;
	char query[300];

	snprintf(
		query, sizeof(query),
		"SELECT count(*) FILTER (WHERE wait_event_type = 'Lock'), "
		"count(*) FILTER (WHERE wait_event_type = 'LWLock') "
		"FROM pg_stat_get_activity(NULL) WHERE pid IN (%d, %d, %d, %d)",
		PQbackendPID(run->connections[0]), PQbackendPID(run->connections[1]),
		PQbackendPID(run->connections[2]), PQbackendPID(run->connections[3]));
	while (!atomic_load(&run->over))
	{
		PGresult *result = server_ask(run->server, run->watcher, query);

		run->looks += run->mode->clients;
		run->locks += atol(PQgetvalue(result, 0, 0));
		run->lwlocks += atol(PQgetvalue(result, 0, 1));
		PQclear(result);
		usleep(LOOK_US);
	}
	return NULL;
}

void
run_round(Run *run)
{
	Client clients[MAX_CLIENTS] = {0};
	size_t n = run->e->set->nqueries;
	int nclients = run->mode->clients;
	pthread_t watcher;
	double start;
	double seconds = 0;

	for (int c = 0; c < nclients; c++)
		clients[c] = (Client){.run = run,
							  .connection = run->connections[c],
							  .first = n * (size_t) c / (size_t) nclients,
							  .latencies = run->latencies + run->nlatencies +
								  n * (size_t) c};
	atomic_store(&run->over, false);
	if (nclients > 1 && pthread_create(&watcher, NULL, watch, run) != 0)
		die("no thread could be started");
	start = now();
	for (int c = 1; c < nclients; c++)
	{
		if (pthread_create(&clients[c].thread, NULL, ask_all, &clients[c]) != 0)
			die("no thread could be started");
	}
	ask_all(&clients[0]);
	for (int c = 1; c < nclients; c++)
		pthread_join(clients[c].thread, NULL);
	seconds = now() - start;
	atomic_store(&run->over, true);
	if (nclients > 1)
		pthread_join(watcher, NULL);
	/* all of them, but for one client that was late */
	n = clients[0].asked * (size_t) nclients;
	if (run->mode->took_ms != NULL)
	{
		seconds = 0;
		for (size_t i = 0; i < n; i++)
			seconds += run->latencies[run->nlatencies + i] / 1e3;
	}
	run->nlatencies += n;
	run->qps[run->nqps++] = (double) n / seconds;
}

char *
run_plan(const Run *run)
{
	const Filter *filter = run->filter;
	char *vector = row_text(run->e->set, &run->e->set->queries, 0);
	char *explain = allocate(strlen(vector) + 200, 1);
	char *plan = allocate(2000, 1);
	PGresult *result;

	sprintf(explain, "EXPLAIN (COSTS OFF) EXECUTE knn ('%s'%s)", vector,
			filter == NULL || filter->type == NULL  ? ""
				: strcmp(filter->type, "text") == 0 ? ", 'science'"
													: ", 0.5");
	result = server_ask(run->server, run->server->connection, explain);
	for (int row = 0; row < PQntuples(result); row++)
	{
		const char *line = PQgetvalue(result, row, 0);
		const char *name = line + strspn(line, " ->");

		/* nodes begin with an arrow, the first with nothing */
		if ((row == 0 || strstr(line, "->") != NULL) &&
			strlen(plan) + strlen(name) < 1990)
			strcat(strcat(plan, row == 0 ? "" : " > "), name);
	}
	PQclear(result);
	free(explain);
	free(vector);
	return plan;
}

Measured
run_end(Run *run)
{
	double looks = run->looks > 0 ? (double) run->looks : 1;
	Measured m = {.recall = run->recall,
				  .filled = run->filled,
				  .queries = run->queries_looked_at,
				  .qps = percentile(run->qps, run->nqps, 0.5),
				  .p50_ms = percentile(run->latencies, run->nlatencies, 0.5),
				  .p95_ms = percentile(run->latencies, run->nlatencies, 0.95),
				  .p99_ms = percentile(run->latencies, run->nlatencies, 0.99),
				  .lock_pct = 100 * (double) run->locks / looks,
				  .lwlock_pct = 100 * (double) run->lwlocks / looks};

	for (int c = 1; c < run->mode->clients; c++)
		PQfinish(run->connections[c]);
	PQfinish(run->watcher);
	free(run->qps);
	free(run->latencies);
	return m;
}
