/*
 * memory.h
 *	  What a statement takes of a server's memory, from outside.
 */
#ifndef MEMORY_H
#define MEMORY_H

#include "server.h"

/*
 * Run a statement; *peak_mb = the most that its backend and the workers of it
 * took at a time: anonymous memory beyond that of an idle backend, and shared
 * segments that came into being meanwhile (shared_buffers are none).  Looked at
 * every few milliseconds in /proc, so the server must run on this machine; 0
 * where it does not.  Returns the seconds it took.
 */
extern double memory_run(Server *server, const char *statement,
						 double *peak_mb);

#endif
