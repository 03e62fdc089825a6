/*
 * kmeans_team.c
 *	  Processes that share a k-means: workers find nearest centres with us.
 *
 * A job is one assignment.  Its description and arrays are the leader's to change
 * while it is closed and nobody works on it.  Who finds it open joins it, claims
 * tiles until none is left, and leaves; the leader, having done the same, closes
 * it and waits for those who are still at it.
 *
 * Errors of workers become the leader's when it next looks for interrupts, as it
 * does while it waits; the end of its transaction ends them.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "storage/condition_variable.h"
#include "storage/dsm.h"
#include "storage/spin.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#include "am/kmeans_team.h"
#include "am/poll.h"
#include "am/workers.h"
#include "core/export.h"
#include "quant/carver.h"

/*
 * Multiplications of one pass over all rows, and of a job, below which others
 * would come too late: about 10 ms, and 1 ms
 */
#define LEAST_TEAM 5e8
#define LEAST_JOB 5e7

enum
{
	KEY_TEAM = 1
};

/* A KmeansAssignment; its arrays are the team's */
typedef struct TeamJob
{
	Size n;
	Size k;
	Size stride;
	bool some; /* of the rows: those that ids name */
	bool near; /* centres near those in nearest are looked at */
} TeamJob;

typedef struct TeamShared
{
	KmeansTeamSize size;
	dsm_handle arrays;
	pg_atomic_uint32 next; /* tile that is not claimed */
	ConditionVariable begun;
	ConditionVariable left;

	slock_t mutex; /* of what follows */
	TeamJob job;
	uint32 number; /* of the job */
	bool open;
	bool ended;
	uint32 nworking; /* workers that have joined */
} TeamShared;

typedef struct TeamArrays
{
	float *rows;
	float *centroids;
	uint32 *ids;
	uint32 *nearest;
	uint32 *near;
	double *costs; /* of tiles */
} TeamArrays;

struct KmeansTeam
{
	ParallelContext *context;
	TeamShared *shared;
	dsm_segment *segment;
	TeamArrays arrays;
	void *work;
};

static Size
count_tiles(Size n, Size dim)
{
	Size tile = kmeans_tile_rows(dim);

	return (n + tile - 1) / tile;
}

static Size
lay_out(TeamArrays *arrays, const KmeansTeamSize *size, void *memory)
{
	Carver carver = {memory, 0};

	arrays->rows = carve(&carver, size->rows, size->stride * sizeof(float));
	arrays->centroids = carve(&carver, size->k, size->dim * sizeof(float));
	arrays->ids = carve(&carver, size->rows, sizeof(uint32));
	arrays->nearest = carve(&carver, size->rows, sizeof(uint32));
	/* with more centres there is none */
	arrays->near = carve(&carver, Min(size->k, KMEANS_TWO_LEVEL_K),
						 KMEANS_NEAR * sizeof(uint32));
	arrays->costs =
		carve(&carver, count_tiles(size->rows, size->dim), sizeof(double));
	return carver.used;
}

static void *
allocate_work(const KmeansTeamSize *size)
{
	return palloc(kmeans_assign_work_size(size->k, size->dim,
										  kmeans_tile_rows(size->dim)));
}

/* Claim tiles of a job, until there are no more */
static void
do_tiles(TeamShared *shared, const TeamArrays *arrays, const TeamJob *job,
		 void *work)
{
	Size dim = shared->size.dim;
	Size tile_rows = kmeans_tile_rows(dim);
	Size ntiles = count_tiles(job->n, dim);

	for (;;)
	{
		Size tile = pg_atomic_fetch_add_u32(&shared->next, 1);
		Size first = tile * tile_rows;
		KmeansAssignment part = {
			.rows = {.rows = arrays->rows, .stride = job->stride, .dim = dim},
			.centroids = arrays->centroids,
			.k = job->k,
			.near = job->near ? arrays->near : NULL,
			.nearest = arrays->nearest + first,
			.work = work,
			.poll = poll_interrupts};

		if (tile >= ntiles)
			break;
		part.rows.n = Min(tile_rows, job->n - first);
		if (job->some)
			part.rows.ids = arrays->ids + first;
		else
			part.rows.rows += first * job->stride;
		(void) kmeans_assign(&part);
		arrays->costs[tile] = part.cost;
	}
}

/*
 * Workers
 */

/* Wait for a job that is open, and not the one that we know; false: the end */
static bool
join_job(TeamShared *shared, uint32 *number, TeamJob *job)
{
	for (;;)
	{
		bool ended;
		bool joined;

		SpinLockAcquire(&shared->mutex);
		ended = shared->ended;
		joined = shared->open && shared->number != *number;
		if (joined)
		{
			*number = shared->number;
			*job = shared->job;
			shared->nworking++;
		}
		SpinLockRelease(&shared->mutex);
		if (ended || joined)
		{
			ConditionVariableCancelSleep();
			return joined;
		}
		ConditionVariableSleep(&shared->begun,
							   WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
	}
}

static void
leave_job(TeamShared *shared)
{
	SpinLockAcquire(&shared->mutex);
	shared->nworking--;
	SpinLockRelease(&shared->mutex);
	ConditionVariableSignal(&shared->left);
}

WORKER_FUNCTION(kmeans_team_worker)
{
	TeamShared *shared = shm_toc_lookup(toc, KEY_TEAM, false);
	WorkersTask none = workers_begin(toc);
	dsm_segment *arrays_segment = dsm_attach(shared->arrays);
	TeamArrays arrays;
	TeamJob job;
	uint32 number = 0;
	void *work = allocate_work(&shared->size);

	/* the leader has come to an end, or to grief */
	if (arrays_segment == NULL)
		return;
	(void) lay_out(&arrays, &shared->size, dsm_segment_address(arrays_segment));
	poll_load_blas();
	while (join_job(shared, &number, &job))
	{
		do_tiles(shared, &arrays, &job, work);
		leave_job(shared);
	}
	dsm_detach(arrays_segment);
	workers_end(toc, &none);
}

/*
 * The leader
 */

static void
init_shared(KmeansTeam *team, const KmeansTeamSize *size)
{
	TeamShared *shared = shm_toc_lookup(team->context->toc, KEY_TEAM, false);

	shared->size = *size;
	shared->arrays = dsm_segment_handle(team->segment);
	pg_atomic_init_u32(&shared->next, 0);
	ConditionVariableInit(&shared->begun);
	ConditionVariableInit(&shared->left);
	SpinLockInit(&shared->mutex);
	team->shared = shared;
	(void) lay_out(&team->arrays, size, dsm_segment_address(team->segment));
	team->work = allocate_work(size);
}

static void
leave(KmeansTeam *team)
{
	DestroyParallelContext(team->context);
	ExitParallelMode();
	if (team->segment != NULL)
		dsm_detach(team->segment);
	if (team->work != NULL)
		pfree(team->work);
	pfree(team);
}

KmeansTeam *
kmeans_team_begin(int nworkers, const KmeansTeamSize *size)
{
	WorkersChunk chunks[] = {{KEY_TEAM, sizeof(TeamShared)}};
	KmeansTeam *team;
	TeamArrays arrays;

	if (nworkers == 0 || (double) size->rows * size->k * size->dim < LEAST_TEAM)
		return NULL;
	team = palloc0(sizeof(KmeansTeam));
	EnterParallelMode();
	team->context =
		CreateParallelContext("vector_ext", "kmeans_team_worker", nworkers);
	team->segment = workers_segment(lay_out(&arrays, size, NULL));
	if (team->segment != NULL &&
		workers_share(team->context, NULL, chunks, lengthof(chunks)))
	{
		init_shared(team, size);
		LaunchParallelWorkers(team->context);
	}
	if (team->context->nworkers_launched == 0)
	{
		leave(team);
		return NULL;
	}
	ereport(DEBUG1,
			(errmsg_internal("k-means is shared by %d parallel workers",
							 team->context->nworkers_launched)));
	return team;
}

float *
kmeans_team_rows(const KmeansTeam *team)
{
	return team->arrays.rows;
}

static void
open_job(TeamShared *shared, const TeamJob *job)
{
	pg_atomic_write_u32(&shared->next, 0);
	SpinLockAcquire(&shared->mutex);
	shared->job = *job;
	shared->number++;
	shared->open = true;
	SpinLockRelease(&shared->mutex);
	ConditionVariableBroadcast(&shared->begun);
}

static void
close_job(TeamShared *shared)
{
	uint32 nworking;

	for (;;)
	{
		SpinLockAcquire(&shared->mutex);
		shared->open = false;
		nworking = shared->nworking;
		SpinLockRelease(&shared->mutex);
		if (nworking == 0)
			break;
		ConditionVariableSleep(&shared->left,
							   WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
	}
	ConditionVariableCancelSleep();
}

/* Is this for all of us? */
static bool
is_shareable(const KmeansTeam *team, const KmeansAssignment *a)
{
	const KmeansTeamSize *size = &team->shared->size;

	return a->rows.rows == team->arrays.rows && a->rows.n <= size->rows &&
		a->rows.stride <= size->stride && a->rows.dim == size->dim &&
		a->k <= size->k && a->prices == NULL && a->sqdists == NULL &&
		(double) a->rows.n * (a->near == NULL ? a->k : KMEANS_NEAR) *
			a->rows.dim >=
		LEAST_JOB;
}

bool
kmeans_team_assign(KmeansAssignment *a, void *arg)
{
	KmeansTeam *team = arg;
	TeamArrays *arrays = &team->arrays;
	TeamJob job = {.n = a->rows.n,
				   .k = a->k,
				   .stride = a->rows.stride,
				   .some = a->rows.ids != NULL,
				   .near = a->near != NULL};

	if (!is_shareable(team, a))
		return kmeans_assign(a);
	memcpy(arrays->centroids, a->centroids,
		   job.k * a->rows.dim * sizeof(float));
	if (job.some)
		memcpy(arrays->ids, a->rows.ids, job.n * sizeof(uint32));
	if (job.near)
	{
		memcpy(arrays->near, a->near, job.k * KMEANS_NEAR * sizeof(uint32));
		memcpy(arrays->nearest, a->nearest, job.n * sizeof(uint32));
	}
	open_job(team->shared, &job);
	do_tiles(team->shared, arrays, &job, team->work);
	close_job(team->shared);
	memcpy(a->nearest, arrays->nearest, job.n * sizeof(uint32));
	a->cost = 0;
	for (Size tile = 0; tile < count_tiles(job.n, a->rows.dim); tile++)
		a->cost += arrays->costs[tile];
	return true;
}

void
kmeans_team_end(KmeansTeam *team)
{
	TeamShared *shared = team->shared;

	SpinLockAcquire(&shared->mutex);
	shared->ended = true;
	SpinLockRelease(&shared->mutex);
	ConditionVariableBroadcast(&shared->begun);
	workers_finish(team->context);
	leave(team);
}
