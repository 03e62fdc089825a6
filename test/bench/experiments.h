/*
 * experiments.h
 *	  What vecbench can measure.
 *
 * Each experiment runs on all servers in turn, round by round, so that noise of
 * the machine meets all of them alike; figures are medians over the rounds.
 */
#ifndef EXPERIMENTS_H
#define EXPERIMENTS_H

#include "server.h"

#define MAX_SERVERS 4
#define MAX_MODES 4
#define MAX_KS 4

typedef struct Experiment
{
	Server *servers;
	int nservers;
	const char *folder; /* of the set */
	const Dataset *set;
	int rounds;
	size_t k;
	size_t ks[MAX_KS]; /* of knn; the others take k, the first */
	int nks;
	const char *modes[MAX_MODES]; /* of asking, queries.h */
	int nmodes;
	int workers; /* of a build, beside the leader */
} Experiment;

/*
 * k-NN queries: recall by distance, queries per second, latencies, of the
 * configurations of a file (config.h).  Lines of one index follow each other: it
 * is built once.  Each is measured in all modes: with a prepared binary
 * parameter, with text literals, by several clients at once, or as the server
 * itself says it takes (EXPLAIN).
 */
extern void measure_knn(const Experiment *e, const char *config);

/*
 * Builds of each index of a file of configurations, with so many workers on
 * all servers: seconds, size, memory at its peak; then the same with a tenth
 * of that memory as maintenance_work_mem.
 */
extern void measure_build(const Experiment *e, const char *config);

/*
 * What an index costs besides queries, for each index of a file of
 * configurations: rows a second that one client and four insert, WAL of a
 * row, VACUUM after a hundredth of the rows was deleted.
 */
extern void measure_life(const Experiment *e, const char *config);

/*
 * Recall and queries per second of each configuration of a file where the same
 * rows came to the index in other ways: "order", in other orders, with several
 * seeds; "age", by inserts and deletes after it was built.
 */
extern void measure_history(const Experiment *e, const char *config,
							const char *experiment);

/*
 * The configurations of a file with the conditions of filters.h: recall, the share
 * of queries whose LIMIT was filled, queries per second; "filter" those beside
 * ORDER BY, without and with indexes on their columns, "range" those on the
 * distance.
 */
extern void measure_filter(const Experiment *e, const char *config);
extern void measure_range(const Experiment *e, const char *config);

/*
 * Is the plan that the first server takes by itself near the fastest there is?  A
 * grid of rows, shares of rows that meet a condition, LIMITs and storages; lines
 * are printed of cells where it is not.
 */
extern void measure_grid(const Experiment *e, const char *config);

/*
 * The exact scan: milliseconds and GB/s of vector data, on one core and
 * parallel, vectors in line and out of line, beside what the server needs to
 * read the rows at all and the machine to read the bytes.
 */
extern void measure_scan(const Experiment *e);

/*
 * Text input and output of a 1,536-dimensional literal, binary COPY in both
 * directions beside the same bytes as bytea.
 */
extern void measure_input_output(const Experiment *e);

/* (Re)create a table (id, embedding); storage as in ALTER TABLE */
extern void create_table(Server *server, const char *table, const Dataset *set,
						 const char *storage);

/* (Re)create items (id, embedding) with all rows; storage as in ALTER TABLE */
extern double create_items(Server *server, const Dataset *set,
						   const char *storage);

#endif
