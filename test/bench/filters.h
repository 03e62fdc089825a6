/*
 * filters.h
 *	  Queries with a condition: tables with attributes, what is asked of them, and
 *	  the exact answers.
 */
#ifndef FILTERS_H
#define FILTERS_H

#include "experiments.h"

/* Indexes on the columns of the conditions, which a server may have beside that
 * on the vectors */
typedef enum Secondary
{
	SECONDARY_NONE,
	SECONDARY_ALL,
	NSECONDARY
} Secondary;

/*
 * A condition in a statement whose $1 is the vector and $2, where there is one,
 * a value that differs by query.
 */
typedef struct Filter
{
	const char *name;
	char *statement;
	const char *type; /* of $2; NULL: there is none */
	char **values;    /* of $2, binary, of the queries */
	int *sizes;
	double selectivity; /* the mean share of rows that meet it */
	size_t *wanted;     /* how many rows a query must find */
	double *farthest;   /* the distance of the last of them */
} Filter;

/*
 * (Re)create items with all rows of the set and the columns that its conditions
 * need: of the file of attributes in the folder or, where there is none, a random
 * number and a place by the distance from a random row.
 */
extern void filters_create_items(const Experiment *e, Server *server);

/* Create or drop the indexes on those columns */
extern void filters_set_indexes(const Experiment *e, Server *server,
								Secondary secondary);

/* The names of those columns that an index on vectors may have as attributes */
extern const char *filters_attributes(const Experiment *e);

/*
 * The conditions of the set, for the k nearest rows.  Which rows meet one is asked
 * of the first server, which must have items and no index; distances are computed
 * here.  Exits where a file of answers in the folder says otherwise.
 */
extern Filter *filters_make(const Experiment *e, size_t *n);

/*
 * Conditions on the distance alone: embedding <-> $1 <= $2, without an order, that
 * 1, 10, 100 and 1,000 rows meet.
 */
extern Filter *ranges_make(const Experiment *e, size_t *n);

#endif
