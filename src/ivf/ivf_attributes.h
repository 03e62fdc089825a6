/*
 * ivf_attributes.h
 *	  The attributes of a segment's lanes.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_IVF_ATTRIBUTES_H
#define VECTOR_EXT_IVF_ATTRIBUTES_H

#include "am/attribute_filter.h"
#include "ivf/ivf_layout.h"

/* The columns of a segment, meta->nattributes of them */
static inline void
ivf_columns(Page page, const IvfLayout *layout, const IvfMeta *meta,
			AttributeColumn *columns)
{
	char *room = page_room(page);

	for (uint32 i = 0; i < meta->nattributes; i++)
	{
		const IvfColumn *column = &layout->columns[i];

		columns[i] = (AttributeColumn){
			.kind = meta->attributes[i],
			.values = room + column->values,
			.nulls = (uint32 *) (room + column->nulls),
			.summary = (AttributeSummary *) (room + column->summary)};
	}
}

/* Attributes of a lane; nlanes of the segment does not count it yet, if it is new */
extern void ivf_attributes_set(Page page, const IvfLayout *layout,
							   const IvfMeta *meta, uint32 lane,
							   const AttributeRow *row);
extern void ivf_attributes_get(Page page, const IvfLayout *layout,
							   const IvfMeta *meta, uint32 lane,
							   AttributeRow *row);

/*
 * Clear the bits of lanes that do not meet the filter, of all lanes that the segment
 * says it has.  False: no bit is left.
 */
extern bool ivf_attributes_mask(Page page, const IvfLayout *layout,
								const IvfMeta *meta,
								const AttributeFilter *filter, uint32 *mask);

#endif
