/*
 * scan_rest.h
 *	  Rows sorted by their exact keys, on disk if need be: what a scan takes where
 *	  going on by batches does not pay.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_SCAN_REST_H
#define VECTOR_EXT_SCAN_REST_H

#include "storage/itemptr.h"

typedef struct ScanRest ScanRest;

/* Memory in the current context, work_mem of it; ended by scan_rest_end() alone */
extern ScanRest *scan_rest_begin(void);

/* Before scan_rest_sort(): one more row */
extern void scan_rest_add(ScanRest *rest, double key, ItemPointer tid);
extern void scan_rest_sort(ScanRest *rest);

/* The next one, by key; false when there is none */
extern bool scan_rest_next(ScanRest *rest, ItemPointer tid);
extern void scan_rest_end(ScanRest *rest);

#endif
