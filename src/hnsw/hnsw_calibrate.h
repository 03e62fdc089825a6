/*
 * hnsw_calibrate.h
 *	  How many nodes a search has to keep, found out by searching.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_CALIBRATE_H
#define VECTOR_EXT_HNSW_CALIBRATE_H

#include "hnsw/hnsw_team.h"

/*
 * Search an index that was just written for some of its rows, and compare with
 * what comparing all rows in memory finds: the calibrations of the plan's meta
 * become the fewest nodes with which recall@k is a margin above .95.
 */
extern void hnsw_calibrate(HnswTeam *team);

/* HNSW_JOB_LIMITS, HNSW_JOB_RECALL */
extern void hnsw_limits_job(HnswTeam *team);
extern void hnsw_recall_job(HnswTeam *team);

#endif
