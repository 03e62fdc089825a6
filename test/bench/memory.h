/*
 * memory.h
 *	  What a statement takes of a server's memory, from outside.
 */
#ifndef MEMORY_H
#define MEMORY_H

#include "server.h"

typedef struct Memory
{
	double seconds; /* NAN: an error, which was printed */
	double peak_mb; /* NAN: the server does not run on this machine */
	int processes;  /* the most at a time, with the leader */
} Memory;

/*
 * Run a statement in a new session, with these settings.  The peak is the most that its backend and the workers of it
 * took at a time: anonymous memory beyond that of the
 * idle backend, and shared
 * segments that came into being meanwhile (shared_buffers are none).  Looked at
 * every few milliseconds in /proc, which the server must share with us: it is
 * taken for one of this machine where it is reached by a Unix socket and the
 * process of that number is PostgreSQL's.
 */
extern Memory memory_run(const Server *server, const char *settings,
						 const char *statement);

#endif
