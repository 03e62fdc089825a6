/*
 * sparse.c
 *	  Making and checking sparse vectors.
 */
#include "postgres.h"

#include "core/compat.h"
#include "core/errors.h"
#include "vector/sparse.h"

SparseVector *
sparse_new(int dim, int nnz)
{
	Size size = SPARSE_SIZE(nnz);
	SparseVector *v = palloc(size);

	SET_VARSIZE(v, size);
	v->dim = dim;
	v->nnz = nnz;
	v->unused = 0;
	return v;
}

SparseVector *
sparse_from_datum(Datum datum)
{
	SparseVector *v = (SparseVector *) PG_DETOAST_DATUM(datum);

	if (unlikely(VARSIZE(v) < offsetof(SparseVector, indices) || v->dim < 1 ||
				 v->nnz < 0 || v->nnz > SPARSE_MAX_NNZ ||
				 VARSIZE(v) != SPARSE_SIZE(v->nnz)))
		error_corrupt_value(SPARSE_TYPE_NAME);
	return v;
}

void
sparse_check_same_dim(const SparseVector *a, const SparseVector *b)
{
	if (unlikely(a->dim != b->dim))
		error_different_dimensions(SPARSE_TYPE_NAME, a->dim, b->dim);
}

bool
sparse_check_typmod(int32 typmod, int dim, Node *escontext)
{
	if (typmod == -1 || typmod == dim)
		return true;
	error_unexpected_dimensions(escontext, typmod, dim);
	return false;
}
