/*
 * ivf_codes.h
 *	  The codes of all rows, for those who compare them with others.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_IVF_CODES_H
#define VECTOR_EXT_IVF_CODES_H

#include "ivf/ivf_model.h"

/* A row: its code by itself, see Codec */
typedef void (*IvfCodeStep)(void *arg, uint32 list, ItemPointer tid,
							const uint8 *code);

/*
 * Call step for each row of an index with a codec, dead ones that VACUUM has not
 * removed included.  No page is locked meanwhile.  model is the caller's own
 * copy, without hints.  Errors: lists were replaced under way [40001], corruption
 * [XX002].
 */
extern void ivf_codes_read(Relation index, const IvfModel *model,
						   IvfCodeStep step, void *arg);

#endif
