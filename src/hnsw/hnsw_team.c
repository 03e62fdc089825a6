/*
 * hnsw_team.c
 *	  The processes that build an index together: what they do, and on what.
 *
 * A worker's array is looked for when a job first asks for it, and let go of
 * when the next job begins and the leader has another one, or none.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#include "am/poll.h"
#include "am/workers.h"
#include "hnsw/hnsw_build.h"
#include "hnsw/hnsw_calibrate.h"
#include "hnsw/hnsw_divide.h"
#include "hnsw/hnsw_encode.h"
#include "hnsw/hnsw_graph.h"
#include "hnsw/hnsw_merge.h"
#include "hnsw/hnsw_parts.h"
#include "hnsw/hnsw_row_write.h"
#include "hnsw/hnsw_team.h"
#include "hnsw/hnsw_write.h"

typedef void (*JobFunction)(HnswTeam *team);

static const JobFunction jobs[HNSW_JOB_END] = {
	[HNSW_JOB_SCAN] = hnsw_scan_job,
	[HNSW_JOB_ASSIGN] = hnsw_assign_job,
	[HNSW_JOB_FORWARD] = hnsw_forward_job,
	[HNSW_JOB_FINISH] = hnsw_finish_job,
	[HNSW_JOB_ENCODE] = hnsw_encode_job,
	[HNSW_JOB_WRITE] = hnsw_write_job,
	[HNSW_JOB_WRITE_ROWS] = hnsw_write_rows_job,
	[HNSW_JOB_LIMITS] = hnsw_limits_job,
	[HNSW_JOB_RECALL] = hnsw_recall_job,
	[HNSW_JOB_LOG] = hnsw_log_job,
	[HNSW_JOB_DIVIDE] = hnsw_divide_job,
	[HNSW_JOB_LEAVE] = hnsw_leave_job,
	[HNSW_JOB_MERGE] = hnsw_merge_job,
	[HNSW_JOB_WRITE_PART] = hnsw_write_part_job,
};

/*
 * Arrays
 */

static bool
is_shared(const HnswTeam *team)
{
	return team->nworkers > 0;
}

/* An array in shared memory; false: there is none left */
static bool
create_array(HnswTeam *team, HnswArrayPlace *place, Size bytes)
{
	place->segment = workers_segment(bytes);
	if (place->segment == NULL)
		return false;
	place->address = dsm_segment_address(place->segment);
	return true;
}

static void
publish(HnswTeam *team, HnswArray array)
{
	HnswArrayPlace *place = &team->arrays[array];

	if (team->shared != NULL)
		team->shared->arrays[array] = place->segment == NULL
			? DSM_HANDLE_INVALID
			: dsm_segment_handle(place->segment);
}

static void
warn_alone(Size bytes)
{
	ereport(WARNING,
			(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
			 errmsg("hnsw index is built without parallel workers"),
			 errdetail("There are no %zu bytes of shared memory.", bytes)));
}

void *
hnsw_team_allocate(HnswTeam *team, HnswArray array, Size bytes)
{
	HnswArrayPlace *place = &team->arrays[array];

	Assert(place->address == NULL);
	bytes = Max(bytes, MAXIMUM_ALIGNOF);
	if (is_shared(team) && !create_array(team, place, bytes))
	{
		/* no worker could see this one: from here on the leader is alone */
		team->nworkers = 0;
		warn_alone(bytes);
	}
	if (place->address == NULL)
		place->address = MemoryContextAllocHuge(team->context, bytes);
	publish(team, array);
	return place->address;
}

bool
hnsw_team_grow(HnswTeam *team, HnswArray array, Size used, Size bytes)
{
	HnswArrayPlace *place = &team->arrays[array];
	HnswArrayPlace larger = {.address = NULL};

	if (place->segment == NULL)
	{
		place->address = repalloc_huge(place->address, bytes);
		return true;
	}
	if (!create_array(team, &larger, bytes))
		return false;
	memcpy(larger.address, place->address, used);
	dsm_detach(place->segment);
	*place = larger;
	publish(team, array);
	return true;
}

static void
let_go(HnswArrayPlace *place)
{
	if (place->segment != NULL)
		dsm_detach(place->segment);
	*place = (HnswArrayPlace){.address = NULL};
}

void
hnsw_team_free(HnswTeam *team, HnswArray array)
{
	HnswArrayPlace *place = &team->arrays[array];

	if (place->address != NULL && place->segment == NULL)
		pfree(place->address);
	let_go(place);
	publish(team, array);
}

void
hnsw_team_free_all(HnswTeam *team)
{
	for (int array = 0; array < HNSW_NARRAYS; array++)
	{
		if (IsParallelWorker())
			let_go(&team->arrays[array]);
		else
			hnsw_team_free(team, array);
	}
}

void *
hnsw_team_array(HnswTeam *team, HnswArray array)
{
	HnswArrayPlace *place = &team->arrays[array];
	dsm_handle handle;

	if (place->address != NULL || !IsParallelWorker())
		return place->address;
	handle = team->shared->arrays[array];
	if (handle == DSM_HANDLE_INVALID)
		return NULL;
	place->segment = dsm_attach(handle);
	if (place->segment == NULL)
		elog(ERROR, "could not attach to the memory of an index build");
	place->address = dsm_segment_address(place->segment);
	return place->address;
}

/*
 * Jobs
 */

/* Wait until all have come here */
static void
meet(HnswTeam *team)
{
	(void) BarrierArriveAndWait(&team->shared->barrier,
								WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
}

void
hnsw_team_start(HnswTeam *team, HnswJob job, uint32 n, uint32 step)
{
	HnswShared *shared = team->shared;

	team->n = n;
	team->step = step;
	team->next = 0;
	/* others wait for the end whatever has become of the arrays */
	team->claims_alone =
		shared == NULL || (!is_shared(team) && job != HNSW_JOB_END);
	if (team->claims_alone)
		return;
	shared->job = job;
	shared->plan = team->plan;
	shared->n = n;
	shared->step = step;
	pg_atomic_write_u32(&shared->next, 0);
	pg_atomic_write_u32(&shared->nwaiting, 0);
	meet(team);
}

void
hnsw_team_stop(HnswTeam *team)
{
	if (!team->claims_alone)
		meet(team);
}

void
hnsw_team_run(HnswTeam *team, HnswJob job, uint32 n, uint32 step)
{
	hnsw_team_start(team, job, n, step);
	jobs[job](team);
	hnsw_team_stop(team);
}

bool
hnsw_team_claim(HnswTeam *team, uint32 *first, uint32 *end)
{
	CHECK_FOR_INTERRUPTS();
	if (team->claims_alone)
	{
		*first = team->next;
		team->next += Min(team->step, team->n - *first);
	}
	else
		*first =
			pg_atomic_fetch_add_u32(&team->shared->next, (int32) team->step);
	if (*first >= team->n)
		return false;
	*end = *first + Min(team->step, team->n - *first);
	return true;
}

/* The next n of what is counted here, where there are others, and there */
static uint32
claim(pg_atomic_uint32 *shared, uint32 *own, uint32 n)
{
	uint32 first;

	if (shared != NULL)
		return pg_atomic_fetch_add_u32(shared, (int32) n);
	first = *own;
	*own += n;
	return first;
}

void
hnsw_team_reset_places(HnswTeam *team)
{
	if (team->shared != NULL)
		pg_atomic_write_u32(&team->shared->next_place, 0);
	team->next_place = 0;
}

uint32
hnsw_team_claim_places(HnswTeam *team, uint32 n)
{
	return claim(team->shared == NULL ? NULL : &team->shared->next_place,
				 &team->next_place, n);
}

uint32
hnsw_team_claim_values(HnswTeam *team, uint32 n)
{
	return claim(team->shared == NULL ? NULL : &team->shared->next_value,
				 &team->next_value, n);
}

uint32
hnsw_team_nplaces(HnswTeam *team)
{
	return hnsw_team_claim_places(team, 0);
}

uint32
hnsw_team_nvalues(HnswTeam *team)
{
	return hnsw_team_claim_values(team, 0);
}

/*
 * Workers
 */

/* The job that the leader has begun */
static HnswJob
take_job(HnswTeam *team)
{
	HnswShared *shared = team->shared;

	team->plan = shared->plan;
	team->n = shared->n;
	team->step = shared->step;
	for (int array = 0; array < HNSW_NARRAYS; array++)
	{
		HnswArrayPlace *place = &team->arrays[array];

		if (place->segment != NULL &&
			dsm_segment_handle(place->segment) != shared->arrays[array])
			let_go(place);
	}
	return shared->job;
}

/* A job that is begun, unless others follow it that we are to wait for */
static bool
do_job(HnswTeam *team, HnswJob job, bool waits_for_scan)
{
	if (job == HNSW_JOB_END)
	{
		team->ended = true;
		/* late, but not too late to insert */
		if (!team->scanned)
			hnsw_scan_job(team);
		return false;
	}
	if (job == HNSW_JOB_SCAN && waits_for_scan)
		return false;
	if (job != HNSW_JOB_SCAN)
		poll_load_blas();
	jobs[job](team);
	return !team->ended;
}

void
hnsw_team_follow(HnswTeam *team)
{
	do
	{
		meet(team);
		meet(team);
	} while (do_job(team, take_job(team), true));
}

void
hnsw_team_join(HnswTeam *team, int phase)
{
	if (phase % 2 == 0)
		meet(team);
	while (do_job(team, take_job(team), false))
	{
		meet(team);
		meet(team);
	}
}
