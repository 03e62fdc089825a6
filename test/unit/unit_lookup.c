/*
 * unit_lookup.c
 *	  Sums of table lookups, at every level, against one code at a time.
 */
#include <math.h>
#include <string.h>

#include "distance/distance.h"
#include "tap.h"

#define MAX_BLOCKS 5
#define MAX_M 4096
#define MAX_VECTORS (MAX_BLOCKS * 32)

/* Numbers before and behind the sums, and what must stay in them */
#define GUARD 64
#define UNTOUCHED 0xA55A

/* Memory between two pages that cannot be accessed */
typedef struct Room
{
	uint8_t *begin;
	uint8_t *end;
} Room;

/* For the given number of bytes and some more */
static Room
guarded_room(size_t bytes)
{
	size_t page = (size_t) sysconf(_SC_PAGESIZE);
	size_t usable = (bytes / page + 2) * page;
	Room room;

	room.end = (uint8_t *) guarded_end(page + usable);
	room.begin = room.end - usable;
	if (mprotect(room.begin - page, page, PROT_NONE) != 0)
		abort();
	return room;
}

/* Where an input lies in its room */
typedef enum Place
{
	AT_END,
	AT_BEGIN,
	UNALIGNED,
	NPLACES
} Place;

static uint8_t *
place_bytes(Room room, size_t bytes, Place place)
{
	if (place == AT_BEGIN)
		return room.begin;
	return room.end - bytes - (place == UNALIGNED ? 7 : 0);
}

static void
fill_random(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t) (next_random() >> 56);
}

/* As the contract in distance.h has it */
static uint16_t
expected_sum(const uint8_t *codes, const uint8_t *tables, size_t m,
			 size_t vector)
{
	const uint8_t *block = codes + vector / 32 * (16 * m);
	uint64_t sum = 0;

	for (size_t j = 0; j < m; j++)
	{
		uint8_t pair = block[j / 2 * 32 + vector % 32];
		int code = j % 2 == 0 ? pair & 15 : pair >> 4;

		sum += tables[16 * j + (size_t) code];
	}
	return (uint16_t) (sum % 65536);
}

static bool
check_call(const LookupKernels *kernels, const uint8_t *codes, size_t nblocks,
		   const uint8_t *tables, size_t m)
{
	uint16_t numbers[GUARD + MAX_VECTORS + GUARD];
	uint16_t *sums = numbers + GUARD;
	size_t n = nblocks * 32;
	bool good = true;

	for (size_t i = 0; i < GUARD + MAX_VECTORS + GUARD; i++)
		numbers[i] = UNTOUCHED;
	kernels->sums(codes, nblocks, 0, tables, m, sums);
	for (size_t i = 0; i < n; i++)
		good = good && sums[i] == expected_sum(codes, tables, m, i);
	for (size_t i = 0; i < GUARD; i++)
		good = good && numbers[i] == UNTOUCHED && sums[n + i] == UNTOUCHED;
	if (!good)
		printf("# m = %zu, %zu blocks\n", m, nblocks);
	return good;
}

/* All numbers of blocks and all places; full: tables of 255 alone */
static bool
check_m(const LookupKernels *kernels, Room codes_room, Room tables_room,
		size_t m, bool full)
{
	bool good = true;

	for (size_t nblocks = 0; nblocks <= MAX_BLOCKS && good; nblocks++)
	{
		for (int place = 0; place < NPLACES && good; place++)
		{
			uint8_t *codes =
				place_bytes(codes_room, nblocks * 16 * m, (Place) place);
			uint8_t *tables = place_bytes(tables_room, 16 * m, (Place) place);

			fill_random(codes, nblocks * 16 * m);
			if (full)
				memset(tables, 255, 16 * m);
			else
				fill_random(tables, 16 * m);
			good = check_call(kernels, codes, nblocks, tables, m);
		}
	}
	return good;
}

/*
 * Against float64: estimates at a distance from the limit, on both sides of it,
 * and values that are no numbers.
 */
static bool
check_below(const LookupKernels *kernels)
{
	enum
	{
		NBLOCKS = 3,
		N = NBLOCKS * 32
	};
	uint16_t sums[N];
	float terms[N];
	uint32_t below[NBLOCKS + 1];
	bool good = true;

	for (int round = 0; round < 200 && good; round++)
	{
		LookupEstimate estimate = {.base = (float) (next_random() >> 40) / 4096,
								   .step =
									   (float) (next_random() >> 50) / 65536,
								   .limit = 6000};

		for (int i = 0; i < N; i++)
		{
			sums[i] = (uint16_t) (next_random() >> 48);
			terms[i] = (float) (next_random() >> 44) / 256 - 2000;
		}
		terms[5] = NAN;
		terms[6] = INFINITY;
		terms[7] = -INFINITY;
		below[NBLOCKS] = UNTOUCHED;
		kernels->below(sums, terms, NBLOCKS, &estimate, below);
		for (int i = 0; i < N; i++)
		{
			double value = (double) estimate.base +
				(double) estimate.step * sums[i] + (double) terms[i];
			bool bit = below[i / 32] >> i % 32 & 1;

			if (!(fabs(value - estimate.limit) < 0.01))
				good = good && bit == (value < estimate.limit);
		}
		good = good && below[NBLOCKS] == UNTOUCHED;
		kernels->below(sums, terms, 0, &estimate, below + NBLOCKS);
		good = good && below[NBLOCKS] == UNTOUCHED;
	}
	return good;
}

/* The same, of rows with a scale and an error each */
static bool
check_below_scaled(const LookupKernels *kernels)
{
	enum
	{
		NBLOCKS = 3,
		N = NBLOCKS * 32
	};
	uint16_t sums[N];
	float terms[N];
	float scales[N];
	float errors[N];
	uint32_t below[NBLOCKS + 1];
	bool good = true;

	for (int round = 0; round < 200 && good; round++)
	{
		LookupScaled scaled = {.terms = terms,
							   .scales = scales,
							   .errors = errors,
							   .base = random_float() * 100,
							   .bias = random_float() * 100,
							   .step = (random_float() + 1) / 256,
							   .slack = (random_float() + 1) * 4,
							   .limit = 50};

		for (int i = 0; i < N; i++)
		{
			sums[i] = (uint16_t) (next_random() >> 48);
			terms[i] = random_float() * 100;
			scales[i] = (random_float() + 1) / 2;
			errors[i] = (random_float() + 1) * 20;
		}
		terms[5] = NAN;
		scales[6] = NAN;
		errors[7] = INFINITY;
		terms[33] = INFINITY;
		below[NBLOCKS] = UNTOUCHED;
		kernels->below_scaled(sums, &scaled, NBLOCKS, below);
		for (int i = 0; i < N; i++)
		{
			double value = (double) scaled.base +
				(double) scales[i] *
					((double) scaled.bias + (double) scaled.step * sums[i]) +
				(double) terms[i] - (double) scaled.slack * errors[i];
			bool bit = below[i / 32] >> i % 32 & 1;

			if (!(fabs(value - scaled.limit) < 0.001))
				good = good && bit == (value < scaled.limit);
		}
		good = good && below[NBLOCKS] == UNTOUCHED;
		kernels->below_scaled(sums, &scaled, 0, below + NBLOCKS);
		good = good && below[NBLOCKS] == UNTOUCHED;
	}
	return good;
}

/* Codes of 8 bits: float sums to the last bit, in the order of codes */
static bool
check_long_sums(const LookupKernels *kernels, Room codes_room, size_t m)
{
	enum
	{
		NBLOCKS = 3
	};
	float *tables = (float *) (void *) guarded_end(m * 1024) - m * 256;
	float *sums = (float *) (void *) guarded_end(NBLOCKS * 128) - NBLOCKS * 32;
	uint8_t *codes = place_bytes(codes_room, NBLOCKS * 32 * m, AT_END);
	bool good = true;

	fill_random(codes, NBLOCKS * 32 * m);
	for (size_t i = 0; i < m * 256; i++)
		tables[i] = random_float();
	kernels->long_sums(codes, NBLOCKS, tables, m, sums);
	for (size_t i = 0; i < NBLOCKS * 32; i++)
	{
		volatile float sum = 0;

		for (size_t j = 0; j < m; j++)
			sum = sum +
				tables[256 * j + codes[i / 32 * 32 * m + 32 * j + i % 32]];
		good = good && sums[i] == sum;
	}
	return good;
}

/* Rows of bytes and weights, also the largest of both */
static bool
check_bytes(Room rows_room, size_t n, size_t nrows, bool full)
{
	size_t padded = (n + BYTE_PADDING - 1) / BYTE_PADDING * BYTE_PADDING;
	int16_t *weights =
		(int16_t *) (void *) guarded_end(padded * sizeof(int16_t)) - padded;
	float *out = (float *) (void *) guarded_end(nrows * sizeof(float)) - nrows;
	uint8_t *rows = place_bytes(rows_room, nrows * n, AT_END);
	size_t most = BYTE_WEIGHTS / n < 32767 ? BYTE_WEIGHTS / n : 32767;
	bool good = true;

	if (full)
		memset(rows, 255, nrows * n);
	else
		fill_random(rows, nrows * n);
	for (size_t i = 0; i < n; i++)
		weights[i] =
			(int16_t) (full ? (double) most : random_float() * (double) most);
	byte_kernels()->products(weights, rows, nrows, n, out);
	for (size_t i = 0; i < nrows; i++)
	{
		int64_t sum = 0;

		for (size_t j = 0; j < n; j++)
			sum += (int64_t) weights[j] * rows[i * n + j];
		good = good && out[i] == (float) sum;
	}
	return good;
}

int
main(void)
{
	/* Sums of the last ones go over 2^16 */
	static const size_t long_m[] = {96,  128, 130, 256,  448,
									510, 512, 514, 1026, MAX_M};
	Room codes = guarded_room(MAX_BLOCKS * 16 * MAX_M);
	Room tables = guarded_room(16 * MAX_M);

	for (int level = 0; level < SIMD_NLEVELS; level++)
	{
		const char *name = simd_level_name((SimdLevel) level);
		const LookupKernels *kernels;
		bool good = true;

		if (!distance_set_level((SimdLevel) level))
			continue;
		kernels = lookup_kernels();
		for (size_t m = 2; m <= 70; m += 2)
			good = check_m(kernels, codes, tables, m, false) && good;
		ok(good, "%s: up to 70 codes", name);

		good = true;
		for (size_t i = 0; i < sizeof(long_m) / sizeof(long_m[0]); i++)
			good = check_m(kernels, codes, tables, long_m[i], false) && good;
		ok(good, "%s: many codes", name);

		good = true;
		for (size_t m = 2; m <= 256; m += 2)
			good = check_m(kernels, codes, tables, m, true) && good;
		ok(good, "%s: the largest tables", name);
		ok(check_below(kernels), "%s: estimates below a limit", name);
		ok(check_below_scaled(kernels), "%s: bounds below a limit", name);

		good = true;
		for (size_t m = 1; m <= 70; m++)
			good = check_long_sums(kernels, codes, m) && good;
		ok(good, "%s: codes of 8 bits", name);

		good = true;
		for (size_t n = 1; n <= 140; n++)
			good = check_bytes(codes, n, 1 + n % 9, n % 4 == 0) && good;
		ok(good, "%s: products of bytes", name);
		ok(check_bytes(codes, 2000, 30, true) &&
			   check_bytes(codes, 16000, 3, true) &&
			   check_bytes(codes, 16000, 3, false) &&
			   check_bytes(codes, 100, 0, false),
		   "%s: the largest products of bytes", name);
	}
	return done_testing();
}
