/*
 * poll.c
 *	  How long computations in plain C check for interrupts.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "am/poll.h"

bool
poll_interrupts(void *arg)
{
	CHECK_FOR_INTERRUPTS();
	return false;
}

void
poll_load_blas(void)
{
	const char *problem = blas_load();

	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FILE), errmsg("%s", problem),
				 errhint("Install OpenBLAS.")));
}
