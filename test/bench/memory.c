/*
 * memory.c
 *	  What a statement takes of a server's memory.
 */
#include <dirent.h>
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

/* Backend and workers together, above idle ones */
static long
used_kb(PGconn *watcher, long leader, long idle_kb)
{
	char query[160];
	PGresult *result;
	long kb = 0;

	snprintf(query, sizeof(query),
			 "SELECT pid FROM pg_stat_activity WHERE pid = %ld OR "
			 "leader_pid = %ld",
			 leader, leader);
	result = PQexec(watcher, query);
	for (int row = 0; row < PQntuples(result); row++)
	{
		long used = anonymous_kb(atol(PQgetvalue(result, row, 0))) - idle_kb;

		kb += used > 0 ? used : 0;
	}
	PQclear(result);
	return kb;
}

double
memory_run(Server *server, const char *statement, double *peak_mb)
{
	PGconn *watcher = server_again(server);
	long leader = PQbackendPID(server->connection);
	long idle_kb = anonymous_kb(PQbackendPID(watcher));
	long segments = segments_kb();
	long peak_kb = 0;
	double start = now();
	PGresult *result;

	if (!PQsendQuery(server->connection, statement))
		die("%s: %s", server->name, PQerrorMessage(server->connection));
	while (PQisBusy(server->connection))
	{
		struct pollfd ready = {.fd = PQsocket(server->connection),
							   .events = POLLIN};
		long kb = used_kb(watcher, leader, idle_kb) + segments_kb() - segments;

		if (anonymous_kb(leader) > 0 && kb > peak_kb)
			peak_kb = kb;
		(void) poll(&ready, 1, LOOK_MS);
		if (!PQconsumeInput(server->connection))
			die("%s: %s", server->name, PQerrorMessage(server->connection));
	}
	start = now() - start;
	while ((result = PQgetResult(server->connection)) != NULL)
	{
		if (PQresultStatus(result) != PGRES_COMMAND_OK)
			die("%s: %s", server->name, PQresultErrorMessage(result));
		PQclear(result);
	}
	PQfinish(watcher);
	*peak_mb = (double) peak_kb / 1024;
	return start;
}
