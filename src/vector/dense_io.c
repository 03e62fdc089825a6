/*
 * dense_io.c
 *	  Text and binary form of dense vectors.
 *
 * Text:   [1,2.5,-3]; output is the shortest text that reads back the same.
 * Binary: uint16 dim, uint16 0, dim elements, all big-endian.
 */
#include "postgres.h"

#include "common/shortest_dec.h"
#include "libpq/pqformat.h"
#include "port/pg_bswap.h"
#include "utils/varbit.h"

#include "core/compat.h"
#include "vector/dense.h"
#include "vector/dense_parse.h"
#include "vector/vector_input.h"

static const InputType input_types[ELEM_NKINDS] = {
#define X(kind, type, public, norm, ctype) \
	[kind] = {.name = #type, \
			  .open = '[', \
			  .junk = "Junk after closing right brace.", \
			  .max_dim = DENSE_MAX_DIM},
	ELEM_KINDS(X)
#undef X
};

/*
 * Returns NULL after a soft error.
 */
DenseVector *
dense_in(ElemKind kind, const char *literal, int32 typmod, Node *escontext)
{
	/* float is the widest element kind; only what is filled is touched */
	float elems[DENSE_MAX_DIM];
	ParseError error;
	DenseVector *result;
	int dim;


	Assert(elem_ops[kind].size <= sizeof(float));

	if (!dense_parse(kind, literal, elems, DENSE_MAX_DIM, &dim, &error))
	{
		input_error(&input_types[kind], literal, &error, escontext);
		return NULL;
	}
	if (!dense_check_typmod(typmod, dim, escontext))
		return NULL;

	result = dense_new(kind, dim);
	memcpy(result->elems, elems, dim * elem_ops[kind].size);
	return result;
}

char *
dense_out(ElemKind kind, const DenseVector *v)
{
	/* each number with a separator, the brackets and the zero byte */
	char *text = palloc((Size) v->dim * FLOAT_SHORTEST_DECIMAL_LEN + 3);
	char *p = text;
	float tile[DENSE_TILE];

	*p++ = '[';
	for (int first = 0; first < v->dim; first += DENSE_TILE)
	{
		int n = Min(DENSE_TILE, v->dim - first);

		elem_ops[kind].load(DENSE_ELEM(kind, v, first), tile, n);
		for (int i = 0; i < n; i++)
		{
			p += float_to_shortest_decimal_bufn(tile[i], p);
			*p++ = ',';
		}
	}
	p[-1] = ']'; /* in place of the last comma: dim is at least 1 */
	*p = '\0';
	return text;
}

DenseVector *
dense_recv(ElemKind kind, StringInfo message, int32 typmod)
{
	int dim = pq_getmsgint(message, sizeof(int16));
	int unused = pq_getmsgint(message, sizeof(int16));
	ParseError error;
	DenseVector *result;
	const char *data;

	dense_check_dim(kind, dim, NULL);
	dense_check_typmod(typmod, dim, NULL);
	if (unused != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("expected unused to be 0, not %d", unused)));

	/* throws when the message is shorter: before anything is allocated */
	data = pq_getmsgbytes(message, dim * (int) elem_ops[kind].size);
	result = dense_new(kind, dim);
	if (!dense_decode(kind, data, result->elems, dim, &error))
		input_error(&input_types[kind], NULL, &error, NULL);
	return result;
}

bytea *
dense_send(ElemKind kind, const DenseVector *v, ptrdiff_t ahead)
{
	Size size = DENSE_SIZE(kind, v->dim);
	bytea *result = palloc(size);
	char *p = VARDATA(result);
	uint16 head[2];

	/* the message is as long as the value: its varlena header, then the rest */
	SET_VARSIZE(result, size);
	head[0] = pg_hton16((uint16) v->dim);
	head[1] = 0;
	memcpy(p, head, sizeof(head));
	dense_encode(kind, v->elems, p + sizeof(head), v->dim, ahead);
	return result;
}
