/*
 * setting.c
 *	  Settings that know whether anyone has set them.
 */
#include "postgres.h"

#include "am/setting.h"
#include "core/compat.h"

static bool
note_source(void **extra, GucSource source)
{
	bool *set = guc_malloc(LOG, sizeof(bool));

	if (set == NULL)
		return false;
	*set = source != PGC_S_DEFAULT;
	*extra = set;
	return true;
}

bool
setting_note_int(int *value, void **extra, GucSource source)
{
	return note_source(extra, source);
}

bool
setting_note_real(double *value, void **extra, GucSource source)
{
	return note_source(extra, source);
}
