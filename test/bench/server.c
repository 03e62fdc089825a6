/*
 * server.c
 *	  A server to measure.
 */
#include "server.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "form.h"

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

PGresult *
server_ask(const Server *server, PGconn *connection, const char *statement)
{
	PGresult *result = PQexec(connection, statement);
	ExecStatusType status = PQresultStatus(result);

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK &&
		status != PGRES_COPY_IN)
		die("%s: %s\n%s", server->name, statement,
			PQresultErrorMessage(result));
	return result;
}

bool
server_try(Server *server, const char *statement)
{
	PGresult *result = PQexec(server->connection, statement);
	bool done = PQresultStatus(result) == PGRES_COMMAND_OK;

	if (!done)
		printf("%s: %s: %s", server->name, statement,
			   PQresultErrorMessage(result));
	PQclear(result);
	return done;
}

static PGresult *
run(Server *server, const char *format, va_list args)
{
	char statement[STATEMENT_LENGTH];

	vsnprintf(statement, sizeof(statement), format, args);
	return server_ask(server, server->connection, statement);
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

static void
put_data(Server *server, const char *data, size_t size)
{
	if (PQputCopyData(server->connection, data, (int) size) != 1)
		die("%s: %s", server->name, PQerrorMessage(server->connection));
}

static void
put_row(Server *server, const Dataset *set, const Rows *rows, size_t row)
{
	int size;
	char *value = row_binary(set, rows, row, &size);
	char head[14];

	/* two fields, each behind its length */
	put_int32(put_int32(put_int32(put_int16(head, 2), 4), (int32_t) row), size);
	put_data(server, head, sizeof(head));
	put_data(server, value, (size_t) size);
	free(value);
}

static void
end_copy(Server *server)
{
	PGresult *result;

	if (PQputCopyEnd(server->connection, NULL) != 1)
		die("%s: %s", server->name, PQerrorMessage(server->connection));
	while ((result = PQgetResult(server->connection)) != NULL)
	{
		if (PQresultStatus(result) != PGRES_COMMAND_OK)
			die("%s: %s", server->name, PQresultErrorMessage(result));
		PQclear(result);
	}
}

void
server_copy(Server *server, const char *table, const char *lines, size_t size)
{
	const size_t piece = 1 << 20;

	server_do(server, "COPY %s FROM STDIN (ENCODING utf8)", table);
	for (size_t i = 0; i < size; i += piece)
		put_data(server, lines + i, size - i < piece ? size - i : piece);
	end_copy(server);
}

double
server_load(Server *server, const char *table, const Dataset *set,
			const Rows *rows, const size_t *order, size_t n)
{
	static const char head[19] = "PGCOPY\n\377\r\n"; /* flags and extension 0 */
	char end[2];
	double start = now();

	server_do(server, "COPY %s (id, embedding) FROM STDIN (FORMAT binary)",
			  table);
	put_data(server, head, sizeof(head));
	for (size_t i = 0; i < n; i++)
		put_row(server, set, rows, order != NULL ? order[i] : i);
	put_int16(end, -1);
	put_data(server, end, sizeof(end));
	end_copy(server);
	return now() - start;
}
