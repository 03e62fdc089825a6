/*
 * version_check.h
 *	  Does the SQL of this database belong to this library?
 */
#ifndef VECTOR_EXT_VERSION_CHECK_H
#define VECTOR_EXT_VERSION_CHECK_H

/*
 * Warn if the extension vector_ext of this database has another version than
 * the library; called once when the library is loaded.
 */
extern void version_check(void);

#endif
