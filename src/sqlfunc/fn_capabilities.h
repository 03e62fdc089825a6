/*
 * fn_capabilities.h
 *	  The setting vector_ext.simd_level.
 */
#ifndef VECTOR_EXT_FN_CAPABILITIES_H
#define VECTOR_EXT_FN_CAPABILITIES_H

/* Define the setting; called once when the library is loaded */
extern void capabilities_init(void);

#endif
