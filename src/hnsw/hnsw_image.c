/*
 * hnsw_image.c
 *	  Images: rows of floats that stand for values wherever links are made.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "am/key.h"
#include "am/row.h"
#include "hnsw/hnsw_image.h"
#include "quant/sketch.h"
#include "vector/sparse.h"

/* A value with more dimensions has a sketch: so many floats */
#define WIDEST_SPARSE 512
#define WIDEST_BIT 4096
#define SKETCH_OF_BITS 1024

static void
sketch_bit(const void *elems, int dim, float *sketch, int width)
{
	const uint8 *bytes = elems;

	for (int i = 0; i < (dim + 7) / 8; i++)
	{
		for (int bit = 0; bit < 8 && bytes[i] != 0; bit++)
		{
			if (bytes[i] & 0x80 >> bit)
				sketch_add(sketch, width, i * 8 + bit, 1);
		}
	}
}

static void
sketch_sparse(const void *elems, int dim, float *sketch, int width)
{
	const SparseVector *vector = elems;
	const float *values = sparse_values(vector);

	for (int i = 0; i < vector->nnz; i++)
		sketch_add(sketch, width, vector->indices[i], values[i]);
}

/* Sketches by kind of values: none of those that are not named */
static const struct
{
	uint32 widest; /* dimensions without a sketch; each is a float */
	uint16 width;
	void (*set)(const void *elems, int dim, float *sketch, int width);
} sketches[VALUE_NKINDS] = {
	[VALUE_BIT] = {WIDEST_BIT, SKETCH_OF_BITS, sketch_bit},
	[VALUE_SPARSE] = {WIDEST_SPARSE, WIDEST_SPARSE, sketch_sparse},
};

/* The geometry of images by the operator's metric */
static const uint8 geometries[] = {
	[METRIC_L2] = METRIC_L2,
	[METRIC_INNER_PRODUCT] = METRIC_INNER_PRODUCT,
	[METRIC_COSINE] = METRIC_COSINE,
	[METRIC_HAMMING] = METRIC_L2,
	[METRIC_L1] = METRIC_L2,
	[METRIC_JACCARD] = METRIC_COSINE};

/*
 * Sparse vectors have next to nothing in common with most others, so that the
 * nearest of all to each other, made equally long for inner products, were those
 * next to zero: their angles tell more.
 */
static uint8
geometry(const HnswMeta *meta)
{
	return meta->elem == VALUE_SPARSE && meta->distance == METRIC_INNER_PRODUCT
		? METRIC_COSINE
		: geometries[meta->distance];
}

void
hnsw_image_init(HnswMeta *meta)
{
	bool wide = sketches[meta->elem].set != NULL &&
		meta->value_dim > sketches[meta->elem].widest;

	meta->dim = wide ? sketches[meta->elem].width : meta->value_dim;
	meta->metric = geometry(meta);
}

bool
hnsw_has_place(const HnswMeta *meta, const void *elems)
{
	return meta->distance != METRIC_COSINE ||
		value_ops[meta->elem].length(elems, meta->value_dim) > 0;
}

bool
hnsw_image_set(const HnswMeta *meta, const void *elems, float *image)
{
	if (meta->dim == meta->value_dim)
		value_ops[meta->elem].load(elems, image, meta->dim);
	else
	{
		memset(image, 0, meta->dim * sizeof(float));
		sketches[meta->elem].set(elems, meta->value_dim, image, meta->dim);
	}
	if (meta->scale != 0)
	{
		for (int i = 0; i < meta->dim; i++)
			image[i] = ldexpf(image[i], meta->scale);
	}
	return meta->metric != METRIC_COSINE || row_normalize(image, meta->dim);
}

bool
hnsw_image_is_rough(const HnswMeta *meta)
{
	return meta->dim < meta->value_dim || meta->distance == METRIC_L1 ||
		meta->distance == METRIC_JACCARD ||
		(meta->distance == METRIC_INNER_PRODUCT &&
		 meta->metric != METRIC_INNER_PRODUCT);
}

float
hnsw_value_sqdist(const HnswMeta *meta, const void *a, const void *b)
{
	Metric metric = (Metric) meta->distance;
	double key = key_of_values(meta->elem, metric, a, b, meta->value_dim);

	/* falls as the product rises, and is never negative: the rule's alpha scales it */
	if (metric == METRIC_INNER_PRODUCT)
		key = key < 0 ? 1 / (1 - key) : 1 + key;
	/* the operators of the others are squared distances in some space */
	if (metric == METRIC_L1)
		key *= key;
	/* no direction, or beyond all floats */
	return key < FLT_MAX ? (float) Max(key, 0) : FLT_MAX;
}
