/*
 * server.h
 *	  A server to measure: connection, statements, bulk load, vectors on the
 *	  wire.
 */
#ifndef SERVER_H
#define SERVER_H

#include <libpq-fe.h>

#include "dataset.h"

typedef struct Server
{
	const char *name; /* "ours", "peer" */
	const char *conninfo;
	PGconn *connection;
} Server;

extern void server_connect(Server *server, const char *name,
						   const char *conninfo);

/* A second connection, with the settings of the first's conninfo */
extern PGconn *server_again(const Server *server);

/* Run statements; exits with the server's message on an error */
extern void server_do(Server *server, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The single value of a query, to be freed */
extern char *server_value(Server *server, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Run a statement on any connection of the server; returns its result */
extern PGresult *server_ask(const Server *server, PGconn *connection,
							const char *statement);

/* Run a statement; false, with the message printed, on an error */
extern bool server_try(Server *server, const char *statement);

/*
 * COPY (id integer, embedding) of n rows into an existing table, in binary:
 * those of order, or the first ones where it is NULL.  Ids are row numbers.
 * Returns the seconds it took.
 */
extern double server_load(Server *server, const char *table, const Dataset *set,
						  const Rows *rows, const size_t *order, size_t n);

/* COPY of size bytes of lines in text format into an existing table */
extern void server_copy(Server *server, const char *table, const char *lines,
						size_t size);

/* Seconds of a clock that only moves forward */
extern double now(void);

#endif
