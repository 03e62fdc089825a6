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

typedef struct Experiment
{
	Server *servers;
	int nservers;
	const Dataset *set;
	int rounds;
	size_t k;
} Experiment;

/*
 * k-NN queries: recall by distance, queries per second, latencies, of the
 * configurations of a file (config.h).  Lines of one index follow each other: it
 * is built once.  Each is measured with a prepared binary parameter and with
 * text literals.
 */
extern void measure_knn(const Experiment *e, const char *config);

/*
 * What an index costs besides queries, for each index of a file of
 * configurations: build time and the memory it takes, rows a second that one
 * client and four insert (INSERT ... SELECT), VACUUM after a hundredth of the
 * rows was deleted.
 */
extern void measure_life(const Experiment *e, const char *config);

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

/* (Re)create items (id, embedding) with all rows; storage as in ALTER TABLE */
extern double create_items(Server *server, const Dataset *set,
						   const char *storage);

#endif
