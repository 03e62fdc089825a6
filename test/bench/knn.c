/*
 * knn.c
 *	  k-NN queries: recall, queries per second, latencies.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "experiments.h"
#include "report.h"
#include "stats.h"

/* float32 distances of equal vectors may differ so much, and as a share */
#define TIE 1e-6

typedef enum QueryMode
{
	MODE_PREPARED, /* statement prepared once, binary parameter and result */
	MODE_TEXT,     /* a literal in the statement, as ORMs send it */
	NMODES
} QueryMode;

static const char *const mode_names[NMODES] = {"prepared", "text"};

/* The parameters of all queries, made before the clock starts */
typedef struct Queries
{
	char **binary;
	int *size;
	char **statement;
} Queries;

static Queries
make_queries(const Experiment *e)
{
	const Dataset *set = e->set;
	Queries q = {calloc(set->nqueries, sizeof(char *)),
				 calloc(set->nqueries, sizeof(int)),
				 calloc(set->nqueries, sizeof(char *))};

	for (size_t i = 0; i < set->nqueries; i++)
	{
		const float *v = set->queries + i * set->dim;
		char *text = vector_text(v, set->dim);
		size_t length = strlen(text) + 100;

		q.binary[i] = vector_binary(v, set->dim, &q.size[i]);
		q.statement[i] = malloc(length);
		snprintf(q.statement[i], length,
				 "SELECT id FROM items ORDER BY embedding %s '%s' LIMIT %zu",
				 metric_operator(set->metric), text, e->k);
		free(text);
	}
	return q;
}

static PGresult *
ask(Server *server, QueryMode mode, const Queries *q, size_t i)
{
	const char *const values[1] = {q->binary[i]};
	const int formats[1] = {1};
	PGresult *result;

	if (mode == MODE_PREPARED)
		result = PQexecPrepared(server->connection, "knn", 1, values,
								&q->size[i], formats, 1);
	else
		result = PQexec(server->connection, q->statement[i]);
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		die("%s: %s", server->name, PQresultErrorMessage(result));
	return result;
}

static long
result_id(const PGresult *result, int row, QueryMode mode)
{
	const unsigned char *p = (const unsigned char *) PQgetvalue(result, row, 0);

	if (mode == MODE_TEXT)
		return atol((const char *) p);
	return (long) p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

/* How many of k answers are as near as the k-th nearest row */
static size_t
count_right(const Dataset *set, size_t query, const PGresult *result,
			QueryMode mode, size_t k)
{
	double answer = set->answers[query * set->k + k - 1];
	double limit = answer + fabs(answer) * TIE + TIE;
	size_t right = 0;

	for (int row = 0; row < PQntuples(result); row++)
	{
		long id = result_id(result, row, mode);

		if (id < 0 || (size_t) id >= set->n)
			die("row %ld was never loaded", id);
		right += dataset_distance(set, set->queries + query * set->dim,
								  set->base + (size_t) id * set->dim) <= limit;
	}
	return right;
}

static double
measure_recall(const Experiment *e, Server *server, QueryMode mode,
			   const Queries *q)
{
	size_t right = 0;

	for (size_t i = 0; i < e->set->nqueries; i++)
	{
		PGresult *result = ask(server, mode, q, i);

		right += count_right(e->set, i, result, mode, e->k);
		PQclear(result);
	}
	return (double) right / (double) (e->set->nqueries * e->k);
}

/* One pass over all queries; latencies in ms; returns queries per second */
static double
one_round(const Experiment *e, Server *server, QueryMode mode, const Queries *q,
		  double *latencies)
{
	double start = now();

	for (size_t i = 0; i < e->set->nqueries; i++)
	{
		double before = now();

		PQclear(ask(server, mode, q, i));
		latencies[i] = (now() - before) * 1e3;
	}
	return (double) e->set->nqueries / (now() - start);
}

static void
prepare_server(const Experiment *e, Server *server, const Config *config)
{
	server_do(server, "RESET ALL");
	server_do(server, "DEALLOCATE ALL");
	if (strcmp(config->settings, "-") != 0)
		server_do(server, "%s", config->settings);
	server_do(server,
			  "PREPARE knn (vector) AS "
			  "SELECT id FROM items ORDER BY embedding %s $1 LIMIT %zu",
			  metric_operator(e->set->metric), e->k);
}

static void
build_index(const Experiment *e, Server *server, const Config *config)
{
	double start;
	char *size;
	char *create;

	server_do(server, "DROP INDEX IF EXISTS items_index");
	if (strcmp(config->definition, "-") == 0)
		return;
	create = config_create_index(config, e->set);
	start = now();
	server_do(server, "%s", create);
	start = now() - start;
	size = server_value(server, "SELECT pg_relation_size('items_index')");
	report_row("index builds",
			   json_pack("{ss ss ss sf sf}", "config", config->definition,
						 "server", server->name, "set", e->set->name, "seconds",
						 start, "MB", atof(size) / 1e6));
	free(size);
	free(create);
}

static void
measure_config(const Experiment *e, const Config *config, const Queries *q)
{
	size_t n = e->set->nqueries;
	size_t per_server = (size_t) e->rounds * NMODES;
	double *qps = calloc((size_t) e->nservers * per_server, sizeof(double));
	double *latencies =
		calloc((size_t) e->nservers * per_server * n, sizeof(double));
	double *recall = calloc((size_t) e->nservers * NMODES, sizeof(double));

	for (int s = 0; s < e->nservers; s++)
	{
		if (!config_concerns(config, &e->servers[s]))
			continue;
		prepare_server(e, &e->servers[s], config);
		for (int mode = 0; mode < NMODES; mode++) /* warms up, too */
			recall[s * NMODES + mode] =
				measure_recall(e, &e->servers[s], (QueryMode) mode, q);
	}
	for (int round = 0; round < e->rounds; round++)
	{
		for (int mode = 0; mode < NMODES; mode++)
		{
			for (int s = 0; s < e->nservers; s++)
			{
				size_t slot = (size_t) s * per_server +
					(size_t) (mode * e->rounds + round);

				if (config_concerns(config, &e->servers[s]))
					qps[slot] = one_round(e, &e->servers[s], (QueryMode) mode,
										  q, latencies + slot * n);
			}
		}
	}
	for (int s = 0; s < e->nservers; s++)
	{
		for (int mode = 0; mode < NMODES; mode++)
		{
			size_t slot = (size_t) s * per_server + (size_t) (mode * e->rounds);
			size_t nlatencies = (size_t) e->rounds * n;

			if (!config_concerns(config, &e->servers[s]))
				continue;
			report_row(
				"k-NN queries",
				json_pack(
					"{ss ss ss ss si sf sf sf sf sf}", "config", config->label,
					"server", e->servers[s].name, "set", e->set->name, "mode",
					mode_names[mode], "k", (int) e->k, "recall",
					recall[s * NMODES + mode], "qps",
					percentile(qps + slot, (size_t) e->rounds, 0.5), "p50_ms",
					percentile(latencies + slot * n, nlatencies, 0.5), "p95_ms",
					percentile(latencies + slot * n, nlatencies, 0.95),
					"p99_ms",
					percentile(latencies + slot * n, nlatencies, 0.99)));
		}
	}
	free(qps);
	free(latencies);
	free(recall);
}

void
measure_knn(const Experiment *e, const char *config_path)
{
	size_t n;
	Config *configs = config_read(config_path, &n);
	Queries q = make_queries(e);
	const char **built = calloc((size_t) e->nservers, sizeof(char *));

	if (e->k > e->set->k)
		die("%s has answers for k up to %zu", e->set->name, e->set->k);
	for (int s = 0; s < e->nservers; s++)
		create_items(&e->servers[s], e->set, "external");
	for (size_t c = 0; c < n; c++)
	{
		for (int s = 0; s < e->nservers; s++)
		{
			const char *definition = configs[c].definition;

			if (!config_concerns(&configs[c], &e->servers[s]) ||
				(built[s] != NULL && strcmp(built[s], definition) == 0))
				continue;
			build_index(e, &e->servers[s], &configs[c]);
			built[s] = definition;
		}
		measure_config(e, &configs[c], &q);
	}
}
