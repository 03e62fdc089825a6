/*
 * unread_distance.h
 *	  Leaves out the distance that a plan computes and nobody reads.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_UNREAD_DISTANCE_H
#define VECTOR_EXT_UNREAD_DISTANCE_H

/* Install the planner hook; once, from _PG_init */
extern void unread_distance_init(void);

#endif
