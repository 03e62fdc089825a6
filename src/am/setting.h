/*
 * setting.h
 *	  Settings that know whether anyone has set them: never set is automatic,
 *	  whatever SHOW prints.
 *
 *		static int probes;
 *		SETTING_KNOWS(probes, int)
 *		DefineCustomIntVariable(.., &probes, .., setting_note_int,
 *								assign_probes, NULL);
 *
 * Then probes_set tells a value that somebody chose, by whatever way and even
 * the one that is the default, from the default itself.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_SETTING_H
#define VECTOR_EXT_SETTING_H

#include "utils/guc.h"

/*
 * Check hooks; the one for int serves enum as well.  They alone see where a
 * value comes from, and leave it for the assign hook.
 */
extern bool setting_note_int(int *value, void **extra, GucSource source);
extern bool setting_note_real(double *value, void **extra, GucSource source);

/* The flag NAME_set of variable NAME, and its assign hook assign_NAME */
#define SETTING_KNOWS(name, type) \
	static bool name##_set; \
\
	static void assign_##name(type value, void *extra) \
	{ \
		name##_set = *(bool *) extra; \
	}

#endif
