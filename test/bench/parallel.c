/*
 * parallel.c
 *	  A loop on all processors.
 */
#include "parallel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define MAX_THREADS 64

typedef struct Loop
{
	size_t n;
	void (*body)(void *context, size_t i);
	void *context;
	atomic_size_t next;
} Loop;

static void *
run_loop(void *argument)
{
	Loop *loop = argument;
	size_t i;

	while ((i = atomic_fetch_add(&loop->next, 1)) < loop->n)
		loop->body(loop->context, i);
	return NULL;
}

void
parallel_for(size_t n, void (*body)(void *context, size_t i), void *context)
{
	Loop loop = {.n = n, .body = body, .context = context};
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	pthread_t threads[MAX_THREADS];
	int started = 0;

	while (started + 1 < processors && started < MAX_THREADS &&
		   pthread_create(&threads[started], NULL, run_loop, &loop) == 0)
		started++;
	run_loop(&loop);
	while (started > 0)
		pthread_join(threads[--started], NULL);
}
