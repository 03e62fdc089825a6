/*
 * stats.h
 *	  Medians and percentiles.
 */
#ifndef STATS_H
#define STATS_H

#include <stddef.h>

/* Sorts values; fraction 0.5 is the median, 0.99 the 99th percentile */
extern double percentile(double *values, size_t n, double fraction);

#endif
