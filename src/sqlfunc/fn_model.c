/*
 * fn_model.c
 *	  What an index has learned, in the shape of the tables that another one may
 *	  be given (ivf_given.h), and the codes of its rows.
 *
 * An index that does not have a part gives no rows.  Values are those of the
 * table's rows, for cosine those of rows at unit length.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "core/export.h"
#include "ivf/ivf_codes.h"
#include "ivf/ivf_encode.h"
#include "quant/pq.h"
#include "sqlfunc/open_index.h"
#include "vector/dense.h"

/* A call: the index, a copy of its model, and the rows to be returned */
typedef struct ModelCall
{
	OpenIndex open;
	IvfModel *model;
	ReturnSetInfo *result;
	MemoryContext row_context; /* reset for each row */
} ModelCall;

static ModelCall
begin_call(FunctionCallInfo fcinfo)
{
	ModelCall call = {.result = (ReturnSetInfo *) fcinfo->resultinfo};
	const IvfModel *cached;
	Size bytes;

	InitMaterializedSRF(fcinfo, 0);
	call.open =
		open_ivf_index(PG_GETARG_OID(0), INDEX_FOR_READER, AccessShareLock);
	cached = ivf_model_get(call.open.index);
	bytes = offsetof(IvfModel, params) +
		ivf_params_floats(&cached->meta) * sizeof(float);
	/* the relation cache may change while we read */
	call.model = MemoryContextAllocHuge(CurrentMemoryContext, bytes);
	memcpy(call.model, cached, bytes);
	call.model->nhints = 0;
	call.row_context = AllocSetContextCreate(CurrentMemoryContext, "model row",
											 ALLOCSET_DEFAULT_SIZES);
	return call;
}

static Datum
end_call(ModelCall *call)
{
	pfree(call->model);
	close_index(&call->open);
	return (Datum) 0;
}

/* A row: numbers, then a vector of model space in units of the table's rows */
static void
put_vector(ModelCall *call, const int32 *numbers, int n, float *values, int dim)
{
	const IvfMeta *meta = &call->model->meta;
	int scale = meta->metric == METRIC_COSINE ? 0 : meta->scale;
	MemoryContext old = MemoryContextSwitchTo(call->row_context);
	DenseVector *vector = dense_new(ELEM_FLOAT32, dim);
	Datum datums[3];
	bool nulls[3] = {false, false, false};

	CHECK_FOR_INTERRUPTS();
	for (int i = 0; i < n; i++)
		datums[i] = Int32GetDatum(numbers[i]);
	for (int i = 0; i < dim; i++)
		values[i] = ldexpf(values[i], -scale);
	dense_store_checked(ELEM_FLOAT32, vector, 0, values, dim);
	datums[n] = PointerGetDatum(vector);
	tuplestore_putvalues(call->result->setResult, call->result->setDesc, datums,
						 nulls);
	MemoryContextSwitchTo(old);
	MemoryContextReset(call->row_context);
}

/* vector_index_centroids(index regclass) -> setof (list int, centroid vector) */
SQL_FUNCTION(vector_index_centroids)
{
	ModelCall call = begin_call(fcinfo);
	const IvfMeta *meta = &call.model->meta;
	float *centroid = palloc(meta->model_dim * sizeof(float));

	if (meta->centroids != InvalidBlockNumber)
	{
		for (int32 list = 0; list < (int32) meta->nlists; list++)
		{
			ivf_centroid_read(call.open.index, meta, list, centroid);
			put_vector(&call, &list, 1, centroid, meta->model_dim);
		}
	}
	pfree(centroid);
	return end_call(&call);
}

/* vector_index_codebook(index regclass) -> setof (part int, code int, entry vector) */
SQL_FUNCTION(vector_index_codebook)
{
	ModelCall call = begin_call(fcinfo);
	const IvfMeta *meta = &call.model->meta;
	PqShape shape = {.dim = meta->model_dim, .m = meta->m};
	Size entries = meta->codec == CODEC_PQ8 ? 256 : PQ_ENTRIES;
	float *entry = palloc(meta->model_dim * sizeof(float));

	if (meta->codec != CODEC_PQ4 && meta->codec != CODEC_PQ8)
		shape.m = 0;
	for (Size part = 0; part < shape.m; part++)
	{
		Size dims = pq_first_dim(&shape, part + 1) - pq_first_dim(&shape, part);

		for (Size code = 0; code < entries; code++)
		{
			int32 numbers[2] = {(int32) part, (int32) code};

			for (Size d = 0; d < dims; d++)
				entry[d] = call.model->params[pq_entry_place(&shape, entries,
															 part, code, d)];
			put_vector(&call, numbers, 2, entry, dims);
		}
	}
	pfree(entry);
	return end_call(&call);
}

/* The matrix of a transform by columns: what becomes of unit vectors */
static float *
transform_columns(const IvfModel *model)
{
	TransformShape shape = ivf_transform_shape(&model->meta);
	float *columns = MemoryContextAllocHuge(
		CurrentMemoryContext, shape.in * shape.out * sizeof(float));
	float *unit = palloc0(shape.in * sizeof(float));

	for (Size i = 0; i < shape.in; i++)
	{
		CHECK_FOR_INTERRUPTS();
		unit[i] = 1;
		transform_apply(&shape, ivf_transform_params(model), unit,
						columns + i * shape.out);
		unit[i] = 0;
	}
	pfree(unit);
	return columns;
}

/* vector_index_transform(index regclass) -> setof (dimension int, entry vector) */
SQL_FUNCTION(vector_index_transform)
{
	ModelCall call = begin_call(fcinfo);
	IvfMeta *meta = &call.model->meta;
	float *entry = palloc(meta->dim * sizeof(float));
	float *columns;

	if (meta->transform == TRANSFORM_NONE)
		return end_call(&call);
	if (meta->dim > TRANSFORM_MAX_DENSE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a transform of more than %d dimensions has no table",
						TRANSFORM_MAX_DENSE)));
	columns = transform_columns(call.model);
	meta->scale = 0; /* a matrix has no unit */
	for (int32 i = 0; i < meta->model_dim; i++)
	{
		for (Size d = 0; d < meta->dim; d++)
			entry[d] = columns[d * meta->model_dim + i];
		put_vector(&call, &i, 1, entry, meta->dim);
	}
	pfree(columns);
	pfree(entry);
	return end_call(&call);
}

static void
put_code(void *arg, uint32 list, ItemPointer tid, const uint8 *code)
{
	ModelCall *call = arg;
	int n = ivf_code_bytes(&call->model->meta);
	MemoryContext old = MemoryContextSwitchTo(call->row_context);
	Datum *elements = palloc(n * sizeof(Datum));
	Datum datums[3];
	bool nulls[3] = {false, false, false};

	for (int i = 0; i < n; i++)
		elements[i] = Int32GetDatum(code[i]);
	datums[0] = PointerGetDatum(tid);
	datums[1] = Int32GetDatum((int32) list);
	datums[2] = PointerGetDatum(construct_array(
		elements, n, INT4OID, sizeof(int32), true, TYPALIGN_INT));
	tuplestore_putvalues(call->result->setResult, call->result->setDesc, datums,
						 nulls);
	MemoryContextSwitchTo(old);
	MemoryContextReset(call->row_context);
}

/* vector_index_codes(index regclass) -> setof (row tid, list int, code int[]) */
SQL_FUNCTION(vector_index_codes)
{
	ModelCall call = begin_call(fcinfo);

	if (call.model->meta.codec != CODEC_NONE)
		ivf_codes_read(call.open.index, call.model, put_code, &call);
	return end_call(&call);
}
