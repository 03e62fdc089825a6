/*
 * ivf_builder.h
 *	  From rows to an index: sample, train, assign, sort, write, calibrate.
 *
 * Where the rows come from is the caller's business: the heap (ivf_build.c) or
 * an index that is built anew from itself (ivf_rebuild.c).  All rows pass by
 * twice, first for the sample.
 *
 *		builder = ivf_builder_new(...)
 *		for each row	ivf_builder_offer(), ivf_builder_sample() where it says so
 *		ivf_builder_train()
 *		for each row	ivf_builder_add() or ivf_builder_add_copy()
 *		ivf_builder_write()
 *
 * Memory: maintenance_work_mem, half of it for the sample, all of it for the
 * sort that follows.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_IVF_BUILDER_H
#define VECTOR_EXT_IVF_BUILDER_H

#include "executor/tuptable.h"
#include "utils/tuplesort.h"

#include "ivf/ivf_calibrate.h"
#include "ivf/ivf_encode.h"
#include "ivf/ivf_options.h"
#include "ivf/ivf_write.h"

/* Fewer rows are compared one by one: there is nothing to learn from them */
#define IVF_MIN_TRAINED_ROWS 1000

typedef struct IvfBuilder IvfBuilder;

/*
 * meta: of an index without lists, its column described; the builder completes
 * its own copy of it.  expected: rows, about; memory in the current context.
 */
extern IvfBuilder *ivf_builder_new(Relation index, const IvfMeta *meta,
								   double expected);

/*
 * Before the first row: so many workers will help to train, from now on until
 * ivf_builder_train() is done.  Nothing happens where it is not worth it.
 */
extern void ivf_builder_call_team(IvfBuilder *builder, int nworkers);

/* Rows that the sample has room for */
extern uint32 ivf_builder_sample_room(const IvfBuilder *builder);

/*
 * Shall this row be part of the sample?  Then ivf_builder_sample() is to follow,
 * at once or later, with its elements (am/value.h), unless another row has been
 * given the same place.
 */
extern bool ivf_builder_offer(IvfBuilder *builder, uint32 *place);
extern void ivf_builder_sample(IvfBuilder *builder, uint32 place,
							   const void *elems);

/*
 * The sample is complete; it is of one row in fraction's reciprocal.  min_rows:
 * with fewer in the sample there will be one list, without codes.
 */
extern void ivf_builder_train(IvfBuilder *builder, double fraction,
							  uint32 min_rows);

/* Rows in the sample, and the lists that are asked for or automatic */
extern uint32 ivf_builder_nsample(const IvfBuilder *builder);
extern uint32 ivf_builder_lists(const IvfBuilder *builder, double fraction);

/*
 * A row's elements; false where it has no place in the index.  Nothing of it is kept.
 * attributes, here and below: unused where the index has none.
 */
extern bool ivf_builder_add(IvfBuilder *builder, ItemPointer tid,
							const void *elems, const AttributeRow *attributes);

/* A row by a copy like those of the new index, and that copy's error */
extern void ivf_builder_add_copy(IvfBuilder *builder, ItemPointer tid,
								 const void *copy, uint16 error,
								 const AttributeRow *attributes);

/*
 * Write everything.  logged: each page by itself, beside pages in use; else the
 * caller logs all (wal_log_built).  Returns what is to stand on the meta page,
 * which is written only where not logged.
 */
extern const IvfMeta *ivf_builder_write(IvfBuilder *builder, bool logged);

/* Bytes of all rows, about, on their way through the sort */
extern double ivf_builder_bytes(const IvfBuilder *builder, double fraction);

/* The model; its meta page as far as it is known */
extern const IvfMeta *ivf_builder_meta(const IvfBuilder *builder);
/*
 * Rows for some lists of a model that is there, without training: model and
 * centroids (of all its lists) are the caller's, and live on.
 *
 *		builder = ivf_builder_resume(...)
 *		for each group of rows	ivf_builder_choose(), the lists they are for
 *		  for each row			ivf_builder_add_copy() or, without copies,
 *								ivf_builder_add_decoded()
 *		writer = ivf_builder_write_beside()
 *
 * The caller ends the writer; model->meta then knows where things are.  A decoded
 * row is in model space; scaled: any dim floats as long as the scaled row.
 */
extern IvfBuilder *ivf_builder_resume(Relation index, IvfModel *model,
									  float *centroids);
extern void ivf_builder_choose(IvfBuilder *builder, uint32 n,
							   const uint32 *lists, const float *centroids);
extern void ivf_builder_add_decoded(IvfBuilder *builder, ItemPointer tid,
									const float *scaled, const float *row,
									const AttributeRow *attributes);
extern struct IvfWriter *ivf_builder_write_beside(IvfBuilder *builder);

/* The model that was written */
extern const IvfModel *ivf_builder_model(const IvfBuilder *builder);

extern double ivf_builder_nrows(const IvfBuilder *builder);

/*
 * The parts of a build that several processes share (ivf_parallel.c): each has
 * a builder of its own.  What the leader's trained one knows, as bytes; a
 * builder of who joins, by these bytes, which stay where they are.  Only where
 * there is more than one list.
 */
extern Size ivf_builder_share_size(const IvfBuilder *builder);
extern void ivf_builder_share(IvfBuilder *builder, void *bytes);
extern IvfBuilder *ivf_builder_join(Relation index, void *bytes);

/* Rows go to keep() instead of the sort: ivf_builder_row_size() bytes each */
typedef void (*IvfKeepRow)(void *arg, uint32 list, const void *row);
extern Size ivf_builder_row_size(const IvfBuilder *builder);
extern void ivf_builder_keep(IvfBuilder *builder, IvfKeepRow keep, void *arg);

/* No more rows follow: those at hand go their way */
extern void ivf_builder_flush(IvfBuilder *builder);

extern IvfCalibrator *ivf_builder_calibrator(const IvfBuilder *builder);

/* A sort for such rows, in so many kB; then, performed, to a writer */
extern Tuplesortstate *ivf_builder_begin_sort(const IvfBuilder *builder,
											  int memory);
extern TupleTableSlot *ivf_builder_sort_slot(const IvfBuilder *builder);
extern void ivf_builder_write_rows(const IvfBuilder *builder,
								   Tuplesortstate *sort, IvfWriter *writer);

/* As the sort takes it; until the next row */
extern TupleTableSlot *ivf_builder_slot(IvfBuilder *builder, uint32 list,
										const void *row);

/* A row that is in its place already */
extern void ivf_builder_write_row(const IvfBuilder *builder, uint32 list,
								  const void *row, IvfWriter *writer);

/*
 * ivf_builder_write() in two steps, the lists themselves in between.  The leader
 * takes over the rows that others have added.
 */
extern void ivf_builder_take_over(IvfBuilder *builder, double nrows);
extern void ivf_builder_begin_lists(IvfBuilder *builder, bool logged);
extern IvfWriter *ivf_builder_writer(const IvfBuilder *builder);
extern void ivf_builder_report_written(const IvfBuilder *builder, int64 nrows);
extern const IvfMeta *ivf_builder_end_lists(IvfBuilder *builder);

#endif
