/*
 * hnsw_divide.h
 *	  Which parts a row belongs to, where not all fit into memory.
 *
 * Rows are clustered, and lists near to each other form a part.  A row is at home
 * in the part with the list nearest to it, and visits those with the lists that
 * are nearest of all others: so most of the rows near to a row meet it somewhere
 * (Subramanya et al., DiskANN, NeurIPS 2019, section 3.3).
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_DIVIDE_H
#define VECTOR_EXT_HNSW_DIVIDE_H

#include "hnsw/hnsw_rows.h"

#define HNSW_NO_PART PG_UINT16_MAX

/* With further parts buffers of their files would need too much memory */
#define HNSW_MOST_PARTS 256

/* Parts that a row is in, at most */
#define HNSW_PARTS_OF_ROW 3

/* The parts of a row, its home first; HNSW_NO_PART where there are not so many */
typedef struct HnswDivision
{
	uint16 parts[HNSW_PARTS_OF_ROW];
} HnswDivision;

/*
 * How to divide n rows, of which the team's are a fair sample, such that not
 * many more than most are in a part, at home or visiting.  Allocates the arrays
 * that HNSW_JOB_DIVIDE needs; returns how many parts there are.
 */
extern uint32 hnsw_divide_plan(HnswTeam *team, uint32 n, uint32 most);

/* The division of the team's rows, until the next one */
extern const HnswDivision *hnsw_divide(HnswTeam *team);

extern void hnsw_divide_end(HnswTeam *team);

/* HNSW_JOB_DIVIDE */
extern void hnsw_divide_job(HnswTeam *team);

#endif
