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

/*
 * COPY (id integer, embedding vector) of all rows into an existing table, in
 * binary.  Returns the seconds it took.
 */
extern double server_load(Server *server, const char *table, const float *rows,
						  size_t n, size_t dim);

/* Binary and text form of a vector; *size = bytes; to be freed */
extern char *vector_binary(const float *v, size_t dim, int *size);
extern char *vector_text(const float *v, size_t dim);

/* Seconds of a clock that only moves forward */
extern double now(void);

#endif
