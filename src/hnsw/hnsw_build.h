/*
 * hnsw_build.h
 *	  CREATE INDEX and REINDEX: an index from its table.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_BUILD_H
#define VECTOR_EXT_HNSW_BUILD_H

#include "hnsw/hnsw_team.h"

/*
 * HNSW_JOB_SCAN: rows of the table come into memory, until there is no room for
 * one; once the index is written, they are inserted.
 */
extern void hnsw_scan_job(HnswTeam *team);

#endif
