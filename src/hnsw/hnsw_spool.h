/*
 * hnsw_spool.h
 *	  Rows of a build, and what becomes of them, in temporary files.
 *
 * A file is written from its begin to its end, then read as often as need be.
 * It counts towards temp_file_limit, and ends with its transaction at the latest.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_SPOOL_H
#define VECTOR_EXT_HNSW_SPOOL_H

#include "storage/buffile.h"

typedef struct HnswSpool
{
	BufFile *file; /* NULL: nothing was written */
	uint32 n;      /* records, as the writer counts them */
} HnswSpool;

/* Append; errors of files */
extern void hnsw_spool_write(HnswSpool *spool, const void *data, Size bytes);

/* Read from the begin, or from a byte, on: what was written; errors of files */
extern void hnsw_spool_rewind(HnswSpool *spool);
extern void hnsw_spool_seek(HnswSpool *spool, uint64 offset);
extern void hnsw_spool_read(HnswSpool *spool, void *data, Size bytes);

/* Empty again, and its file is gone */
extern void hnsw_spool_end(HnswSpool *spool);

#endif
