/*
 * fn_distance.c
 *	  SQL distance functions: between the operators and the kernels.
 *
 * Check the arguments, call the kernel in force, finish in float64.  Sums are
 * float32 (distance.h), so a distance beyond its range is Infinity; a cosine
 * whose sums overflow, or of a zero vector, is NaN.
 */
#include "postgres.h"

#include <math.h>

#include "utils/varbit.h"

#include "core/compat.h"
#include "core/errors.h"
#include "core/export.h"
#include "distance/distance.h"
#include "distance/metric.h"
#include "sqlfunc/scan_ahead.h"
#include "vector/dense.h"
#include "vector/sparse.h"

/* The angle between unit vectors as a fraction of a half turn, 0 .. 1 */
static double
angle_from_product(double product)
{
	if (product > 1.0)
		product = 1.0;
	else if (product < -1.0)
		product = -1.0;
	return acos(product) / M_PI;
}

/*
 * Dense vectors
 */

typedef struct DensePair
{
	const DenseKernels *kernels;
	const DenseVector *query;
	const DenseVector *stored;
	ptrdiff_t ahead; /* see scan_ahead.h */
} DensePair;

/*
 * Kernels do not mind the order of arguments of the same kind, so the one that
 * lies in a table's page, if any, is taken as the stored vector.
 */
static inline DensePair
dense_args(FunctionCallInfo fcinfo, ElemKind kind)
{
	DenseVector *a = dense_from_datum(kind, PG_GETARG_DATUM(0));
	DenseVector *b = dense_from_datum(kind, PG_GETARG_DATUM(1));
	DensePair pair = {.kernels = dense_kernels(kind, kind),
					  .query = a,
					  .stored = b,
					  .ahead = scan_ahead(b)};

	dense_check_same_dim(kind, a, b);
	if (pair.ahead == 0)
	{
		pair.query = b;
		pair.stored = a;
		pair.ahead = scan_ahead(a);
	}
	return pair;
}

#define DENSE_KERNEL(pair, kernel) \
	(pair).kernels->kernel((pair).query->elems, (pair).stored->elems, \
						   (pair).stored->dim, (pair).ahead)

#define DENSE_DISTANCE(kind, symbol, expression) \
	SQL_FUNCTION(symbol) \
	{ \
		DensePair pair = dense_args(fcinfo, kind); \
\
		PG_RETURN_FLOAT8(expression); \
	}

/* clang-format off */
#define DENSE_DISTANCES(kind, type, public)                                    \
	DENSE_DISTANCE(kind, public##l2_distance,                                  \
				   sqrt((double) DENSE_KERNEL(pair, sqdist)))                  \
	DENSE_DISTANCE(kind, public##inner_product,                                \
				   DENSE_KERNEL(pair, inner_product))                          \
	DENSE_DISTANCE(kind, public##cosine_distance,                              \
				   cosine_from_sums(DENSE_KERNEL(pair, cosine)))               \
	DENSE_DISTANCE(kind, public##l1_distance, DENSE_KERNEL(pair, l1))          \
	DENSE_DISTANCE(kind, type##_l2_squared_distance,                           \
				   DENSE_KERNEL(pair, sqdist))                                 \
	DENSE_DISTANCE(kind, type##_negative_inner_product,                        \
				   -(double) DENSE_KERNEL(pair, inner_product))                \
	DENSE_DISTANCE(kind, type##_spherical_distance,                            \
				   angle_from_product(DENSE_KERNEL(pair, inner_product)))
/* clang-format on */

#define X(kind, type, public, norm, ctype) DENSE_DISTANCES(kind, type, public)
ELEM_KINDS(X)
#undef X

/*
 * Sparse vectors
 */

typedef struct SparsePair
{
	const SparseVector *a;
	const SparseVector *b;
} SparsePair;

static inline SparsePair
sparse_args(FunctionCallInfo fcinfo)
{
	SparsePair pair = {.a = sparse_from_datum(PG_GETARG_DATUM(0)),
					   .b = sparse_from_datum(PG_GETARG_DATUM(1))};

	sparse_check_same_dim(pair.a, pair.b);
	return pair;
}

#define SPARSE_KERNEL(pair, kernel) \
	kernel((pair).a->indices, sparse_values((pair).a), (pair).a->nnz, \
		   (pair).b->indices, sparse_values((pair).b), (pair).b->nnz)

#define SPARSE_DISTANCE(symbol, expression) \
	SQL_FUNCTION(symbol) \
	{ \
		SparsePair pair = sparse_args(fcinfo); \
\
		PG_RETURN_FLOAT8(expression); \
	}

SPARSE_DISTANCE(sparsevec_l2_distance,
				sqrt((double) SPARSE_KERNEL(pair, sparse_sqdist)))
SPARSE_DISTANCE(sparsevec_inner_product,
				SPARSE_KERNEL(pair, sparse_inner_product))
SPARSE_DISTANCE(sparsevec_cosine_distance,
				cosine_from_sums(SPARSE_KERNEL(pair, sparse_cosine)))
SPARSE_DISTANCE(sparsevec_l1_distance, SPARSE_KERNEL(pair, sparse_l1))
SPARSE_DISTANCE(sparsevec_l2_squared_distance,
				SPARSE_KERNEL(pair, sparse_sqdist))
SPARSE_DISTANCE(sparsevec_negative_inner_product,
				-(double) SPARSE_KERNEL(pair, sparse_inner_product))

/*
 * Bit strings
 */

typedef struct BitPair
{
	const VarBit *a;
	const VarBit *b;
} BitPair;

static inline BitPair
bit_args(FunctionCallInfo fcinfo)
{
	BitPair pair = {.a = PG_GETARG_VARBIT_P(0), .b = PG_GETARG_VARBIT_P(1)};

	if (VARBITLEN(pair.a) != VARBITLEN(pair.b))
		error_different_bit_lengths(VARBITLEN(pair.a), VARBITLEN(pair.b));
	return pair;
}

/* number of positions at which the strings differ */
SQL_FUNCTION(hamming_distance)
{
	BitPair pair = bit_args(fcinfo);

	PG_RETURN_FLOAT8(bit_kernels()->hamming(VARBITS(pair.a), VARBITS(pair.b),
											VARBITBYTES(pair.a)));
}

/* 1 - |a AND b| / |a OR b|, 1 where the strings have no set bit in common */
SQL_FUNCTION(jaccard_distance)
{
	BitPair pair = bit_args(fcinfo);
	uint64 both;
	uint64 any;

	bit_kernels()->overlap(VARBITS(pair.a), VARBITS(pair.b),
						   VARBITBYTES(pair.a), &both, &any);
	if (both == 0)
		PG_RETURN_FLOAT8(1.0);
	PG_RETURN_FLOAT8(1.0 - (double) both / (double) any);
}
