/*
 * unit_blas.c
 *	  OpenBLAS behind its door: products, threads, stopping.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "distance/blas.h"
#include "distance/distance.h"
#include "tap.h"

enum
{
	NA = 70,
	NB = 1500, /* more than a tile is wide */
	N = 37
};

static int
thread_count(void)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[256];
	int threads = -1;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
	{
		if (sscanf(line, "Threads: %d", &threads) == 1)
			break;
	}
	if (file != NULL)
		fclose(file);
	return threads;
}

static bool
stop_at_once(void *calls)
{
	++*(int *) calls;
	return true;
}

/* What it says to OpenBLAS, which somebody may have set; a copy */
static const char *
environment(void)
{
	const char *core = getenv("OPENBLAS_CORETYPE");

	return strdup(core == NULL ? "unset" : core);
}

int
main(void)
{
	static float a[NA * (N + 3)];
	static float b[NB * N];
	static float out[NA * NB];
	static float anorms[NA];
	static float bnorms[NB];
	const char *problem;
	bool products = true;
	bool sqdists = true;
	int polls = 0;
	const char *before;
	const char *after;

	before = environment();
	ok(thread_count() == 1, "one thread before");
	problem = blas_load();
	if (!ok(problem == NULL, "OpenBLAS is loaded"))
	{
		printf("# %s\n", problem);
		return done_testing();
	}
	ok(thread_count() == 1, "one thread after loading");
	ok(blas_load() == NULL, "loading again does nothing");
	printf("# kernels for %s\n", blas_core());
	after = environment();
	ok(strcmp(before, after) == 0, "the environment is as it was");
	ok(!distance_level_supported(SIMD_AVX2) ||
		   strcmp(blas_core(), "Prescott") != 0,
	   "kernels use what the processor has");

	for (int i = 0; i < NA * (N + 3); i++)
		a[i] = random_float();
	for (int i = 0; i < NB * N; i++)
		b[i] = random_float();

	ok(blas_inner_products(a, N + 3, NA, b, N, NB, N, out, NB, NULL, NULL),
	   "products are computed");
	for (int i = 0; i < NA; i++)
	{
		for (int j = 0; j < NB; j++)
		{
			double expected = 0;

			for (int k = 0; k < N; k++)
				expected += (double) a[i * (N + 3) + k] * b[j * N + k];
			products = products && fabs(out[i * NB + j] - expected) < 1e-4;
		}
	}
	ok(products, "and right, also where rows lie apart");
	ok(thread_count() == 1, "one thread after work");

	for (int i = 0; i < NA; i++)
	{
		for (int k = 0; k < N; k++)
			anorms[i] += a[i * (N + 3) + k] * a[i * (N + 3) + k];
	}
	for (int j = 0; j < NB; j++)
	{
		for (int k = 0; k < N; k++)
			bnorms[j] += b[j * N + k] * b[j * N + k];
	}
	/* pairs at distance 0, where rounding would go below it */
	for (int i = 0; i < NA; i++)
	{
		memcpy(b + i * N, a + i * (N + 3), N * sizeof(float));
		bnorms[i] = anorms[i];
	}
	ok(blas_sqdists(a, N + 3, anorms, NA, b, N, bnorms, NB, N, out, NB, NULL,
					NULL),
	   "distances are computed");
	for (int i = 0; i < NA; i++)
	{
		for (int j = 0; j < NB; j++)
		{
			double expected = 0;

			for (int k = 0; k < N; k++)
			{
				double d = (double) a[i * (N + 3) + k] - b[j * N + k];

				expected += d * d;
			}
			sqdists = sqdists && out[i * NB + j] >= 0 &&
				fabs(out[i * NB + j] - expected) < 1e-4;
		}
	}
	ok(sqdists, "and right, never negative");

	ok(!blas_inner_products(a, N + 3, NA, b, N, NB, N, out, NB, stop_at_once,
							&polls) &&
		   polls == 1,
	   "a poll stops the work");
	polls = 0;
	ok(!blas_sqdists(a, N + 3, anorms, NA, b, N, bnorms, NB, N, out, NB,
					 stop_at_once, &polls) &&
		   polls == 1,
	   "also that of distances");
	return done_testing();
}
