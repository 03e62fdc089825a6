/*
 * compat.h
 *	  Differences between PostgreSQL 15, 16, 17, 18 (and guards for 19).
 *
 * The only file that looks at PG_VERSION_NUM.  Everything else is written for
 * the newest server and finds the older spelling here.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_COMPAT_H
#define VECTOR_EXT_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "vector_ext needs PostgreSQL 15 or newer"
#endif

#include "fmgr.h"

/* 16: varlena accessors moved out of postgres.h */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/*
 * 16: input functions report bad input through fcinfo->context ("soft
 * errors"), so that pg_input_is_valid() and COPY ... ON_ERROR can go on.
 * Before, every error is thrown and errsave() does not return.
 */
#if PG_VERSION_NUM >= 160000
#include "nodes/miscnodes.h"
#define INPUT_ERROR_CONTEXT(fcinfo) ((fcinfo)->context)
#else
#define errsave(context, ...) \
	do \
	{ \
		(void) (context); \
		ereport(ERROR, __VA_ARGS__); \
	} while (0)
#define INPUT_ERROR_CONTEXT(fcinfo) NULL
#endif

/* 16: the parts of a buffer tag have other names */
#if PG_VERSION_NUM >= 160000
#define BUFFER_TAG_RELNUMBER(tag) ((tag).relNumber)
#else
#define BUFFER_TAG_RELNUMBER(tag) ((tag).rnode.relNode)
#endif

/* 18: functions that do not return are marked in front, as by C11 */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

/* 18: a module may carry its name and version */
#ifdef PG_MODULE_MAGIC_EXT
#define VECTOR_EXT_MODULE_MAGIC(version_text) \
	PG_MODULE_MAGIC_EXT(.name = "vector_ext", .version = version_text)
#else
#define VECTOR_EXT_MODULE_MAGIC(version_text) PG_MODULE_MAGIC
#endif

#endif
