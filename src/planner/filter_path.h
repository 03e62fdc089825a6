/*
 * filter_path.h
 *	  Plans a filtered vector search wherever a vector index can order a table whose
 *	  rows have to meet conditions.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_FILTER_PATH_H
#define VECTOR_EXT_FILTER_PATH_H

/* Define the setting, install the hook; once, from _PG_init */
extern void filter_path_init(void);

#endif
