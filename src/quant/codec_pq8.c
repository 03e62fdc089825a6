/*
 * codec_pq8.c
 *	  The product quantizer with codes of 8 bits as a codec.
 *
 * Jegou, Douze, Schmid, Product quantization for nearest neighbor search, IEEE
 * TPAMI 33(1), 2011.  Parts are those of pq.h, of 256 entries each.  A codebook
 * holds them as 16 codebooks of 16 entries for each part, in the layout of pq.h:
 * entry e of a part is entry e % 16 of its codebook e / 16.
 *
 * A block holds the codes of 32 rows, part by part: 32 bytes each.
 */
#include "quant/codec.h"

#include <string.h>

#include "distance/distance.h"
#include "quant/carver.h"
#include "quant/codec_keys.h"
#include "quant/codec_sums.h"
#include "quant/kmeans.h"
#include "quant/pq.h"

#define ENTRIES LOOKUP_LONG_TABLE
#define GROUPS (ENTRIES / PQ_ENTRIES)

/* Rows for 256 means: more hardly improve them */
#define TRAINING_ROWS 16384

static size_t
first_dim(const CodecShape *shape, size_t j)
{
	PqShape pq = {.dim = shape->dim, .m = shape->m};

	return pq_first_dim(&pq, j);
}

static size_t
block_bytes(const CodecShape *shape)
{
	return LOOKUP_BLOCK * shape->m;
}

static size_t
code_bytes(const CodecShape *shape)
{
	return shape->m;
}

static size_t
params_floats(const CodecShape *shape)
{
	return ENTRIES * shape->dim;
}

/* Dimensions first..first+d-1 of the rows, as k-means wants them */
static KmeansTask
part_task(const CodecTraining *training, size_t first, size_t d)
{
	KmeansTask task = {.rows = training->rows,
					   .k = ENTRIES,
					   .iterations = training->iterations,
					   .seed = training->seed + first,
					   .poll = training->poll,
					   .poll_arg = training->poll_arg};

	task.rows.rows += first;
	task.rows.dim = d;
	if (task.rows.n > TRAINING_ROWS)
		task.rows.n = TRAINING_ROWS;
	return task;
}

typedef struct TrainWork
{
	float *centroids;
	void *kmeans;
} TrainWork;

/* Parts have the given number of dimensions, or one less */
static size_t
lay_out(TrainWork *of, const CodecTraining *training, void *work)
{
	const CodecShape *shape = &training->shape;
	Carver carver = {work, 0};
	size_t d = (shape->dim + shape->m - 1) / shape->m;
	KmeansTask wide = part_task(training, 0, d);
	size_t bytes = kmeans_work_size(&wide);

	if (d > 1)
	{
		KmeansTask narrow = part_task(training, 0, d - 1);
		size_t other = kmeans_work_size(&narrow);

		bytes = other > bytes ? other : bytes;
	}
	of->centroids = carve(&carver, ENTRIES, d * sizeof(float));
	of->kmeans = carve(&carver, 1, bytes);
	return carver.used;
}

static size_t
train_work_size(const CodecTraining *training)
{
	TrainWork of;

	return lay_out(&of, training, NULL);
}

/* Centroids of a part into its codebooks */
static void
lay_out_part(const float *centroids, size_t d, float *part)
{
	for (size_t e = 0; e < ENTRIES; e++)
	{
		float *codebook = part + e / PQ_ENTRIES * PQ_ENTRIES * d;

		for (size_t i = 0; i < d; i++)
			codebook[PQ_ENTRIES * i + e % PQ_ENTRIES] = centroids[e * d + i];
	}
}

static bool
train(const CodecTraining *training, float *params, void *work)
{
	const CodecShape *shape = &training->shape;
	TrainWork of;

	lay_out(&of, training, work);
	for (size_t j = 0; j < shape->m; j++)
	{
		size_t first = first_dim(shape, j);
		size_t d = first_dim(shape, j + 1) - first;
		KmeansTask task = part_task(training, first, d);

		if (kmeans_train(&task, of.centroids, of.kmeans) == 0)
			return false;
		lay_out_part(of.centroids, d, params + ENTRIES * first);
	}
	return true;
}

/* The nearest entry, the lowest of several */
static uint8_t
encode_part(const float *part, const float *x, size_t d)
{
	float least = __builtin_huge_valf();
	size_t code = 0;

	for (size_t g = 0; g < GROUPS; g++)
	{
		float sqdist;
		uint8_t e = pq_encode_part(part + PQ_ENTRIES * d * g, x, d, &sqdist);

		if (sqdist < least)
		{
			least = sqdist;
			code = PQ_ENTRIES * g + e;
		}
	}
	return (uint8_t) code;
}

static void
decode(const CodecShape *shape, const float *params, const uint8_t *code,
	   float *image)
{
	for (size_t j = 0; j < shape->m; j++)
	{
		size_t first = first_dim(shape, j);
		size_t d = first_dim(shape, j + 1) - first;
		const float *codebook = params + ENTRIES * first +
			code[j] / PQ_ENTRIES * PQ_ENTRIES * d + code[j] % PQ_ENTRIES;

		for (size_t i = 0; i < d; i++)
			image[first + i] = codebook[PQ_ENTRIES * i];
	}
}

static void
encode(const CodecShape *shape, const float *params, const float *residual,
	   const float *centroid, uint8_t *code, CodecRow *row, float *work)
{
	for (size_t j = 0; j < shape->m; j++)
	{
		size_t first = first_dim(shape, j);

		code[j] = encode_part(params + ENTRIES * first, residual + first,
							  first_dim(shape, j + 1) - first);
	}
	decode(shape, params, code, work);
	*row = (CodecRow){.sqnorm = sum_sqnorm(centroid, work, shape->dim),
					  .scale = 1};
}

static void
put(const CodecShape *shape, uint8_t *block, size_t lane, const uint8_t *code)
{
	for (size_t j = 0; j < shape->m; j++)
		block[LOOKUP_BLOCK * j + lane] = code[j];
}

static void
get(const CodecShape *shape, const uint8_t *block, size_t lane, uint8_t *code)
{
	for (size_t j = 0; j < shape->m; j++)
		code[j] = block[LOOKUP_BLOCK * j + lane];
}

static size_t
tables_bytes(const CodecShape *shape)
{
	return ENTRIES * shape->m * sizeof(float);
}

static size_t
work_floats(const CodecShape *shape)
{
	(void) shape;
	return 0;
}

/* Products of 16 entries with d floats of the query, scaled */
static void
multiply_entries(const float *codebook, const float *query, size_t d,
				 float factor, float *table)
{
	Four sums[PQ_ENTRIES / 4] = {{0}};

	for (size_t i = 0; i < d; i++)
	{
		Four all = four_all(factor * query[i]);

		for (size_t f = 0; f < PQ_ENTRIES / 4; f++)
			sums[f] += all * four_load(codebook + PQ_ENTRIES * i + 4 * f);
	}
	for (size_t f = 0; f < PQ_ENTRIES / 4; f++)
		four_store(table + 4 * f, sums[f]);
}

static void
prepare(const CodecShape *shape, const float *params, const float *query_row,
		CodecQuery *query, float *work)
{
	float *table = query->tables;

	(void) work;
	for (size_t j = 0; j < shape->m; j++)
	{
		size_t first = first_dim(shape, j);
		size_t d = first_dim(shape, j + 1) - first;

		for (size_t g = 0; g < GROUPS; g++)
		{
			multiply_entries(params + ENTRIES * first + PQ_ENTRIES * d * g,
							 query_row + first, d, query->factor, table);
			table += PQ_ENTRIES;
		}
	}
	query->step = 1;
	query->bias = 0;
}

static void
scan(const CodecQuery *query, const CodecScan *scan, float *keys,
	 uint32_t *below)
{
	float *sums = query->scratch;

	codec_ask_ahead(scan, scan->nlanes * query->shape.m);
	lookup_kernels()->long_sums(scan->codes, scan->nlanes / LOOKUP_BLOCK,
								query->tables, query->shape.m, sums);
	codec_keys(scan, sums, scan->base, 1, keys, below);
}

const Codec codec_pq8 = {
	.name = "pq8",
	.block_lanes = LOOKUP_BLOCK,
	.block_bytes = block_bytes,
	.code_bytes = code_bytes,
	.params_floats = params_floats,
	.train_work_size = train_work_size,
	.train = train,
	.encode = encode,
	.decode = decode,
	.put = put,
	.get = get,
	.tables_bytes = tables_bytes,
	.work_floats = work_floats,
	.prepare = prepare,
	.scan = scan,
};
