/*
 * scan.h
 *	  Index scans of every access method: batches of hits, in exact order.
 *
 * An engine finds hits, each with bounds of its distance, a batch at a time; the
 * scan hands them out in the order of the operator's distances.  The hit with
 * the lowest bound leaves when no other can be nearer; otherwise its row is
 * fetched from the heap and its distance computed, as the operator does.  So
 * only rows whose order is in doubt cost a look at the heap.
 *
 * With a filter (row_filter.h) rows leave that pass it.  Where other indexes of the
 * table say which rows may, and these are few, their distances are computed, and that
 * is all; more of them are handed to the engine.  Where only a condition says so, it is
 * asked of hits, nearest first; rows that pass are held back until there are as many
 * as are wanted, so that a larger batch may still put a nearer one before them.  Once
 * it is clear that few pass, the set is asked for, or all rows are sorted.
 *
 * When the executor wants more rows than the batch was made for, a larger one
 * is made and what was returned is left out.  A row found late that is nearer
 * than one already returned is dropped, unless the order may be relaxed.  Where
 * a larger batch would not fit memory, the rest is sorted by exact distances,
 * on disk if need be.
 *
 * An access method has a ScanEngine, a beginscan of its own that calls
 * scan_begin() with it (by which methods.h knows its indexes), and takes the
 * other callbacks from here.
 *
 * Distances are the engine's "keys": any number that orders as the operator's
 * distance does, the same for its bounds and for its key().
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_SCAN_H
#define VECTOR_EXT_SCAN_H

#include "access/genam.h"
#include "storage/itemptr.h"
#include "utils/relcache.h"

#include "am/attribute_filter.h"
#include "am/row_filter.h"

struct ExplainState;

/* A row, as far as it is known */
typedef struct ScanHit
{
	double low;  /* the key is not below; low = high: it is known */
	double high; /* the key is not above */
	ItemPointerData tid;
	bool
		passed; /* the scan's own: it passes the filter; false from an engine */
} ScanHit;

/* What an engine is asked for; all of it lasts as long as the query */
typedef struct ScanQuery
{
	Relation index;
	Datum value; /* of the column's type, perhaps toasted; not if is_null */
	bool is_null;
	double rows; /* likely to be wanted: the LIMIT, else a guess */

	/*
	 * A batch has no other rows than these, and rows wanted are counted among
	 * them; NULL: any.
	 */
	const TidFilter *tids;

	/*
	 * To make that set all rows were asked, or many: estimating as many takes but a part of
	 * it
	 */
	bool tids_asked;

	/* The same for rows whose attributes meet this; NULL: any */
	const AttributeFilter *attributes;

	/* The engine's alone: until the scan ends, or the engine resets it */
	MemoryContext scan_memory;
	/* Not the engine's alone: until the next query */
	MemoryContext query_memory;
} ScanQuery;

/* How the rows of a query leave */
typedef enum ScanOrder
{
	SCAN_UNORDERED, /* it has no order, as NULL: all rows, by visit() */
	SCAN_STRICT,    /* by distance; rows found late are dropped */
	SCAN_RELAXED    /* by distance within a batch; rows found late are not */
} ScanOrder;

/* What a run has found */
typedef struct ScanBatch
{
	/*
	 * One for each TID, each TID once; in no order, those returned before with
	 * them or not.  Memory of the engine, valid until its next call of open, run
	 * or visit; the scan changes what it says.
	 */
	ScanHit *hits;
	uint32 nhits;

	/*
	 * So many rows of the query's, those returned before included, are likely
	 * to be the nearest of all rows, not only of those that were looked at.
	 * More are not handed out of this batch.
	 */
	double rank;

	/*
	 * Whatever is no hit here, and was not returned, is not to be had: nothing
	 * was left out, or settings allow no more.  All hits may be handed out.
	 */
	bool exhausted;

	/* A larger one is not to be made (it would not fit memory): sort the rest */
	bool largest;

	/* Attributes of hits were not looked at: the table's rows are to be asked */
	bool unasked;
} ScanBatch;

/* Called with each row */
typedef void (*ScanVisit)(void *arg, ItemPointer tid);

/*
 * What differs between access methods.  state: state_size bytes of the engine's
 * own, zeros when the scan begins, then untouched until it ends, through all
 * queries.  The current memory context is the caller's: what is to last goes to
 * the contexts of ScanQuery.  When a scan ends nothing but memory is released,
 * so pins and locks must not outlive a call.
 */
typedef struct ScanEngine
{
	/* What messages call the access method of this index */
	const char *(*name)(Relation index);

	Size state_size;

	/*
	 * Begin a query, by the index as it is now.  again: the same query, since
	 * the last run found that what it knew of the index is no longer there;
	 * counters are not to count it twice, and the next run is the same as the
	 * last.  query lasts until the next open.  A value that does not fit the
	 * index is an error.
	 */
	ScanOrder (*open)(void *state, const ScanQuery *query, bool again);

	/*
	 * Make a batch for k rows, those returned before included.  Each goes at
	 * least twice as far as the one before, whatever k.  False where the index
	 * was replaced meanwhile: open comes again, and then run for the same k.
	 */
	bool (*run)(void *state, double k, ScanBatch *batch);

	/*
	 * Visit all rows that this query may return, by the settings, in any order:
	 * each live TID once, those of hits with them.  No lock is held while visit
	 * runs: it may read the heap.  False where the index was replaced meanwhile:
	 * the query fails [40001].
	 */
	bool (*visit)(void *state, ScanVisit visit, void *arg);

	/*
	 * Add the n rows nearest by estimate to a set, about: of all rows, whatever the
	 * query's tids.  False where the index was replaced meanwhile.  NULL: there are no
	 * estimates.  Called only where ScanMethod.nearest_time says that they can be had.
	 */
	bool (*nearest)(void *state, double n, TIDBitmap *rows);

	/* The exact key of a value of the column's, detoasted; may be NaN */
	double (*key)(const void *state, Datum value);

	/* The key of a value at this distance, which may be negative or infinite */
	double (*key_at)(const void *state, double distance);

	/*
	 * The setting because of which the query ends though rows are left in the
	 * index; NULL where none are.  Static.  Asked when the executor has been
	 * told that there are no more rows.
	 */
	const char *(*budget)(const void *state);

	/* Print counters of its own, as ScanMethod.explain, sums over all queries */
	void (*explain)(const void *state, struct ExplainState *es);
} ScanEngine;

/* The callbacks of an access method, but ambeginscan, which names its engine */
extern IndexScanDesc scan_begin(const ScanEngine *engine, Relation index,
								int nkeys, int norderbys);
extern void scan_rescan(IndexScanDesc desc, ScanKey keys, int nkeys,
						ScanKey orderbys, int norderbys);
extern bool scan_gettuple(IndexScanDesc desc, ScanDirection direction);
extern void scan_end(IndexScanDesc desc);

/*
 * The following queries of a scan return only what passes the filter, nearest
 * first, as many as the executor asks for where there are that many.  filter lives
 * as long as the scan, and may change before each rescan; NULL: none.
 */
extern void scan_set_filter(IndexScanDesc desc, const RowFilter *filter);

/* ScanMethod.explain of all methods */
extern void scan_explain(IndexScanDesc desc, struct ExplainState *es);

#endif
