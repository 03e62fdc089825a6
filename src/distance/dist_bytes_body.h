/*
 * dist_bytes_body.h
 *	  Products of rows of bytes with 16-bit weights, written once.
 *
 * The level file defines
 *
 *		BYTES_WIDTH			bytes of a step, at most BYTE_PADDING
 *		WSUMS				a register of 32-bit sums
 *		WSUMS_ZERO
 *		WSUMS_ADD(sums, weights, bytes)	the sums with the products of a step
 *		WSUMS_ADD2(a, b)	the sums of both
 *		WSUMS_TOTAL(sums)	their total, an int32_t
 *
 * The last step of a row reads on into the next one, where the weights are 0,
 * and a copy where there is no next one.
 */
static inline int32_t
byte_product(const int16_t *weights, const uint8_t *row, const uint8_t *end,
			 size_t n)
{
	WSUMS first = WSUMS_ZERO;
	WSUMS second = WSUMS_ZERO;
	size_t i = 0;

	for (; i + 2 * BYTES_WIDTH <= n; i += 2 * BYTES_WIDTH)
	{
		first = WSUMS_ADD(first, weights + i, row + i);
		second =
			WSUMS_ADD(second, weights + i + BYTES_WIDTH, row + i + BYTES_WIDTH);
	}
	for (; i < n; i += BYTES_WIDTH)
	{
		uint8_t copy[BYTES_WIDTH] = {0};
		const uint8_t *bytes = row + i;

		if ((size_t) (end - bytes) < BYTES_WIDTH)
		{
			for (size_t k = 0; i + k < n; k++)
				copy[k] = bytes[k];
			bytes = copy;
		}
		first = WSUMS_ADD(first, weights + i, bytes);
	}
	return WSUMS_TOTAL(WSUMS_ADD2(first, second));
}

static void
byte_products(const int16_t *weights, const uint8_t *rows, size_t nrows,
			  size_t n, float *out)
{
	const uint8_t *end = rows + nrows * n;

	for (size_t i = 0; i < nrows; i++)
		out[i] = (float) byte_product(weights, rows + i * n, end, n);
}
