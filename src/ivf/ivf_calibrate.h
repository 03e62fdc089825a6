/*
 * ivf_calibrate.h
 *	  How far a search must go: measured on the rows themselves.
 *
 * Some rows of the sample serve as queries.  While all rows pass by on their
 * way to the lists, the exact nearest ones of each query are kept.  When the
 * index is written, the same search that users will run shows how many lists
 * and how many estimates hold them.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_IVF_CALIBRATE_H
#define VECTOR_EXT_IVF_CALIBRATE_H

#include "ivf/ivf_model.h"
#include "ivf/ivf_train.h"

typedef struct IvfCalibrator IvfCalibrator;

/* Takes queries from a sample of scaled rows, in random order, of about nrows */
extern IvfCalibrator *ivf_calibrator_new(const IvfMeta *meta,
										 const IvfSample *sample, double nrows);

/* Scaled rows, with their TIDs and lists */
extern void ivf_calibrator_add(IvfCalibrator *calibrator, const float *rows,
							   uint32 n, const ItemPointerData *tids,
							   const uint32 *lists);

/*
 * In a parallel build each participant keeps the nearest of the rows that it
 * sees.  The leader's queries; a calibrator by them, which stay the caller's;
 * what it found as bytes, of one size for all; that of another one taken in.
 */
extern const float *ivf_calibrator_queries(const IvfCalibrator *calibrator,
										   uint32 *n);
extern IvfCalibrator *ivf_calibrator_join(const IvfMeta *meta,
										  const float *queries, uint32 n);
extern Size ivf_calibrator_found_size(const IvfCalibrator *calibrator);
extern void ivf_calibrator_store(const IvfCalibrator *calibrator, void *found);
extern void ivf_calibrator_merge(IvfCalibrator *calibrator, const void *found);

/* The index is written: fill meta->calibrations */
extern void ivf_calibrator_run(IvfCalibrator *calibrator, Relation index,
							   const IvfModel *model, const float *centroids,
							   IvfMeta *meta);

#endif
