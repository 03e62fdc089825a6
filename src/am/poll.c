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
	return INTERRUPTS_PENDING_CONDITION();
}

void
poll_throw(void)
{
	CHECK_FOR_INTERRUPTS();
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
