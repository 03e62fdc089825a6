/*
 * compat.h
 *	  Differences between PostgreSQL 15, 16, 17, 18 (and guards for 19).
 *
 * The only file that looks at PG_VERSION_NUM, but for headers/, which stand alone.
 * Everything else is written for the newest server and finds the older spelling
 * here.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_COMPAT_H
#define VECTOR_EXT_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "vector_ext needs PostgreSQL 15 or newer"
#endif

#include "fmgr.h"

/* 16: varlena accessors moved out of postgres.h */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/*
 * 16: input functions report bad input through fcinfo->context ("soft
 * errors"), so that pg_input_is_valid() and COPY ... ON_ERROR can go on.
 * Before, every error is thrown and errsave() does not return.
 */
#if PG_VERSION_NUM >= 160000
#include "nodes/miscnodes.h"
#define INPUT_ERROR_CONTEXT(fcinfo) ((fcinfo)->context)
#else
#define errsave(context, ...) \
	do \
	{ \
		(void) (context); \
		ereport(ERROR, __VA_ARGS__); \
	} while (0)
#define INPUT_ERROR_CONTEXT(fcinfo) NULL
#endif

/* 16: relations on disk, and their parts of a buffer tag, have other names */
#if PG_VERSION_NUM >= 160000
#define BUFFER_TAG_RELNUMBER(tag) ((tag).relNumber)
#define RELATION_LOCATOR(relation) ((relation)->rd_locator)
#else
#define RELATION_LOCATOR(relation) ((relation)->rd_node)
#define BUFFER_TAG_RELNUMBER(tag) ((tag).rnode.relNode)
#endif

/*
 * 16: one function extends a relation.  Here without the lock that keeps others
 * from doing so; returns the new block pinned and exclusively locked.
 */
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/rel.h"
static inline Buffer
extend_relation_locked(Relation relation, ForkNumber fork)
{
#if PG_VERSION_NUM >= 160000
	return ExtendBufferedRel(BMR_REL(relation), fork, NULL,
							 EB_LOCK_FIRST | EB_SKIP_EXTENSION_LOCK);
#else
	return ReadBufferExtended(relation, fork, P_NEW, RBM_ZERO_AND_LOCK, NULL);
#endif
}

/*
 * 16: n pages of zeros at once.  Before, one after the other, all of them: a hole in
 * the file would have a full disk show at the next checkpoint only.  The caller holds
 * the extension lock.  Returns the first block.
 */
#include "storage/smgr.h"
static inline BlockNumber
extend_relation_by(Relation relation, ForkNumber fork, uint32 n)
{
	BlockNumber first = RelationGetNumberOfBlocksInFork(relation, fork);

#if PG_VERSION_NUM >= 160000
	smgrzeroextend(RelationGetSmgr(relation), fork, first, (int) n, false);
#else
	PGAlignedBlock zeros = {.data = {0}};

	for (uint32 i = 0; i < n; i++)
		smgrextend(RelationGetSmgr(relation), fork, first + i, zeros.data,
				   false);
#endif
	return first;
}

/* 18: one snapshot sees all of TOAST; before, one is made from an active one */
#include "access/toast_internals.h"
#include "utils/snapmgr.h"
#if PG_VERSION_NUM >= 180000
#define TOAST_SNAPSHOT() get_toast_snapshot()
#else
static inline Snapshot
toast_snapshot(SnapshotData *snapshot)
{
	init_toast_snapshot(snapshot);
	return snapshot;
}
#define TOAST_SNAPSHOT() toast_snapshot(&(SnapshotData){0})
#endif

/* 16: one function checks ownership of all kinds of objects */
#include "catalog/pg_class.h"
#include "utils/acl.h"
#if PG_VERSION_NUM >= 160000
#define relation_is_owned(relid, role) \
	object_ownercheck(RelationRelationId, relid, role)
#else
#define relation_is_owned(relid, role) pg_class_ownercheck(relid, role)
#endif

/* 18: vacuum_delay_point learns what it delays */
#if PG_VERSION_NUM >= 180000
#define vacuum_pause() vacuum_delay_point(false)
#else
#define vacuum_pause() vacuum_delay_point()
#endif

/* 18: a path that must not be taken says so beside its cost */
#if PG_VERSION_NUM >= 180000
#define disable_path(path) ((path)->disabled_nodes = 2)
#else
#define disable_path(path) ((void) (path))
#endif

/*
 * 16: memory of settings that belongs to the server.  The calls are the same.
 */
#if PG_VERSION_NUM < 160000
#define guc_malloc(elevel, size) malloc(size)
#endif

/* 18: functions that do not return are marked in front, as by C11 */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

/*
 * 17: what EXPLAIN does with a query can be called by those who stand before it.
 * 18: its parts have headers of their own, and it asks for additions to a node.
 */
#include "commands/explain.h"
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#define EXPLAIN_ASKS_FOR_NODES 1
#else
#define EXPLAIN_ASKS_FOR_NODES 0
#endif
#if PG_VERSION_NUM < 170000
#include "executor/instrument.h"
#include "tcop/tcopprot.h"
static inline void
standard_ExplainOneQuery(Query *query, int cursor_options, IntoClause *into,
						 ExplainState *es, const char *text,
						 ParamListInfo params, QueryEnvironment *environment)
{
	BufferUsage before = pgBufferUsage;
	BufferUsage buffers = {0};
	instr_time start;
	instr_time duration;
	PlannedStmt *plan;

	INSTR_TIME_SET_CURRENT(start);
	plan = pg_plan_query(query, text, cursor_options, params);
	INSTR_TIME_SET_CURRENT(duration);
	INSTR_TIME_SUBTRACT(duration, start);
	BufferUsageAccumDiff(&buffers, &pgBufferUsage, &before);
	ExplainOnePlan(plan, into, es, text, params, environment, &duration,
				   es->buffers ? &buffers : NULL);
}
#endif

/* 18: EXPLAIN says how often an index was searched; include access/relscan.h */
#if PG_VERSION_NUM >= 180000
#define count_index_search(scan) \
	do \
	{ \
		if ((scan)->instrument != NULL) \
			(scan)->instrument->nsearches++; \
	} while (0)
#else
#define count_index_search(scan) ((void) (scan))
#endif

/*
 * 18: a bitmap of TIDs is read block by block in another way.  noffsets < 0: any
 * row of the block may be meant.
 */
#include "access/htup_details.h"
#include "nodes/tidbitmap.h"
typedef struct BitmapBlock
{
	BlockNumber number;
	int noffsets;
	bool recheck;
	const OffsetNumber *offsets;
} BitmapBlock;

typedef struct BitmapBlocks
{
#if PG_VERSION_NUM >= 180000
	TBMPrivateIterator *iterator;
	OffsetNumber offsets[TBM_MAX_TUPLES_PER_PAGE];
#else
	TBMIterator *iterator;
#endif
} BitmapBlocks;

static inline void
bitmap_blocks_begin(BitmapBlocks *blocks, TIDBitmap *bitmap)
{
#if PG_VERSION_NUM >= 180000
	blocks->iterator = tbm_begin_private_iterate(bitmap);
#else
	blocks->iterator = tbm_begin_iterate(bitmap);
#endif
}

/* The next block, in their order; what it says is valid until the next call */
static inline bool
bitmap_blocks_next(BitmapBlocks *blocks, BitmapBlock *block)
{
#if PG_VERSION_NUM >= 180000
	TBMIterateResult result;

	if (!tbm_private_iterate(blocks->iterator, &result))
		return false;
	block->number = result.blockno;
	block->recheck = result.recheck;
	block->offsets = blocks->offsets;
	block->noffsets = result.lossy
		? -1
		: tbm_extract_page_tuple(&result, blocks->offsets,
								 TBM_MAX_TUPLES_PER_PAGE);
#else
	const TBMIterateResult *result = tbm_iterate(blocks->iterator);

	if (result == NULL)
		return false;
	block->number = result->blockno;
	block->recheck = result->recheck;
	block->offsets = result->offsets;
	block->noffsets = result->ntuples;
#endif
	return true;
}

static inline void
bitmap_blocks_end(BitmapBlocks *blocks)
{
#if PG_VERSION_NUM >= 180000
	tbm_end_private_iterate(blocks->iterator);
#else
	tbm_end_iterate(blocks->iterator);
#endif
}

/* 18: an index scan counts its searches where its plan node keeps them */
#include "access/genam.h"
#include "nodes/execnodes.h"
static inline IndexScanDesc
begin_index_scan(Relation table, Relation index, Snapshot snapshot,
				 IndexScanState *state, int nkeys, int norderbys)
{
#if PG_VERSION_NUM >= 180000
	return index_beginscan(table, index, snapshot, &state->iss_Instrument,
						   nkeys, norderbys);
#else
	(void) state;
	return index_beginscan(table, index, snapshot, nkeys, norderbys);
#endif
}

/* Does the planner take an index scan for the first of several keys of an order? */
#define PLANNER_TAKES_FIRST_KEY (PG_VERSION_NUM >= 170000)

/*
 * 18: path keys say in words which way they order, and the members that a class has
 * of partitions are kept apart.
 */
#include "access/stratnum.h"
#include "nodes/pathnodes.h"
#include "optimizer/paths.h"
#if PG_VERSION_NUM >= 180000
#define pathkey_ascends(key) ((key)->pk_cmptype == COMPARE_LT)
#define pathkey_set_ascending(key) ((key)->pk_cmptype = COMPARE_LT)
#else
#define pathkey_ascends(key) ((key)->pk_strategy == BTLessStrategyNumber)
#define pathkey_set_ascending(key) ((key)->pk_strategy = BTLessStrategyNumber)
#endif

/* Expressions of a class that are of one table alone */
static inline List *
class_expressions(EquivalenceClass *class, Relids table)
{
	List *expressions = NIL;
	EquivalenceMember *member;
#if PG_VERSION_NUM >= 180000
	EquivalenceMemberIterator members;

	setup_eclass_member_iterator(&members, class, table);
	while ((member = eclass_member_iterator_next(&members)) != NULL)
	{
#else
	ListCell *cell;

	foreach(cell, class->ec_members)
	{
		member = lfirst(cell);
#endif
		if (bms_equal(member->em_relids, table))
			expressions = lappend(expressions, member->em_expr);
	}
	return expressions;
}

/* 18: a module may carry its name and version */
#ifdef PG_MODULE_MAGIC_EXT
#define VECTOR_EXT_MODULE_MAGIC(version_text) \
	PG_MODULE_MAGIC_EXT(.name = "vector_ext", .version = version_text)
#else
#define VECTOR_EXT_MODULE_MAGIC(version_text) PG_MODULE_MAGIC
#endif

#endif
