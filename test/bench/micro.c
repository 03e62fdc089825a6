/*
 * micro.c
 *	  Text input and output, binary COPY.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "experiments.h"
#include "report.h"
#include "stats.h"

#define TEXT_ROWS 2000
#define TEXT_DIM 1536

/*
 * A statement and one that does all of it but what is to be measured; the
 * difference of their times is reported for each unit of work.
 */
typedef struct Micro
{
	const char *what;
	const char *statement;
	const char *baseline; /* NULL: nothing is taken off */
	double units;
	const char *unit; /* "us", or "ms" */
	double scale;     /* units of time in a second */
} Micro;

/* The baseline of input reads and copies the text, as the cast has to */
static const Micro micros[] = {
	{"text input, 1536 dimensions", "SELECT count(t::vector) FROM literals",
	 "SELECT sum(octet_length(t || '')) FROM literals", TEXT_ROWS, "us", 1e6},
	{"text output, 1536 dimensions",
	 "SELECT sum(octet_length(v::text)) FROM literals",
	 "SELECT sum(vector_dims(v)) FROM literals", TEXT_ROWS, "us", 1e6},
	{"binary COPY out, vector",
	 "COPY copied_vector TO '/dev/null' (FORMAT binary)", NULL, 1, "ms", 1e3},
	{"binary COPY out, bytea",
	 "COPY copied_bytea TO '/dev/null' (FORMAT binary)", NULL, 1, "ms", 1e3},
	{"binary COPY in, vector",
	 "BEGIN; CREATE TEMP TABLE c (embedding vector); "
	 "ALTER TABLE c ALTER embedding SET STORAGE plain; "
	 "COPY c FROM @vector (FORMAT binary); ROLLBACK",
	 NULL, 1, "ms", 1e3},
	{"binary COPY in, bytea",
	 "BEGIN; CREATE TEMP TABLE c (embedding bytea); "
	 "ALTER TABLE c ALTER embedding SET STORAGE plain; "
	 "COPY c FROM @bytea (FORMAT binary); ROLLBACK",
	 NULL, 1, "ms", 1e3}};

#define NMICROS (sizeof(micros) / sizeof(micros[0]))

/* A statement with its file, in the server's data directory, filled in */
static double
run_one(Server *server, const char *statement)
{
	const char *mark = strchr(statement, '@');
	char expanded[2048];
	double start;

	if (mark == NULL)
		snprintf(expanded, sizeof(expanded), "%s", statement);
	else
	{
		char *folder = server_value(server, "SHOW data_directory");
		int name = (int) strcspn(mark + 1, " ");

		snprintf(expanded, sizeof(expanded), "%.*s'%s/vecbench.%.*s'%s",
				 (int) (mark - statement), statement, folder, name, mark + 1,
				 mark + 1 + name);
		free(folder);
	}
	start = now();
	server_do(server, "%s", expanded);
	return now() - start;
}

/*
 * Numbers as programs print float32: nine digits, -1 to 1.  Files of the
 * server hold the binary rows, as bytes of the same length for bytea.
 */
static void
create_tables(Server *server, const Dataset *set)
{
	create_items(server, set, "plain");
	server_do(server,
			  "DROP TABLE IF EXISTS literals, copied_vector, "
			  "copied_bytea");
	server_do(server,
			  "SELECT setseed(0.5); CREATE TABLE literals AS "
			  "SELECT t, t::vector AS v FROM (SELECT '[' || string_agg("
			  "(random() * 2 - 1)::real::text, ',') || ']' AS t "
			  "FROM generate_series(1, %d) g, generate_series(1, %d) d "
			  "GROUP BY g) s",
			  TEXT_ROWS, TEXT_DIM);
	server_do(server, "ALTER TABLE literals ALTER t SET STORAGE external");
	server_do(server,
			  "CREATE TABLE copied_vector (embedding vector); "
			  "ALTER TABLE copied_vector ALTER embedding "
			  "SET STORAGE plain; "
			  "INSERT INTO copied_vector SELECT embedding FROM items");
	server_do(server,
			  "CREATE TABLE copied_bytea (embedding bytea); "
			  "ALTER TABLE copied_bytea ALTER embedding SET STORAGE plain; "
			  "INSERT INTO copied_bytea "
			  "SELECT vector_send(embedding) FROM items");
	run_one(server, "COPY copied_vector TO @vector (FORMAT binary)");
	run_one(server, "COPY copied_bytea TO @bytea (FORMAT binary)");
	server_do(server, "VACUUM ANALYZE literals");
	server_do(server, "VACUUM ANALYZE copied_vector");
	server_do(server, "VACUUM ANALYZE copied_bytea");
}

void
measure_input_output(const Experiment *e)
{
	size_t rounds = (size_t) e->rounds;
	double *times = calloc((size_t) e->nservers * rounds, sizeof(double));

	for (int s = 0; s < e->nservers; s++)
	{
		create_tables(&e->servers[s], e->set);
		server_do(&e->servers[s], "SET max_parallel_workers_per_gather = 0");
	}
	for (size_t m = 0; m < NMICROS; m++)
	{
		const Micro *micro = &micros[m];

		for (size_t round = 0; round <= rounds; round++)
		{
			for (int s = 0; s < e->nservers; s++)
			{
				double seconds = run_one(&e->servers[s], micro->statement);

				if (micro->baseline != NULL)
					seconds -= run_one(&e->servers[s], micro->baseline);
				if (round > 0) /* the first one warms up */
					times[(size_t) s * rounds + round - 1] = seconds;
			}
		}
		for (int s = 0; s < e->nservers; s++)
			report_row(
				"input and output",
				json_pack("{ss ss sf ss}", "what", micro->what, "server",
						  e->servers[s].name, "time",
						  percentile(times + (size_t) s * rounds, rounds, 0.5) *
							  micro->scale / micro->units,
						  "unit", micro->unit));
	}
	for (int s = 0; s < e->nservers; s++)
		server_do(&e->servers[s],
				  "DROP TABLE literals, copied_vector, copied_bytea");
	free(times);
}
