/*
 * sketch.h
 *	  Few floats in the place of many dimensions, most of them zeros: a sparse
 *	  Johnson-Lindenstrauss transform.
 *
 * Each dimension goes to SKETCH_BLOCKS places, one in each block of the sketch,
 * with a sign, all drawn by a hash of its number (Kane and Nelson, Sparser
 * Johnson-Lindenstrauss transforms, JACM 61(1), 2014).  For x and y that do not
 * know the hash the inner product of their sketches is <x, y> on the average, with
 * a variance of at most 2 |x|^2 |y|^2 / width.  No matrix is kept, and the work is
 * that of the elements that are not zero.
 *
 * The same bits on every machine for one order of elements.
 *
 * Plain C: no PostgreSQL header, no allocation, no error report, no threads.
 */
#ifndef VECTOR_EXT_SKETCH_H
#define VECTOR_EXT_SKETCH_H

#include <stddef.h>
#include <stdint.h>

#define SKETCH_BLOCKS 4

/*
 * Add an element, value at dimension index, to a sketch of width floats, which is
 * a multiple of SKETCH_BLOCKS.  Sums stay finite.
 */
extern void sketch_add(float *sketch, size_t width, uint32_t index,
					   float value);

#endif
