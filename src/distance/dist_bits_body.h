/*
 * dist_bits_body.h
 *	  The loops over bit strings, written once.
 *
 * The level file defines POPCOUNT(word), the set bits of a uint64_t.  A tail of
 * fewer than 8 bytes is taken into a word with zeros behind.
 */
#include <string.h>

static uint64_t
bits_word(const uint8_t *p, size_t nbytes)
{
	uint64_t word = 0;

	memcpy(&word, p, nbytes < sizeof(word) ? nbytes : sizeof(word));
	return word;
}

static uint64_t
hamming(const uint8_t *a, const uint8_t *b, size_t nbytes)
{
	uint64_t distance = 0;

	for (size_t i = 0; i < nbytes; i += sizeof(uint64_t))
		distance += POPCOUNT(bits_word(a + i, nbytes - i) ^
							 bits_word(b + i, nbytes - i));
	return distance;
}

static void
overlap(const uint8_t *a, const uint8_t *b, size_t nbytes, uint64_t *both,
		uint64_t *any)
{
	*both = 0;
	*any = 0;
	for (size_t i = 0; i < nbytes; i += sizeof(uint64_t))
	{
		uint64_t wa = bits_word(a + i, nbytes - i);
		uint64_t wb = bits_word(b + i, nbytes - i);

		*both += POPCOUNT(wa & wb);
		*any += POPCOUNT(wa | wb);
	}
}
