/*
 * kmeans.h
 *	  Clusters of float32 rows: Lloyd's k-means by matrix products.
 *
 * S. Lloyd, Least squares quantization in PCM, IEEE Trans. Information Theory
 * 28(2), 1982; first centres by D^2 sampling as in rows.h.  Minimises the sum
 * of squared distances between rows and their nearest centres.
 *
 * Callers have called distance_init() and, with success, blas_load().  Work
 * memory is the caller's, aligned to 8 bytes.  Products are made in tiles: no
 * array here has n x k elements.  Rows whose squares overflow float32 are
 * clustered badly, but nothing worse happens.
 *
 * Plain C: no PostgreSQL header, no allocation, no error report, no threads.
 */
#ifndef VECTOR_EXT_KMEANS_H
#define VECTOR_EXT_KMEANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "distance/blas.h"
#include "quant/rows.h"

/* A round that lowers the objective by less than this share is the last */
#define KMEANS_MIN_GAIN 0.001

/* From so many centres on, training goes in two levels */
#define KMEANS_TWO_LEVEL_K 4096

/* How many centres around that of its last round a row may move to in the next */
#define KMEANS_NEAR 48

/* Which centre is nearest to each row */
typedef struct KmeansAssignment
{
	RowSet rows;
	const float *centroids; /* k x rows.dim */
	size_t k;
	const float *prices; /* k, added to squared distances; NULL: none */

	/*
	 * NULL, or for each centre the numbers of KMEANS_NEAR that are near it, in
	 * ascending order.  Then nearest has a centre for each row, rows of the same
	 * one stand together, and those near that one are looked at.
	 */
	const uint32_t *near;
	uint32_t *nearest; /* result: n numbers of centres, ties to the lowest */
	float *sqdists;    /* result: n squared distances; NULL: not wanted */
	double cost;       /* result: the sum of those */
	void *work;
	BlasPoll poll;
	void *poll_arg;
} KmeansAssignment;

/*
 * What finds nearest centres: kmeans_assign(), or who promises the same and
 * shares the work.  Parts of whole tiles of kmeans_tile_rows() have the results
 * of the whole; so has the cost, where those of single tiles are added in order.
 */
typedef bool (*KmeansAssign)(KmeansAssignment *assignment, void *arg);

typedef struct KmeansTask
{
	RowSet rows;
	size_t k; /* centres wanted, at least 1 */

	/*
	 * Rows have unit length, and so shall centres: the mean of a cluster is
	 * scaled (spherical k-means; Dhillon and Modha, Machine Learning 42,
	 * 2001).  The nearest centre is then that of the largest inner product.
	 */
	bool spherical;

	int iterations; /* rounds at most; 0 leaves the first centres, all rows */
	uint64_t seed;  /* one seed, one result (on one machine) */
	BlasPoll poll;  /* or NULL; called some 5 to 10 ms apart */
	void *poll_arg;
	KmeansAssign assign; /* or NULL: kmeans_assign() */
	void *assign_arg;
} KmeansTask;

/* Bytes of work memory, about 16 n + 4 k and the tiles; SIZE_MAX: too many */
extern size_t kmeans_work_size(const KmeansTask *task);

/*
 * Train: centroids[0..k-1] of dim floats each.
 *
 * Returns how many of them are distinct centres, the rest repeats these: k
 * where there are more than k distinct rows, else the distinct rows themselves
 * (-0 and 0 are the same, and so may be rows less than 1e-22 apart).  Returns 0
 * when poll stopped it.
 *
 * Below KMEANS_TWO_LEVEL_K one round costs n * k * dim multiplications, where
 * the last five or six rounds alone are over all rows; those before are over a
 * sample, 16 rows for each centre.  That raises the objective by less than a percent.
 * From its second round on over the same rows, each is compared with the centres
 * near its last one alone (Wang et al., Fast approximate k-means via cluster
 * closures, CVPR 2012): n * KMEANS_NEAR * dim.
 * From there on rows are clustered around sqrt(k) centres first, then those of
 * each such cluster by themselves, around a number of centres in proportion to
 * their number (Webster's method, at most the distinct rows): n * sqrt(k) * dim
 * a round for each level, and k * k * dim once or twice.  The objective is 4 to
 * 15 % above that of one level.
 *
 * A cluster that runs empty takes over half of the largest one: its centre and
 * the new one move apart on the line through the farthest row of that cluster.
 * In the end each centre is the nearest one of some row, as far as the rounding
 * of kmeans_assign() lets it be.
 */
extern size_t kmeans_train(const KmeansTask *task, float *centroids,
						   void *work);

/*
 * Bytes of work memory for kmeans_assign() on up to so many rows, at most some
 * 10 MB (up to 64,000 dimensions) whatever k and n are.  SIZE_MAX: too many.
 */
extern size_t kmeans_assign_work_size(size_t k, size_t dim, size_t max_rows);

/* Rows of a tile */
extern size_t kmeans_tile_rows(size_t dim);

/*
 * For many rows at a time: it first reads all centres.  Distances are those of
 * |a|^2 + |b|^2 - 2<a,b>, with the origin moved to the mean of the centres:
 * off by about 2^-22 * (|a|^2 + |b|^2) as seen from there.  Centres of unit
 * length are ordered by inner product.  False when poll stopped it.
 */
extern bool kmeans_assign(KmeansAssignment *assignment);

#endif
