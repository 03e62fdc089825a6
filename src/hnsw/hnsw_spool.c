/*
 * hnsw_spool.c
 *	  Rows of a build, and what becomes of them, in temporary files.
 */
#include "postgres.h"

#include "hnsw/hnsw_spool.h"

void
hnsw_spool_write(HnswSpool *spool, const void *data, Size bytes)
{
	if (spool->file == NULL)
		spool->file = BufFileCreateTemp(false);
	/* 15 does not say that it leaves them alone */
	BufFileWrite(spool->file, (void *) data, bytes);
}

void
hnsw_spool_seek(HnswSpool *spool, uint64 offset)
{
	if (spool->file != NULL &&
		BufFileSeek(spool->file, 0, (off_t) offset, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not seek in a temporary file")));
}

void
hnsw_spool_rewind(HnswSpool *spool)
{
	hnsw_spool_seek(spool, 0);
}

void
hnsw_spool_read(HnswSpool *spool, void *data, Size bytes)
{
	if (spool->file == NULL || BufFileRead(spool->file, data, bytes) != bytes)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read from a temporary file: it is too "
						"short")));
}

void
hnsw_spool_end(HnswSpool *spool)
{
	if (spool->file != NULL)
		BufFileClose(spool->file);
	*spool = (HnswSpool){.file = NULL};
}
