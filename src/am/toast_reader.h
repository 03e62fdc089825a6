/*
 * toast_reader.h
 *	  Values out of line, many of one table, read where they are expected.
 *
 * Values lie in the order of their rows: the next one mostly begins where the
 * last one ended, or a little behind.  There it is looked for first, then where the
 * places of others lead, and through the index of the TOAST table only where it is
 * not there; that alone would take as long as to read a value of a few kilobytes.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_TOAST_READER_H
#define VECTOR_EXT_TOAST_READER_H

#include "utils/rel.h"

typedef struct ToastReader ToastReader;

/*
 * In the current context.  The rows whose values are asked for stay in place: a lock, or
 * a snapshot that sees them, keeps them.  No lock on a page is held between calls.
 */
extern ToastReader *toast_reader_new(Relation heap);

/*
 * The value itself where it lies out of line uncompressed in the table's TOAST
 * table, in the current context; every other one as it comes.
 */
extern Datum toast_reader_value(ToastReader *reader, Datum value);

/* It will be asked for: have the page read where it seems to begin */
extern void toast_reader_expect(ToastReader *reader, Datum value);

extern void toast_reader_end(ToastReader *reader);

#endif
