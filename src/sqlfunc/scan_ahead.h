/*
 * scan_ahead.h
 *	  Where a sequential scan will read next.
 */
#ifndef VECTOR_EXT_SCAN_AHEAD_H
#define VECTOR_EXT_SCAN_AHEAD_H

#include <stddef.h>

/*
 * For a value inside a shared buffer: how far from it lies the same place of
 * the buffer with the table's next block, if that is where it is.  0 for a
 * value anywhere else.  A hint for DenseKernels: it may be wrong.
 */
extern ptrdiff_t scan_ahead(const void *value);

#endif
