/*
 * vecbench.c
 *	  The benchmark client.
 *
 *	  vecbench [-d folder] [-n set] [-k k,...] [-q queries] [-r rounds]
 *			   [-m mode,...] [-w workers] [-o results.json]
 *			   -s name=conninfo ... EXPERIMENT [CONFIG]
 *
 * bench.sh calls it; README.md says what the figures mean.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "experiments.h"
#include "form.h"
#include "report.h"

static void
print_server(Server *server)
{
	static const char *const settings[] = {"shared_buffers",
										   "work_mem",
										   "maintenance_work_mem",
										   "max_parallel_maintenance_workers",
										   "effective_cache_size",
										   "max_parallel_workers_per_gather",
										   "jit",
										   "random_page_cost",
										   "checkpoint_timeout",
										   "max_wal_size",
										   "wal_level",
										   "full_page_writes",
										   "fsync",
										   "synchronous_commit",
										   "autovacuum"};
	char *version = server_value(server, "SHOW server_version");
	char *extension =
		server_value(server,
					 "SELECT string_agg(extname || ' ' || extversion, ', ') "
					 "FROM pg_extension WHERE extname LIKE 'vector%%'");

	printf("%s: PostgreSQL %s, %s\n  ", server->name, version, extension);
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
	{
		char *value = server_value(server, "SHOW %s", settings[i]);

		printf(" %s=%s", settings[i], value);
		free(value);
	}
	putchar('\n');
	free(version);
	free(extension);
}

/* An experiment of a name; those with a file of configurations take it */
typedef struct Named
{
	const char *name;
	void (*measure)(const Experiment *e);
	void (*measure_configs)(const Experiment *e, const char *config);
} Named;

static void
measure_order(const Experiment *e, const char *config)
{
	measure_history(e, config, "order");
}

static void
measure_age(const Experiment *e, const char *config)
{
	measure_history(e, config, "age");
}

static const Named experiments[] = {
	{"scan", measure_scan, NULL},   {"io", measure_input_output, NULL},
	{"knn", NULL, measure_knn},     {"build", NULL, measure_build},
	{"life", NULL, measure_life},   {"order", NULL, measure_order},
	{"age", NULL, measure_age},     {"filter", NULL, measure_filter},
	{"range", NULL, measure_range}, {"grid", NULL, measure_grid}};

static const Named *
find_experiment(const char *name, bool has_config)
{
	for (size_t i = 0; i < sizeof(experiments) / sizeof(experiments[0]); i++)
	{
		const Named *experiment = &experiments[i];

		if (strcmp(experiment->name, name) == 0 &&
			(has_config || experiment->measure != NULL))
			return experiment;
	}
	die("no experiment is named %s, or it wants a file of configurations",
		name);
}

static void
set_ks(Experiment *e, char *numbers)
{
	const char *number;

	e->nks = 0;
	while ((number = strsep(&numbers, ",")) != NULL)
	{
		if (e->nks == MAX_KS || atol(number) < 1)
			die("at most %d numbers of neighbours, from 1 on", MAX_KS);
		e->ks[e->nks++] = (size_t) atol(number);
	}
	e->k = e->ks[0];
}

static void
set_modes(Experiment *e, char *names)
{
	const char *name;

	e->nmodes = 0;
	while ((name = strsep(&names, ",")) != NULL)
	{
		if (e->nmodes == MAX_MODES)
			die("at most %d modes", MAX_MODES);
		e->modes[e->nmodes++] = name;
	}
}

int
main(int argc, char **argv)
{
	static Server servers[MAX_SERVERS];
	Experiment e = {.servers = servers,
					.rounds = 5,
					.k = 10,
					.ks = {10},
					.nks = 1,
					.workers = 1,
					.modes = {"prepared", "text"},
					.nmodes = 2};
	const Named *experiment;
	const char *folder = "../data";
	const char *name = "debtext-8k";
	const char *output = NULL;
	size_t queries = 200;
	char *equals;
	int option;

	while ((option = getopt(argc, argv, "d:n:k:q:r:m:w:o:s:")) != -1)
	{
		switch (option)
		{
			case 'd':
				folder = optarg;
				break;
			case 'n':
				name = optarg;
				break;
			case 'k':
				set_ks(&e, optarg);
				break;
			case 'q':
				queries = (size_t) atol(optarg);
				break;
			case 'r':
				e.rounds = atoi(optarg);
				break;
			case 'm':
				set_modes(&e, optarg);
				break;
			case 'w':
				e.workers = atoi(optarg);
				break;
			case 'o':
				output = optarg;
				break;
			case 's':
				equals = strchr(optarg, '=');
				if (equals == NULL || e.nservers == MAX_SERVERS)
					die("-s name=conninfo, at most %d", MAX_SERVERS);
				*equals = '\0';
				server_connect(&servers[e.nservers++], optarg, equals + 1);
				break;
			default:
				die("usage: see vecbench.c");
		}
	}
	if (optind >= argc || e.nservers == 0 || e.rounds < 1 || queries < 1)
		die("usage: see vecbench.c");

	experiment = find_experiment(argv[optind], optind + 1 < argc);
	e.folder = folder;
	e.set = dataset_load(folder, name, queries);
	for (int i = 0; i < e.nks; i++)
	{
		if (e.ks[i] > e.set->k)
			die("%s has answers for k up to %zu", name, e.set->k);
	}
	report_open(output);
	printf("%s: %zu x %zu, %s, %s, %zu queries, k = %zu, %d rounds\n", name,
		   e.set->n, e.set->dim, form_name(e.set->form),
		   metric_name(e.set->metric), e.set->nqueries, e.k, e.rounds);
	for (int s = 0; s < e.nservers; s++)
		print_server(&servers[s]);

	if (experiment->measure != NULL)
		experiment->measure(&e);
	else
		experiment->measure_configs(&e, argv[optind + 1]);

	report_write();
	for (int s = 0; s < e.nservers; s++)
		PQfinish(servers[s].connection);
	return 0;
}
