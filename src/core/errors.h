/*
 * errors.h
 *	  Messages that several rooms raise, one function for each cause.
 *
 * Texts and SQLSTATEs are those applications already match on; a change here
 * is a change of the SQL surface.  Functions that take an escontext are used
 * by type input: there the error may be soft, and they return.  Callers then
 * return a dummy at once.  With escontext NULL they throw.
 *
 * type_name is the SQL type the message speaks of.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_ERRORS_H
#define VECTOR_EXT_ERRORS_H

#include "nodes/nodes.h"

#include "core/compat.h"

/* "vector must have at least 1 dimension" [22000] */
extern void error_no_dimensions(Node *escontext, const char *type_name);

/* "vector cannot have more than 16000 dimensions" [54000] */
extern void error_too_many_dimensions(Node *escontext, const char *type_name,
									  int max_dim);

/* "expected 2 dimensions, not 3" [22000] */
extern void error_unexpected_dimensions(Node *escontext, int expected, int dim);

/* "different vector dimensions 2 and 3" [22000] */
pg_noreturn extern void error_different_dimensions(const char *type_name, int a,
												   int b);

/* "different bit lengths 2 and 3" [22000] */
pg_noreturn extern void error_different_bit_lengths(int a, int b);

/* "NaN not allowed in vector" [22000] */
extern void error_nan(Node *escontext, const char *type_name);

/* "infinite value not allowed in vector" [22000] */
extern void error_infinite(Node *escontext, const char *type_name);

/* "\"4e38\" is out of range for type vector" [22003]; token need not end */
extern void error_out_of_range(Node *escontext, const char *type_name,
							   const char *token, int token_len);

/* The same for a float32 that has no place in a narrower type */
extern void error_float_out_of_range(Node *escontext, const char *type_name,
									 float value);

/* A stored or received value whose parts contradict each other [XX001] */
pg_noreturn extern void error_corrupt_value(const char *type_name);

#endif
