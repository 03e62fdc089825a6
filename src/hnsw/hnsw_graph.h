/*
 * hnsw_graph.h
 *	  The graph of an index that is being built: its levels and their links.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_GRAPH_H
#define VECTOR_EXT_HNSW_GRAPH_H

#include "hnsw/hnsw_rows.h"

/*
 * Of the pruning rule (graph_prune.h), at build and insertion.  Measured at equal
 * numbers of nodes looked at: 1.2 finds more than 1 where queries are unlike
 * rows, and is as good elsewhere.
 */
#define HNSW_ALPHA 1.2f

typedef struct HnswLevel
{
	uint32 n;
	uint32 *members;    /* elements, ascending; NULL: all of them */
	uint32 *neighbours; /* degree of each: places among members, GRAPH_NONE */
} HnswLevel;

typedef struct HnswGraph
{
	uint32 nlevels; /* 0: there are no elements */
	HnswLevel levels[HNSW_MAX_LEVEL + 1];
} HnswGraph;

/* The graph of a team, as far as it is built */
extern HnswGraph hnsw_graph_of(HnswTeam *team);

/* Cluster the rows, if there are any, and arrange them by cluster */
extern void hnsw_graph_arrange(HnswTeam *team);

/*
 * Link rows that are arranged, level by level, by projections where there are any,
 * which are then gone.  The entry is the first member of the highest level.
 */
extern void hnsw_graph_link(HnswTeam *team);

/*
 * The same for a part of a level (the plan's nwhole), which is not connected: its
 * lists, centroids and neighbours stay.
 */
extern void hnsw_graph_link_part(HnswTeam *team);

/*
 * Up to nlists centres of rows, found by rows at equal distances from each
 * other; how many they are
 */
extern uint32 hnsw_graph_centres(const HnswRows *rows, uint32 nlists,
								 float *centroids);

/* HNSW_JOB_ASSIGN, HNSW_JOB_FORWARD, HNSW_JOB_FINISH */
extern void hnsw_assign_job(HnswTeam *team);
extern void hnsw_forward_job(HnswTeam *team);
extern void hnsw_finish_job(HnswTeam *team);

#endif
