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

/* Values times 2^scale, in place */
extern void row_scale(float *values, int dim, int scale);

/*
 * A query far beyond all rows is brought nearer, in its direction: estimates then
 * stay finite, and rank as before but for rounding.  True where that was done.
 */
extern bool row_bring_nearer(float *values, int dim);

#endif
