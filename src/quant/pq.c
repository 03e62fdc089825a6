/*
 * pq.c
 *	  Product quantizer: codes, tables, blocks.
 *
 * Loops over the 16 entries are what the compiler turns into vector
 * instructions; within an entry the order of operations is as written.
 */
#include "quant/pq.h"

#include <string.h>

#include "quant/four.h"

/* The largest byte of a table, so that m of them fit in 16 bits */
#define BYTE_LIMIT 255
#define SUM_LIMIT 65535

/* Products closer together than this count as equal; its inverse is finite */
#define LEAST_RANGE 0x1p-119f

#define FOURS (PQ_ENTRIES / 4)

static inline Four
smallest_of(const Four *fours)
{
	return four_smaller(four_smaller(fours[0], fours[1]),
						four_smaller(fours[2], fours[3]));
}

static inline uint8_t
encode_part(const float *part, const float *x, size_t d, float *sqdist)
{
	Four sums[FOURS] = {{0}};

	for (size_t i = 0; i < d; i++)
	{
		Four all = four_all(x[i]);

		for (size_t f = 0; f < FOURS; f++)
		{
			Four difference = all - four_load(part + PQ_ENTRIES * i + 4 * f);

			sums[f] += difference * difference;
		}
	}
	*sqdist = four_smallest(smallest_of(sums));
	/* a damaged codebook may hold NaN, which equals nothing: the last entry */
	return (uint8_t) __builtin_ctz(four_equal_bits(sums, *sqdist) |
								   1U << (PQ_ENTRIES - 1));
}

uint8_t
pq_encode_part(const float *part, const float *x, size_t d, float *sqdist)
{
	return encode_part(part, x, d, sqdist);
}

void
pq_encode(const PqShape *shape, const float *codebook, const float *row,
		  uint8_t *codes)
{
	size_t first = 0;

	for (size_t j = 0; j < shape->m; j++)
	{
		size_t end = pq_first_dim(shape, j + 1);
		float sqdist;

		codes[j] = encode_part(codebook + PQ_ENTRIES * first, row + first,
							   end - first, &sqdist);
		first = end;
	}
}

/* By the remainder of pq_first_dim() from part to part: divisions would take longest */
void
pq_decode(const PqShape *shape, const float *codebook, const uint8_t *codes,
		  float *row)
{
	size_t dims = shape->dim / shape->m;
	size_t rest = shape->dim % shape->m;
	size_t owed = 0;

	for (size_t j = 0; j < shape->m; j++)
	{
		const float *entry = codebook + codes[j];
		size_t d = dims;

		owed += rest;
		if (owed >= shape->m)
		{
			owed -= shape->m;
			d++;
		}
		for (size_t i = 0; i < d; i++)
			row[i] = entry[PQ_ENTRIES * i];
		row += d;
		codebook += PQ_ENTRIES * d;
	}
}

/*
 * Products of one part, less the least of them, which is returned: d floats of
 * the query, scaled, with [d][16] of the codebook.  widest[] takes in the rest.
 */
static inline float
multiply_part(const float *part, const float *query, size_t d, float scale,
			  float *values, Four *widest)
{
	Four sums[FOURS] = {{0}};
	float least;

	for (size_t i = 0; i < d; i++)
	{
		float factor = scale * query[i];

		for (size_t f = 0; f < FOURS; f++)
			sums[f] += factor * four_load(part + PQ_ENTRIES * i + 4 * f);
	}
	least = four_smallest(smallest_of(sums));
	for (size_t f = 0; f < FOURS; f++)
	{
		sums[f] -= least;
		*widest = four_larger(sums[f], *widest);
		four_store(values + 4 * f, sums[f]);
	}
	return least;
}

/* Values to bytes at a step of 1 / inverse, at most limit, also where NaN */
static void
round_values(const float *values, size_t n, float inverse, float limit,
			 uint8_t *bytes)
{
	for (size_t i = 0; i < n; i++)
	{
		float value = values[i] * inverse;

		value = value < limit ? value : limit;
		bytes[i] = (uint8_t) (int) (value + 0.5f);
	}
}

void
pq_round_tables(size_t m, const float *products, float widest, PqTables *tables)
{
	float limit = m * BYTE_LIMIT > SUM_LIMIT ? SUM_LIMIT / m : BYTE_LIMIT;
	float inverse = widest < LEAST_RANGE ? 0 : limit / widest;

	tables->step = widest < LEAST_RANGE ? 0 : widest / limit;
	round_values(products, PQ_ENTRIES * m, inverse, limit, tables->bytes);
	memset(tables->bytes + PQ_ENTRIES * m, 0,
		   PQ_ENTRIES * (pq_padded_parts(m) - m));
}

void
pq_tables(const PqShape *shape, const float *codebook, const float *query,
		  float scale, PqTables *tables, float *work)
{
	size_t m = shape->m;
	Four fours = four_all(0);
	double bias = 0;
	size_t first = 0;

	for (size_t j = 0; j < m; j++)
	{
		size_t end = pq_first_dim(shape, j + 1);

		bias +=
			multiply_part(codebook + PQ_ENTRIES * first, query + first,
						  end - first, scale, work + PQ_ENTRIES * j, &fours);
		first = end;
	}
	tables->bias = (float) bias;
	pq_round_tables(m, work, four_largest(fours), tables);
}

/*
 * Squared distances of one part, less the least of them, which is returned: as
 * multiply_part().  *total is the sum of the rest.
 */
static inline float
part_distances(const float *part, const float *query, size_t d, float *values,
			   Four *widest, float *total)
{
	Four sums[FOURS] = {{0}};
	Four all = {0};
	float least;

	for (size_t i = 0; i < d; i++)
	{
		for (size_t f = 0; f < FOURS; f++)
		{
			Four off =
				four_load(part + PQ_ENTRIES * i + 4 * f) - four_all(query[i]);

			sums[f] += off * off;
		}
	}
	least = four_smallest(smallest_of(sums));
	for (size_t f = 0; f < FOURS; f++)
	{
		sums[f] -= least;
		*widest = four_larger(sums[f], *widest);
		all += sums[f];
		four_store(values + 4 * f, sums[f]);
	}
	*total = all[0] + all[1] + all[2] + all[3];
	return least;
}

/*
 * What a part may tell of: this share of the mean distance, and this one of what
 * any part contributes to it, so that where one tells nearly all it is not lost.
 */
#define FAR_SHARE 0.125f
#define FAR_PART_SHARE 0.5f

void
pq_distance_tables(const PqShape *shape, const float *codebook,
				   const float *query, PqTables *tables, float *work)
{
	size_t m = shape->m;
	Four fours = four_all(0);
	float widest;
	float far;
	float sum = 0;
	float largest = 0;
	double bias = 0;
	size_t first = 0;

	for (size_t j = 0; j < m; j++)
	{
		size_t end = pq_first_dim(shape, j + 1);
		float total;

		bias +=
			part_distances(codebook + PQ_ENTRIES * first, query + first,
						   end - first, work + PQ_ENTRIES * j, &fours, &total);
		sum += total;
		largest = largest > total ? largest : total;
		first = end;
	}
	sum *= FAR_SHARE / PQ_ENTRIES;
	largest *= FAR_PART_SHARE / PQ_ENTRIES;
	widest = four_largest(fours);
	far = sum > largest ? sum : largest;
	tables->bias = (float) bias;
	pq_round_tables(m, work, widest < far ? widest : far, tables);
}

void
pq_block_put(uint8_t *block, size_t m, size_t lane, const uint8_t *codes)
{
	for (size_t j = 0; j < m; j += 2)
	{
		uint8_t high = j + 1 < m ? codes[j + 1] : 0;

		block[j / 2 * PQ_BLOCK + lane] = (uint8_t) (codes[j] | high << 4);
	}
}

void
pq_block_get(const uint8_t *block, size_t m, size_t lane, uint8_t *codes)
{
	for (size_t j = 0; j < m; j++)
	{
		uint8_t pair = block[j / 2 * PQ_BLOCK + lane];

		codes[j] = j % 2 == 0 ? pair & 15 : pair >> 4;
	}
}
