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
	bool unused = ivf_segment(page)->nlanes == 0;

	for (uint32 i = 0; i < meta->nattributes; i++)
	{
		AttributeColumn column = ivf_column(page, layout, meta, i);

		if (unused)
			attribute_column_clear(&column);
		attribute_column_put(&column, lane, row->keys[i], row->nulls >> i & 1);
	}
}

void
ivf_attributes_get(Page page, const IvfLayout *layout, const IvfMeta *meta,
				   uint32 lane, AttributeRow *row)
{
	row->nulls = 0;
	for (uint32 i = 0; i < meta->nattributes; i++)
	{
		AttributeColumn column = ivf_column(page, layout, meta, i);
		bool isnull;

		row->keys[i] = attribute_column_get(&column, lane, &isnull);
		row->nulls |= (uint64) isnull << i;
	}
}

bool
ivf_attributes_mask(Page page, const IvfLayout *layout, const IvfMeta *meta,
					const AttributeFilter *filter, uint32 *mask)
{
	AttributeColumn columns[ATTRIBUTE_MAX];
	uint32 nwords = (ivf_segment(page)->nlanes + IVF_WORD - 1) / IVF_WORD;

	for (uint32 i = 0; i < meta->nattributes; i++)
		columns[i] = ivf_column(page, layout, meta, i);
	return attribute_filter_mask(filter, columns, nwords, mask);
}
