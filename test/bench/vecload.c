/*
 * vecload.c
 *	  Load the vectors of a data set into a table.
 *
 *	  vecload FOLDER SET base|query TABLE
 *
 * The table exists and has the columns id integer and embedding vector; the
 * connection comes from the PG* environment variables.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server.h"

int
main(int argc, char **argv)
{
	Server server;
	Dataset *set;
	bool base;
	double seconds;
	size_t n;

	if (argc != 5)
		die("usage: vecload FOLDER SET base|query TABLE");
	base = strcmp(argv[3], "base") == 0;
	set = dataset_load(argv[1], argv[2], SIZE_MAX);
	n = base ? set->n : set->nqueries;
	server_connect(&server, "server", "");
	seconds = server_load(&server, argv[4], set,
						  base ? &set->base : &set->queries, NULL, n);
	printf("%zu vectors of %zu dimensions in %.1f s\n", n, set->dim, seconds);
	PQfinish(server.connection);
	return 0;
}
