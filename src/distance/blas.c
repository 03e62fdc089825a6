/*
 * blas.c
 *	  The only door to OpenBLAS: loaded on first use, one thread.
 */
#include "distance/blas.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "distance/distance.h"

/* cblas.h in short: row-major C = alpha * A * B^T + beta * C */
enum
{
	CBLAS_ROW_MAJOR = 101,
	CBLAS_NO_TRANS = 111,
	CBLAS_TRANS = 112
};

typedef void (*SgemmFunction)(int order, int transa, int transb, int m, int n,
							  int k, float alpha, const float *a, int lda,
							  const float *b, int ldb, float beta, float *c,
							  int ldc);

/* LAPACK, called as Fortran is: the last two are the lengths of texts */
typedef void (*SsyevdFunction)(const char *jobz, const char *uplo, const int *n,
							   float *a, const int *lda, float *w, float *work,
							   const int *lwork, int *iwork, const int *liwork,
							   int *info, size_t jobz_length,
							   size_t uplo_length);

/* Multiplications in a tile: about 10 ms at 20 GFLOP/s */
#define TILE_WORK 100000000.0
#define TILE_COLUMNS 1024
#define SQDIST_ROWS 256

static const char *core_name = "";
static SgemmFunction sgemm;
static SsyevdFunction ssyevd; /* NULL in a library built without LAPACK */

/*
 * Which kernels OpenBLAS takes is decided when it is loaded, by a list of processors.
 * Of one that is newer than the list, it says this, and multiplies at a quarter of the
 * speed (Emerald Rapids, by the 0.3.21 of Debian 12).
 */
#define CORE_VARIABLE "OPENBLAS_CORETYPE"
#define UNKNOWN_CORE "Prescott"

static void *
open_library(void)
{
	/* RTLD_LOCAL: its hundreds of symbols are nobody else's business */
	void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);

	return library != NULL ? library
						   : dlopen("libopenblas.so", RTLD_NOW | RTLD_LOCAL);
}

static const char *
core_of(void *library)
{
	const char *(*name)(void);

	*(void **) &name = dlsym(library, "openblas_get_corename");
	return name == NULL ? "" : name();
}

/* The oldest core whose kernels use what the processor has; NULL: there is none */
static const char *
core_for_processor(void)
{
	if (distance_level_supported(SIMD_AVX512))
		return "SkylakeX";
	return distance_level_supported(SIMD_AVX2) ? "Haswell" : NULL;
}

/* With a core that the administrator names, or one that OpenBLAS knows, all is well */
static void *
open_for_processor(void)
{
	void *library = open_library();
	const char *core = core_for_processor();

	if (library == NULL || core == NULL || getenv(CORE_VARIABLE) != NULL ||
		strcmp(core_of(library), UNKNOWN_CORE) != 0)
		return library;
	dlclose(library);
	setenv(CORE_VARIABLE, core, 1);
	library = open_library();
	unsetenv(CORE_VARIABLE);
	return library;
}

static const char *
load_library(void)
{
	void *library;

	setenv("OPENBLAS_NUM_THREADS", "1", 1);
	library = open_for_processor();
	if (library == NULL)
		return "library libopenblas.so.0 could not be loaded";
	*(void **) &sgemm = dlsym(library, "cblas_sgemm");
	if (sgemm == NULL)
	{
		dlclose(library);
		return "libopenblas has no function cblas_sgemm";
	}
	*(void **) &ssyevd = dlsym(library, "ssyevd_");
	core_name = core_of(library);
	return NULL;
}

const char *
blas_core(void)
{
	return core_name;
}

const char *
blas_load(void)
{
	const char *problem;
	sigset_t all;
	sigset_t before;

	if (sgemm != NULL)
		return NULL;

	/* a thread the library may start inherits the mask: no signal reaches it */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	problem = load_library();
	sigprocmask(SIG_SETMASK, &before, NULL);
	return problem;
}

static size_t
min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

bool
blas_inner_products(const float *a, size_t lda, size_t na, const float *b,
					size_t ldb, size_t nb, size_t n, float *out, size_t ldo,
					BlasPoll poll, void *arg)
{
	size_t columns = min_size(nb, TILE_COLUMNS);
	double rows_work = TILE_WORK / ((double) n * (double) columns + 1.0);
	size_t rows = rows_work < 1.0 ? 1 : min_size((size_t) rows_work, na);

	for (size_t i = 0; i < na; i += rows)
	{
		size_t ni = min_size(rows, na - i);

		for (size_t j = 0; j < nb; j += columns)
		{
			size_t nj = min_size(columns, nb - j);

			if (poll != NULL && poll(arg))
				return false;
			sgemm(CBLAS_ROW_MAJOR, CBLAS_NO_TRANS, CBLAS_TRANS, (int) ni,
				  (int) nj, (int) n, 1.0f, a + i * lda, (int) lda, b + j * ldb,
				  (int) ldb, 0.0f, out + i * ldo + j, (int) ldo);
		}
	}
	return true;
}

bool
blas_sqdists(const float *a, size_t lda, const float *anorms, size_t na,
			 const float *b, size_t ldb, const float *bnorms, size_t nb,
			 size_t n, float *out, size_t ldo, BlasPoll poll, void *arg)
{
	/* a few rows at a time: their products are still in the cache */
	for (size_t first = 0; first < na; first += SQDIST_ROWS)
	{
		size_t rows = min_size(SQDIST_ROWS, na - first);

		if (!blas_inner_products(a + first * lda, lda, rows, b, ldb, nb, n,
								 out + first * ldo, ldo, poll, arg))
			return false;
		for (size_t i = first; i < first + rows; i++)
		{
			float *row = out + i * ldo;

			for (size_t j = 0; j < nb; j++)
			{
				float sqdist = anorms[i] + bnorms[j] - 2.0f * row[j];

				row[j] = sqdist < 0.0f ? 0.0f : sqdist;
			}
		}
	}
	return true;
}

/* What LAPACK asks for, as floats: its integers are as wide */
static size_t
eigen_integers(size_t n)
{
	return 3 + 5 * n;
}

size_t
blas_eigen_work_floats(size_t n)
{
	return 1 + 6 * n + 2 * n * n + eigen_integers(n);
}

bool
blas_eigenvectors(float *matrix, size_t n, float *values, float *work)
{
	int order = (int) n;
	int nintegers = (int) eigen_integers(n);
	int nfloats = (int) (blas_eigen_work_floats(n) - eigen_integers(n));
	int info = -1;

	if (ssyevd == NULL || n > BLAS_MAX_EIGEN)
		return false;
	ssyevd("V", "L", &order, matrix, &order, values, work, &nfloats,
		   (int *) (void *) (work + nfloats), &nintegers, &info, 1, 1);
	return info == 0;
}
