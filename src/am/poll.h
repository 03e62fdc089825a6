/*
 * poll.h
 *	  How long computations in plain C check for interrupts.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_POLL_H
#define VECTOR_EXT_POLL_H

#include "distance/blas.h"

/*
 * A BlasPoll that checks for interrupts, and never stops a computation itself:
 * an interrupt that is an error throws from here.  That is allowed: the rooms of
 * plain C hold no lock and no memory, and no foreign frame lies between.
 */
extern bool poll_interrupts(void *arg);

/* Load OpenBLAS, or throw [58P01 undefined_file] */
extern void poll_load_blas(void);

#endif
