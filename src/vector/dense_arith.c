/*
 * dense_arith.c
 *	  Arithmetic on dense vectors.
 *
 * Computed in float32 and rounded to the element kind.  A result the kind
 * cannot hold is an error, never an infinity; norms are computed in float64.
 */
#include "postgres.h"

#include <math.h>

#include "utils/float.h"

#include "vector/dense.h"

static void
apply(DenseOperation operation, float *a, const float *b, int n)
{
	switch (operation)
	{
		case DENSE_ADD:
			for (int i = 0; i < n; i++)
				a[i] += b[i];
			break;
		case DENSE_SUB:
			for (int i = 0; i < n; i++)
				a[i] -= b[i];
			break;
		case DENSE_MUL:
			for (int i = 0; i < n; i++)
				a[i] *= b[i];
			break;
	}
}

/* Store a tile of results; infinities and values too large are overflow */
static void
store_results(ElemKind kind, DenseVector *out, int first, const float *values,
			  int n)
{
	for (int i = 0; i < n; i++)
	{
		if (unlikely(isinf(values[i])))
			float_overflow_error();
	}
	if (elem_ops[kind].store(values, DENSE_ELEM(kind, out, first), n) <
		(size_t) n)
		float_overflow_error();
}

/*
 * A product that vanishes in the element kind although no factor is zero.
 * Sums and differences of floats cannot underflow.
 */
static void
check_underflow(ElemKind kind, const DenseVector *a, const DenseVector *b,
				const DenseVector *product, int first, int n)
{
	float ta[DENSE_TILE];
	float tb[DENSE_TILE];
	float tp[DENSE_TILE];

	elem_ops[kind].load(DENSE_ELEM(kind, a, first), ta, n);
	elem_ops[kind].load(DENSE_ELEM(kind, b, first), tb, n);
	elem_ops[kind].load(DENSE_ELEM(kind, product, first), tp, n);
	for (int i = 0; i < n; i++)
	{
		if (unlikely(tp[i] == 0 && ta[i] != 0 && tb[i] != 0))
			float_underflow_error();
	}
}

DenseVector *
dense_arithmetic(ElemKind kind, DenseOperation operation, const DenseVector *a,
				 const DenseVector *b)
{
	DenseVector *result;
	float ta[DENSE_TILE];
	float tb[DENSE_TILE];

	dense_check_same_dim(kind, a, b);
	result = dense_new(kind, a->dim);
	for (int first = 0; first < a->dim; first += DENSE_TILE)
	{
		int n = Min(DENSE_TILE, a->dim - first);

		elem_ops[kind].load(DENSE_ELEM(kind, a, first), ta, n);
		elem_ops[kind].load(DENSE_ELEM(kind, b, first), tb, n);
		apply(operation, ta, tb, n);
		store_results(kind, result, first, ta, n);
		if (operation == DENSE_MUL)
			check_underflow(kind, a, b, result, first, n);
	}
	return result;
}

DenseVector *
dense_concat(ElemKind kind, const DenseVector *a, const DenseVector *b)
{
	int dim = (int) a->dim + b->dim;
	DenseVector *result;

	dense_check_dim(kind, dim, NULL);
	result = dense_new(kind, dim);
	memcpy(result->elems, a->elems, a->dim * elem_ops[kind].size);
	memcpy(DENSE_ELEM(kind, result, a->dim), b->elems,
		   b->dim * elem_ops[kind].size);
	return result;
}

/*
 * Elements start .. start + count - 1, counted from 1 and cut to the vector
 * as substring() cuts.  Nothing left is an error: no vector is empty.
 */
DenseVector *
dense_subvector(ElemKind kind, const DenseVector *v, int32 start, int32 count)
{
	int64 begin = Max((int64) start, 1);
	int64 end = Min((int64) start + count, (int64) v->dim + 1);
	DenseVector *result;

	dense_check_dim(kind, end - begin, NULL);
	result = dense_new(kind, (int) (end - begin));
	memcpy(result->elems, DENSE_ELEM(kind, v, begin - 1),
		   (end - begin) * elem_ops[kind].size);
	return result;
}

double
dense_elems_norm(ElemKind kind, const void *elems, int dim)
{
	double sum = 0.0;
	float tile[DENSE_TILE];

	for (int first = 0; first < dim; first += DENSE_TILE)
	{
		int n = Min(DENSE_TILE, dim - first);

		elem_ops[kind].load((const char *) elems + first * elem_ops[kind].size,
							tile, n);
		for (int i = 0; i < n; i++)
			sum += (double) tile[i] * (double) tile[i];
	}
	return sqrt(sum);
}

double
dense_norm(ElemKind kind, const DenseVector *v)
{
	return dense_elems_norm(kind, v->elems, v->dim);
}

/* The vector of length 1 in the same direction; zero stays zero */
DenseVector *
dense_normalize(ElemKind kind, const DenseVector *v)
{
	DenseVector *result = dense_new(kind, v->dim);
	double norm = dense_norm(kind, v);
	float tile[DENSE_TILE];

	for (int first = 0; first < v->dim; first += DENSE_TILE)
	{
		int n = Min(DENSE_TILE, v->dim - first);

		elem_ops[kind].load(DENSE_ELEM(kind, v, first), tile, n);
		for (int i = 0; i < n; i++)
			tile[i] = norm > 0 ? (float) (tile[i] / norm) : 0.0f;
		store_results(kind, result, first, tile, n);
	}
	return result;
}

/* One bit an element, 1 where it is above zero, first element first */
VarBit *
dense_binary_quantize(ElemKind kind, const DenseVector *v)
{
	Size size = VARBITTOTALLEN(v->dim);
	VarBit *result = palloc0(size);
	float tile[DENSE_TILE];

	SET_VARSIZE(result, size);
	VARBITLEN(result) = v->dim;
	for (int first = 0; first < v->dim; first += DENSE_TILE)
	{
		int n = Min(DENSE_TILE, v->dim - first);
		bits8 *bits = VARBITS(result) + first / BITS_PER_BYTE;

		elem_ops[kind].load(DENSE_ELEM(kind, v, first), tile, n);
		for (int i = 0; i < n; i++)
			bits[i / 8] |= (tile[i] > 0) << (7 - i % 8);
	}
	return result;
}
