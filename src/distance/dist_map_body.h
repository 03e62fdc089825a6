/*
 * dist_map_body.h
 *	  A dense matrix times a vector, written once.
 *
 * Besides VEC, WIDTH, ZERO, ADD, LOAD_F32 and LOAD_TAIL_F32 of dist_pairs.h
 * the level file defines
 *
 *		MUL(a, b), SPLAT(x), STORE_F32(p, v)
 *
 * Each element of the result is a sum of its own, in the order of columns, and
 * the level files are compiled without contraction: wider registers hold more
 * sums, not other ones.
 */
#define MAP_COLUMN(i) (columns + (i) *out)
#define MAP_STEP(k) \
	sum##k = \
		ADD(sum##k, MUL(all, LOAD_F32((const void *) (column + (k) *WIDTH))))

/* Eight registers of sums: their additions hide each other's latency */
static inline void
map_eight(const float *columns, const float *x, size_t in, size_t out, float *y)
{
	VEC sum0 = ZERO;
	VEC sum1 = ZERO;
	VEC sum2 = ZERO;
	VEC sum3 = ZERO;
	VEC sum4 = ZERO;
	VEC sum5 = ZERO;
	VEC sum6 = ZERO;
	VEC sum7 = ZERO;

	for (size_t i = 0; i < in; i++)
	{
		const float *column = MAP_COLUMN(i);
		VEC all = SPLAT(x[i]);

		MAP_STEP(0);
		MAP_STEP(1);
		MAP_STEP(2);
		MAP_STEP(3);
		MAP_STEP(4);
		MAP_STEP(5);
		MAP_STEP(6);
		MAP_STEP(7);
	}
	STORE_F32(y, sum0);
	STORE_F32(y + WIDTH, sum1);
	STORE_F32(y + 2 * WIDTH, sum2);
	STORE_F32(y + 3 * WIDTH, sum3);
	STORE_F32(y + 4 * WIDTH, sum4);
	STORE_F32(y + 5 * WIDTH, sum5);
	STORE_F32(y + 6 * WIDTH, sum6);
	STORE_F32(y + 7 * WIDTH, sum7);
}

static inline void
map_one(const float *columns, const float *x, size_t in, size_t out, float *y)
{
	VEC sum0 = ZERO;

	for (size_t i = 0; i < in; i++)
	{
		const float *column = MAP_COLUMN(i);
		VEC all = SPLAT(x[i]);

		MAP_STEP(0);
	}
	STORE_F32(y, sum0);
}

/* The last n < WIDTH elements */
static inline void
map_tail(const float *columns, const float *x, size_t in, size_t out, float *y,
		 size_t n)
{
	VEC sum = ZERO;
	float elems[WIDTH];

	for (size_t i = 0; i < in; i++)
		sum = ADD(
			sum,
			MUL(SPLAT(x[i]), LOAD_TAIL_F32((const void *) MAP_COLUMN(i), n)));
	STORE_F32(elems, sum);
	for (size_t k = 0; k < n; k++)
		y[k] = elems[k];
}

static void
map_apply(const float *columns, const float *x, size_t in, size_t out, float *y)
{
	size_t j = 0;

	for (; out - j >= 8 * WIDTH; j += 8 * WIDTH)
		map_eight(columns + j, x, in, out, y + j);
	for (; out - j >= WIDTH; j += WIDTH)
		map_one(columns + j, x, in, out, y + j);
	if (j < out)
		map_tail(columns + j, x, in, out, y + j, out - j);
}

/*
 * Four rows by two registers: a column is read once for four rows.  Sums go on
 * from what y has.
 */
#define MAP_SUMS(r) \
	VEC sum##r##0 = LOAD_F32((const void *) (y + (r) *ldy)); \
	VEC sum##r##1 = LOAD_F32((const void *) (y + (r) *ldy + WIDTH))
#define MAP_ROW(r) \
	all = SPLAT(x[(r) *ldx + i]); \
	sum##r##0 = ADD(sum##r##0, MUL(all, first)); \
	sum##r##1 = ADD(sum##r##1, MUL(all, second))
#define MAP_STORE(r) \
	STORE_F32(y + (r) *ldy, sum##r##0); \
	STORE_F32(y + (r) *ldy + WIDTH, sum##r##1)

static inline void
map_four_rows(const float *columns, const float *x, size_t ldx, size_t in,
			  size_t out, float *y, size_t ldy)
{
	MAP_SUMS(0);
	MAP_SUMS(1);
	MAP_SUMS(2);
	MAP_SUMS(3);

	for (size_t i = 0; i < in; i++)
	{
		const float *column = MAP_COLUMN(i);
		VEC first = LOAD_F32((const void *) column);
		VEC second = LOAD_F32((const void *) (column + WIDTH));
		VEC all;

		MAP_ROW(0);
		MAP_ROW(1);
		MAP_ROW(2);
		MAP_ROW(3);
	}
	MAP_STORE(0);
	MAP_STORE(1);
	MAP_STORE(2);
	MAP_STORE(3);
}

/* Columns at a time: what two registers span of them stays in the nearest cache */
#define MAP_COLUMNS 128

/* The first elements of y, as many as whole, of four rows each */
static inline void
map_whole(const float *columns, const float *x, size_t ldx, size_t fours,
		  size_t in, size_t out, size_t whole, float *y, size_t ldy)
{
	for (size_t r = 0; r < fours; r++)
	{
		for (size_t j = 0; j < whole; j++)
			y[r * ldy + j] = 0;
	}
	for (size_t i = 0; i < in; i += MAP_COLUMNS)
	{
		size_t n = in - i < MAP_COLUMNS ? in - i : MAP_COLUMNS;

		for (size_t j = 0; j < whole; j += 2 * WIDTH)
		{
			for (size_t r = 0; r < fours; r += 4)
				map_four_rows(MAP_COLUMN(i) + j, x + r * ldx + i, ldx, n, out,
							  y + r * ldy + j, ldy);
		}
	}
}

static void
map_apply_rows(const float *columns, const float *x, size_t ldx, size_t n,
			   size_t in, size_t out, float *y, size_t ldy)
{
	size_t whole = out - out % (2 * WIDTH);
	size_t fours = n - n % 4;

	map_whole(columns, x, ldx, fours, in, out, whole, y, ldy);
	for (size_t r = 0; r < fours; r++)
	{
		size_t j = whole;

		for (; out - j >= WIDTH; j += WIDTH)
			map_one(columns + j, x + r * ldx, in, out, y + r * ldy + j);
		if (j < out)
			map_tail(columns + j, x + r * ldx, in, out, y + r * ldy + j,
					 out - j);
	}
	for (size_t r = fours; r < n; r++)
		map_apply(columns, x + r * ldx, in, out, y + r * ldy);
}

#undef MAP_COLUMNS
#undef MAP_SUMS
#undef MAP_STORE
#undef MAP_ROW
#undef MAP_COLUMN
#undef MAP_STEP
