/*
 * filter.c
 *	  k-NN queries with a condition, and conditions on the distance: recall, how
 *	  often the LIMIT was filled, queries per second.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "experiments.h"
#include "filters.h"
#include "queries.h"
#include "report.h"

static const char *const secondary_names[NSECONDARY] = {"none", "all"};

/* What is measured: the filters of a set under the title of their rows */
typedef struct Measuring
{
	const Experiment *e;
	const char *title;
	const Queries *queries;
	const Filter *filters;
	size_t nfilters;
	bool can[MAX_SERVERS]; /* did the index of the configuration come about? */
} Measuring;

/* The index of a configuration where the server has another */
static void
change_index(Measuring *m, int s, const Config *config, const char **built)
{
	Server *server = &m->e->servers[s];
	char *create;

	if (*built != NULL && strcmp(*built, config->definition) == 0)
		return;
	*built = config->definition;
	m->can[s] = true;
	server_do(server, "RESET ALL");
	server_do(server, "DROP INDEX IF EXISTS items_index");
	if (strcmp(config->definition, "-") == 0)
		return;
	create = config_create_index(config, m->e->set, filters_attributes(m->e));
	m->can[s] = server_try(server, create);
	free(create);
}

static void
report_run(const Measuring *m, Run *run, const Config *config,
		   Secondary secondary)
{
	const Filter *filter = run->filter;
	char *index = config_index(config);
	char *plan = run_plan(run);
	const char *server = run->server->name;
	Measured found = run_end(run);

	report_row(m->title,
			   json_pack("{ss ss ss ss ss si sf sf sf sf sf sf sf si ss ss}",
						 "config", config->label, "server", server, "set",
						 m->e->set->name, "filter", filter->name, "secondary",
						 secondary_names[secondary], "k", (int) m->e->k,
						 "selectivity", filter->selectivity, "recall",
						 found.recall, "filled", found.filled, "qps", found.qps,
						 "p50_ms", found.p50_ms, "p95_ms", found.p95_ms,
						 "p99_ms", found.p99_ms, "_queries",
						 (int) found.queries, "_index", index, "_plan", plan));
	free(index);
	free(plan);
}

/* A configuration and a filter on the servers that can */
static void
measure_one(const Measuring *m, const Config *config, const Filter *filter,
			Secondary secondary)
{
	const Experiment *e = m->e;
	Run runs[MAX_SERVERS];
	int nruns = 0;

	for (int s = 0; s < e->nservers; s++)
	{
		if (m->can[s] && config_concerns(config, &e->servers[s]))
			run_begin_filtered(&runs[nruns++], e, &e->servers[s], config,
							   m->queries, filter);
	}
	for (int round = 0; round < e->rounds; round++)
	{
		for (int r = 0; r < nruns; r++)
			run_round(&runs[r]);
	}
	for (int r = 0; r < nruns; r++)
		report_run(m, &runs[r], config, secondary);
}

/* Do the indexes on other columns matter to this experiment? */
static bool
has_conditions(const Measuring *m)
{
	return strcmp(m->title, "ranges") != 0;
}

/* Lines first .. end - 1 have the same index on vectors on each server */
static void
measure_group(const Measuring *m, const Config *configs, size_t first,
			  size_t end)
{
	for (int secondary = 0; secondary < NSECONDARY; secondary++)
	{
		if (secondary != SECONDARY_NONE && !has_conditions(m))
			return;
		for (int s = 0; s < m->e->nservers; s++)
		{
			if (config_concerns(&configs[first], &m->e->servers[s]))
				filters_set_indexes(m->e, &m->e->servers[s],
									(Secondary) secondary);
		}
		for (size_t c = first; c < end; c++)
		{
			for (size_t f = 0; f < m->nfilters; f++)
				measure_one(m, &configs[c], &m->filters[f],
							(Secondary) secondary);
		}
	}
}

static void
measure_configs(Measuring *m, const char *config_path)
{
	size_t n;
	Config *configs = config_read(config_path, &n);
	const char *built[MAX_SERVERS] = {NULL};
	size_t end;

	for (size_t c = 0; c < n; c = end)
	{
		for (int s = 0; s < m->e->nservers; s++)
		{
			if (config_concerns(&configs[c], &m->e->servers[s]))
				change_index(m, s, &configs[c], &built[s]);
		}
		for (end = c + 1; end < n &&
			 strcmp(configs[end].servers, configs[c].servers) == 0 &&
			 strcmp(configs[end].definition, configs[c].definition) == 0;)
			end++;
		measure_group(m, configs, c, end);
	}
	for (int s = 0; s < m->e->nservers; s++)
		server_do(&m->e->servers[s], "DROP TABLE items");
}

static void
create_all_items(const Experiment *e)
{
	for (int s = 0; s < e->nservers; s++)
		filters_create_items(e, &e->servers[s]);
}

void
measure_filter(const Experiment *e, const char *config_path)
{
	Queries queries = queries_make(e);
	Measuring m = {.e = e, .title = "filtered queries", .queries = &queries};

	create_all_items(e);
	m.filters = filters_make(e, &m.nfilters);
	measure_configs(&m, config_path);
}

void
measure_range(const Experiment *e, const char *config_path)
{
	Queries queries = queries_make(e);
	Measuring m = {.e = e, .title = "ranges", .queries = &queries};

	create_all_items(e);
	m.filters = ranges_make(e, &m.nfilters);
	measure_configs(&m, config_path);
}
