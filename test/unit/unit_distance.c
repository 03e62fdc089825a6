/*
 * unit_distance.c
 *	  Every dense kernel, at every level this processor has, against float64.
 */
#include <math.h>

#include "distance/dist_levels.h"
#include "tap.h"

#define MAX_N 1100

static const char *const kind_names[ELEM_NKINDS] = {
#define X(kind, type, public, norm, ctype) [kind] = #type,
	ELEM_KINDS(X)
#undef X
};

/* Elements as stored, and as the numbers they are */
typedef struct Sample
{
	char *stored; /* ends where memory ends: see guarded_end() */
	double values[MAX_N];
} Sample;

/*
 * n random elements that end at end - gap: any gap makes most addresses
 * unaligned, gap 0 shows that nothing behind them is read.
 */
static void
sample_fill(Sample *sample, ElemKind kind, char *end, size_t n, size_t gap)
{
	size_t size = elem_ops[kind].size;

	sample->stored = end - gap - n * size;
	for (size_t i = 0; i < n; i++)
	{
		float value = random_float() * 4.0f;

		elem_ops[kind].store(&value, sample->stored + i * size, 1);
		elem_ops[kind].load(sample->stored + i * size, &value, 1);
		sample->values[i] = value;
	}
}

/* What a float32 sum of n terms may be away from the true one */
static bool
close_enough(double result, double expected, double absolute_sum, size_t n)
{
	double bound = ((double) n + 4) * 0x1p-24 * absolute_sum;

	return fabs(result - expected) <= bound;
}

typedef struct Expected
{
	double sqdist, product, absolute_product, l1, aa, bb;
} Expected;

static Expected
reference(const Sample *a, const Sample *b, size_t n)
{
	Expected e = {0};

	for (size_t i = 0; i < n; i++)
	{
		double x = a->values[i];
		double y = b->values[i];

		e.sqdist += (x - y) * (x - y);
		e.product += x * y;
		e.absolute_product += fabs(x * y);
		e.l1 += fabs(x - y);
		e.aa += x * x;
		e.bb += y * y;
	}
	return e;
}

static bool
check_sizes(const DenseKernels *kernels, ElemKind q, ElemKind s, char *end_a,
			char *end_b)
{
	static Sample a;
	static Sample b;
	bool good = true;

	for (size_t n = 0; n < MAX_N && good; n += (n == 200 ? 760 : 1))
	{
		for (size_t gap = 0; gap < 4 && good; gap += 3)
		{
			Expected e;
			CosineSums sums;

			sample_fill(&a, q, end_a, n, gap);
			sample_fill(&b, s, end_b, n, gap);
			e = reference(&a, &b, n);
			sums = kernels->cosine(a.stored, b.stored, n, 0);
			good = close_enough(kernels->sqdist(a.stored, b.stored, n, 8192),
								e.sqdist, e.sqdist, n) &&
				close_enough(kernels->inner_product(a.stored, b.stored, n, 0),
							 e.product, e.absolute_product, n) &&
				close_enough(kernels->l1(a.stored, b.stored, n, -64), e.l1,
							 e.l1, n) &&
				close_enough(sums.ab, e.product, e.absolute_product, n) &&
				close_enough(sums.aa, e.aa, e.aa, n) &&
				close_enough(sums.bb, e.bb, e.bb, n);
			if (!good)
				printf("# n = %zu, gap %zu\n", n, gap);
		}
	}
	return good;
}

/* The same bits from one row and from many, and from either order */
static bool
check_many(const DenseKernels *kernels, ElemKind q, ElemKind s, size_t n)
{
	enum
	{
		NROWS = 7
	};
	static Sample a;
	size_t stride = n * elem_ops[s].size + 6;
	char *end = guarded_end(NROWS * stride);
	char *rows = end - NROWS * stride;
	float sqdists[NROWS];
	float products[NROWS];
	bool good = true;

	sample_fill(&a, q, guarded_end(n * elem_ops[q].size), n, 0);
	for (int i = 0; i < NROWS; i++)
	{
		static Sample row;

		sample_fill(&row, s, rows + (i + 1) * stride, n, 6);
	}
	kernels->sqdist_many(a.stored, rows, stride, NROWS, n, sqdists);
	kernels->inner_product_many(a.stored, rows, stride, NROWS, n, products);
	for (int i = 0; i < NROWS; i++)
	{
		const char *row = rows + i * stride;

		good = good && sqdists[i] == kernels->sqdist(a.stored, row, n, 0) &&
			products[i] == kernels->inner_product(a.stored, row, n, 0);
		if (q == s)
			good = good && sqdists[i] == kernels->sqdist(row, a.stored, n, 0) &&
				products[i] == kernels->inner_product(row, a.stored, n, 0);
	}
	return good;
}

static bool
check_many_sizes(const DenseKernels *kernels, ElemKind q, ElemKind s)
{
	static const size_t sizes[] = {1, 16, 100, 133, 784};
	bool good = true;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		good = check_many(kernels, q, s, sizes[i]) && good;
	return good;
}

/* Sums beyond float32 are infinite, and padding never makes a NaN */
static void
check_extremes(const char *level)
{
	const DenseKernels *kernels = dense_kernels(ELEM_FLOAT32, ELEM_FLOAT32);
	bool good = true;

	for (size_t n = 1; n <= 70 && good; n++)
	{
		float a[70] = {0};
		float b[70] = {0};
		CosineSums sums;

		a[n - 1] = 3e38f;
		b[n - 1] = 3e38f;
		sums = kernels->cosine(a, b, n, 0);
		good = kernels->sqdist(a, b, n, 0) == 0 &&
			isinf(kernels->inner_product(a, b, n, 0)) && isinf(sums.ab) &&
			isinf(sums.aa) && isinf(sums.bb);
		b[n - 1] = -3e38f;
		good = good && isinf(kernels->sqdist(a, b, n, 0)) &&
			kernels->inner_product(a, b, n, 0) == -INFINITY &&
			isinf(kernels->l1(a, b, n, 0));
	}
	ok(good, "%s: overflow is an infinity", level);
}

/* Float16 gives the bits that float32 gives for the same values */
static void
check_same_bits(const char *level)
{
	const DenseKernels *wide = dense_kernels(ELEM_FLOAT32, ELEM_FLOAT32);
	const DenseKernels *narrow = dense_kernels(ELEM_FLOAT16, ELEM_FLOAT16);
	const DenseKernels *mixed = dense_kernels(ELEM_FLOAT32, ELEM_FLOAT16);
	bool good = true;

	for (size_t n = 1; n <= 300 && good; n++)
	{
		uint16_t ha[300];
		uint16_t hb[300];
		float a[300];
		float b[300];

		for (size_t i = 0; i < n; i++)
		{
			a[i] = random_float();
			b[i] = random_float();
		}
		elem_ops[ELEM_FLOAT16].store(a, ha, n);
		elem_ops[ELEM_FLOAT16].store(b, hb, n);
		elem_ops[ELEM_FLOAT16].load(ha, a, n);
		elem_ops[ELEM_FLOAT16].load(hb, b, n);
		good = wide->sqdist(a, b, n, 0) == narrow->sqdist(ha, hb, n, 0) &&
			wide->sqdist(a, b, n, 0) == mixed->sqdist(a, hb, n, 0) &&
			wide->inner_product(a, b, n, 0) ==
				narrow->inner_product(ha, hb, n, 0) &&
			wide->l1(a, b, n, 0) == narrow->l1(ha, hb, n, 0);
	}
	ok(good, "%s: halfvec and vector give the same bits", level);
}

int
main(void)
{
	char *end_a = guarded_end(MAX_N * sizeof(float) + 8);
	char *end_b = guarded_end(MAX_N * sizeof(float) + 8);

	for (int level = 0; level < SIMD_NLEVELS; level++)
	{
		const char *name = simd_level_name((SimdLevel) level);

		if (!distance_level_supported((SimdLevel) level))
		{
			ok(!distance_set_level((SimdLevel) level),
			   "%s: not of this processor, and refused", name);
			continue;
		}
		ok(distance_set_level((SimdLevel) level) &&
			   distance_level() == (SimdLevel) level,
		   "%s: in force", name);
		for (int q = 0; q < ELEM_NKINDS; q++)
		{
			for (int s = 0; s < ELEM_NKINDS; s++)
			{
				const DenseKernels *kernels =
					dense_kernels((ElemKind) q, (ElemKind) s);
				bool legal = q == s || q == ELEM_FLOAT32;

				if (!legal)
				{
					ok(kernels == NULL, "%s: no kernels for %s with %s", name,
					   kind_names[q], kind_names[s]);
					continue;
				}
				ok(check_sizes(kernels, (ElemKind) q, (ElemKind) s, end_a,
							   end_b),
				   "%s: %s with %s, all lengths", name, kind_names[q],
				   kind_names[s]);
				ok(check_many_sizes(kernels, (ElemKind) q, (ElemKind) s),
				   "%s: %s with %s, many rows and either order", name,
				   kind_names[q], kind_names[s]);
			}
		}
		check_extremes(name);
		check_same_bits(name);
	}

	/* the way of kinds without loops of their own, in case none needs it now */
	for (int q = 0; q < ELEM_NKINDS; q++)
	{
		for (int s = 0; s < ELEM_NKINDS; s++)
		{
			const DenseKernels *kernels = &widening_kernels[q][s];

			if (kernels->sqdist == NULL)
				continue;
			ok(check_sizes(kernels, (ElemKind) q, (ElemKind) s, end_a, end_b) &&
				   check_many_sizes(kernels, (ElemKind) q, (ElemKind) s),
			   "widened: %s with %s", kind_names[q], kind_names[s]);
		}
	}

	distance_init();
	ok(distance_level() == distance_best_level() &&
		   distance_level_supported(distance_best_level()),
	   "the best level is chosen: %s", simd_level_name(distance_level()));
	return done_testing();
}
