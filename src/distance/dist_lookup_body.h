/*
 * dist_lookup_body.h
 *	  The loop over blocks of 4-bit codes, written once.
 *
 * The level file defines
 *
 *		LOOKUP_GROUPS			groups of codes a step takes: 1 or 2
 *		SUMS					the sums for a block: a struct of any form that
 *								begins as zeros
 *		SUMS_ADD(sums, codes, tables)	look up, and add to *sums
 *		SUMS_STORE(p, sums)		*sums as 32 numbers in the order of the vectors
 *		CODES_LOAD(p)			the codes of a step
 *		CODES_LOAD_TAIL(p)		those of a single group, zeros behind
 *
 * and for each inclusion
 *
 *		LOOKUP_NAME				the function
 *		TABLES_LOAD(p)			the tables of a step
 *		TABLES_LOAD_TAIL(p)		those of a single group, zeros behind
 *		TABLES_BYTES			from the tables of a step to the next ones
 *
 * One block after the other, although several at a time would share the loading
 * of tables: codes are many and tables few, and the processor fetches codes in
 * good time only while they are read in the order in which they lie.
 */
static void
LOOKUP_NAME(const uint8_t *codes, size_t nblocks, ptrdiff_t ahead,
			const uint8_t *tables, size_t m, uint16_t *sums)
{
	for (size_t b = 0; b < nblocks; b++)
	{
		const uint8_t *t = tables;
		size_t left = m / 2;
		SUMS of_block = {0};

		for (; left >= LOOKUP_GROUPS; left -= LOOKUP_GROUPS)
		{
			__builtin_prefetch(codes + ahead);
			SUMS_ADD(&of_block, CODES_LOAD(codes), TABLES_LOAD(t));
			codes += LOOKUP_GROUPS * LOOKUP_BLOCK;
			t += TABLES_BYTES;
		}
		if (left > 0)
		{
			SUMS_ADD(&of_block, CODES_LOAD_TAIL(codes), TABLES_LOAD_TAIL(t));
			codes += LOOKUP_BLOCK;
		}
		SUMS_STORE(sums + b * LOOKUP_BLOCK, &of_block);
	}
}

#undef LOOKUP_NAME
#undef TABLES_LOAD
#undef TABLES_LOAD_TAIL
#undef TABLES_BYTES
