/*
 * ivf_rows.h
 *	  The rows of lists, for who replaces these.
 *
 * Pages are share-locked one at a time: rows may be added meanwhile, and are
 * found by reading again.  The caller's lock on the table keeps VACUUM out, and
 * others who replace lists, so that no row goes away.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_IVF_ROWS_H
#define VECTOR_EXT_IVF_ROWS_H

#include "ivf/ivf_model.h"

/* A row as its list keeps it; valid during the step */
typedef struct IvfListRow
{
	ItemPointerData tid;
	uint16 error;                   /* of the copy */
	const char *copy;               /* NULL: the index has none */
	const uint8 *code;              /* NULL: the index has none */
	float term;                     /* that goes with the code, see IvfTerms */
	const AttributeRow *attributes; /* unused where the index has none */
} IvfListRow;

typedef void (*IvfRowStep)(void *arg, IvfListRow *row);

typedef struct IvfRows IvfRows;

/*
 * A reader of the lists that cached describes, which need not live on.  Memory:
 * the current context; a bit for each row read once.
 */
extern IvfRows *ivf_rows_new(Relation index, const IvfModel *cached);

/* Call step for each row of a list */
extern void ivf_rows_read(IvfRows *rows, uint32 list, IvfRowStep step,
						  void *arg);

/* The same for rows that have not been read by this function before */
extern void ivf_rows_read_new(IvfRows *rows, uint32 list, IvfRowStep step,
							  void *arg);

#endif
