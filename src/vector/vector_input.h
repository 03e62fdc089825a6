/*
 * vector_input.h
 *	  From a reader's ParseError to the message users see.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_VECTOR_INPUT_H
#define VECTOR_EXT_VECTOR_INPUT_H

#include "nodes/nodes.h"

#include "vector/parse.h"

/* What the messages of a type say; one constant for each type */
typedef struct InputType
{
	const char *name; /* SQL type */
	char open;        /* opening bracket */
	const char *junk; /* detail of PARSE_JUNK */
	int max_dim;
	int max_nnz; /* sparse types */
} InputType;

/*
 * Raise the error, softly where escontext allows: then it returns.  literal is
 * the whole input, or NULL for binary input.
 */
extern void input_error(const InputType *type, const char *literal,
						const ParseError *error, Node *escontext);

#endif
