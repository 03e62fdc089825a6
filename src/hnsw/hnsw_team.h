/*
 * hnsw_team.h
 *	  The processes that build an index together: what they do, and on what.
 *
 * The leader decides; the build reads as if it were alone.  Its arrays have
 * names, and what takes long is a job over n items, which processes claim in
 * ranges.  Ranges are the same for any number of processes.
 *
 *		hnsw_team_allocate(team, HNSW_LINKS, bytes);
 *		hnsw_team_run(team, HNSW_JOB_FORWARD, nlists, 1);
 *
 * With workers arrays are in dynamic shared memory, a segment each, where every
 * process finds them by name; without, in the leader's own memory.  When no
 * more shared memory is to be had the leader goes on alone, with a warning.
 *
 * A job is a function of a process' team alone: what it needs to know is in the
 * plan, which workers have a copy of as it was when the job began.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_TEAM_H
#define VECTOR_EXT_HNSW_TEAM_H

#include "access/relscan.h"
#include "nodes/execnodes.h"
#include "port/atomics.h"
#include "storage/barrier.h"
#include "storage/dsm.h"
#include "storage/spin.h"
#include "utils/rel.h"

#include "hnsw/hnsw_page.h"

typedef enum HnswArray
{
	HNSW_ROWS,
	HNSW_VALUES,
	HNSW_ELEMENTS,
	HNSW_HEAP_TIDS,
	HNSW_ATTRIBUTES,
	HNSW_CENTROIDS,
	HNSW_LIST_STARTS,
	HNSW_NEAREST,      /* the list of each row */
	HNSW_LEVEL_ROWS,   /* of a level above the ground: rows, */
	HNSW_LEVEL_STARTS, /* and where lists begin in them, */
	HNSW_LEVEL_PROJECTIONS,
	HNSW_LEVEL_RESTS,
	HNSW_LINKS, /* of the level that is being linked */
	HNSW_LINKED_STARTS,
	HNSW_LINKED,
	HNSW_MODEL,
	HNSW_CODES,
	HNSW_PROJECTIONS, /* of rows, while their links are made; */
	HNSW_RESTS,       /* what their distances have beside those of these; */
	HNSW_PROJECTED_CENTROIDS,
	HNSW_ROW_PLACES,  /* elements, and attributes, of TIDs, which ascend */
	HNSW_PART_STARTS, /* of each element, and the end */
	HNSW_LIMITS,      /* of calibration */
	HNSW_NFOUND,
	/* of a level in parts */
	HNSW_LIST_PARTS, /* the part of each list */
	HNSW_DIVISION,   /* the parts of each row */
	HNSW_RANKS,      /* among the rows at home */
	HNSW_PART_LINKS, /* with distances */
	HNSW_PART_NODES, /* of the rows at home */
	HNSW_UPPER,      /* where elements above the ground belong */
	HNSW_QUERIES,    /* of calibration, and their nearest rows */
	HNSW_NEAREST_ROWS,
	HNSW_MEMBERS, /* of each level */
	HNSW_NEIGHBOURS = HNSW_MEMBERS + HNSW_MAX_LEVEL + 1,
	HNSW_NARRAYS = HNSW_NEIGHBOURS + HNSW_MAX_LEVEL + 1
} HnswArray;

typedef enum HnswJob
{
	HNSW_JOB_SCAN,       /* the table, which processes share by themselves */
	HNSW_JOB_ASSIGN,     /* rows to lists */
	HNSW_JOB_FORWARD,    /* lists: links of their rows */
	HNSW_JOB_FINISH,     /* rows: neighbours */
	HNSW_JOB_ENCODE,     /* rows */
	HNSW_JOB_WRITE,      /* blocks of nodes */
	HNSW_JOB_WRITE_ROWS, /* row pages */
	HNSW_JOB_LIMITS,     /* queries of calibration: exact answers */
	HNSW_JOB_RECALL,     /* queries of calibration: answers of a search */
	HNSW_JOB_LOG,        /* blocks */
	HNSW_JOB_DIVIDE,     /* rows to parts */
	HNSW_JOB_LEAVE,      /* rows of a part: what is left of them */
	HNSW_JOB_MERGE,      /* rows of a part: links from all parts */
	HNSW_JOB_WRITE_PART, /* blocks of nodes */
	HNSW_JOB_END         /* the index is written, rows may be inserted */
} HnswJob;

typedef struct HnswPlan
{
	HnswMeta meta;

	/* rows */
	uint32 room;       /* that there is memory for */
	uint32 most;       /* that there may be */
	uint32 value_room; /* the same of values, in HNSW_VALUE_UNITs */
	uint32 most_values;
	uint32 nrows; /* elements, once they are united */
	uint32 ntids;
	uint32 nlists;
	uint32 projected; /* dimensions of projections, where there are any */

	/* levels */
	uint32 level; /* that is being linked */
	uint32 nlevels;
	uint32 nmembers[HNSW_MAX_LEVEL + 1];

	/* parts */
	uint32 nspilled; /* rows that have gone to files */
	uint32 nwhole;   /* rows of the level, where those in memory are a part */
	uint32 lowest;   /* level of which the rows are */
	uint32 base;     /* the first member at home in the part, */
	uint32 nhomes;   /* and how many they are */
	uint32 merged;   /* the first of them that is being merged */

	/* pages */
	uint32 nrow_pages;
	HnswId first[HNSW_MAX_LEVEL + 2]; /* names of levels; then of parts */
	HnswId first_more;                /* names of more TIDs */

	/* calibration */
	uint32 nqueries;
	uint32 at; /* of meta.calibrations */
	uint32 ef;
	float margin; /* 0: searches do not stop early */
	bool visits;  /* nor use codes */
} HnswPlan;

/* What all processes see */
typedef struct HnswShared
{
	/*
	 * In even phases the leader works and the others wait; in odd ones all do
	 * the job.  The leader alone writes what is between here and next, in even
	 * phases.
	 */
	Barrier barrier;
	HnswJob job;
	HnswPlan plan;
	uint32 n;    /* items of the job */
	uint32 step; /* in a range of them */
	dsm_handle arrays[HNSW_NARRAYS];

	pg_atomic_uint32 next;       /* item that is not claimed */
	pg_atomic_uint32 next_place; /* of a row */
	pg_atomic_uint32 next_value; /* unit of memory for values */
	pg_atomic_uint32 nwaiting;   /* processes whose rows have no place */
	pg_atomic_flag raising;      /* somebody may change the entry */

	slock_t mutex; /* of what follows, which each adds to after its scan */
	double heap_tuples;
	double nindexed;
	bool broken_hot_chain;
} HnswShared;

typedef struct HnswArrayPlace
{
	void *address;        /* NULL: there is none, or it was not looked for */
	dsm_segment *segment; /* NULL: private */
} HnswArrayPlace;

/* As one process sees it */
typedef struct HnswTeam
{
	Relation heap;
	Relation index;
	IndexInfo *info;
	MemoryContext context; /* of private arrays */
	HnswPlan plan;
	HnswShared *shared; /* NULL: there are no others, or not yet */
	int nworkers;       /* wanted; 0: arrays are private */
	ParallelTableScanDesc scan;
	HnswArrayPlace arrays[HNSW_NARRAYS];

	/* the job */
	uint32 n;
	uint32 step;
	bool claims_alone; /* no other process has this job */
	uint32 next;
	uint32 next_place; /* without shared */
	uint32 next_value;

	bool scanned; /* our part of the table is read, or being read */
	bool ended;   /* the index is written */
	double nrows; /* our rows that came into memory */
	double heap_tuples;
	double nindexed;         /* our rows in all */
	struct HnswParts *parts; /* the leader's, once rows go to files */
} HnswTeam;

/*
 * The leader's alone
 */

/* A new array, which must not be there yet */
extern void *hnsw_team_allocate(HnswTeam *team, HnswArray array, Size bytes);

/*
 * More bytes for an array, of which used ones are kept.  False where other
 * processes need it and there is no more shared memory: then nothing happened.
 */
extern bool hnsw_team_grow(HnswTeam *team, HnswArray array, Size used,
						   Size bytes);

/* If it is there */
extern void hnsw_team_free(HnswTeam *team, HnswArray array);

/* All processes do a job over n items in ranges of step */
extern void hnsw_team_run(HnswTeam *team, HnswJob job, uint32 n, uint32 step);

/* The same in two halves, between which the leader does his part */
extern void hnsw_team_start(HnswTeam *team, HnswJob job, uint32 n, uint32 step);
extern void hnsw_team_stop(HnswTeam *team);

/*
 * Every process'
 */

/* An array that the leader has allocated */
extern void *hnsw_team_array(HnswTeam *team, HnswArray array);

/* The next range of the job, first .. end - 1; false: all are claimed */
extern bool hnsw_team_claim(HnswTeam *team, uint32 *first, uint32 *end);

/* Claim n places for rows; the first one, which may be beyond all room */
extern uint32 hnsw_team_claim_places(HnswTeam *team, uint32 n);

/* All places are to be claimed anew: for the leader alone, between jobs */
extern void hnsw_team_reset_places(HnswTeam *team);

/* Places that have been claimed, by all */
extern uint32 hnsw_team_nplaces(HnswTeam *team);

/* The same for units of memory for values */
extern uint32 hnsw_team_claim_values(HnswTeam *team, uint32 n);
extern uint32 hnsw_team_nvalues(HnswTeam *team);

/*
 * A worker has done its part of a job, or has no room for a row: other jobs
 * follow until the scan goes on or the index is written (ended).
 */
extern void hnsw_team_follow(HnswTeam *team);

/* A worker: take part from the phase that the others are in until the end */
extern void hnsw_team_join(HnswTeam *team, int phase);

/* Nothing of an array stays mapped, and none is there any longer */
extern void hnsw_team_free_all(HnswTeam *team);

#endif
