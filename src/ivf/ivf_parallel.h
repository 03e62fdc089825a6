/*
 * ivf_parallel.h
 *	  CREATE INDEX by several processes.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_IVF_PARALLEL_H
#define VECTOR_EXT_IVF_PARALLEL_H

#include "nodes/execnodes.h"

#include "ivf/ivf_builder.h"

/*
 * Build the index from all rows of the table, with workers beside this process;
 * the builder is trained.  Everything is written and logged.  bytes: of all rows
 * as they are sorted, about.  heap_tuples: live rows of the table.  False, and nothing happened, where there are no workers to
 * be had, or there is nothing to share.
 */
extern bool ivf_parallel_build(Relation heap, Relation index, IndexInfo *info,
							   IvfBuilder *builder, double bytes,
							   double *heap_tuples);

#endif
