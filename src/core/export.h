/*
 * export.h
 *	  The one way to define a function that SQL can call.
 *
 * The library is built with -fvisibility=hidden: PostgreSQL loads modules
 * with RTLD_GLOBAL, so any other exported name could be bound to, or bound by,
 * another extension's function of the same name.  SQL_FUNCTION(name) exports
 * exactly the function and its info record; "make lint" checks with nm that
 * nothing else leaves the library.
 *
 * Include after postgres.h and fmgr.h.
 */
#ifndef VECTOR_EXT_EXPORT_H
#define VECTOR_EXT_EXPORT_H

/* The one other way out: a function that parallel workers begin with */
#define WORKER_FUNCTION(name) \
	extern PGDLLEXPORT void name(dsm_segment *segment, shm_toc *toc); \
	void name(dsm_segment *segment, shm_toc *toc)

#define SQL_FUNCTION(name) \
	extern PGDLLEXPORT Datum name(PG_FUNCTION_ARGS); \
	PG_FUNCTION_INFO_V1(name); \
	Datum name(PG_FUNCTION_ARGS)

#endif
