/*
 * distance.h
 *	  Distance kernels: what every other room calls.
 *
 * A kernel works on raw element arrays.  It neither allocates, nor reports
 * errors, nor reads a byte outside [p, p + n * element size), nor needs any
 * alignment.  n may be 0.  Kernels exist at several SIMD levels; one level is
 * chosen for the process when the library is loaded and all callers go through
 * the tables returned below.
 *
 * Sums are accumulated in float32 at every level, in several lanes that are
 * added at the end: a result may therefore differ between levels by rounding,
 * at most about n * 2^-24 times the sum of the absolute terms, and a sum that
 * overflows float32 is an infinity (or a NaN, for infinity minus infinity) at
 * every level.  Within one level a result depends on the arguments alone.
 *
 * Plain C: no PostgreSQL header, links into unit tests without a server.
 */
#ifndef VECTOR_EXT_DISTANCE_H
#define VECTOR_EXT_DISTANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vector/elem.h"

/*
 * SIMD levels, weakest first.  SIMD_AVX2 needs AVX2 + FMA + F16C; SIMD_AVX512
 * needs F + BW + DQ + VL (VPOPCNTDQ is used where present).
 */
typedef enum SimdLevel
{
	SIMD_SCALAR,
	SIMD_AVX2,
	SIMD_AVX512,
	SIMD_NEON,
	SIMD_NLEVELS
} SimdLevel;

/* The three sums a cosine of a and b needs */
typedef struct CosineSums
{
	float ab; /* <a,b> */
	float aa; /* <a,a> */
	float bb; /* <b,b> */
} CosineSums;

/*
 * Kernels for a query of one element kind against stored vectors of another
 * (or the same) kind.  Between equal kinds the order of the arguments does not
 * matter, to the last bit.
 *
 * ahead is a hint: while the kernel reads stored, it asks the cache for the
 * bytes that lie this far behind, where the caller expects to read next.  0
 * for none.  It may point anywhere.
 *
 * The *_many forms compute one query against nrows vectors that lie stride
 * bytes apart, the first at stored: out[i] = f(query, stored + i * stride).
 * They return the same bits as nrows single calls.
 */
typedef struct DenseKernels
{
	/* sum (q - s)^2 */
	float (*sqdist)(const void *query, const void *stored, size_t n,
					ptrdiff_t ahead);
	float (*inner_product)(const void *query, const void *stored, size_t n,
						   ptrdiff_t ahead);
	/* sum |q - s| */
	float (*l1)(const void *query, const void *stored, size_t n,
				ptrdiff_t ahead);
	CosineSums (*cosine)(const void *query, const void *stored, size_t n,
						 ptrdiff_t ahead);

	void (*sqdist_many)(const void *query, const void *stored, size_t stride,
						size_t nrows, size_t n, float *out);
	void (*inner_product_many)(const void *query, const void *stored,
							   size_t stride, size_t nrows, size_t n,
							   float *out);
} DenseKernels;

/* Kernels on bit strings of nbytes bytes */
typedef struct BitKernels
{
	/* number of differing bits */
	uint64_t (*hamming)(const uint8_t *a, const uint8_t *b, size_t nbytes);

	/* *both = |a AND b|, *any = |a OR b|, in bits */
	void (*overlap)(const uint8_t *a, const uint8_t *b, size_t nbytes,
					uint64_t *both, uint64_t *any);
} BitKernels;

#define LOOKUP_BLOCK 32 /* vectors in a block of 4-bit codes */
#define LOOKUP_TABLE 16 /* bytes in the table of one code */

/*
 * Sums of table lookups over 4-bit codes: "PQ fast scan" (Andre, Kermarrec,
 * Le Scouarnec, VLDB 2015), in blocks laid out as those of Faiss.
 *
 * A block holds the codes of 32 vectors, m codes each, m even and at least 2,
 * as m / 2 groups of 32 bytes: byte i of group g holds code 2g of vector i in
 * its low four bits and code 2g + 1 in its high ones.  A block is thus 16 * m
 * bytes; the next one follows without a gap.  Table j, of 16 bytes, is at
 * tables + 16 * j.
 *
 * sums[32 * b + i] is the sum of tables[16 * j + code j of vector i of block b]
 * over all j, modulo 2^16: callers choose tables whose sums are smaller.  These
 * are integers, the same at every level.  nblocks may be 0.  While codes are
 * read, those so many bytes ahead are asked for; 0: none are.
 *
 * below[b] has a bit i for each vector i of block b whose estimate
 *
 *		base + step * sums[32 * b + i] + terms[32 * b + i]
 *
 * is below limit.  One within rounding of the limit may or may not count.  No
 * estimate that is NaN is below anything.
 */
typedef struct LookupEstimate
{
	float base;
	float step;
	float limit;
} LookupEstimate;

/*
 * Vectors with a scale and an error each: below_scaled[b] has a bit for each
 * vector whose bound
 *
 *		base + scales[i] * (bias + step * sums[i]) + terms[i]
 *			- slack * errors[i]
 *
 * is below limit, otherwise as below.
 */
typedef struct LookupScaled
{
	const float *terms;
	const float *scales;
	const float *errors;
	float base;
	float bias;
	float step;
	float slack;
	float limit;
} LookupScaled;

#define LOOKUP_LONG_TABLE 256 /* floats in the table of an 8-bit code */

/*
 * long_sums: the same for 8-bit codes.  A block holds the codes of 32 vectors
 * as m rows of 32 bytes: byte i of row j is code j of vector i.  Table j, of
 * 256 floats, is at tables + 256 * j.  sums[32 * b + i] is the float32 sum in
 * the order of j, the same bits at every level.  m is at least 1.
 */
typedef struct LookupKernels
{
	void (*sums)(const uint8_t *codes, size_t nblocks, ptrdiff_t ahead,
				 const uint8_t *tables, size_t m, uint16_t *sums);
	void (*below)(const uint16_t *sums, const float *terms, size_t nblocks,
				  const LookupEstimate *estimate, uint32_t *below);
	void (*below_scaled)(const uint16_t *sums, const LookupScaled *scaled,
						 size_t nblocks, uint32_t *below);
	void (*long_sums)(const uint8_t *codes, size_t nblocks, const float *tables,
					  size_t m, float *sums);
} LookupKernels;

#define BYTE_PADDING 32

/*
 * Products of rows of n bytes, which follow each other without a gap, with
 * weights: out[i] = the sum over j of weights[j] * rows[i * n + j], exact as an
 * integer and then rounded to float.  The same at every level.
 *
 * Callers see to it that no sum of products, in any order, leaves 32 bits: the
 * sum of |weights[j]| is at most BYTE_WEIGHTS.  Weights behind n are 0 up to
 * the next multiple of BYTE_PADDING.
 */
typedef struct ByteKernels
{
	void (*products)(const int16_t *weights, const uint8_t *rows, size_t nrows,
					 size_t n, float *out);
} ByteKernels;

#define BYTE_WEIGHTS (INT32_MAX / 255)

/*
 * y[j] = the sum over i of x[i] * columns[i * out + j], in the order of i, each
 * product and each sum rounded to float: the same bits at every level.  x and y
 * do not overlap.
 */
typedef struct MapKernels
{
	void (*apply)(const float *columns, const float *x, size_t in, size_t out,
				  float *y);

	/* The same of n rows: x, ldx floats apart, to y, ldy floats apart */
	void (*apply_rows)(const float *columns, const float *x, size_t ldx,
					   size_t n, size_t in, size_t out, float *y, size_t ldy);
} MapKernels;

/*
 * Choose the level for this process: the strongest the CPU has.  Cheap, and
 * called once when the library is loaded, before any other function here.
 */
extern void distance_init(void);

extern SimdLevel distance_best_level(void);
extern SimdLevel distance_level(void);
extern bool distance_level_supported(SimdLevel level);

/* Force a level; false (and no change) where the CPU does not have it */
extern bool distance_set_level(SimdLevel level);

/* "scalar", "avx2", "avx512", "neon" */
extern const char *simd_level_name(SimdLevel level);

/*
 * The kernels of the level in force.  The tables are static and complete: a
 * pair without hand-written code is served by the widening kernels
 * (dist_widen.c).  Pairs: equal kinds, and a float32 query against any kind;
 * NULL otherwise.
 */
extern const DenseKernels *dense_kernels(ElemKind query, ElemKind stored);
extern const BitKernels *bit_kernels(void);
extern const LookupKernels *lookup_kernels(void);
extern const ByteKernels *byte_kernels(void);
extern const MapKernels *map_kernels(void);

/*
 * Sparse vectors: ascending indices ia[0..na-1] with values va[], likewise b.
 * Indices absent from a side are zeros.  Sums in float32, in index order.
 */
extern float sparse_sqdist(const int32_t *ia, const float *va, size_t na,
						   const int32_t *ib, const float *vb, size_t nb);
extern float sparse_inner_product(const int32_t *ia, const float *va, size_t na,
								  const int32_t *ib, const float *vb,
								  size_t nb);
extern float sparse_l1(const int32_t *ia, const float *va, size_t na,
					   const int32_t *ib, const float *vb, size_t nb);
extern CosineSums sparse_cosine(const int32_t *ia, const float *va, size_t na,
								const int32_t *ib, const float *vb, size_t nb);

#endif
