/*
 * knn.c
 *	  k-NN queries: recall, queries per second, latencies.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "experiments.h"
#include "queries.h"
#include "report.h"

/* Build the index of a configuration; false where the server cannot */
static bool
build_index(const Experiment *e, Server *server, const Config *config)
{
	double start;
	char *size;
	char *index;
	char *create;
	bool built;

	server_do(server, "DROP INDEX IF EXISTS items_index");
	if (strcmp(config->definition, "-") == 0)
		return true;
	create = config_create_index(config, e->set, NULL);
	server_do(server, "RESET ALL");
	start = now();
	built = server_try(server, create);
	start = now() - start;
	free(create);
	if (!built)
		return false;
	size = server_value(server, "SELECT pg_relation_size('items_index')");
	index = config_index(config);
	report_row("index builds",
			   json_pack("{ss ss ss sf sf ss}", "config", config->definition,
						 "server", server->name, "set", e->set->name, "seconds",
						 start, "MB", atof(size) / 1e6, "_index", index));
	free(size);
	free(index);
	return true;
}

/* A configuration on the servers that can */
static void
measure_config(const Experiment *e, const Config *config, const Queries *q,
			   const bool *can)
{
	Run *runs = calloc((size_t) e->nservers * MAX_MODES, sizeof(Run));
	int nruns = 0;

	for (int m = 0; m < e->nmodes; m++)
	{
		for (int s = 0; s < e->nservers; s++)
		{
			if (can[s] && config_concerns(config, &e->servers[s]))
				run_begin(&runs[nruns++], e, &e->servers[s], config,
						  mode_find(e->modes[m]), q);
		}
	}
	for (int round = 0; round < e->rounds; round++)
	{
		for (int r = 0; r < nruns; r++)
			run_round(&runs[r]);
	}
	for (int r = 0; r < nruns; r++)
	{
		const char *server = runs[r].server->name;
		const char *mode = runs[r].mode->name;
		char *buffers = server_value(runs[r].server, "SHOW shared_buffers");
		Measured m = run_end(&runs[r]);

		report_row("k-NN queries",
				   json_pack("{ss ss ss ss si sf sf sf sf sf sf sf ss}",
							 "config", config->label, "server", server, "set",
							 e->set->name, "mode", mode, "k", (int) e->k,
							 "recall", m.recall, "qps", m.qps, "p50_ms",
							 m.p50_ms, "p95_ms", m.p95_ms, "p99_ms", m.p99_ms,
							 "_lock_pct", m.lock_pct, "_lwlock_pct",
							 m.lwlock_pct, "_buffers", buffers));
		free(buffers);
	}
	free(runs);
}

void
measure_knn(const Experiment *e, const char *config_path)
{
	size_t n;
	Config *configs = config_read(config_path, &n);
	Experiment with[MAX_KS]; /* the same with each k */
	Queries queries[MAX_KS];
	const char **built = calloc((size_t) e->nservers, sizeof(char *));
	bool *can = calloc((size_t) e->nservers, sizeof(bool));

	for (int i = 0; i < e->nks; i++)
	{
		with[i] = *e;
		with[i].k = e->ks[i];
		queries[i] = queries_make(&with[i]);
	}
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
			can[s] = build_index(e, &e->servers[s], &configs[c]);
			built[s] = definition;
		}
		for (int i = 0; i < e->nks; i++)
			measure_config(&with[i], &configs[c], &queries[i], can);
	}
	free(built);
	free(can);
}
