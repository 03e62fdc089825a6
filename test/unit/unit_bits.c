/*
 * unit_bits.c
 *	  Bit kernels at every level against counting one bit at a time.
 */
#include <stdlib.h>
#include <string.h>

#include "distance/distance.h"
#include "tap.h"

#define MAX_BYTES 300

static bool
check_lengths(const BitKernels *kernels)
{
	bool good = true;

	for (size_t n = 0; n <= MAX_BYTES && good; n++)
	{
		/* exactly n bytes, so that sanitizers see a read beyond */
		uint8_t *a = malloc(n + 1);
		uint8_t *b = malloc(n + 1);
		uint64_t different = 0;
		uint64_t both = 0;
		uint64_t any = 0;
		uint64_t got_both;
		uint64_t got_any;

		/* offset by one: no kernel may want alignment */
		for (size_t i = 1; i <= n; i++)
		{
			a[i] = (uint8_t) next_random();
			b[i] = n % 3 == 0 ? 0xFF : (uint8_t) next_random();
			for (int bit = 0; bit < 8; bit++)
			{
				int x = a[i] >> bit & 1;
				int y = b[i] >> bit & 1;

				different += (uint64_t) (x != y);
				both += (uint64_t) (x & y);
				any += (uint64_t) (x | y);
			}
		}
		kernels->overlap(a + 1, b + 1, n, &got_both, &got_any);
		good = kernels->hamming(a + 1, b + 1, n) == different &&
			got_both == both && got_any == any;
		if (!good)
			printf("# %zu bytes\n", n);
		free(a);
		free(b);
	}
	return good;
}

int
main(void)
{
	for (int level = 0; level < SIMD_NLEVELS; level++)
	{
		if (distance_set_level((SimdLevel) level))
			ok(check_lengths(bit_kernels()), "%s: hamming and overlap",
			   simd_level_name((SimdLevel) level));
	}
	return done_testing();
}
