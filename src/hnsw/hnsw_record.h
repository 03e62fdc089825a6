/*
 * hnsw_record.h
 *	  Records read whole, with the parts that did not fit the node's slot.
 *
 * A node's further parts are there as long as its element's ground is; who follows
 * them while VACUUM takes the element away finds others, or none, and knows by
 * their owner: then the node is gone.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_RECORD_H
#define VECTOR_EXT_HNSW_RECORD_H

#include "hnsw/hnsw_form.h"
#include "hnsw/hnsw_model.h"

/* The head and record of one node after another */
typedef struct HnswRecord
{
	HnswNode head;
	HnswTail tail; /* next: the first further part */
	uint32 bytes;  /* there are so far */
	char *data;
} HnswRecord;

/* Memory in the current context */
extern void hnsw_record_init(HnswRecord *record, const HnswLayout *layout);

/* Bytes of a node's record, 0 where it says there are too many */
static inline uint32
hnsw_record_length(const HnswLayout *layout, const HnswNode *node)
{
	uint32 length;

	if (layout->tail == 0)
		return layout->longest;
	length = HNSW_ARRAY(node, layout->tail, const HnswTail)->length;
	return length <= layout->longest ? length : 0;
}

/* Is it all in the node's slot? */
static inline bool
hnsw_record_is_whole(const HnswModel *model, const HnswNode *node)
{
	return hnsw_record_length(&model->layout, node) <= model->meta.kept;
}

/* Begin with a node, which the caller holds locked, or a copy of it */
extern void hnsw_record_begin(HnswRecord *record, const HnswModel *model,
							  const HnswNode *node);

/*
 * Read the rest.  False where it is gone, or damaged.  Callers hold no lock; one
 * page at a time is locked, shared.
 */
extern bool hnsw_record_finish(HnswRecord *record, Relation index,
							   const HnswModel *model);

/*
 * The record of a node, and the image for which it stands.  False where the slot is
 * no node of this level, or gone meanwhile.  Locks as before.
 */
extern bool hnsw_record_read(HnswRecord *record, Relation index,
							 const HnswModel *model, HnswId id, uint32 level,
							 float *image);

/* The same for a node that the caller has a copy of */
extern bool hnsw_record_image(HnswRecord *record, Relation index,
							  const HnswModel *model, const HnswNode *node,
							  float *image);

/* Put a record into a node that is being written: what it keeps, and the tail */
extern void hnsw_record_put(HnswNode *node, const HnswModel *model,
							const char *data, uint32 bytes, HnswId next);

/* A free slot becomes the part with this ordinal of a record */
extern void hnsw_part_put(HnswPart *part, const HnswModel *model, HnswId ground,
						  HnswId next, uint32 ordinal, const char *data,
						  uint32 bytes);

#endif
