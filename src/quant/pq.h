/*
 * pq.h
 *	  Product quantizer with codes of 4 bits.
 *
 * Jegou, Douze, Schmid, Product quantization for nearest neighbor search,
 * IEEE TPAMI 33(1), 2011.  A row is cut into m parts; each part is replaced by
 * the nearest of 16 entries of that part's codebook.  The layout of blocks and
 * the byte tables are those of Andre, Kermarrec, Le Scouarnec, Cache locality
 * is not enough, VLDB 2015 ("PQ fast scan").
 *
 * A code depends on row and codebook alone: it is the same to the last bit on
 * every machine.  Sums are float32, in the order of dimensions, without FMA
 * (the room is compiled with -ffp-contract=off).
 *
 * Plain C: no PostgreSQL header, no allocation, no error report, no threads.
 */
#ifndef VECTOR_EXT_PQ_H
#define VECTOR_EXT_PQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "distance/blas.h"
#include "quant/rows.h"

#define PQ_ENTRIES 16

/* Vectors in a block */
#define PQ_BLOCK 32

typedef struct PqShape
{
	size_t dim;
	size_t m; /* parts, 1 <= m <= dim, m < 65536 */
} PqShape;

/* Part j covers dimensions pq_first_dim(j) .. pq_first_dim(j + 1) - 1 */
static inline size_t
pq_first_dim(const PqShape *shape, size_t j)
{
	/* both have at most 16 bits: a division of 64 takes several times as long */
	return (uint32_t) (j * shape->dim) / (uint32_t) shape->m;
}

/* m rounded up to even: parts in blocks and tables */
static inline size_t
pq_padded_parts(size_t m)
{
	return m + m % 2;
}

/*
 * Floats of a codebook.  Part j begins at PQ_ENTRIES * pq_first_dim(j) and lies
 * there as [dimension][entry]: the 16 entries of a dimension are neighbours.
 */
static inline size_t
pq_codebook_floats(const PqShape *shape)
{
	return PQ_ENTRIES * shape->dim;
}

/*
 * The place of dimension i of entry e in the codebook of part j, which for codes
 * of 8 bits is 16 such codebooks, one behind the other: entries is 16 or 256.
 */
static inline size_t
pq_entry_place(const PqShape *shape, size_t entries, size_t j, size_t e,
			   size_t i)
{
	size_t first = pq_first_dim(shape, j);
	size_t dims = pq_first_dim(shape, j + 1) - first;

	return entries * first + e / PQ_ENTRIES * PQ_ENTRIES * dims +
		PQ_ENTRIES * i + e % PQ_ENTRIES;
}

typedef struct PqTraining
{
	PqShape shape;
	RowSet rows;    /* rows.dim is shape.dim; some thousands are enough */
	int iterations; /* rounds of k-means at most, see KMEANS_MIN_GAIN */
	uint64_t seed;  /* one seed, one result (on one machine) */
	BlasPoll poll;  /* or NULL; called some 5 to 10 ms apart */
	void *poll_arg;
} PqTraining;

/* Bytes of work memory, aligned to 8; SIZE_MAX: more than can be addressed */
extern size_t pq_train_work_size(const PqTraining *training);

/*
 * Train a codebook: for each part, 16 means of the rows' parts, by k-means.
 * Where a part has fewer than 16 different values these are its entries, and
 * the rest repeats the first.  distance_init() was called; OpenBLAS is not
 * used.  False when poll stopped it.
 */
extern bool pq_train(const PqTraining *training, float *codebook, void *work);

/*
 * codes[j] = the entry of part j at the least squared distance from row, the
 * lowest of several; m bytes, each below 16.  Work is m * 16 operations of the
 * machine's base instruction set for each dimension of a part.
 */
extern void pq_encode(const PqShape *shape, const float *codebook,
					  const float *row, uint8_t *codes);

/* The same for one part: d floats of x against [d][16] of the codebook */
extern uint8_t pq_encode_part(const float *part, const float *x, size_t d,
							  float *sqdist);

/* The row that codes stand for */
extern void pq_decode(const PqShape *shape, const float *codebook,
					  const uint8_t *codes, float *row);

/*
 * Inner products of a query with all entries, as bytes:
 *
 *		scale * <q_j, entry e of part j>  =  low_j + step * bytes[16 * j + e]
 *
 * up to half a step, so that for the decoded row x of some codes
 *
 *		scale * <q, x>  =  bias + step * sum over j of bytes[16 * j + code_j]
 *
 * up to m * step / 2.  The largest byte is limited to 65535 / m: a sum of m
 * bytes fits in 16 bits.
 */
typedef struct PqTables
{
	uint8_t *bytes; /* 16 * pq_padded_parts(m), the caller's */
	float step;     /* one for all parts, at least 0 */
	float bias;     /* sum of the low_j */
} PqTables;

/* Floats of work memory for pq_tables() */
static inline size_t
pq_tables_work_floats(const PqShape *shape)
{
	return PQ_ENTRIES * shape->m;
}

/*
 * Fill tables->bytes, which the caller has set, and step and bias.  The table
 * behind an odd m is all zeros.  Products beyond float32 give tables without
 * meaning, but no byte above the limit.
 */
extern void pq_tables(const PqShape *shape, const float *codebook,
					  const float *query, float scale, PqTables *tables,
					  float *work);

/*
 * The same for squared distances, of the query from all entries:
 *
 *		|q - x|^2  =  bias + step * sum over j of bytes[16 * j + code_j]
 *
 * The step is fine for rows that are near: an entry that by itself tells of a row
 * far away has the largest byte.
 */
extern void pq_distance_tables(const PqShape *shape, const float *codebook,
							   const float *query, PqTables *tables,
							   float *work);

/*
 * The bytes and the step of tables from products, [part][entry] and each less
 * the least one of its part, of which widest is the largest.
 */
extern void pq_round_tables(size_t m, const float *products, float widest,
							PqTables *tables);

/*
 * A block holds the codes of 32 vectors, transposed for the scan: group g of 32
 * bytes holds in byte i the code 2g of vector i (low nibble) and its code
 * 2g + 1 (high nibble).  The odd place behind an odd m holds 0.
 */
static inline size_t
pq_block_bytes(size_t m)
{
	return pq_padded_parts(m) / 2 * PQ_BLOCK;
}

/* Codes of one vector into or out of lane 0..31 of a block; m codes */
extern void pq_block_put(uint8_t *block, size_t m, size_t lane,
						 const uint8_t *codes);
extern void pq_block_get(const uint8_t *block, size_t m, size_t lane,
						 uint8_t *codes);

#endif
