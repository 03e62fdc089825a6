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
 * A BlasPoll: true when an interrupt waits.  The computation then returns, and
 * its caller lets CHECK_FOR_INTERRUPTS() throw, with no foreign frame between.
 */
extern bool poll_interrupts(void *arg);

/* After a computation that was stopped: throws, or returns to try again */
extern void poll_throw(void);

/* Load OpenBLAS, or throw [58P01 undefined_file] */
extern void poll_load_blas(void);

#endif
