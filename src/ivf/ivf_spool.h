/*
 * ivf_spool.h
 *	  Rows of a parallel build on their way to their lists, in shared memory.
 *
 * Participants fill blocks of their own, segments that they create one by one
 * as they need them.  When all have added their rows, each can read those of any
 * list: rows are brought in order by counting.
 *
 *		ivf_spool_plan(), ivf_spool_init()		the leader
 *		spool = ivf_spool_join()		each
 *		ivf_spool_add()
 *		ivf_spool_open()		when all have added; the leader before the others
 *		ivf_spool_visit()
 *		ivf_spool_leave_others()		when we have read what we read
 *		ivf_spool_leave()		when all have: each gives back its own memory
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_IVF_SPOOL_H
#define VECTOR_EXT_IVF_SPOOL_H

/* Segments at most */
#define IVF_SPOOL_BLOCKS 64

/* In the shared memory of the build */
typedef struct IvfSpoolShared IvfSpoolShared;

typedef struct IvfSpool IvfSpool;

/* What memory there is to be, and what for */
typedef struct IvfSpoolPlan
{
	Size row_size;
	uint32 block_rows;
	uint32 nblocks; /* at most; 0: none, the rows would not fit */
} IvfSpoolPlan;

/* expected: bytes of all rows, about; room: bytes that they may take */
extern IvfSpoolPlan ivf_spool_plan(Size row_size, double expected, double room,
								   uint32 nparticipants);

extern Size ivf_spool_share_size(void);
extern void ivf_spool_init(IvfSpoolShared *shared, const IvfSpoolPlan *plan);
extern IvfSpool *ivf_spool_join(IvfSpoolShared *shared);

/* row_size bytes; false: there is no room left, for this row and those after it */
extern bool ivf_spool_add(IvfSpool *spool, uint32 list, const void *row);

/* All blocks of all participants, and which list each of their rows is of */
extern void ivf_spool_open(IvfSpool *spool, uint32 nlists);

/* The rows of a list, in no order of their own */
typedef void (*IvfSpoolVisit)(void *arg, uint32 list, const void *row);
extern void ivf_spool_visit(const IvfSpool *spool, uint32 list,
							IvfSpoolVisit visit, void *arg);

extern void ivf_spool_leave_others(IvfSpool *spool);
extern void ivf_spool_leave(IvfSpool *spool);

#endif
