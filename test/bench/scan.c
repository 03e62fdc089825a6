/*
 * scan.c
 *	  The exact scan against the server's floor and the machine's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "experiments.h"
#include "form.h"
#include "report.h"
#include "stats.h"

#define READ_BYTES ((size_t) 512 << 20) /* far beyond any cache */

void
create_table(Server *server, const char *table, const Dataset *set,
			 const char *storage)
{
	server_do(server, "DROP TABLE IF EXISTS %s", table);
	server_do(server, "CREATE TABLE %s (id integer, embedding %s(%zu))", table,
			  form_name(set->form), set->dim);
	server_do(server, "ALTER TABLE %s ALTER embedding SET STORAGE %s", table,
			  storage);
}

double
create_items(Server *server, const Dataset *set, const char *storage)
{
	double seconds;

	create_table(server, "items", set, storage);
	seconds = server_load(server, "items", set, &set->base, NULL, set->n);
	server_do(server, "VACUUM ANALYZE items");
	return seconds;
}

/* Milliseconds to execute a statement of the server */
static double
time_statement(Server *server, const char *statement)
{
	double start = now();

	server_do(server, "%s", statement);
	return (now() - start) * 1e3;
}

/* Bytes per second one core reads from memory, best of several */
static double
read_rate(void)
{
	size_t words = READ_BYTES / sizeof(unsigned long);
	unsigned long *memory = malloc(READ_BYTES);
	double best = 1e9;

	for (size_t i = 0; i < words; i++)
		memory[i] = i;
	for (int round = 0; round < 5; round++)
	{
		unsigned long sums[8] = {0};
		double start = now();
		double seconds;

		for (size_t i = 0; i < words; i += 8)
		{
			for (size_t j = 0; j < 8; j++)
				sums[j] += memory[i + j];
		}
		seconds = now() - start;
		/* a use of the sums, or nothing would be read */
		if (sums[0] + sums[1] + sums[2] + sums[3] + sums[4] + sums[5] +
				sums[6] + sums[7] !=
			0)
			best = seconds < best ? seconds : best;
	}
	free(memory);
	return (double) READ_BYTES / best;
}

typedef struct ScanTimes
{
	double *exact; /* [server * rounds + round], ms */
	double *floor;
} ScanTimes;

static void
measure_storage(const Experiment *e, const char *storage, int workers,
				double rate)
{
	const Dataset *set = e->set;
	double bytes = (double) set->n * (double) set->dim * sizeof(float);
	size_t slots = (size_t) e->nservers * (size_t) e->rounds;
	ScanTimes times = {calloc(slots, sizeof(double)),
					   calloc(slots, sizeof(double))};
	char *text = row_text(set, &set->queries, 0);
	size_t length = strlen(text) + 50;
	char *statement = malloc(length);

	snprintf(statement, length, "EXECUTE scan('%s')", text);
	for (int s = 0; s < e->nservers; s++)
	{
		Server *server = &e->servers[s];

		server_do(server, "RESET ALL; DEALLOCATE ALL; SET jit = off");
		server_do(server, "SET max_parallel_workers_per_gather = %d", workers);
		if (workers > 0)
			server_do(server,
					  "SET parallel_setup_cost = 0; "
					  "SET parallel_tuple_cost = 0; "
					  "SET min_parallel_table_scan_size = 0");
		server_do(server,
				  "PREPARE scan (%s) AS "
				  "SELECT id FROM items ORDER BY embedding %s $1 LIMIT %zu",
				  form_name(set->form), metric_operator(set->metric), e->k);
		time_statement(server, statement); /* warms up */
		time_statement(server, statement);
	}
	for (int round = 0; round < e->rounds; round++)
	{
		for (int s = 0; s < e->nservers; s++)
		{
			size_t slot = (size_t) s * (size_t) e->rounds + (size_t) round;

			times.exact[slot] = time_statement(&e->servers[s], statement);
			times.floor[slot] =
				time_statement(&e->servers[s],
							   "SELECT sum(vector_dims(embedding)) FROM items");
		}
	}
	for (int s = 0; s < e->nservers; s++)
	{
		size_t slot = (size_t) s * (size_t) e->rounds;
		double exact = percentile(times.exact + slot, (size_t) e->rounds, 0.5);
		double floor = percentile(times.floor + slot, (size_t) e->rounds, 0.5);

		report_row("exact scan",
				   json_pack("{ss ss ss si sf sf sf sf}", "server",
							 e->servers[s].name, "set", set->name, "storage",
							 storage, "workers", workers, "ms", exact, "GB_s",
							 bytes / exact / 1e6, "floor_ms", floor, "to_floor",
							 exact / (floor + bytes / rate * 1e3)));
	}
	free(times.exact);
	free(times.floor);
	free(statement);
	free(text);
}

void
measure_scan(const Experiment *e)
{
	static const char *const storages[] = {"plain", "external"};
	double rate = read_rate();

	printf("\none core reads %.1f GB/s; to_floor = ms / (floor_ms + vector "
		   "bytes / that rate)\n",
		   rate / 1e9);
	for (int i = 0; i < 2; i++)
	{
		for (int s = 0; s < e->nservers; s++)
			create_items(&e->servers[s], e->set, storages[i]);
		measure_storage(e, storages[i], 0, rate);
		measure_storage(e, storages[i], 1, rate);
	}
}
