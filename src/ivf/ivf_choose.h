/*
 * ivf_choose.h
 *	  What an index is to be: codec, transform, lists, as its storage parameters
 *	  have it, or chosen by what was measured.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_IVF_CHOOSE_H
#define VECTOR_EXT_IVF_CHOOSE_H

#include "ivf/ivf_given.h"
#include "ivf/ivf_model.h"

/*
 * Fill in how a trained index of meta's column keeps rows, with what is given of
 * its model: codec, m, transform, model_dim, centroid_elem, copies.  Errors: storage parameters that do not go together
 * [22023], more than fits a page or can be trained [54000].
 */
extern void ivf_choose_codec(Relation index, const IvfGiven *given,
							 IvfMeta *meta);

/* Lists of so many rows: those given or asked for, else automatic */
extern uint32 ivf_choose_lists(Relation index, const IvfGiven *given,
							   double nrows);

/* Rows to be sampled for so many lists of a trained meta: half of maintenance_work_mem at most */
extern uint32 ivf_choose_sample(const IvfMeta *meta, uint32 lists);

#endif
