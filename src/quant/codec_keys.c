/*
 * codec_keys.c
 *	  Keys of rows from one number of each, and which are below a limit.
 */
#include "quant/codec_keys.h"

#include "quant/four.h"

#define WORD 32

/* Bit i is set where keys[i] is below the limit: of 32 keys */
static inline uint32_t
bits_below(const float *keys, float limit)
{
	static const FourBits lanes = {1, 2, 4, 8};
	Four all = four_all(limit);
	FourBits bits = {0};

	for (int i = 0; i < WORD; i += 4)
		bits |= ((FourBits) (four_load(keys + i) < all) & lanes) << i;
	return (uint32_t) (bits[0] | bits[1] | bits[2] | bits[3]);
}

void
codec_keys(const CodecScan *scan, const float *numbers, float base, float step,
		   float *keys, uint32_t *below)
{
	size_t whole = scan->nlanes / WORD;

	for (size_t i = 0; i < scan->nlanes; i++)
		keys[i] = base + step * numbers[i] + scan->terms[i];
	for (size_t word = 0; word < whole; word++)
		below[word] = bits_below(keys + word * WORD, scan->limit);
	if (scan->nlanes % WORD > 0)
		below[whole] = 0;
	for (size_t i = whole * WORD; i < scan->nlanes; i++)
		below[whole] |= (uint32_t) (keys[i] < scan->limit) << i % WORD;
}
