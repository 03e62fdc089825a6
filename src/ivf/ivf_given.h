/*
 * ivf_given.h
 *	  A model from outside, in tables that storage parameters name.
 *
 *		centroids_table (list int, centroid vector)		list = 0 .. n - 1
 *		codebook_table (part int, code int, entry vector)
 *				part = 0 .. m - 1, code = 0 .. 15, or 255 of 8 bits; the entries
 *				of part j have dimensions pq_first_dim(j) .. pq_first_dim(j + 1) - 1
 *		transform_table (dimension int, entry vector)
 *				row i of a matrix of orthonormal rows, i = 0 .. out - 1
 *
 * The matrix is applied to the whole row, at unit length for cosine; centroids
 * are compared with the result, by Euclidean distance under each metric; the
 * codebook is of what is left.  So Faiss has it (OPQMatrix, IndexFlatL2,
 * IndexIVFPQ by residual).
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_IVF_GIVEN_H
#define VECTOR_EXT_IVF_GIVEN_H

#include "ivf/ivf_page.h"

/* Each part, or NULL where it is learned here */
typedef struct IvfGiven
{
	float *transform; /* as transform_apply has it */
	float *centroids; /* nlists x model_dim */
	float *codebook;  /* as the codec has it */
	uint32 nlists;    /* of centroids, else 0 */
	int model_dim;    /* rows of transform, else dim */
	int m;            /* parts of codebook, else 0 */
} IvfGiven;

/*
 * Read the tables with the privileges of the indexed table's owner; memory in
 * the current context, half of maintenance_work_mem at most.  Nothing is read
 * while pg_upgrade restores the schema: tables are still empty then.  Errors: no
 * such table [42P01] or column [42703], of other types [42804], not what a model
 * is [22023], beyond a limit [54000], no privilege [42501].
 */
extern IvfGiven ivf_given_read(Relation index, const IvfMeta *meta);

/* Is there nothing to be learned of an index with this meta page? */
extern bool ivf_given_complete(const IvfGiven *given, const IvfMeta *meta);

/* To the units of meta's model space; error [22023] for what is beyond it */
extern void ivf_given_scale(IvfGiven *given, const IvfMeta *meta);

/* Does a storage parameter name a table? */
extern bool ivf_given_named(Relation index);

#endif
