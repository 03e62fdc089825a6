/*
 * hnsw_calibrate.h
 *	  How many nodes a search has to keep, found out by searching.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_CALIBRATE_H
#define VECTOR_EXT_HNSW_CALIBRATE_H

#include "hnsw/hnsw_stop.h"
#include "hnsw/hnsw_team.h"

/*
 * Search an index that was just written for some of its rows, and compare with
 * what comparing all rows in memory finds: the calibrations of the plan's meta
 * become the fewest nodes with which recall@k is a margin above .95.
 */
extern void hnsw_calibrate(HnswTeam *team);

/* Rows that are searched for */
#define HNSW_CALIBRATION_QUERIES 128

/* What orders rows by their distance from another: |y|^2 - 2 <x, y>, or -<x, y> */
extern double hnsw_order_key(const HnswMeta *meta, double product,
							 double sqnorm);

/* How far two ways to compute a key of a row may be apart; sqnorm: its own */
extern double hnsw_order_slack(double key, double sqnorm);

/*
 * What is searched for, where values are kept, by one of them, and another that is
 * not like it; memory in the current context.
 */
extern const void *hnsw_query_value(const HnswMeta *meta, const void *value,
									const void *other);

/* What orders values by their distance from it */
extern double hnsw_value_key(const HnswMeta *meta, const void *query,
							 const void *value);

/* How queries of calibration are searched for */
typedef struct HnswTrial
{
	int at;        /* the calibration whose k nearest are wanted */
	uint32 ef;     /* nodes that are kept, */
	float margin;  /* until it stops early; 0: never */
	bool visits;   /* neighbours are visited, not estimated */
	double looked; /* result: nodes looked at, on average */
} HnswTrial;

/*
 * Its recall.  Each query is an element that is searched for as if it was not there:
 * its links would tell where its neighbours are, as nothing does for a query.
 */
typedef double (*HnswRecall)(void *arg, HnswTrial *trial);

/* When a search of such a trial stops */
extern HnswStop hnsw_trial_stop(uint32 k, float margin);

/* Calibrations and stretch of meta, by what recall says, of so many elements */
extern void hnsw_find_efforts(HnswMeta *meta, uint32 nelements,
							  HnswRecall recall, void *arg);

/* HNSW_JOB_LIMITS, HNSW_JOB_RECALL */
extern void hnsw_limits_job(HnswTeam *team);
extern void hnsw_recall_job(HnswTeam *team);

#endif
