/*
 * sketch.c
 *	  Few floats in the place of many dimensions: a sparse Johnson-Lindenstrauss
 *	  transform.
 */
#include "quant/sketch.h"

#include <math.h>

#include "quant/rng.h"

/* No sum may become infinite: two of them would make a NaN */
#define MOST 1e38f

/* So many bits of a hash say a place of a block, and one its sign */
#define PLACE_BITS 15

void
sketch_add(float *sketch, size_t width, uint32_t index, float value)
{
	Rng rng = {.state = index};
	uint64_t hash = rng_next(&rng);
	size_t block = width / SKETCH_BLOCKS;
	float share = value * 0.5f; /* 1 / sqrt(SKETCH_BLOCKS) */

	for (size_t b = 0; b < SKETCH_BLOCKS; b++)
	{
		uint32_t bits = hash >> (16 * b) & 0xFFFF;
		size_t place = ((bits >> 1) * block) >> PLACE_BITS;
		float *to = &sketch[b * block + place];

		*to =
			fminf(fmaxf(*to + ((bits & 1) != 0 ? share : -share), -MOST), MOST);
	}
}
