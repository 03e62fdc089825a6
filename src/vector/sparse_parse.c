/*
 * sparse_parse.c
 *	  Reading sparse vectors from text and from the wire.
 */
#include "vector/sparse_parse.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "vector/number.h"

/* Beyond any index or number of dimensions; keeps sums within int64 */
#define INTEGER_LIMIT INT64_C(100000000000)

/* A decimal integer, cut off at +-INTEGER_LIMIT; false where there is none */
static bool
parse_integer(const char **s, int64_t *value)
{
	const char *p = *s;
	bool negative = (*p == '-');
	int64_t v = 0;

	if (*p == '-' || *p == '+')
		p++;
	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++)
	{
		if (v < INTEGER_LIMIT)
			v = v * 10 + (*p - '0');
	}
	*value = negative ? -v : v;
	*s = p;
	return true;
}

/*
 * A value that rounds to zero is refused: it would silently stop being one of
 * the non-zero elements.  A written zero is fine, and dropped by the caller.
 */
static bool
parse_value(const char **s, const char *limit, float *value, ParseError *error)
{
	const char *end;

	switch (number_parse(*s, limit, &end, value))
	{
		case NUMBER_SYNTAX:
			return parse_fail(error, PARSE_SYNTAX);
		case NUMBER_OVERFLOW:
		case NUMBER_UNDERFLOW:
			return parse_fail_token(error, *s, (size_t) (end - *s));
		case NUMBER_OK:
			break;
	}
	if (isnan(*value))
		return parse_fail(error, PARSE_NAN);
	if (isinf(*value))
		return parse_fail(error, PARSE_INFINITE);
	*s = end;
	return true;
}

/*
 * "index:value" at *s.  An index no vector has becomes -1: whether it is in
 * bounds can be said only when the dimensions are known, at the end.
 */
static bool
parse_entry(const char **s, const char *limit, SparseEntry *entry,
			ParseError *error)
{
	int64_t index;

	if (!parse_integer(s, &index))
		return parse_fail(error, PARSE_SYNTAX);
	*s = parse_skip_space(*s);
	if (*(*s)++ != ':')
		return parse_fail(error, PARSE_SYNTAX);
	*s = parse_skip_space(*s);
	if (!parse_value(s, limit, &entry->value, error))
		return false;
	entry->index =
		index >= 1 && index <= SPARSE_MAX_DIM ? (int32_t) (index - 1) : -1;
	return true;
}

/* "{...}"; *s is behind it afterwards */
static bool
parse_entries(const char **s, SparseEntry *entries, int max_entries, int *nnz,
			  ParseError *error)
{
	const char *limit = *s + strlen(*s);
	int nlisted = 0;

	*nnz = 0;
	if (**s != '{')
		return parse_fail(error, PARSE_NO_OPEN);
	*s = parse_skip_space(*s + 1);
	if (**s == '}')
	{
		(*s)++;
		return true;
	}

	for (;;)
	{
		SparseEntry entry;

		if (nlisted++ == max_entries)
			return parse_fail(error, PARSE_TOO_MANY_NNZ);
		*s = parse_skip_space(*s);
		if (!parse_entry(s, limit, &entry, error))
			return false;
		if (entry.value != 0)
			entries[(*nnz)++] = entry;
		*s = parse_skip_space(*s);
		if (**s == '}')
		{
			(*s)++;
			return true;
		}
		if (*(*s)++ != ',')
			return parse_fail(error, PARSE_SYNTAX);
	}
}

/* "/dim" and the end of the text */
static bool
parse_dimensions(const char *s, int *dim, ParseError *error)
{
	int64_t value;

	s = parse_skip_space(s);
	if (*s++ != '/')
		return parse_fail(error, PARSE_END);
	s = parse_skip_space(s);
	if (!parse_integer(&s, &value))
		return parse_fail(error, PARSE_SYNTAX);
	s = parse_skip_space(s);
	if (*s != '\0')
		return parse_fail(error, PARSE_JUNK);
	if (value < 1)
		return parse_fail(error, PARSE_NO_DIMS);
	if (value > SPARSE_MAX_DIM)
		return parse_fail(error, PARSE_TOO_MANY_DIMS);
	*dim = (int) value;
	return true;
}

static int
compare_entries(const void *a, const void *b)
{
	int32_t ia = ((const SparseEntry *) a)->index;
	int32_t ib = ((const SparseEntry *) b)->index;

	return (ia > ib) - (ia < ib);
}

bool
sparse_parse(const char *literal, SparseEntry *entries, int max_entries,
			 int *nnz, int *dim, ParseError *error)
{
	const char *s = parse_skip_space(literal);
	bool sorted = true;

	if (!parse_entries(&s, entries, max_entries, nnz, error) ||
		!parse_dimensions(s, dim, error))
		return false;

	for (int i = 1; i < *nnz && sorted; i++)
		sorted = entries[i - 1].index < entries[i].index;
	if (!sorted)
		qsort(entries, (size_t) *nnz, sizeof(SparseEntry), compare_entries);

	for (int i = 0; i < *nnz; i++)
	{
		if (entries[i].index < 0 || entries[i].index >= *dim)
			return parse_fail(error, PARSE_BAD_INDEX);
		if (i > 0 && entries[i].index == entries[i - 1].index)
			return parse_fail(error, PARSE_DUPLICATE);
	}
	return true;
}

static uint32_t
get_word(const char *data, size_t i)
{
	uint32_t word;

	memcpy(&word, data + 4 * i, 4);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	word = __builtin_bswap32(word);
#endif
	return word;
}

bool
sparse_decode(const char *data, int dim, int nnz, int32_t *indices,
			  float *values, ParseError *error)
{
	for (int i = 0; i < nnz; i++)
	{
		indices[i] = (int32_t) get_word(data, (size_t) i);
		if (indices[i] < 0 || indices[i] >= dim)
			return parse_fail(error, PARSE_BAD_INDEX);
		if (i > 0 && indices[i] == indices[i - 1])
			return parse_fail(error, PARSE_DUPLICATE);
		if (i > 0 && indices[i] < indices[i - 1])
			return parse_fail(error, PARSE_UNORDERED);
	}
	for (int i = 0; i < nnz; i++)
	{
		uint32_t word = get_word(data, (size_t) nnz + (size_t) i);

		memcpy(&values[i], &word, 4);
		if (isnan(values[i]))
			return parse_fail(error, PARSE_NAN);
		if (isinf(values[i]))
			return parse_fail(error, PARSE_INFINITE);
		if (values[i] == 0)
			return parse_fail(error, PARSE_ZERO);
	}
	return true;
}
