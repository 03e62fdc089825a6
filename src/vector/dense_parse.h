/*
 * dense_parse.h
 *	  Reading dense vectors from text and from the wire.
 *
 * Plain C, see parse.h.
 */
#ifndef VECTOR_EXT_DENSE_PARSE_H
#define VECTOR_EXT_DENSE_PARSE_H

#include <stdint.h>

#include "vector/elem.h"
#include "vector/parse.h"

/*
 * Parse "[1, 2.5, -3e4]": white space may stand around every token.  Fills
 * elems (room for max_dim elements of the kind) and *dim.  False, with *error
 * set, for anything else; elems is then undefined.
 */
extern bool dense_parse(ElemKind kind, const char *literal, void *elems,
						int max_dim, int *dim, ParseError *error);

/*
 * Elements from their binary form: n elements of the kind, each big-endian.
 * data holds n * size bytes.  False for NaN and infinities.
 */
extern bool dense_decode(ElemKind kind, const char *data, void *elems, size_t n,
						 ParseError *error);

/*
 * The reverse of dense_decode; cannot fail.  ahead: how far behind elems the
 * caller expects to read next, 0 for none; a hint for the cache.
 */
extern void dense_encode(ElemKind kind, const void *elems, char *data, size_t n,
						 ptrdiff_t ahead);

#endif
