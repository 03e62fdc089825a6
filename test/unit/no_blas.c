/*
 * no_blas.c
 *	  In the place of OpenBLAS and k-means under the emulator: it is not there.
 *
 * What trains is linked into every test, but called by none that runs there.
 */
#include <stdlib.h>

#include "distance/blas.h"
#include "quant/kmeans.h"

const char *
blas_load(void)
{
	return "there is no OpenBLAS here";
}

bool
blas_inner_products(const float *a, size_t lda, size_t na, const float *b,
					size_t ldb, size_t nb, size_t n, float *out, size_t ldo,
					BlasPoll poll, void *arg)
{
	(void) a, (void) lda, (void) na, (void) b, (void) ldb, (void) nb;
	(void) n, (void) out, (void) ldo, (void) poll, (void) arg;
	abort();
}

bool
blas_eigenvectors(float *matrix, size_t n, float *values, float *work)
{
	(void) matrix, (void) n, (void) values, (void) work;
	abort();
}

size_t
blas_eigen_work_floats(size_t n)
{
	(void) n;
	abort();
}

size_t
kmeans_work_size(const KmeansTask *task)
{
	(void) task;
	abort();
}

size_t
kmeans_train(const KmeansTask *task, float *centroids, void *work)
{
	(void) task, (void) centroids, (void) work;
	abort();
}
