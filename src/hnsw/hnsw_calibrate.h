/*
 * hnsw_calibrate.h
 *	  How many nodes a search has to keep, found out by searching.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_CALIBRATE_H
#define VECTOR_EXT_HNSW_CALIBRATE_H

#include "hnsw/hnsw_model.h"
#include "hnsw/hnsw_rows.h"

/*
 * Search an index that was just written for some of its rows, and compare with
 * what comparing all rows in memory finds: the calibrations of meta become the
 * fewest nodes with which recall@k is a margin above .95.  ground: the name of
 * the first element's node, the others follow.
 */
extern void hnsw_calibrate(Relation index, HnswMeta *meta, const HnswRows *rows,
						   HnswId ground);

#endif
