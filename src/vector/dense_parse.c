/*
 * dense_parse.c
 *	  Reading dense vectors from text and from the wire.
 */
#include "vector/dense_parse.h"

#include <math.h>
#include <string.h>

#include "vector/number.h"

#define TILE 256

static bool
check_finite(const float *values, size_t n, ParseError *error)
{
	size_t i = first_nonfinite(values, n);

	return i == n ||
		parse_fail(error, isnan(values[i]) ? PARSE_NAN : PARSE_INFINITE);
}

/* One element of the text at *s; on success *s is behind it */
static bool
parse_element(ElemKind kind, const char **s, const char *limit, void *elem,
			  ParseError *error)
{
	const char *end;
	float value;

	switch (number_parse(*s, limit, &end, &value))
	{
		case NUMBER_SYNTAX:
			return parse_fail(error, PARSE_SYNTAX);
		case NUMBER_OVERFLOW:
			return parse_fail_token(error, *s, (size_t) (end - *s));
		case NUMBER_UNDERFLOW: /* a dense zero is as good as a tiny number */
		case NUMBER_OK:
			break;
	}
	if (!isfinite(value))
		return parse_fail(error, isnan(value) ? PARSE_NAN : PARSE_INFINITE);
	if (elem_ops[kind].store(&value, elem, 1) != 1)
		return parse_fail_token(error, *s, (size_t) (end - *s));
	*s = end;
	return true;
}

bool
dense_parse(ElemKind kind, const char *literal, void *elems, int max_dim,
			int *dim, ParseError *error)
{
	const char *limit = literal + strlen(literal);
	const char *s = parse_skip_space(literal);
	size_t size = elem_ops[kind].size;
	int n = 0;

	if (*s != '[')
		return parse_fail(error, PARSE_NO_OPEN);
	s = parse_skip_space(s + 1);
	if (*s == ']')
		return parse_fail(error, PARSE_NO_DIMS);

	for (;;)
	{
		if (n == max_dim)
			return parse_fail(error, PARSE_TOO_MANY_DIMS);
		s = parse_skip_space(s);
		if (!parse_element(kind, &s, limit, (char *) elems + n * size, error))
			return false;
		n++;
		s = parse_skip_space(s);
		if (*s == ']')
			break;
		if (*s++ != ',')
			return parse_fail(error, PARSE_SYNTAX);
	}

	s = parse_skip_space(s + 1);
	if (*s != '\0')
		return parse_fail(error, PARSE_JUNK);
	*dim = n;
	return true;
}

/*
 * Registers of any machine, in the compiler's terms: without a byte shuffle,
 * which the base instructions of some machines lack, shifts are the quickest
 * way to turn bytes around.
 */
typedef uint16_t HalfWords __attribute__((vector_size(16)));
typedef uint32_t Words __attribute__((vector_size(16)));

/*
 * Copy nbytes of elements, turning each between big-endian and the machine's
 * order: the bytes of each half word trade places, and for elements of four
 * bytes the halves do.
 */
static void
swap_elements(size_t size, const char *from, char *to, size_t nbytes,
			  ptrdiff_t ahead)
{
	size_t i = 0;

	if (size == 1 || __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
	{
		memcpy(to, from, nbytes);
		return;
	}
	for (; i + sizeof(Words) <= nbytes; i += sizeof(Words))
	{
		HalfWords halves;
		Words words;

		__builtin_prefetch(from + i + ahead);
		memcpy(&halves, from + i, sizeof(halves));
		halves = halves << 8 | halves >> 8;
		words = (Words) halves;
		if (size == 4)
			words = words << 16 | words >> 16;
		memcpy(to + i, &words, sizeof(words));
	}
	for (; i < nbytes; i++)
		to[i] = from[i / size * size + size - 1 - i % size];
}

bool
dense_decode(ElemKind kind, const char *data, void *elems, size_t n,
			 ParseError *error)
{
	size_t size = elem_ops[kind].size;
	float tile[TILE];

	swap_elements(size, data, elems, n * size, 0);
	if (kind == ELEM_FLOAT32) /* floats already */
		return check_finite(elems, n, error);
	for (size_t i = 0; i < n; i += TILE)
	{
		size_t count = n - i < TILE ? n - i : TILE;

		elem_ops[kind].load((char *) elems + i * size, tile, count);
		if (!check_finite(tile, count, error))
			return false;
	}
	return true;
}

void
dense_encode(ElemKind kind, const void *elems, char *data, size_t n,
			 ptrdiff_t ahead)
{
	swap_elements(elem_ops[kind].size, elems, data, n * elem_ops[kind].size,
				  ahead);
}
