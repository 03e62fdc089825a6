/*
 * errors.c
 *	  Messages that several rooms raise, one function for each cause.
 */
#include "postgres.h"

#include "common/shortest_dec.h"

#include "core/compat.h"
#include "core/errors.h"

void
error_no_dimensions(Node *escontext, const char *type_name)
{
	errsave(escontext,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("%s must have at least 1 dimension", type_name)));
}

void
error_too_many_dimensions(Node *escontext, const char *type_name, int max_dim)
{
	errsave(
		escontext,
		(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
		 errmsg("%s cannot have more than %d dimensions", type_name, max_dim)));
}

void
error_unexpected_dimensions(Node *escontext, int expected, int dim)
{
	errsave(escontext,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("expected %d dimensions, not %d", expected, dim)));
}

void
error_different_dimensions(const char *type_name, int a, int b)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("different %s dimensions %d and %d", type_name, a, b)));
}

void
error_different_bit_lengths(int a, int b)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("different bit lengths %d and %d", a, b)));
}

void
error_nan(Node *escontext, const char *type_name)
{
	errsave(escontext,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("NaN not allowed in %s", type_name)));
}

void
error_infinite(Node *escontext, const char *type_name)
{
	errsave(escontext,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("infinite value not allowed in %s", type_name)));
}

void
error_out_of_range(Node *escontext, const char *type_name, const char *token,
				   int token_len)
{
	errsave(escontext,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("\"%.*s\" is out of range for type %s", token_len, token,
					type_name)));
}

void
error_float_out_of_range(Node *escontext, const char *type_name, float value)
{
	char token[FLOAT_SHORTEST_DECIMAL_LEN];
	int len = float_to_shortest_decimal_bufn(value, token);

	error_out_of_range(escontext, type_name, token, len);
}

void
error_corrupt_value(const char *type_name)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("invalid %s value", type_name),
			 errdetail("Its length does not fit its header.")));
}
