/*
 * memory.c
 *	  What a statement takes of a server's memory.
 */
#include <dirent.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "memory.h"

#define LOOK_MS 5

/* Anonymous memory of a process in kB; 0 when there is no such process */
static long
anonymous_kb(long pid)
{
	char path[64];
	char line[256];
	long kb = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/status", pid);
	file = fopen(path, "r");
	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL)
	{
		if (sscanf(line, "RssAnon: %ld kB", &kb) == 1)
			break;
	}
	fclose(file);
	return kb;
}

static bool
is_local(PGconn *connection)
{
	const char *host = PQhost(connection);
	char path[64];
	char name[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/comm", PQbackendPID(connection));
	file = host != NULL && host[0] == '/' ? fopen(path, "r") : NULL;
	if (file == NULL)
		return false;
	if (fgets(name, sizeof(name), file) == NULL)
		name[0] = '\0';
	fclose(file);
	return strncmp(name, "postgres", 8) == 0 ||
		strncmp(name, "postmaster", 10) == 0;
}

/* Shared segments as they are allocated, in kB */
static long
segments_kb(void)
{
	DIR *folder = opendir("/dev/shm");
	struct dirent *entry;
	long kb = 0;

	if (folder == NULL)
		return 0;
	while ((entry = readdir(folder)) != NULL)
	{
		char path[512];
		struct stat status;

		if (strncmp(entry->d_name, "PostgreSQL.", 11) != 0)
			continue;
		snprintf(path, sizeof(path), "/dev/shm/%s", entry->d_name);
		if (stat(path, &status) == 0)
			kb += status.st_blocks / 2;
	}
	closedir(folder);
	return kb;
}

/* Backend and workers together, above idle ones; counts them */
static long
used_kb(PGconn *watcher, long leader, long idle_kb, int *processes)
{
	char query[160];
	PGresult *result;
	long kb = 0;

	snprintf(query, sizeof(query),
			 "SELECT pid FROM pg_stat_activity WHERE pid = %ld OR "
			 "leader_pid = %ld",
			 leader, leader);
	result = PQexec(watcher, query);
	if (PQntuples(result) > *processes)
		*processes = PQntuples(result);
	for (int row = 0; row < PQntuples(result); row++)
	{
		long used = anonymous_kb(atol(PQgetvalue(result, row, 0))) - idle_kb;

		kb += used > 0 ? used : 0;
	}
	PQclear(result);
	return kb;
}

/* Take results; false, with the message printed, on an error */
static bool
finish(const Server *server, PGconn *connection)
{
	PGresult *result;
	bool done = true;

	while ((result = PQgetResult(connection)) != NULL)
	{
		if (PQresultStatus(result) != PGRES_COMMAND_OK)
		{
			printf("%s: %s", server->name, PQresultErrorMessage(result));
			done = false;
		}
		PQclear(result);
	}
	return done;
}

Memory
memory_run(const Server *server, const char *settings, const char *statement)
{
	Memory memory = {0};
	PGconn *connection = server_again(server);
	PGconn *watcher = server_again(server);
	long leader = PQbackendPID(connection);
	long segments = segments_kb();
	long peak_kb = 0;
	long idle_kb;
	double start;

	PQclear(server_ask(server, connection, settings));
	idle_kb = anonymous_kb(leader);
	start = now();
	if (!PQsendQuery(connection, statement))
		die("%s: %s", server->name, PQerrorMessage(connection));
	while (PQisBusy(connection))
	{
		struct pollfd ready = {.fd = PQsocket(connection), .events = POLLIN};
		long kb = used_kb(watcher, leader, idle_kb, &memory.processes) +
			segments_kb() - segments;

		if (kb > peak_kb)
			peak_kb = kb;
		(void) poll(&ready, 1, LOOK_MS);
		if (!PQconsumeInput(connection))
			die("%s: %s", server->name, PQerrorMessage(connection));
	}
	memory.seconds = now() - start;
	if (!finish(server, connection))
		memory.seconds = NAN;
	memory.peak_mb = is_local(watcher) ? (double) peak_kb / 1024 : NAN;
	PQfinish(connection);
	PQfinish(watcher);
	return memory;
}
