/*
 * hnsw_recalibrate.h
 *	  How many nodes a search has to keep, of an index that is in use.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_RECALIBRATE_H
#define VECTOR_EXT_HNSW_RECALIBRATE_H

#include "storage/bufmgr.h"

#include "hnsw/hnsw_model.h"

/* Elements of the index: their names, and images, dim floats each */
typedef struct HnswSample
{
	uint32 n;
	uint32 room;
	HnswId *ids;
	float *rows;
} HnswSample;

/*
 * Search for some of the sample, and compare with what comparing them with the
 * records of all elements finds: as hnsw_calibrate() does when an index is built.
 * Sets the calibrations of meta, which is that of the index; elements: so many
 * there are, more than the sample's queries.
 *
 * Reads all blocks once, then searches.  Elements that come meanwhile count as
 * found where they are near enough.  OpenBLAS is loaded.  Memory in the current
 * context, a few MB at most.
 */
extern void hnsw_recalibrate(Relation index, BufferAccessStrategy strategy,
							 const HnswSample *sample, uint32 elements,
							 HnswMeta *meta);

#endif
