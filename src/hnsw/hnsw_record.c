/*
 * hnsw_record.c
 *	  Records read whole, with the parts that did not fit the node's slot.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "hnsw/hnsw_record.h"

void
hnsw_record_init(HnswRecord *record, const HnswLayout *layout)
{
	memset(record, 0, sizeof(*record));
	record->data = palloc(layout->longest);
}

void
hnsw_record_begin(HnswRecord *record, const HnswModel *model,
				  const HnswNode *node)
{
	const HnswLayout *layout = &model->layout;
	uint32 length = hnsw_record_length(layout, node);

	record->head = *node;
	record->tail = (HnswTail){.next = HNSW_NONE, .length = length};
	if (layout->tail != 0)
		record->tail.next =
			HNSW_ARRAY(node, layout->tail, const HnswTail)->next;
	record->bytes = Min(length, model->meta.kept);
	memcpy(record->data, HNSW_ARRAY(node, layout->copy, const char),
		   record->bytes);
}

/* The part with this ordinal; where the next one is */
static bool
read_part(HnswRecord *record, Relation index, const HnswModel *model,
		  uint32 ordinal)
{
	const HnswLayout *layout = &model->layout;
	HnswId id = record->tail.next;
	uint32 wanted = Min(record->tail.length - record->bytes, layout->part);
	Buffer buffer = hnsw_pin(index, model, hnsw_block(layout, id));
	Page page = page_lock(index, buffer, HNSW_MAGIC, HNSW_PAGE_NODES);
	const HnswPart *part = (HnswPart *) hnsw_node(page, layout, id);
	bool found = part->state == HNSW_PART &&
		part->ground == record->head.ground && part->ordinal == ordinal &&
		part->bytes == wanted;

	if (found)
	{
		memcpy(record->data + record->bytes, part->data, wanted);
		record->bytes += wanted;
		record->tail.next = part->next;
	}
	UnlockReleaseBuffer(buffer);
	return found;
}

bool
hnsw_record_finish(HnswRecord *record, Relation index, const HnswModel *model)
{
	for (uint32 ordinal = 1; record->bytes < record->tail.length; ordinal++)
	{
		CHECK_FOR_INTERRUPTS();
		if (record->tail.next == HNSW_NONE ||
			!read_part(record, index, model, ordinal))
			return false;
	}
	return record->bytes > 0;
}

bool
hnsw_record_image(HnswRecord *record, Relation index, const HnswModel *model,
				  const HnswNode *node, float *image)
{
	hnsw_record_begin(record, model, node);
	return hnsw_record_finish(record, index, model) &&
		hnsw_form(&model->meta)
			->image(&model->meta, &record->head, record->data, record->bytes,
					image);
}

bool
hnsw_record_read(HnswRecord *record, Relation index, const HnswModel *model,
				 HnswId id, uint32 level, float *image)
{
	const HnswLayout *layout = &model->layout;
	Buffer buffer = hnsw_pin(index, model, hnsw_block(layout, id));
	Page page = page_lock(index, buffer, HNSW_MAGIC, HNSW_PAGE_NODES);
	const HnswNode *node = hnsw_node(page, layout, id);
	bool found = hnsw_is_node_of(node, level);

	if (found)
		hnsw_record_begin(record, model, node);
	UnlockReleaseBuffer(buffer);
	return found && hnsw_record_finish(record, index, model) &&
		hnsw_form(&model->meta)
			->image(&model->meta, &record->head, record->data, record->bytes,
					image);
}

void
hnsw_record_put(HnswNode *node, const HnswModel *model, const char *data,
				uint32 bytes, HnswId next)
{
	const HnswLayout *layout = &model->layout;

	memcpy(HNSW_ARRAY(node, layout->copy, char), data,
		   Min(bytes, model->meta.kept));
	if (layout->tail != 0)
		*HNSW_ARRAY(node, layout->tail, HnswTail) =
			(HnswTail){.next = next, .length = bytes};
}

void
hnsw_part_put(HnswPart *part, const HnswModel *model, HnswId ground,
			  HnswId next, uint32 ordinal, const char *data, uint32 bytes)
{
	uint32 at = model->meta.kept + (ordinal - 1) * model->layout.part;

	part->state = HNSW_PART;
	part->ground = ground;
	part->next = next;
	part->ordinal = ordinal;
	part->bytes = Min(bytes - at, model->layout.part);
	memcpy(part->data, data + at, part->bytes);
}
