/*
 * hnsw_row_page.h
 *	  Row pages: where each TID's element is, its attributes and its code, apart from
 *	  the graph.
 *
 * What a search by links cannot do, or only at length: look at certain rows, be they
 * near or far.  A lane has a TID, the name of the element's ground, the row's
 * attributes, and the code of its image, where nodes have codes; codes lie in blocks as
 * beside links.  A build
 * writes lanes in the order of TIDs, so that a page tells of few blocks of the table;
 * insertions fill lanes as they come, first those that VACUUM has freed.
 *
 * A TID and its lane come in one record of the log.  They go in two: VACUUM takes
 * TIDs from nodes, then from lanes, and only then frees nodes.  So a row that anyone
 * sees has a lane, and who comes by a lane of one that nobody sees finds its element
 * dead, or alive with other rows; once the slot is free, the lane is.
 *
 * Locks: row pages are locked after nodes' pages; two, the new one first, to lengthen
 * the chain.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_ROW_PAGE_H
#define VECTOR_EXT_HNSW_ROW_PAGE_H

#include "am/attribute_filter.h"
#include "am/tid_filter.h"
#include "hnsw/hnsw_model.h"

static inline HnswRowHead *
hnsw_row_head(Page page)
{
	return (HnswRowHead *) page_room(page);
}

#define HNSW_ROW_ARRAY(page, offset, type) \
	((type *) (page_room(page) + (offset)))

/* A bit for each lane that has a row */
static inline uint32 *
hnsw_row_live(Page page, const HnswLayout *layout)
{
	return HNSW_ROW_ARRAY(page, layout->rows.live, uint32);
}

static inline ItemPointerData *
hnsw_row_tids(Page page, const HnswLayout *layout)
{
	return HNSW_ROW_ARRAY(page, layout->rows.tids, ItemPointerData);
}

static inline HnswId *
hnsw_row_grounds(Page page, const HnswLayout *layout)
{
	return HNSW_ROW_ARRAY(page, layout->rows.grounds, HnswId);
}

/* Codes of the lanes of a word, in the layout of blocks */
static inline uint8 *
hnsw_row_codes(Page page, const HnswLayout *layout, uint32 word)
{
	return HNSW_ROW_ARRAY(page, layout->rows.codes, uint8) +
		(Size) word * layout->block_bytes;
}

/* Is there a row in the lane? */
static inline bool
hnsw_row_is_live(Page page, const HnswLayout *layout, uint32 lane)
{
	return hnsw_row_live(page, layout)[lane / HNSW_ROW_WORD] >>
		lane % HNSW_ROW_WORD &
		1;
}

static inline uint32
hnsw_row_words(const HnswLayout *layout)
{
	return layout->rows.lanes / HNSW_ROW_WORD;
}

/* The columns of attributes, meta->ncolumns of them */
extern void hnsw_row_columns(Page page, const HnswMeta *meta,
							 const HnswLayout *layout,
							 AttributeColumn *columns);

/* Which rows are looked for: members of tids, with such attributes; NULL: any */
typedef struct HnswRowFilter
{
	const TidFilter *tids;
	const AttributeFilter *attributes;
} HnswRowFilter;

/* Words of bits, one for each lane that a page may have */
#define HNSW_ROW_WORDS (PAGE_ROOM / sizeof(HnswId) / HNSW_ROW_WORD)

/* The lanes of a page that have such a row: bits, by words; how many they are */
extern uint32 hnsw_row_find(Page page, const HnswMeta *meta,
							const HnswLayout *layout,
							const HnswRowFilter *filter, uint32 *found);

/* Do lanes have codes that say anything? */
static inline bool
hnsw_rows_have_codes(const HnswModel *model)
{
	return hnsw_has_codes(&model->meta) && model->layout.rows.codes != 0;
}

/*
 * Pages as they are written: an exclusively locked buffer's image of an edit, or a
 * page of an index that is being built
 */

/* An empty page, chained to nothing */
extern void hnsw_row_page_init(Page page);

/* A row, as lanes have it */
typedef struct HnswRow
{
	ItemPointerData tid;
	HnswId ground;
	const uint8 *code;              /* NULL, or of the codec */
	const AttributeRow *attributes; /* unused without columns */
} HnswRow;

/* Put a row into a free lane */
extern void hnsw_row_set(Page page, const HnswModel *model, uint32 lane,
						 const HnswRow *row);

/* The code of a lane, where there is room for any */
extern void hnsw_row_set_code(Page page, const HnswModel *model, uint32 lane,
							  const uint8 *code);
extern void hnsw_row_get_code(Page page, const HnswModel *model, uint32 lane,
							  uint8 *code);

/* Free the lanes whose bits are set, by words */
extern void hnsw_row_clear(Page page, const HnswModel *model,
						   const uint32 *lanes);

/* A free lane; -1: there is none */
extern int hnsw_row_free_lane(Page page, const HnswLayout *layout);

/*
 * A lane for a new row
 */

/*
 * A row page that seems to have a free lane, pinned: the first one, or a new one.
 * Callers hold no lock.
 */
extern Buffer hnsw_row_space(Relation index, const HnswModel *model);

/*
 * Lock it exclusively: a free lane; -1: others have taken them all, and it is not
 * locked.
 */
extern int hnsw_row_lock(Buffer buffer, const HnswLayout *layout);

/* Say from which row page on there may be free lanes: callers hold no lock */
extern void hnsw_set_row_space(Relation index, BlockNumber blkno);

/*
 * All row pages, one after the other
 */
typedef struct HnswRowWalk
{
	Relation index;
	const HnswModel *model;        /* NULL: not there any more, do without */
	BufferAccessStrategy strategy; /* may be NULL */
	BlockNumber next;
	BlockNumber nread;
	BlockNumber nblocks; /* of the index, as last asked for */
} HnswRowWalk;

extern HnswRowWalk hnsw_row_walk(Relation index, const HnswModel *model,
								 BufferAccessStrategy strategy);

/*
 * The next page, pinned and locked (BUFFER_LOCK_SHARE or _EXCLUSIVE); InvalidBuffer
 * behind the last one.  The caller releases it.  Error where the chain has no end.
 */
extern Buffer hnsw_row_walk_next(HnswRowWalk *walk, int lock);

/* The same, copied under the lock; false behind the last one.  page: BLCKSZ bytes. */
extern bool hnsw_row_walk_copy(HnswRowWalk *walk, char *page,
							   BlockNumber *blkno);

#endif
