/*
 * codec_pq4.c
 *	  The product quantizer with codes of 4 bits (pq.h) as a codec.
 *
 * The image stands for the row in both parts of the distance: sqnorm is that of
 * centroid + image, so that the estimate is the distance of the query from the
 * image, as Jegou et al. have it (asymmetric distance).
 */
#include "quant/codec.h"

#include "distance/distance.h"
#include "quant/pq.h"

static PqShape
pq_shape(const CodecShape *shape)
{
	return (PqShape){.dim = shape->dim, .m = shape->m};
}

static size_t
block_bytes(const CodecShape *shape)
{
	return pq_block_bytes(shape->m);
}

static size_t
code_bytes(const CodecShape *shape)
{
	return shape->m;
}

static size_t
params_floats(const CodecShape *shape)
{
	PqShape pq = pq_shape(shape);

	return pq_codebook_floats(&pq);
}

static PqTraining
pq_training(const CodecTraining *training)
{
	return (PqTraining){.shape = pq_shape(&training->shape),
						.rows = training->rows,
						.iterations = training->iterations,
						.seed = training->seed,
						.poll = training->poll,
						.poll_arg = training->poll_arg};
}

static size_t
train_work_size(const CodecTraining *training)
{
	PqTraining pq = pq_training(training);

	return pq_train_work_size(&pq);
}

static bool
train(const CodecTraining *training, float *params, void *work)
{
	PqTraining pq = pq_training(training);

	return pq_train(&pq, params, work);
}

static void
encode(const CodecShape *shape, const float *params, const float *residual,
	   const float *centroid, uint8_t *code, CodecRow *row, float *work)
{
	PqShape pq = pq_shape(shape);
	float sqnorm = 0;

	pq_encode(&pq, params, residual, code);
	pq_decode(&pq, params, code, work);
	for (size_t i = 0; i < shape->dim; i++)
	{
		float image = centroid[i] + work[i];

		sqnorm += image * image;
	}
	*row = (CodecRow){.sqnorm = sqnorm, .scale = 1};
}

static void
decode(const CodecShape *shape, const float *params, const uint8_t *code,
	   float *image)
{
	PqShape pq = pq_shape(shape);

	pq_decode(&pq, params, code, image);
}

static void
put(const CodecShape *shape, uint8_t *block, size_t lane, const uint8_t *code)
{
	pq_block_put(block, shape->m, lane, code);
}

static void
get(const CodecShape *shape, const uint8_t *block, size_t lane, uint8_t *code)
{
	pq_block_get(block, shape->m, lane, code);
}

static size_t
tables_bytes(const CodecShape *shape)
{
	return PQ_ENTRIES * pq_padded_parts(shape->m);
}

static size_t
work_floats(const CodecShape *shape)
{
	PqShape pq = pq_shape(shape);

	return pq_tables_work_floats(&pq);
}

static void
prepare(const CodecShape *shape, const float *params, const float *query_row,
		CodecQuery *query, float *work)
{
	PqShape pq = pq_shape(shape);
	PqTables tables = {.bytes = query->tables};

	pq_tables(&pq, params, query_row, query->factor, &tables, work);
	query->step = tables.step;
	query->bias = tables.bias;
}

static void
prepare_distances(const CodecShape *shape, const float *params,
				  const float *query_row, CodecQuery *query, float *work)
{
	PqShape pq = pq_shape(shape);
	PqTables tables = {.bytes = query->tables};

	pq_distance_tables(&pq, params, query_row, &tables, work);
	query->step = tables.step;
	query->bias = tables.bias;
}

static void
scan(const CodecQuery *query, const CodecScan *scan, float *keys,
	 uint32_t *below)
{
	size_t nblocks = scan->nlanes / LOOKUP_BLOCK;
	uint16_t *sums = query->scratch;
	LookupEstimate estimate = {.base = scan->base + query->bias,
							   .step = query->step,
							   .limit = scan->limit};

	lookup_kernels()->sums(scan->codes, nblocks, scan->ahead, query->tables,
						   pq_padded_parts(query->shape.m), sums);
	lookup_kernels()->below(sums, scan->terms, nblocks, &estimate, below);
	for (size_t block = 0; block < nblocks; block++)
	{
		for (uint32_t near = below[block]; near != 0; near &= near - 1)
		{
			size_t lane = block * LOOKUP_BLOCK + __builtin_ctz(near);

			keys[lane] =
				estimate.base + estimate.step * sums[lane] + scan->terms[lane];
		}
	}
}

const Codec codec_pq4 = {
	.name = "pq4",
	.block_lanes = PQ_BLOCK,
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
	.prepare_distances = prepare_distances,
	.scan = scan,
};
