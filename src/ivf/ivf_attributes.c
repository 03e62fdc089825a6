/*
 * ivf_attributes.c
 *	  The attributes of a segment's lanes.
 */
#include "postgres.h"

#include "ivf/ivf_attributes.h"

void
ivf_attributes_set(Page page, const IvfLayout *layout, const IvfMeta *meta,
				   uint32 lane, const AttributeRow *row)
{
	AttributeColumn columns[ATTRIBUTE_MAX];

	ivf_columns(page, layout, meta, columns);
	if (ivf_segment(page)->nlanes == 0)
		attribute_columns_clear(columns, meta->nattributes);
	attribute_columns_put(columns, meta->nattributes, lane, row);
}

void
ivf_attributes_get(Page page, const IvfLayout *layout, const IvfMeta *meta,
				   uint32 lane, AttributeRow *row)
{
	AttributeColumn columns[ATTRIBUTE_MAX];

	ivf_columns(page, layout, meta, columns);
	attribute_columns_get(columns, meta->nattributes, lane, row);
}

bool
ivf_attributes_mask(Page page, const IvfLayout *layout, const IvfMeta *meta,
					const AttributeFilter *filter, uint32 *mask)
{
	AttributeColumn columns[ATTRIBUTE_MAX];
	uint32 nwords = (ivf_segment(page)->nlanes + IVF_WORD - 1) / IVF_WORD;

	ivf_columns(page, layout, meta, columns);
	return attribute_filter_mask(filter, columns, nwords, mask);
}
