/*
 * kmeans_team.h
 *	  Processes that share a k-means: workers find nearest centres with us.
 *
 * The rows lie in shared memory.  The leader trains as if he were alone; what
 * takes long, the nearest centre of many rows, is done in tiles that processes
 * claim one after the other.  Each tile comes out the same whoever does it, so
 * centres are the same with any number of workers.
 *
 *		team = kmeans_team_begin(...)
 *		rows = kmeans_team_rows(team)		to be filled
 *		task.assign = kmeans_team_assign; task.assign_arg = team; kmeans_train()
 *		kmeans_team_end(team)
 *
 * A worker that starts late does what is left to do; one that never starts is
 * not missed.  In between the leader is in parallel mode.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_KMEANS_TEAM_H
#define VECTOR_EXT_KMEANS_TEAM_H

#include "quant/kmeans.h"

/* Sizes at most */
typedef struct KmeansTeamSize
{
	Size rows;
	Size stride; /* floats of a row, when it is put in */
	Size dim;    /* of rows, when they are clustered: exactly so many */
	Size k;
} KmeansTeamSize;

typedef struct KmeansTeam KmeansTeam;

/*
 * Launch so many workers, which wait.  NULL: the work is too small to be shared,
 * there are no workers to be had, or no shared memory.
 */
extern KmeansTeam *kmeans_team_begin(int nworkers, const KmeansTeamSize *size);

/* Room for size->rows * size->stride floats */
extern float *kmeans_team_rows(const KmeansTeam *team);

/*
 * A KmeansAssign, arg is the team.  What is small, or not of its rows, the
 * leader does alone.  poll may throw, and may not stop it.
 */
extern bool kmeans_team_assign(KmeansAssignment *assignment, void *arg);

/* The rows are gone */
extern void kmeans_team_end(KmeansTeam *team);

#endif
