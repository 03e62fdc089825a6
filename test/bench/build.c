/*
 * build.c
 *	  What building an index costs: time, memory, space.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "experiments.h"
#include "memory.h"
#include "report.h"
#include "stats.h"

/* MB beyond maintenance_work_mem that a build may take, and of each process */
#define ALLOWED_SHARE 1.1
#define ALLOWED_OF_PROCESS 20

/* The builds of one index on one server */
typedef struct Builds
{
	const Config *config;
	Server *server;
	double *seconds;
	double *peak_mb;
	size_t n;
	double mb; /* of the index */
	int processes;
	bool failed;
} Builds;

/* maintenance_work_mem is the server's where memory_mb is NAN */
static Memory
build_once(const Experiment *e, const Builds *b, double memory_mb)
{
	char *create = config_create_index(b->config, e->set, NULL);
	char settings[200];
	int length =
		snprintf(settings, sizeof(settings),
				 "SET max_parallel_maintenance_workers = %d", e->workers);
	Memory memory;

	if (!isnan(memory_mb))
		snprintf(settings + length, sizeof(settings) - (size_t) length,
				 "; SET maintenance_work_mem = '%.0fkB'", memory_mb * 1024);
	server_do(b->server, "DROP INDEX IF EXISTS items_index");
	server_do(b->server, "CHECKPOINT");
	memory = memory_run(b->server, settings, create);
	free(create);
	return memory;
}

static void
add_build(const Experiment *e, Builds *b)
{
	Memory memory;
	char *size;

	if (b->failed)
		return;
	memory = build_once(e, b, NAN);
	b->failed = isnan(memory.seconds);
	if (b->failed)
		return;
	size = server_value(b->server, "SELECT pg_relation_size('items_index')");
	b->mb = atof(size) / 1e6;
	b->seconds[b->n] = memory.seconds;
	b->peak_mb[b->n++] = memory.peak_mb;
	if (memory.processes > b->processes)
		b->processes = memory.processes;
	free(size);
}

static json_t *
number_or(double number, const char *otherwise)
{
	return isnan(number) ? json_string(otherwise) : json_real(number);
}

static double
allowed_mb(double maintenance_work_mem, int processes)
{
	return maintenance_work_mem * ALLOWED_SHARE +
		ALLOWED_OF_PROCESS * processes;
}

/* Medians of the builds, and one build with a tenth of the memory */
static void
report_builds(const Experiment *e, const Builds *b)
{
	char *index = config_index(b->config);
	double peak = percentile(b->peak_mb, b->n, 0.5);
	char *limit = server_value(b->server,
							   "SELECT setting::float8 / 1024 FROM pg_settings "
							   "WHERE name = 'maintenance_work_mem'");
	Memory small = {NAN, NAN, 0};
	double small_mb = NAN;

	if (!isnan(peak))
	{
		small_mb = peak / 10 > 1 ? peak / 10 : 1;
		small = build_once(e, b, small_mb);
	}
	report_row(
		"builds",
		json_pack("{ss ss ss si sf sf so sf so so so so}", "config", index,
				  "server", b->server->name, "set", e->set->name, "processes",
				  b->processes, "seconds", percentile(b->seconds, b->n, 0.5),
				  "MB", b->mb, "peak_MB", number_or(peak, "not local"),
				  "allowed_MB", allowed_mb(atof(limit), b->processes),
				  "tenth_MB", number_or(small_mb, "-"), "tenth_s",
				  number_or(small.seconds, "-"), "tenth_peak",
				  number_or(small.peak_mb, "-"), "tenth_allow",
				  number_or(allowed_mb(small_mb, small.processes), "-")));
	free(index);
	free(limit);
}

void
measure_build(const Experiment *e, const char *config_path)
{
	size_t n;
	Config *configs = config_read(config_path, &n);
	Builds *builds = calloc(n * (size_t) e->nservers, sizeof(Builds));
	size_t nbuilds = 0;

	for (int s = 0; s < e->nservers; s++)
	{
		create_items(&e->servers[s], e->set, "external");
		server_do(&e->servers[s],
				  "ALTER TABLE items SET (parallel_workers = %d)", e->workers);
		for (size_t c = 0; c < n; c++)
		{
			if (config_begins_index(configs, c, &e->servers[s]))
				builds[nbuilds++] = (Builds){
					.config = &configs[c],
					.server = &e->servers[s],
					.seconds = calloc((size_t) e->rounds, sizeof(double)),
					.peak_mb = calloc((size_t) e->rounds, sizeof(double))};
		}
	}
	for (int round = 0; round < e->rounds; round++)
	{
		for (size_t i = 0; i < nbuilds; i++)
			add_build(e, &builds[i]);
	}
	for (size_t i = 0; i < nbuilds; i++)
	{
		if (!builds[i].failed)
			report_builds(e, &builds[i]);
		free(builds[i].seconds);
		free(builds[i].peak_mb);
	}
	free(builds);
}
