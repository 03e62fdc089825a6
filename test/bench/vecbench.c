/*
 * vecbench.c
 *	  The benchmark client.
 *
 *	  vecbench [-d folder] [-n set] [-k k] [-q queries] [-r rounds]
 *			   [-o results.json] -s name=conninfo ... scan | io |
 *			   knn CONFIG | life CONFIG
 *
 * bench.sh calls it; README.md says what the figures mean.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "experiments.h"
#include "report.h"

#define MAX_SERVERS 4

static void
print_server(Server *server)
{
	static const char *const settings[] = {"shared_buffers",
										   "work_mem",
										   "maintenance_work_mem",
										   "effective_cache_size",
										   "max_parallel_workers_per_gather",
										   "jit",
										   "random_page_cost",
										   "checkpoint_timeout"};
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

int
main(int argc, char **argv)
{
	static Server servers[MAX_SERVERS];
	Experiment e = {.servers = servers, .rounds = 5, .k = 10};
	const char *folder = "../data";
	const char *name = "debtext-8k";
	const char *output = NULL;
	size_t queries = 200;
	char *equals;
	int option;

	while ((option = getopt(argc, argv, "d:n:k:q:r:o:s:")) != -1)
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
				e.k = (size_t) atol(optarg);
				break;
			case 'q':
				queries = (size_t) atol(optarg);
				break;
			case 'r':
				e.rounds = atoi(optarg);
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
	if (optind >= argc || e.nservers == 0 || e.rounds < 1 || queries < 1 ||
		e.k < 1)
		die("usage: see vecbench.c");

	e.set = dataset_load(folder, name, queries);
	report_open(output);
	printf("%s: %zu x %zu, %s, %zu queries, k = %zu, %d rounds\n", name,
		   e.set->n, e.set->dim, metric_name(e.set->metric), e.set->nqueries,
		   e.k, e.rounds);
	for (int s = 0; s < e.nservers; s++)
		print_server(&servers[s]);

	if (strcmp(argv[optind], "scan") == 0)
		measure_scan(&e);
	else if (strcmp(argv[optind], "io") == 0)
		measure_input_output(&e);
	else if (strcmp(argv[optind], "knn") == 0 && optind + 1 < argc)
		measure_knn(&e, argv[optind + 1]);
	else if (strcmp(argv[optind], "life") == 0 && optind + 1 < argc)
		measure_life(&e, argv[optind + 1]);
	else
		die("no experiment is named %s", argv[optind]);

	report_write();
	for (int s = 0; s < e.nservers; s++)
		PQfinish(servers[s].connection);
	return 0;
}
