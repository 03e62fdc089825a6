/*
 * sparse_io.c
 *	  Text and binary form of sparse vectors.
 *
 * Text:   {1:1.5,3:-2}/5, indices counted from 1, ascending.
 * Binary: int32 dim, nnz, 0; nnz int32 indices counted from 0; nnz float32
 *		   values; all big-endian.
 */
#include "postgres.h"

#include "common/shortest_dec.h"
#include "libpq/pqformat.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"

#include "core/compat.h"
#include "core/errors.h"
#include "vector/sparse.h"
#include "vector/vector_input.h"

/* digits of an index, a colon, a number and a comma */
#define ENTRY_TEXT_LEN (11 + 1 + FLOAT_SHORTEST_DECIMAL_LEN + 1)

static const InputType input_type = {.name = SPARSE_TYPE_NAME,
									 .open = '{',
									 .junk = "Junk after closing.",
									 .max_dim = SPARSE_MAX_DIM,
									 .max_nnz = SPARSE_MAX_NNZ};

/* An upper bound of the entries a literal lists: commas + 1 */
static int
count_entries(const char *literal)
{
	int n = 1;

	for (const char *p = literal; *p != '\0' && n < SPARSE_MAX_NNZ; p++)
		n += (*p == ',');
	return n;
}

/*
 * Returns NULL after a soft error.
 */
SparseVector *
sparse_in(const char *literal, int32 typmod, Node *escontext)
{
	int max_entries = count_entries(literal);
	SparseEntry *entries = palloc(max_entries * sizeof(SparseEntry));
	SparseVector *result = NULL;
	ParseError error;
	int nnz;
	int dim;

	if (!sparse_parse(literal, entries, max_entries, &nnz, &dim, &error))
		input_error(&input_type, literal, &error, escontext);
	else if (sparse_check_typmod(typmod, dim, escontext))
	{
		result = sparse_new(dim, nnz);
		for (int i = 0; i < nnz; i++)
		{
			result->indices[i] = entries[i].index;
			sparse_values(result)[i] = entries[i].value;
		}
	}
	pfree(entries);
	return result;
}

char *
sparse_out(const SparseVector *v)
{
	char *text = palloc((Size) v->nnz * ENTRY_TEXT_LEN + 16);
	char *p = text;

	*p++ = '{';
	for (int i = 0; i < v->nnz; i++)
	{
		if (i > 0)
			*p++ = ',';
		p += pg_ltoa(v->indices[i] + 1, p);
		*p++ = ':';
		p += float_to_shortest_decimal_bufn(sparse_values(v)[i], p);
	}
	*p++ = '}';
	*p++ = '/';
	p += pg_ltoa(v->dim, p);
	*p = '\0';
	return text;
}

SparseVector *
sparse_recv(StringInfo message, int32 typmod)
{
	int32 dim = pq_getmsgint(message, sizeof(int32));
	int32 nnz = pq_getmsgint(message, sizeof(int32));
	int32 unused = pq_getmsgint(message, sizeof(int32));
	SparseVector *result;
	ParseError error;
	const char *data;

	if (dim < 1)
		error_no_dimensions(NULL, SPARSE_TYPE_NAME);
	if (dim > SPARSE_MAX_DIM)
		error_too_many_dimensions(NULL, SPARSE_TYPE_NAME, SPARSE_MAX_DIM);
	if (nnz < 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("sparsevec cannot have negative number of "
						"elements")));
	if (nnz > SPARSE_MAX_NNZ)
	{
		parse_fail(&error, PARSE_TOO_MANY_NNZ);
		input_error(&input_type, NULL, &error, NULL);
	}
	if (nnz > dim)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("sparsevec cannot have more elements than "
						"dimensions")));
	sparse_check_typmod(typmod, dim, NULL);
	if (unused != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("expected unused to be 0, not %d", unused)));

	/* throws when the message is shorter: before anything is allocated */
	data = pq_getmsgbytes(message, nnz * (int) (sizeof(int32) + sizeof(float)));
	result = sparse_new(dim, nnz);
	if (!sparse_decode(data, dim, nnz, result->indices, sparse_values(result),
					   &error))
		input_error(&input_type, NULL, &error, NULL);
	return result;
}

bytea *
sparse_send(const SparseVector *v)
{
	StringInfoData message;

	pq_begintypsend(&message);
	enlargeStringInfo(&message, (int) SPARSE_SIZE(v->nnz));
	pq_sendint32(&message, v->dim);
	pq_sendint32(&message, v->nnz);
	pq_sendint32(&message, v->unused);
	for (int i = 0; i < v->nnz; i++)
		pq_sendint32(&message, v->indices[i]);
	for (int i = 0; i < v->nnz; i++)
		pq_sendfloat4(&message, sparse_values(v)[i]);
	return pq_endtypsend(&message);
}
