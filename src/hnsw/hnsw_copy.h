/*
 * hnsw_copy.h
 *	  A row, rounded to 8 bits a dimension, and bounds on its distances.
 *
 * Each row has a range of its own, which 256 steps divide evenly (locally
 * adaptive vector quantization; Aguerrebere, Bhati, Hildebrand, Tepper, Willke,
 * VLDB 2023, without its mean).  Products with a query are sums of integers,
 * exact and the same on every machine: the query's elements are rounded too.
 * How far rounding took row and query is known, so bounds follow from the
 * triangle inequality.  Rows of whole numbers no farther apart than 255, or of such
 * multiples of a power of two, are their copies: steps are chosen so.
 *
 * A scaled row is, for L2 and inner product, the vector times 2^scale, for cosine
 * the vector at unit length (hnsw_image.h).  Compiled without contraction to FMA.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_COPY_H
#define VECTOR_EXT_HNSW_COPY_H

#include "hnsw/hnsw_page.h"

/* The copy of a row: fills copy, and low, step, sum, squares, error of node */
extern void hnsw_copy_set(const float *row, int dim, HnswNode *node,
						  uint8 *copy);

/* The row that a copy stands for */
extern void hnsw_copy_row(const HnswNode *node, const uint8 *copy, int dim,
						  float *row);

/* The bytes of a copy, to be compared with others: a multiple of BYTE_PADDING */
extern void hnsw_copy_weights(const uint8 *copy, int dim, int16 *weights);

/*
 * The squared distance of the rows that two copies stand for, of which one is there as
 * weights: the same bits both ways.
 */
extern float hnsw_copy_sqdist(const HnswNode *a, const int16 *weights,
							  const HnswNode *b, const uint8 *copy, int dim);

/* A query, as distances from records want it; from copies: weights and the rest */
typedef struct HnswQuery
{
	const HnswMeta *meta; /* the caller's */
	const void *elems;    /* the caller's: as SQL has it */
	float *row;           /* its image; far out ones brought nearer */
	int16 *weights;       /* row is about unit * weights; NULL: no copies */
	double unit;
	double grid;   /* power of two: row has multiples of it only; 0: none */
	double error;  /* |row - unit * weights| is at most this */
	double sum;    /* of weights */
	double sqnorm; /* of unit * weights */
	double length; /* |row|, rounded up */
	bool bounded;  /* do bounds say anything of the operator's distances? */
} HnswQuery;

/* Memory in the current context, for any number of queries */
extern void hnsw_query_init(HnswQuery *query, const HnswMeta *meta);

/* elems must live on; false for a query without order: zero length, cosine */
extern bool hnsw_query_set(HnswQuery *query, const void *elems);

/* The same for a row that is scaled already; for no exact keys */
extern void hnsw_query_set_row(HnswQuery *query, const float *row);

/* Bounds of a key: the operator's distance, squared for L2 */
typedef struct HnswKey
{
	double low;
	double high;
} HnswKey;

/* The key of a node's element */
extern HnswKey hnsw_key_of_copy(const HnswQuery *query, const HnswNode *node,
								const uint8 *copy);

/* The key of a stored value; NaN where the operator's is */
extern double hnsw_key_exact(const HnswQuery *query, const void *stored);

#endif
