/*
 * hnsw_link.h
 *	  Which links a node shall have: chosen from candidates, given and returned.
 *
 * Distances between nodes are those of the images that their records stand for,
 * squared; under inner product, of those images made equally long (hnsw_rows.h),
 * as the longest among the candidates is.  Where images are rough, and there are no
 * codes in which candidates are known by nothing else, they are those of values.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_LINK_H
#define VECTOR_EXT_HNSW_LINK_H

#include "hnsw/hnsw_node.h"
#include "utils/rel.h"

/* A candidate in the order of distances */
typedef struct HnswNear
{
	float sqdist; /* from the node */
	uint32 place; /* among the candidates */
} HnswNear;

/* Candidates for the links of a node; any number of nodes, one after another */
typedef struct HnswChooser
{
	const HnswMeta *meta; /* the caller's */
	MemoryContext context;
	int dim;
	Size stride; /* floats from row to row; one more under inner product */
	uint32 degree;
	uint32 room; /* candidates at most */
	uint32 n;
	HnswId *ids;
	float *rows;     /* of the node, then of candidates */
	char *values;    /* likewise, NULL where rows count */
	Size value_room; /* bytes from value to value */
	HnswNear *order; /* all candidates, nearest first; from hnsw_choose() on */
	bool *kept;      /* in this order: no other candidate rules it out */
	uint32 *chosen;  /* in this order, ascending */
	uint32 nchosen;
	uint32 first;   /* of hnsw_choose_some() */
	uint32 wanted;  /* so many more */
	float *sqdists; /* order's, as graph_prune.h wants them */
	float *pairs;   /* distances that were asked for, NaN: not yet; or NULL */
	struct HnswNames *names; /* of hnsw_chooser_expect(); or NULL */
	bool expects;            /* these are of the node */
} HnswChooser;

/*
 * Memory in the current context, for so many candidates.  Rows have dim floats:
 * images, or their projections.
 */
extern void hnsw_chooser_init(HnswChooser *chooser, const HnswMeta *meta,
							  int dim, uint32 room);

/* The next node, without candidates: where its row goes, dim floats */
extern float *hnsw_chooser_begin(HnswChooser *chooser);

/* Where the row of the next candidate goes, and that it is there */
extern float *hnsw_chooser_next(HnswChooser *chooser);
extern void hnsw_chooser_add(HnswChooser *chooser, HnswId id);

/* Records of the node and of the next candidate, which are values or not asked for */
extern void hnsw_chooser_own_record(HnswChooser *chooser, const void *record,
									Size bytes);
extern void hnsw_chooser_next_record(HnswChooser *chooser, const void *record,
									 Size bytes);

/*
 * The names of the next node's candidates are among these, n of them.  Nodes of
 * candidates are noted, which the caller holds locked, before they are added: their
 * links need not be read again, and codes come from the lanes that lead to
 * candidates.  Where slots have been freed, links may be stale: a code is that of
 * which two lanes speak.  Without this codes are made, and links read.
 */
extern void hnsw_chooser_expect(HnswChooser *chooser, const HnswModel *model,
								const HnswId *ids, uint32 n, bool freed);
extern void hnsw_chooser_note(HnswChooser *chooser, const HnswNode *node);

/*
 * Choose up to degree of the candidates; where only some are of use, those from the
 * place first on, no more than wanted of these that the rule keeps are looked for.
 */
extern void hnsw_choose(HnswChooser *chooser);
extern void hnsw_choose_some(HnswChooser *chooser, uint32 first, uint32 wanted);

/* Links as nodes have them, nearest first */
typedef struct HnswLinks
{
	uint32 n;
	HnswLink *links;
} HnswLinks;

/* Those that were chosen, with codes; memory in the current context */
extern HnswLinks hnsw_chosen_links(const HnswChooser *chooser,
								   const HnswModel *model);

/*
 * See to it that those that were chosen link to the node, which link names: all
 * among whose neighbours it should be, and the nearest that can in any case.
 * The rule is asked only of what was a candidate: what is near to both.  Another
 * neighbour gives up its lane only if the node links to it, so that what could
 * be reached still can be.
 *
 * Locks: one page at a time, shared, and then exclusively for one edit.  Callers
 * hold no lock.  Memory in the current context.
 */
extern void hnsw_link_back(Relation index, const HnswModel *model, uint32 level,
						   const HnswLink *link, const HnswChooser *chooser);

#endif
