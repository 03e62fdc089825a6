/*
 * ivf_write.h
 *	  Writes the pages of an index that is being built.
 *
 * An index that is built has no WAL record for each: all blocks are logged at
 * the end (wal_log_built).  Lists that are built anew in an index that others
 * use are logged page by page, and stand beside the old ones until the meta page
 * names them.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_IVF_WRITE_H
#define VECTOR_EXT_IVF_WRITE_H

#include "ivf/ivf_encode.h"

/* What a list keeps of a row */
typedef struct IvfStoredRow
{
	ItemPointerData tid;
	uint16 error;
	IvfTerms terms;
	const uint8 *code; /* ivf_code_bytes() */
	const void *copy;
} IvfStoredRow;

typedef struct IvfWriter IvfWriter;

/*
 * Begin: the blocks of meta page (not where logged: it is there), centroids,
 * parameters and directory are taken, and meta is told where.  centroids
 * (nlists * model_dim floats, exact as centroid_elem) may be NULL: there are
 * none.  params: ivf_params_floats().
 */
extern IvfWriter *ivf_writer_begin(Relation index, ForkNumber fork,
								   IvfMeta *meta, const float *centroids,
								   const float *params, bool logged);

/* Rows come list by list, lists in ascending order */
extern void ivf_writer_add(IvfWriter *writer, uint32 list,
						   const IvfStoredRow *row);

/* Write what is left, and the directory */
extern void ivf_writer_end(IvfWriter *writer);

/* Put meta on its page; again when more is known */
extern void ivf_write_meta(Relation index, ForkNumber fork,
						   const IvfMeta *meta);

/* Put a row in a lane of a segment: all but its copy */
extern void ivf_lane_set(Page page, const IvfLayout *layout,
						 const IvfMeta *meta, uint32 lane,
						 const IvfStoredRow *row);

#endif
