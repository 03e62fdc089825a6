/*
 * parallel.h
 *	  A loop on all processors.
 */
#ifndef PARALLEL_H
#define PARALLEL_H

#include <stddef.h>

/* Call body(context, i) for all i below n, in any order, on all processors */
extern void parallel_for(size_t n, void (*body)(void *context, size_t i),
						 void *context);

#endif
