/*
 * queries.h
 *	  The queries of a set, and the ways to ask them.
 */
#ifndef QUERIES_H
#define QUERIES_H

#include <stdatomic.h>

#include "config.h"
#include "experiments.h"
#include "filters.h"

#define MAX_CLIENTS 4

/* The parameters of all queries, made before the clock starts */
typedef struct Queries
{
	char **binary;
	int *size;
	char **statement; /* with a literal */
	char **explain;   /* of the prepared statement */
} Queries;

typedef struct Run Run;

/* A way to ask */
typedef struct Mode
{
	const char *name;
	int clients; /* at once */
	bool text;   /* do answers come as text? */
	PGresult *(*ask)(const Run *run, PGconn *connection, size_t query);
	double (*took_ms)(const PGresult *result); /* NULL: by the client's clock */
} Mode;

/* One configuration on one server in one mode; set up by run_begin() */
struct Run
{
	const Experiment *e;
	Server *server;
	const Mode *mode;
	const Queries *queries;
	const Filter *filter; /* NULL: the k nearest of all rows */
	PGconn *connections[MAX_CLIENTS];
	PGconn *watcher; /* of more than one client */
	double recall;
	double filled; /* the share of queries that got as many rows as wanted */
	size_t queries_looked_at; /* for the recall */
	double *qps;              /* of the rounds */
	double *latencies;
	size_t nqps;
	size_t nlatencies;
	atomic_bool over; /* is the round? */
	long looks;       /* at the clients, all rounds together */
	long locks;       /* clients seen waiting for a heavyweight lock */
	long lwlocks;
};

/* Medians over the rounds */
typedef struct Measured
{
	double recall;
	double filled;
	size_t queries;
	double qps;
	double p50_ms;
	double p95_ms;
	double p99_ms;
	double lock_pct; /* of the looks at a client */
	double lwlock_pct;
} Measured;

extern Queries queries_make(const Experiment *e);

/* The mode of a name; exits when there is none */
extern const Mode *mode_find(const char *name);

/* Set the server as the configuration says, find out the recall, warm up */
extern void run_begin(Run *run, const Experiment *e, Server *server,
					  const Config *config, const Mode *mode,
					  const Queries *queries);

/*
 * The same with a condition, prepared, by one client.  Where queries are slow only
 * the first of them are asked: for ten seconds of the recall, two of a round.
 */
extern void run_begin_filtered(Run *run, const Experiment *e, Server *server,
							   const Config *config, const Queries *queries,
							   const Filter *filter);

/* The names of the plan's nodes, as the last query was planned; to be freed */
extern char *run_plan(const Run *run);

/* All queries, by each client */
extern void run_round(Run *run);

/* Free what run_begin() made */
extern Measured run_end(Run *run);

#endif
