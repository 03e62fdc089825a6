/*
 * hnsw_form.h
 *	  Records: what a node keeps of its own vector, as a table of forms.
 *
 *		int8	the image, in 8 bits a dimension (hnsw_copy.h): bounds of distances
 *		value	the value as it is: distances as the operator has them
 *
 * Where the image is no more than a likeness of the value only the latter tells of
 * distances.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_FORM_H
#define VECTOR_EXT_HNSW_FORM_H

#include "hnsw/hnsw_copy.h"
#include "hnsw/hnsw_page.h"

/* pgvector's limit on the elements of a sparse vector that are not zero */
#define HNSW_MAX_NONZERO 1000

typedef struct HnswForm
{
	const char *name; /* as users see it */

	/*
	 * The record of a value, whose image is given, and what the head says of it.
	 * hnsw_value_record_bytes() of room.
	 */
	void (*set)(const HnswMeta *meta, const void *elems, const float *image,
				HnswNode *head, void *record);

	/* The image for which a record stands; false where the record is damaged */
	bool (*image)(const HnswMeta *meta, const HnswNode *head,
				  const void *record, Size bytes, float *image);

	/*
	 * The key of a record, within bounds.  For one that is damaged nothing is
	 * known.
	 */
	HnswKey (*key)(const HnswQuery *query, const HnswNode *head,
				   const void *record, Size bytes);
} HnswForm;

/* The row of the table; kinds are those of a meta page that was checked */
extern const HnswForm *hnsw_form(const HnswMeta *meta);

static inline bool
hnsw_keeps_values(const HnswMeta *meta)
{
	return meta->form == HNSW_FORM_VALUE;
}

/* Bytes of all records, 0 where they differ; of the longest; of a value's */
extern Size hnsw_record_bytes(const HnswMeta *meta);
extern Size hnsw_record_longest(const HnswMeta *meta);
extern Size hnsw_value_record_bytes(const HnswMeta *meta, const void *elems);

/* Error [54000] for a value with too many elements that are not zero */
extern void hnsw_check_value(const HnswMeta *meta, const void *elems);

#endif
