/*
 * unit_bits.c
 *	  Bit kernels at every level against counting one bit at a time.
 */
#include "distance/distance.h"
#include "tap.h"

#define MAX_BYTES 300

/* a and b end at memory that cannot be read; most of them are unaligned */
static bool
check_lengths(const BitKernels *kernels, char *end_a, char *end_b)
{
	bool good = true;

	for (size_t n = 0; n <= MAX_BYTES && good; n++)
	{
		uint8_t *a = (uint8_t *) end_a - n;
		uint8_t *b = (uint8_t *) end_b - n;
		uint64_t different = 0;
		uint64_t both = 0;
		uint64_t any = 0;
		uint64_t got_both;
		uint64_t got_any;

		for (size_t i = 0; i < n; i++)
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
		kernels->overlap(a, b, n, &got_both, &got_any);
		good = kernels->hamming(a, b, n) == different && got_both == both &&
			got_any == any;
		if (!good)
			printf("# %zu bytes\n", n);
	}
	return good;
}

int
main(void)
{
	char *end_a = guarded_end(MAX_BYTES);
	char *end_b = guarded_end(MAX_BYTES);

	for (int level = 0; level < SIMD_NLEVELS; level++)
	{
		if (distance_set_level((SimdLevel) level))
			ok(check_lengths(bit_kernels(), end_a, end_b),
			   "%s: hamming and overlap", simd_level_name((SimdLevel) level));
	}
	return done_testing();
}
