/*
 * number.h
 *	  Decimal text to float32, correctly rounded, several times as fast as
 *	  strtof() on the numbers embeddings are made of.
 *
 * Plain C, see parse.h.
 */
#ifndef VECTOR_EXT_NUMBER_H
#define VECTOR_EXT_NUMBER_H

typedef enum NumberStatus
{
	NUMBER_OK,       /* also NaN and infinity, if the text says so */
	NUMBER_SYNTAX,   /* no number here */
	NUMBER_OVERFLOW, /* magnitude above FLT_MAX; value is +-infinity */
	NUMBER_UNDERFLOW /* not zero, yet rounds to zero; value is +-0 */
} NumberStatus;

/*
 * Read the number at the start of s (no leading white space; grammar and
 * result of strtof in the C locale).  limit is where the text ends, at its
 * zero byte.  *end = first character after the number.
 */
extern NumberStatus number_parse(const char *s, const char *limit,
								 const char **end, float *value);

#endif
