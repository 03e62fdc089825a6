/*
 * hnsw_form.c
 *	  Records: what a node keeps of its own vector, as a table of forms.
 */
#include "postgres.h"

#include <math.h>

#include "hnsw/hnsw_form.h"
#include "hnsw/hnsw_image.h"
#include "vector/sparse.h"

/*
 * 8 bits a dimension
 */

static void
set_int8(const HnswMeta *meta, const void *elems, const float *image,
		 HnswNode *head, void *record)
{
	hnsw_copy_set(image, meta->dim, head, record);
}

static bool
image_int8(const HnswMeta *meta, const HnswNode *head, const void *record,
		   Size bytes, float *image)
{
	if (bytes != meta->dim)
		return false;
	hnsw_copy_row(head, record, meta->dim, image);
	return true;
}

static HnswKey
key_int8(const HnswQuery *query, const HnswNode *head, const void *record,
		 Size bytes)
{
	if (bytes != query->meta->dim)
		return (HnswKey){-INFINITY, INFINITY};
	return hnsw_key_of_copy(query, head, record);
}

/*
 * The value
 */

static bool
is_value(const HnswMeta *meta, const void *record, Size bytes)
{
	return value_is_whole(meta->elem, record, meta->value_dim, bytes);
}

static void
set_value(const HnswMeta *meta, const void *elems, const float *image,
		  HnswNode *head, void *record)
{
	head->error = head->low = head->step = 0;
	head->sum = head->squares = 0;
	memcpy(record, elems, value_bytes(meta->elem, elems, meta->value_dim));
}

static bool
image_value(const HnswMeta *meta, const HnswNode *head, const void *record,
			Size bytes, float *image)
{
	if (!is_value(meta, record, bytes))
		return false;
	(void) hnsw_image_set(meta, record, image);
	return true;
}

static HnswKey
key_value(const HnswQuery *query, const HnswNode *head, const void *record,
		  Size bytes)
{
	double key;

	if (query->elems == NULL || !is_value(query->meta, record, bytes))
		return (HnswKey){-INFINITY, INFINITY};
	key = hnsw_key_exact(query, record);
	/* NaN sorts behind everything, as it does for the operator */
	if (isnan(key))
		key = INFINITY;
	return (HnswKey){key, key};
}

static const HnswForm forms[] = {
	[HNSW_FORM_INT8] = {"int8", set_int8, image_int8, key_int8},
	[HNSW_FORM_VALUE] = {"value", set_value, image_value, key_value},
};

const HnswForm *
hnsw_form(const HnswMeta *meta)
{
	return &forms[meta->form];
}

Size
hnsw_record_bytes(const HnswMeta *meta)
{
	return hnsw_keeps_values(meta) ? value_size(meta->elem, meta->value_dim)
								   : meta->dim;
}

Size
hnsw_record_longest(const HnswMeta *meta)
{
	Size bytes = hnsw_record_bytes(meta);

	return bytes > 0 ? bytes : SPARSE_SIZE(HNSW_MAX_NONZERO);
}

Size
hnsw_value_record_bytes(const HnswMeta *meta, const void *elems)
{
	return hnsw_keeps_values(meta)
		? value_bytes(meta->elem, elems, meta->value_dim)
		: meta->dim;
}

void
hnsw_check_value(const HnswMeta *meta, const void *elems)
{
	if (meta->elem == VALUE_SPARSE &&
		((const SparseVector *) elems)->nnz > HNSW_MAX_NONZERO)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("sparsevec cannot have more than %d non-zero elements "
						"for hnsw index",
						HNSW_MAX_NONZERO)));
}
