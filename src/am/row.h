/*
 * row.h
 *	  Rows of floats, as indexes put them in place.
 *
 * Compiled without contraction to FMA (Makefile): the same bits everywhere.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_ROW_H
#define VECTOR_EXT_ROW_H

/* Scale to unit length in place; false, and zeros, for no length */
extern bool row_normalize(float *values, int dim);

#endif
