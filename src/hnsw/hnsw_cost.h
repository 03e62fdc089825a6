/*
 * hnsw_cost.h
 *	  What a scan costs, for the planner.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_COST_H
#define VECTOR_EXT_HNSW_COST_H

#include "utils/relcache.h"

/* What an index says of itself to the planner */
typedef struct HnswFacts
{
	double nrows;
	uint32 npages;
	uint32 entry_level;    /* levels above the ground */
	uint32 degree;         /* neighbours of a node */
	uint32 ef;             /* nodes a search for so many rows keeps */
	uint32 rows_per_page;  /* lanes of a row page */
	uint32 slots_per_page; /* nodes in a page, if each has one slot, */
	uint32 slots_per_node; /* but a long record has several */
	bool bare; /* no codes: to expand a node is to read its neighbours */
} HnswFacts;

/*
 * hnsw_model.c: the facts for the k nearest rows, from what this backend has
 * cached of the meta page.  The index is locked.
 */
extern HnswFacts hnsw_facts(Relation index, double k);

#endif
