/*
 * attribute_path.h
 *	  Conditions on attributes that the planner leaves out of ordered index scans.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_ATTRIBUTE_PATH_H
#define VECTOR_EXT_ATTRIBUTE_PATH_H

/* Look at the paths of each table from now on; once, from _PG_init */
extern void attribute_path_init(void);

#endif
