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
	const AttributeRow *attributes; /* unused without attributes */
} IvfStoredRow;

typedef struct IvfWriter IvfWriter;

/*
 * Begin: the blocks of meta page (not where logged: it is there), centroids,
 * parameters and directory are taken, and meta is told where.  centroids
 * (nlists * model_dim floats, exact as centroid_elem) may be NULL: there are
 * none.  params: ivf_params_floats(), or NULL for those that are there.
 */
extern IvfWriter *ivf_writer_begin(Relation index, ForkNumber fork,
								   IvfMeta *meta, const float *centroids,
								   const float *params, bool logged);

/* Rows come list by list */
extern void ivf_writer_add(IvfWriter *writer, uint32 list,
						   const IvfStoredRow *row);

/* The first block behind what ivf_writer_begin has taken */
extern BlockNumber ivf_writer_head(const IvfWriter *writer);
/* A list that stays as it is: only its entry is written */
extern void ivf_writer_keep(IvfWriter *writer, uint32 list,
							const IvfListEntry *entry);

/* Write what is left, and the directory */
extern void ivf_writer_end(IvfWriter *writer);

/*
 * A writer of some lists beside others that write other lists: it notes them in
 * entries, an array of all lists that the caller brings.  Its pages fill runs of
 * blocks, one after the other; ivf_writer_end_run writes what is left, and may
 * leave no block.  ivf_list_npages: blocks of a list of so many rows.
 */
extern IvfWriter *ivf_writer_join(Relation index, const IvfMeta *meta,
								  IvfListEntry *entries);
extern void ivf_writer_begin_run(IvfWriter *writer, BlockNumber first);
extern void ivf_writer_end_run(IvfWriter *writer, BlockNumber end);
extern uint32 ivf_list_npages(const IvfLayout *layout, uint32 nrows);

/* All entries as such writers left them, for the directory */
extern void ivf_writer_set_entries(IvfWriter *writer,
								   const IvfListEntry *entries);
extern void ivf_entries_init(const IvfMeta *meta, IvfListEntry *entries,
							 uint32 n);

/* Put meta on its page; again when more is known */
extern void ivf_write_meta(Relation index, ForkNumber fork,
						   const IvfMeta *meta);

/* Put a row in a lane of a segment: all but its copy */
extern void ivf_lane_set(Page page, const IvfLayout *layout,
						 const IvfMeta *meta, uint32 lane,
						 const IvfStoredRow *row);

#endif
