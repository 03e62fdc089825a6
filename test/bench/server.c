/*
 * server.c
 *	  A server to measure.
 */
#include "server.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STATEMENT_LENGTH 8192

double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + (double) t.tv_nsec * 1e-9;
}

static void
ignore_notice(void *arg, const char *message)
{
	(void) arg;
	(void) message;
}

void
server_connect(Server *server, const char *name, const char *conninfo)
{
	server->name = name;
	server->conninfo = conninfo;
	server->connection = server_again(server);
}

PGconn *
server_again(const Server *server)
{
	PGconn *connection = PQconnectdb(server->conninfo);

	if (PQstatus(connection) != CONNECTION_OK)
		die("%s: %s", server->name, PQerrorMessage(connection));
	PQsetNoticeProcessor(connection, ignore_notice, NULL);
	return connection;
}

static PGresult *
run(Server *server, const char *format, va_list args)
{
	char statement[STATEMENT_LENGTH];
	PGresult *result;
	ExecStatusType status;

	vsnprintf(statement, sizeof(statement), format, args);
	result = PQexec(server->connection, statement);
	status = PQresultStatus(result);
	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK &&
		status != PGRES_COPY_IN)
		die("%s: %s\n%s", server->name, statement,
			PQresultErrorMessage(result));
	return result;
}

void
server_do(Server *server, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	PQclear(run(server, format, args));
	va_end(args);
}

char *
server_value(Server *server, const char *format, ...)
{
	va_list args;
	PGresult *result;
	char *value;

	va_start(args, format);
	result = run(server, format, args);
	va_end(args);
	value = strdup(PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "");
	PQclear(result);
	return value;
}

/* uint16 dimensions, uint16 0, then float32s, all big-endian */
static void
put_vector(char *out, const float *v, size_t dim)
{
	uint16_t head[2] = {htons((uint16_t) dim), 0};

	memcpy(out, head, sizeof(head));
	for (size_t i = 0; i < dim; i++)
	{
		uint32_t word;

		memcpy(&word, &v[i], 4);
		word = htonl(word);
		memcpy(out + 4 + 4 * i, &word, 4);
	}
}

char *
vector_binary(const float *v, size_t dim, int *size)
{
	char *out = malloc(4 + 4 * dim);

	put_vector(out, v, dim);
	*size = (int) (4 + 4 * dim);
	return out;
}

char *
vector_text(const float *v, size_t dim)
{
	char *out = malloc(dim * 20 + 3);
	char *p = out;

	*p++ = '[';
	for (size_t i = 0; i < dim; i++)
		p += sprintf(p, "%s%.9g", i > 0 ? "," : "", v[i]);
	strcpy(p, "]");
	return out;
}

static char *
put_int16(char *p, int16_t value)
{
	value = (int16_t) htons((uint16_t) value);
	memcpy(p, &value, 2);
	return p + 2;
}

static char *
put_int32(char *p, int32_t value)
{
	value = (int32_t) htonl((uint32_t) value);
	memcpy(p, &value, 4);
	return p + 4;
}

static void
put_data(Server *server, const char *data, size_t size)
{
	if (PQputCopyData(server->connection, data, (int) size) != 1)
		die("%s: %s", server->name, PQerrorMessage(server->connection));
}

double
server_load(Server *server, const char *table, const float *rows, size_t n,
			size_t dim)
{
	static const char head[19] = "PGCOPY\n\377\r\n"; /* flags and extension 0 */
	size_t size = 2 + 4 + 4 + 4 + 4 + 4 * dim;
	char *row = malloc(size);
	double start = now();
	PGresult *result;

	server_do(server, "COPY %s (id, embedding) FROM STDIN (FORMAT binary)",
			  table);
	put_data(server, head, sizeof(head));
	for (size_t i = 0; i < n; i++)
	{
		char *p = put_int16(row, 2);

		p = put_int32(p, 4);
		p = put_int32(p, (int32_t) i);
		p = put_int32(p, (int32_t) (4 + 4 * dim));
		put_vector(p, rows + i * dim, dim);
		put_data(server, row, size);
	}
	put_int16(row, -1);
	put_data(server, row, 2);
	if (PQputCopyEnd(server->connection, NULL) != 1)
		die("%s: %s", server->name, PQerrorMessage(server->connection));
	while ((result = PQgetResult(server->connection)) != NULL)
	{
		if (PQresultStatus(result) != PGRES_COMMAND_OK)
			die("%s: %s", server->name, PQresultErrorMessage(result));
		PQclear(result);
	}
	free(row);
	return now() - start;
}
