/*
 * ivf_build.h
 *	  CREATE INDEX: the rows of a table on their way to a builder.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_IVF_BUILD_H
#define VECTOR_EXT_IVF_BUILD_H

#include "access/relscan.h"
#include "nodes/execnodes.h"

#include "ivf/ivf_builder.h"

/*
 * All rows that the index shall hold go to the builder.  scan: this process'
 * part of a parallel scan, which is ended; NULL: all of it.  Returns the live
 * rows it saw, those that are not indexed included.
 */
extern double ivf_build_scan(Relation heap, Relation index, IndexInfo *info,
							 TableScanDesc scan, IvfBuilder *builder);

#endif
