/*
 * parse.h
 *	  What the text and binary readers of all vector types report.
 *
 * The readers are plain C (no PostgreSQL header, no allocation, no error
 * report), so that fuzzers and unit tests link them without a server.
 * vector_input.c turns a ParseError into the message users see.
 */
#ifndef VECTOR_EXT_PARSE_H
#define VECTOR_EXT_PARSE_H

#include <stdbool.h>
#include <stddef.h>

typedef enum ParseStatus
{
	PARSE_OK,
	PARSE_SYNTAX,        /* not of the type's grammar */
	PARSE_NO_OPEN,       /* does not start with the opening bracket */
	PARSE_JUNK,          /* something follows the end */
	PARSE_END,           /* ends too early */
	PARSE_NO_DIMS,       /* fewer than 1 dimension */
	PARSE_TOO_MANY_DIMS, /* more dimensions than the type can have */
	PARSE_NAN,
	PARSE_INFINITE,
	PARSE_RANGE,        /* a number the element type cannot hold */
	PARSE_TOO_MANY_NNZ, /* sparse: more non-zero elements than allowed */
	PARSE_BAD_INDEX,    /* sparse: index outside 1..dimensions */
	PARSE_DUPLICATE,    /* sparse: index given twice */
	PARSE_UNORDERED,    /* sparse, binary: indices not ascending */
	PARSE_ZERO          /* sparse, binary: a zero among the non-zeros */
} ParseStatus;

typedef struct ParseError
{
	ParseStatus status;
	const char *token; /* PARSE_RANGE: the number, inside the literal ... */
	size_t token_len;  /* ... and its length */
} ParseError;

static inline bool
parse_fail(ParseError *error, ParseStatus status)
{
	error->status = status;
	error->token = NULL;
	error->token_len = 0;
	return false;
}

static inline bool
parse_fail_token(ParseError *error, const char *token, size_t token_len)
{
	error->status = PARSE_RANGE;
	error->token = token;
	error->token_len = token_len;
	return false;
}

/* C white space, whatever the locale */
static inline bool
parse_isspace(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline const char *
parse_skip_space(const char *s)
{
	while (parse_isspace(*s))
		s++;
	return s;
}

#endif
