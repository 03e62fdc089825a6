/*
 * hnsw_stop.h
 *	  When a search has found what it is for.
 *
 * A node that has not been looked at is known by its estimate alone.  How far off
 * estimates of this query are is seen at nodes that have been looked at: their keys
 * are estimates plus an error of some mean and deviation.  The nearest node that is
 * left is not among the k nearest rows, but by chance, if its estimate, with that
 * mean, is beyond the k-th key by margin deviations less.  Then the search ends: soon
 * where the query's neighbours are near, later where much is about as far as they.
 *
 * Where estimates have another unit than keys (of images, under L1) the line through
 * both is fitted, else its slope is one.
 *
 * (Adaptive ends of beam searches: Al-Jazzazi et al., 2025, "distance adaptive beam
 * search", by a factor of the k-th distance; Teofili and Lin, ECIR 2025, by patience.
 * Both transfer less from rows to queries of another kind, see README.md.)
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_STOP_H
#define VECTOR_EXT_HNSW_STOP_H

#include "utils/palloc.h"

/* When to stop; set by who wants it */
typedef struct HnswStop
{
	uint32 k;      /* rows wanted; 0: look at all nodes that are kept */
	float margin;  /* deviations */
	uint32 likely; /* nodes that will be looked at, about; no promise */
	uint64 least;  /* do not stop before so many */
} HnswStop;

/* What a search knows of it; keys in the unit of estimates unless fitted */
typedef struct HnswProgress
{
	HnswStop stop;
	bool fitted;
	MemoryContext context;

	double
		*nearest; /* the keys of the k nearest rows: a heap, farthest first */
	uint32 nnearest;
	uint32 room;

	uint64 nodes; /* looked at, whose estimates are known */
	double key;   /* sums over these */
	double estimate;
	double key_key;
	double estimate_estimate;
	double key_estimate;

	/* estimates beyond which nothing is looked at, or worth to be kept */
	float reach;
	float horizon;
	bool spoke; /* something may have been left out */
} HnswProgress;

/* context: of the heap, which grows with k.  Later calls use the memory again. */
extern void hnsw_progress_begin(HnswProgress *progress, const HnswStop *stop,
								bool fitted, MemoryContext context);

/* A row was found, at this key */
extern void hnsw_progress_row(HnswProgress *progress, double key);

/* A node was looked at: its estimate, NaN where there was none, and its key */
extern void hnsw_progress_node(HnswProgress *progress, float estimate,
							   double key);

#endif
