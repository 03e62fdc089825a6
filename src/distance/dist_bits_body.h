/*
 * dist_bits_body.h
 *	  The loops over bit strings, written once.
 *
 * The level file defines
 *
 *		BITS, BITS_WIDTH		a register of BITS_WIDTH bytes
 *		BITS_LOAD(p)			that many bytes at p
 *		BITS_LOAD_TAIL(p, n)	0 < n < BITS_WIDTH bytes, zeros behind
 *		BITS_XOR, BITS_AND, BITS_OR
 *		COUNTS, COUNTS_ZERO		64-bit counts, any number of lanes
 *		COUNTS_ADD(c, bits)		c and the number of bits that are set
 *		COUNTS_SUM(c)			all lanes as one uint64_t
 *
 * A tail may hold its bytes in any order, as long as it is always the same:
 * only numbers of bits come out.
 */

/* Apply STEP(x, y) to registers of a and b until both are used up */
#define FOR_ALL_BITS(STEP) \
	do \
	{ \
		size_t left = nbytes; \
\
		for (; left >= BITS_WIDTH; left -= BITS_WIDTH) \
		{ \
			STEP(BITS_LOAD(a), BITS_LOAD(b)); \
			a += BITS_WIDTH; \
			b += BITS_WIDTH; \
		} \
		if (left > 0) \
			STEP(BITS_LOAD_TAIL(a, left), BITS_LOAD_TAIL(b, left)); \
	} while (0)

#define HAMMING_STEP(x, y) different = COUNTS_ADD(different, BITS_XOR(x, y))

static uint64_t
hamming(const uint8_t *a, const uint8_t *b, size_t nbytes)
{
	COUNTS different = COUNTS_ZERO;

	FOR_ALL_BITS(HAMMING_STEP);
	return COUNTS_SUM(different);
}

#define OVERLAP_STEP(x, y) \
	do \
	{ \
		BITS vx = x; \
		BITS vy = y; \
\
		in_both = COUNTS_ADD(in_both, BITS_AND(vx, vy)); \
		in_any = COUNTS_ADD(in_any, BITS_OR(vx, vy)); \
	} while (0)

static void
overlap(const uint8_t *a, const uint8_t *b, size_t nbytes, uint64_t *both,
		uint64_t *any)
{
	COUNTS in_both = COUNTS_ZERO;
	COUNTS in_any = COUNTS_ZERO;

	FOR_ALL_BITS(OVERLAP_STEP);
	*both = COUNTS_SUM(in_both);
	*any = COUNTS_SUM(in_any);
}
