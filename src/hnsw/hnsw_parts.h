/*
 * hnsw_parts.h
 *	  A build of more rows than memory has room for: in parts, by way of files.
 *
 *		rows          in the order of the scan, all of them
 *		  |           hnsw_divide.h: which parts each belongs to
 *		  v
 *		parts         at home in one, visiting another; in memory one by one
 *		  |           linked by graph/, as if there were no others
 *		  v
 *		links, nodes  of the rows at home in each part
 *		  |           hnsw_merge.h: what a row has from both of its parts
 *		  v
 *		pages
 *
 * The same for each level above, until what is left fits into memory.  What
 * stays in memory of every row: its number, and in the end its code.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_PARTS_H
#define VECTOR_EXT_HNSW_PARTS_H

#include "hnsw/hnsw_rows.h"
#include "hnsw/hnsw_spool.h"

/* A row in a file; stride floats follow */
typedef struct HnswSpooled
{
	uint32 hash;
	uint32
		place; /* among all rows of the level, in no order that means a thing */
	HnswId ground; /* above the ground: its node there, */
	HnswId below;  /* and on the level below */
	ItemPointerData tid;
	uint16 level; /* above the ground: the highest that it is on */
	uint16 home;  /* the part */
} HnswSpooled;

/*
 * The most rows of which a build in parts keeps within bytes; codes as in meta.
 * 0: parts are of no use.
 */
extern uint32 hnsw_parts_most(const HnswPlan *plan, Size bytes);

/* All rows that are in memory go to a file, and their places are free again */
extern void hnsw_parts_spill(HnswTeam *team);

/* All have come: a fair sample of them, in the order of TIDs; sets the scale */
extern HnswRows hnsw_parts_sample(HnswTeam *team);

/*
 * Write the index of all rows but its calibrations, of which the sample is still
 * in memory; floats as of hnsw_write().
 */
extern void hnsw_parts_write(HnswTeam *team, const float *floats);

/* HNSW_JOB_LEAVE */
extern void hnsw_leave_job(HnswTeam *team);

#endif
