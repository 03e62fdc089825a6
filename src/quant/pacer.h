/*
 * pacer.h
 *	  How often a long loop asks its caller whether to go on.
 *
 * Plain C: no PostgreSQL header.
 */
#ifndef VECTOR_EXT_PACER_H
#define VECTOR_EXT_PACER_H

#include <stdbool.h>
#include <stddef.h>

#include "distance/blas.h"

typedef struct Pacer
{
	BlasPoll poll; /* or NULL */
	void *arg;
	size_t done; /* elements since the last poll */
} Pacer;

/* Floats that are read and added between two polls: some 5 ms */
#define PACER_ELEMENTS ((size_t) 1 << 22)

/*
 * Work on so many floats was done.  False: stop, and return to the caller with
 * nothing but that.
 */
static inline bool
pacer_go_on(Pacer *pacer, size_t elements)
{
	pacer->done += elements;
	if (pacer->done < PACER_ELEMENTS)
		return true;
	pacer->done = 0;
	return pacer->poll == NULL || !pacer->poll(pacer->arg);
}

#endif
