/*
 * dist_body.h
 *	  The loops over dense vectors, written once.
 *
 * Included by dist_pairs.h once for each pair of element kinds, in the manner of
 * PostgreSQL's lib/simplehash.h.  The level file defines
 *
 *		VEC, WIDTH			a register of WIDTH floats
 *		ZERO, ADD, SUB, ABS, FMA(a, b, c) = a * b + c, SUM(v)
 *
 * and dist_pairs.h for each inclusion
 *
 *		PAIR				suffix of the functions
 *		Q_SIZE, S_SIZE		bytes of an element of query and stored
 *		Q_LOAD(p), S_LOAD(p)			WIDTH elements at p, as floats
 *		Q_LOAD_TAIL(p, n), S_LOAD_TAIL	n < WIDTH elements, zeros behind
 *
 * Four registers of partial sums hide the latency of FMA.  Sums depend on
 * WIDTH alone, so that two element kinds give the same bits for the same
 * values.  Zeros behind a tail add nothing to any sum.
 */
#define DIST_CONCAT_(a, b) a##_##b
#define DIST_CONCAT(a, b) DIST_CONCAT_(a, b)
#define NAME(function) DIST_CONCAT(function, PAIR)

#define BLOCK (4 * WIDTH)
#define CACHE_LINE 64

/* Ask for the lines that lie ahead of a block of stored vectors */
#define PREFETCH_BLOCK(p) \
	do \
	{ \
		for (size_t line = 0; line < BLOCK * S_SIZE; line += CACHE_LINE) \
			__builtin_prefetch((p) + line + ahead); \
	} while (0)

/*
 * Apply STEP(k, x, y) to all elements: x and y are registers of the query and
 * the stored vector, k in 0..3 numbers the partial sum.
 */
#define FOR_EACH_REGISTER(STEP) \
	do \
	{ \
		const char *q = query; \
		const char *s = stored; \
		size_t left = n; \
\
		for (; left >= BLOCK; left -= BLOCK) \
		{ \
			PREFETCH_BLOCK(s); \
			STEP(0, Q_LOAD(q), S_LOAD(s)); \
			STEP(1, Q_LOAD(q + WIDTH * Q_SIZE), S_LOAD(s + WIDTH * S_SIZE)); \
			STEP(2, Q_LOAD(q + 2 * WIDTH * Q_SIZE), \
				 S_LOAD(s + 2 * WIDTH * S_SIZE)); \
			STEP(3, Q_LOAD(q + 3 * WIDTH * Q_SIZE), \
				 S_LOAD(s + 3 * WIDTH * S_SIZE)); \
			q += BLOCK * Q_SIZE; \
			s += BLOCK * S_SIZE; \
		} \
		if (left > 0) \
			PREFETCH_BLOCK(s); \
		for (; left >= WIDTH; left -= WIDTH) \
		{ \
			STEP(0, Q_LOAD(q), S_LOAD(s)); \
			q += WIDTH * Q_SIZE; \
			s += WIDTH * S_SIZE; \
		} \
		if (left > 0) \
			STEP(1, Q_LOAD_TAIL(q, left), S_LOAD_TAIL(s, left)); \
	} while (0)

#define SUM4(v) SUM(ADD(ADD(v[0], v[1]), ADD(v[2], v[3])))

#define SQDIST_STEP(k, x, y) \
	do \
	{ \
		VEC difference = SUB(x, y); \
\
		sum[k] = FMA(difference, difference, sum[k]); \
	} while (0)

static float
NAME(sqdist)(const void *query, const void *stored, size_t n, ptrdiff_t ahead)
{
	VEC sum[4] = {ZERO, ZERO, ZERO, ZERO};

	FOR_EACH_REGISTER(SQDIST_STEP);
	return SUM4(sum);
}

#define PRODUCT_STEP(k, x, y) sum[k] = FMA(x, y, sum[k])

static float
NAME(inner_product)(const void *query, const void *stored, size_t n,
					ptrdiff_t ahead)
{
	VEC sum[4] = {ZERO, ZERO, ZERO, ZERO};

	FOR_EACH_REGISTER(PRODUCT_STEP);
	return SUM4(sum);
}

#define L1_STEP(k, x, y) sum[k] = ADD(sum[k], ABS(SUB(x, y)))

static float
NAME(l1)(const void *query, const void *stored, size_t n, ptrdiff_t ahead)
{
	VEC sum[4] = {ZERO, ZERO, ZERO, ZERO};

	FOR_EACH_REGISTER(L1_STEP);
	return SUM4(sum);
}

/* Three chains already run side by side: two registers each are enough */
#define COSINE_STEP(k, x, y) \
	do \
	{ \
		VEC vx = x; \
		VEC vy = y; \
\
		ab[(k) % 2] = FMA(vx, vy, ab[(k) % 2]); \
		aa[(k) % 2] = FMA(vx, vx, aa[(k) % 2]); \
		bb[(k) % 2] = FMA(vy, vy, bb[(k) % 2]); \
	} while (0)

static CosineSums
NAME(cosine)(const void *query, const void *stored, size_t n, ptrdiff_t ahead)
{
	VEC ab[2] = {ZERO, ZERO};
	VEC aa[2] = {ZERO, ZERO};
	VEC bb[2] = {ZERO, ZERO};
	CosineSums sums;

	FOR_EACH_REGISTER(COSINE_STEP);
	sums.ab = SUM(ADD(ab[0], ab[1]));
	sums.aa = SUM(ADD(aa[0], aa[1]));
	sums.bb = SUM(ADD(bb[0], bb[1]));
	return sums;
}

static void
NAME(sqdist_many)(const void *query, const void *stored, size_t stride,
				  size_t nrows, size_t n, float *out)
{
	for (size_t i = 0; i < nrows; i++)
		out[i] = NAME(sqdist)(query, (const char *) stored + i * stride, n,
							  (ptrdiff_t) stride);
}

static void
NAME(inner_product_many)(const void *query, const void *stored, size_t stride,
						 size_t nrows, size_t n, float *out)
{
	for (size_t i = 0; i < nrows; i++)
		out[i] = NAME(inner_product)(query, (const char *) stored + i * stride,
									 n, (ptrdiff_t) stride);
}

#undef PAIR
#undef Q_SIZE
#undef S_SIZE
#undef Q_LOAD
#undef S_LOAD
#undef Q_LOAD_TAIL
#undef S_LOAD_TAIL
