/*
 * codec.h
 *	  Codecs as a table: how a row is kept in a few bytes, and how inner
 *	  products with it are estimated from them.
 *
 * A row x in the list of centroid c has the residual r = x - c.  A codec keeps
 * an image of r, of which it estimates for any query q
 *
 *		<q, x>  ~  <q, c> + correction + scale * <q, image>
 *
 * where correction and scale are numbers of the row.  With an additive term of
 * the row, distances follow: |q - x|^2 ~ |q|^2 + sqnorm - 2 <q, x>.
 *
 * Codes and numbers of a row depend on row, centroid and parameters alone: they
 * are the same to the last bit on every machine (the room is compiled with
 * -ffp-contract=off, sums have one order).
 *
 * Plain C: no PostgreSQL header, no allocation, no error report, no threads.
 */
#ifndef VECTOR_EXT_CODEC_H
#define VECTOR_EXT_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "distance/blas.h"
#include "quant/rows.h"

/* On disk: only append */
typedef enum CodecKind
{
	CODEC_NONE,  /* no codes: rows are compared as they are */
	CODEC_PQ4,   /* product quantizer, 4 bits a code (pq.h) */
	CODEC_PQ8,   /* product quantizer, 8 bits a code (pq8.h) */
	CODEC_SQ8,   /* scalar quantizer, 8 bits a dimension (sq8.h) */
	CODEC_RABITQ /* a bit a dimension, with a bound of the error (rabitq.h) */
} CodecKind;

#define CODEC_KINDS (CODEC_RABITQ + 1)

typedef struct CodecShape
{
	size_t dim;
	size_t m; /* parts: 1 .. dim for product quantizers, else dim */
} CodecShape;

typedef struct CodecTraining
{
	CodecShape shape;
	RowSet rows;    /* residuals; rows.dim is shape.dim */
	int iterations; /* rounds of k-means at most, where there is any */
	uint64_t seed;  /* one seed, one result (on one machine) */
	BlasPoll poll;  /* or NULL; called some 5 to 10 ms apart */
	void *poll_arg;
} CodecTraining;

/* What is kept of a row beside its code */
typedef struct CodecRow
{
	float sqnorm;     /* what stands for |x|^2 */
	float correction; /* 0 where the codec is not scaled */
	float scale;      /* 1 where the codec is not scaled */
	float error;      /* of <q, r> for |q - c| = 1; 0: no bound is known */
} CodecRow;

/* A query, as the codec's scan wants it */
typedef struct CodecQuery
{
	CodecShape shape;
	void *tables;  /* tables_bytes(shape), aligned to 64; the caller's */
	void *scratch; /* 4 bytes for each lane of a scan; the caller's */
	float factor;  /* of all products: -2 for distances, -1 for products */
	float step;    /* factor * <q, image> = bias + step * what tables say */
	float bias;
} CodecQuery;

/* Rows of one list, in blocks that follow each other without a gap */
typedef struct CodecScan
{
	const uint8_t *codes; /* aligned to 16 */
	size_t nlanes;        /* a multiple of 32 where block_lanes is 32 */
	ptrdiff_t ahead;      /* from codes to those of the next scan, or 0 */
	const float *terms;   /* of a row: factor * correction, and sqnorm */
	const float *scales;  /* NULL where the codec is not scaled */
	const float *errors;  /* likewise */
	float base;           /* of all rows: factor * <q, c> */
	float slack;          /* of all rows: |factor| * |q - c|, for errors */
	float limit;          /* keys from here on are not wanted */
} CodecScan;

typedef struct Codec
{
	const char *name;   /* as users see it */
	bool scaled;        /* rows have scale, correction and error */
	size_t block_lanes; /* rows in a block, 32 or 1 */
	size_t (*block_bytes)(const CodecShape *shape);
	size_t (*code_bytes)(const CodecShape *shape); /* of a row by itself */

	/* trained parameters; params_floats may be 0 and train NULL together */
	size_t (*params_floats)(const CodecShape *shape);
	size_t (*train_work_size)(const CodecTraining *training); /* bytes */
	bool (*train)(const CodecTraining *training, float *params, void *work);

	/*
	 * The code of a residual in the list of centroid.  work: 2 * dim floats.
	 * Parameters may be damaged: then the code has no meaning, but is one.
	 */
	void (*encode)(const CodecShape *shape, const float *params,
				   const float *residual, const float *centroid, uint8_t *code,
				   CodecRow *row, float *work);

	/* The image of a code, without the row's scale */
	void (*decode)(const CodecShape *shape, const float *params,
				   const uint8_t *code, float *image);

	/* Codes of one row into or out of a lane of a block */
	void (*put)(const CodecShape *shape, uint8_t *block, size_t lane,
				const uint8_t *code);
	void (*get)(const CodecShape *shape, const uint8_t *block, size_t lane,
				uint8_t *code);

	/* shape, factor, tables and scratch of query are set; work: work_floats */
	size_t (*tables_bytes)(const CodecShape *shape);
	size_t (*work_floats)(const CodecShape *shape);
	void (*prepare)(const CodecShape *shape, const float *params,
					const float *query_row, CodecQuery *query, float *work);

	/*
	 * The same for a scan of squared distances |q - image|^2, in the place of
	 * factor * <q, image> + terms, which must be 0: finer for what is near.
	 * NULL: this codec has none.
	 */
	void (*prepare_distances)(const CodecShape *shape, const float *params,
							  const float *query_row, CodecQuery *query,
							  float *work);

	/*
	 * The key of each row, or its lower bound where there are errors:
	 *
	 *		base + terms[i] + scales[i] * factor * <q, image> - slack * errors[i]
	 *
	 * Bit i % 32 of below[i / 32] is set where it is below limit, and only
	 * there keys[i] is.  One within rounding of the limit may or may not count.
	 * A key that is NaN is below nothing.
	 */
	void (*scan)(const CodecQuery *query, const CodecScan *scan, float *keys,
				 uint32_t *below);
} Codec;

/* The row of the table; NULL for CODEC_NONE and kinds there are not */
extern const Codec *codec_of(CodecKind kind);

/* Rows of the table, each in its own file */
extern const Codec codec_pq4;
extern const Codec codec_pq8;
extern const Codec codec_sq8;
extern const Codec codec_rabitq;

#endif
