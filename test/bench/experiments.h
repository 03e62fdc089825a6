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
 * k-NN queries: recall by distance, queries per second, latencies.  config is
 * a file with a line for each configuration, fields separated by tabs:
 *
 *	 servers ("all", or a name)  label  index definition or -  settings or -
 *
 * The index definition is what follows CREATE INDEX ON items, OPS stands for the
 * operator class of the set's metric; settings are SQL
 * statements.  Lines of one index follow each other: it is built once.  Each is
 * measured with a prepared binary parameter and with text literals.
 */
extern void measure_knn(const Experiment *e, const char *config);

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
