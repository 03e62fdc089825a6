/*
 * blas.h
 *	  The only door to OpenBLAS: loaded on first use, one thread.
 *
 * OpenBLAS starts its threads when it is loaded and costs milliseconds, so no
 * backend loads it before it trains something.  OPENBLAS_NUM_THREADS=1 is set
 * before loading; setting it later has no effect on threads that exist.
 * All signals are blocked while the library loads, so that no thread of it
 * could ever run a PostgreSQL signal handler.
 *
 * Plain C: no PostgreSQL header, no palloc, no ereport.
 */
#ifndef VECTOR_EXT_BLAS_H
#define VECTOR_EXT_BLAS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Called between tiles of a long computation; returns true to stop early.
 * Callers in a backend check for interrupts there.
 */
typedef bool (*BlasPoll)(void *arg);

/*
 * Load OpenBLAS unless it is loaded.  Returns NULL, or a static text that says
 * why it could not be loaded (then every call tries again).
 */
extern const char *blas_load(void);

/* The processor whose kernels it uses, by OpenBLAS's name; "": nobody knows */
extern const char *blas_core(void);

/*
 * Many-to-many products: out[i * ldo + j] = <a_i, b_j>, row-major, for rows a_i
 * (na x n, lda floats apart) and b_j (nb x n, ldb floats apart).  Works in
 * tiles of at most about 10 ms; poll may be NULL.  False when poll stopped it
 * (out is then partly filled).  blas_load() must have succeeded.
 */
extern bool blas_inner_products(const float *a, size_t lda, size_t na,
								const float *b, size_t ldb, size_t nb, size_t n,
								float *out, size_t ldo, BlasPoll poll,
								void *arg);

/*
 * Many-to-many squared distances by |a|^2 + |b|^2 - 2<a,b>, clamped at 0.
 * anorms and bnorms hold the squared norms of the rows.  The cancellation
 * error is about 2^-22 * (|a|^2 + |b|^2): fit for training and assignment, not
 * for the order of results.
 */
extern bool blas_sqdists(const float *a, size_t lda, const float *anorms,
						 size_t na, const float *b, size_t ldb,
						 const float *bnorms, size_t nb, size_t n, float *out,
						 size_t ldo, BlasPoll poll, void *arg);

/*
 * Eigenvectors of a symmetric n x n matrix, at most BLAS_MAX_EIGEN wide, by
 * LAPACK's ssyevd: values ascend, and vector k replaces row k of matrix.  work
 * has blas_eigen_work_floats(n) floats.  One call without a poll, some n^3 / 2
 * ns.  False when LAPACK is not there or does not converge.
 */
extern bool blas_eigenvectors(float *matrix, size_t n, float *values,
							  float *work);

#define BLAS_MAX_EIGEN 16384

extern size_t blas_eigen_work_floats(size_t n);

#endif
