/*
 * hnsw_merge.h
 *	  Nodes of a level that was linked in parts: links from both, pages.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_MERGE_H
#define VECTOR_EXT_HNSW_MERGE_H

#include "graph/graph.h"
#include "hnsw/hnsw_model.h"
#include "hnsw/hnsw_spool.h"
#include "hnsw/hnsw_team.h"

/*
 * What a part leaves of a row at home in it, for its node: the head, copy and
 * code.
 */
typedef struct HnswLeft
{
	HnswNode head; /* more: a number among slots of more, or HNSW_NONE */
	float further; /* float of the row, for inner products */
	uint8 bytes[FLEXIBLE_ARRAY_MEMBER]; /* copy, code */
} HnswLeft;

extern Size hnsw_left_bytes(const HnswModel *model);

/* In links: of a row with this place, so many links follow, to places */
typedef struct HnswLeftLinks
{
	uint32 place;
	uint32 n;
} HnswLeftLinks;

/* A part, when all have been linked */
typedef struct HnswPiece
{
	HnswSpool homes; /* rows */
	HnswSpool visitors;
	HnswSpool links; /* of rows at home, from here and where they visited */
	uint32 base;     /* number of its first row among all of the level */
	uint32 n;        /* rows at home */
	uint32 root;     /* which of them is on the level above, too */
	uint32 nlists;
} HnswPiece;

/* Files of a level, in the order of parts and of the rows at home */
typedef struct HnswLevelFiles
{
	HnswSpool nodes; /* HnswLeft without code */
	HnswSpool codes;
	HnswSpool lists; /* of each part: starts of lists, centroids */
	uint32 *numbers; /* by place */
} HnswLevelFiles;

/* So many rows of other parts are in memory at a time, where rows are now */
extern uint32 hnsw_merge_room(HnswTeam *team);

/*
 * Write the nodes of a level, which is the plan's lowest: names are first[lowest]
 * plus numbers, and blocks are there.  First codes are loaded.
 */
extern void hnsw_merge_begin(HnswTeam *team, HnswLevelFiles *files);
extern void hnsw_merge_part(HnswTeam *team, HnswLevelFiles *files,
							HnswPiece *part);
extern void hnsw_merge_end(HnswTeam *team);

/* HNSW_JOB_MERGE, HNSW_JOB_WRITE_PART */
extern void hnsw_merge_job(HnswTeam *team);
extern void hnsw_write_part_job(HnswTeam *team);

#endif
