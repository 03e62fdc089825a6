/*
 * foreign.h
 *	  Index files that pgvector has written.
 *
 * Where its library was replaced by ours, or a data directory came from such a
 * server, tables are read as they are, and indexes of the access methods that
 * both have are files in another format.  They are told by the magic number of
 * their meta page.  Nobody scans them (am/cost.h), INSERT is refused, VACUUM
 * leaves them as they are; whatever builds them anew mends them.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_FOREIGN_H
#define VECTOR_EXT_FOREIGN_H

#include "utils/relcache.h"

#include "core/compat.h"

/* The index of an access method of ours: is its file one of pgvector's? */
extern bool foreign_index(Relation index);

/* The same, said once a session and index by a WARNING [55000] */
extern bool foreign_index_warned(Relation index);

/* For who has read the magic number already: error [55000] */
pg_noreturn extern void foreign_refuse(Relation index);

/* The command that builds an index anew, palloc'd */
extern char *foreign_command(Relation index);

#endif
