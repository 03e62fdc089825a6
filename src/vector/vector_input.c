/*
 * vector_input.c
 *	  From a reader's ParseError to the message users see.
 */
#include "postgres.h"

#include "core/compat.h"
#include "core/errors.h"
#include "vector/vector_input.h"

static void
syntax_error(const InputType *type, const char *literal, const char *detail,
			 Node *escontext)
{
	errsave(escontext,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type %s: \"%s\"", type->name,
					literal),
			 detail != NULL ? errdetail("%s", detail) : 0));
}

static void
index_error(const InputType *type, const char *problem, Node *escontext)
{
	errsave(escontext,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("%s %s", type->name, problem)));
}

void
input_error(const InputType *type, const char *literal, const ParseError *error,
			Node *escontext)
{
	switch (error->status)
	{
		case PARSE_OK:
			break;
		case PARSE_SYNTAX:
			syntax_error(type, literal, NULL, escontext);
			break;
		case PARSE_NO_OPEN:
			syntax_error(type, literal,
						 type->open == '['
							 ? "Vector contents must start with \"[\"."
							 : "Vector contents must start with \"{\".",
						 escontext);
			break;
		case PARSE_JUNK:
			syntax_error(type, literal, type->junk, escontext);
			break;
		case PARSE_END:
			syntax_error(type, literal, "Unexpected end of input.", escontext);
			break;
		case PARSE_NO_DIMS:
			error_no_dimensions(escontext, type->name);
			break;
		case PARSE_TOO_MANY_DIMS:
			error_too_many_dimensions(escontext, type->name, type->max_dim);
			break;
		case PARSE_NAN:
			error_nan(escontext, type->name);
			break;
		case PARSE_INFINITE:
			error_infinite(escontext, type->name);
			break;
		case PARSE_RANGE:
			error_out_of_range(escontext, type->name, error->token,
							   (int) error->token_len);
			break;
		case PARSE_TOO_MANY_NNZ:
			errsave(escontext,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("%s cannot have more than %d non-zero elements",
							type->name, type->max_nnz)));
			break;
		case PARSE_BAD_INDEX:
			index_error(type, "index out of bounds", escontext);
			break;
		case PARSE_DUPLICATE:
			index_error(type, "indices must not contain duplicates", escontext);
			break;
		case PARSE_UNORDERED:
			index_error(type, "indices must be in ascending order", escontext);
			break;
		case PARSE_ZERO:
			errsave(escontext,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("binary representation of %s cannot contain "
							"zero values",
							type->name)));
			break;
	}
}
