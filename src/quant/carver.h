/*
 * carver.h
 *	  Arrays cut from the one piece of work memory that a caller brings.
 *
 * A layout function carves its arrays in order.  It runs twice: without memory
 * to learn the size, then with it, so that both always agree.
 *
 * Plain C: no PostgreSQL header.
 */
#ifndef VECTOR_EXT_CARVER_H
#define VECTOR_EXT_CARVER_H

#include <stddef.h>
#include <stdint.h>

typedef struct Carver
{
	char *memory; /* aligned to 8 bytes; NULL to find out the size */
	size_t used;  /* bytes so far; SIZE_MAX: more than can be addressed */
} Carver;

/* count elements of size bytes, aligned to 8; NULL while there is no memory */
static inline void *
carve(Carver *carver, size_t count, size_t size)
{
	size_t start = carver->used;
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes) ||
		__builtin_add_overflow(bytes, 7, &bytes) ||
		__builtin_add_overflow(start, bytes & ~(size_t) 7, &carver->used))
	{
		carver->used = SIZE_MAX;
		return NULL;
	}
	return carver->memory == NULL ? NULL : carver->memory + start;
}

#endif
