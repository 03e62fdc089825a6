/*
 * hnsw_masked.h
 *	  A search among the rows of a set, or with certain attributes: by row pages, not
 *	  by links.
 *
 * All lanes are passed, and their attributes looked at; codes of those that are in the
 * set are compared with the query, and the elements of the nearest by them looked at.  That costs little for
 * each row of the table, and finds what is near among those of a set however few
 * they are, or far from the query; links find rows of a set only on the way to
 * what is nearest of all.
 *
 * Locks: one page at a time, shared.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_MASKED_H
#define VECTOR_EXT_HNSW_MASKED_H

#include "hnsw/hnsw_search.h"

typedef struct HnswMaskedResult
{
	uint64 tested; /* rows, by their attributes */
	uint64 rows;   /* of the set, with such attributes */
	uint64 pages;  /* of rows, that had any */
	uint32 n;      /* rows that were looked at */
	bool enough;   /* these seem to have the nearest k */
} HnswMaskedResult;

/*
 * Hits of search: rows of search->tids, with search->attributes, of which the nearest k
 * are wanted.  At least
 * so many, and at most so many, are looked at in the order of their codes' distances,
 * until the rest seems to be farther than the k'th.  Where these are all rows of the
 * set search is complete.  Without codes all are looked at, or none where that is more
 * than most.
 */
extern HnswMaskedResult hnsw_search_masked(HnswSearch *search, uint32 k,
										   uint32 least, uint32 most);

/*
 * Add the n rows with the least estimates of all, whatever tids and attributes, to a
 * set; without codes any n.
 */
extern HnswMaskedResult hnsw_search_nearest(HnswSearch *search, uint32 n,
											TIDBitmap *rows);

/* What a look at a few row pages tells of search->attributes */
typedef struct HnswRowSample
{
	uint64
		tested; /* rows; 0: pages are few, or not where they are looked for */
	uint64 met;
} HnswRowSample;

/* nrows: of the index, about */
extern HnswRowSample hnsw_sample_rows(const HnswSearch *search, double nrows);

#endif
