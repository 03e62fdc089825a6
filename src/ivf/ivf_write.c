/*
 * ivf_write.c
 *	  Writes the pages of an index that is being built.
 *
 * A segment is filled in memory, and its copy pages one at a time.  Copy pages
 * are written first, so that the segment can name them; segments of a list are
 * chained backwards, so that no page is written twice.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "ivf/ivf_attributes.h"
#include "ivf/ivf_model.h"
#include "ivf/ivf_space.h"
#include "ivf/ivf_write.h"
#include "pages/wal.h"

struct IvfWriter
{
	Relation index;
	ForkNumber fork;
	const IvfMeta *meta;
	bool logged;
	IvfLayout layout;
	IvfListEntry *entries;
	uint32 list;   /* that the segment is of */
	bool filling;  /* is there a segment? */
	char *segment; /* page images */
	char *copies;
	uint32 ncopies;   /* copies on the page at hand */
	BlockNumber head; /* the first block behind the directory */
	BlockNumber next; /* of a run; or InvalidBlockNumber: pages are added */
};

/* Put an image on a locked page, and let it go */
static void
put_page(IvfWriter *writer, Buffer buffer, const char *image)
{
	memcpy(BufferGetPage(buffer), image, BLCKSZ);
	if (writer->logged)
		wal_log_page(writer->index, buffer);
	else
		MarkBufferDirty(buffer);
	UnlockReleaseBuffer(buffer);
}

/* A locked buffer whose content does not matter */
static Buffer
new_page(IvfWriter *writer)
{
	if (writer->next != InvalidBlockNumber)
		return ReadBufferExtended(writer->index, writer->fork, writer->next++,
								  RBM_ZERO_AND_LOCK, NULL);
	return writer->logged ? ivf_new_block(writer->index)
						  : wal_extend(writer->index, writer->fork);
}

/* Add a page; its image is copied */
static BlockNumber
write_page(IvfWriter *writer, const char *image)
{
	Buffer buffer = new_page(writer);
	BlockNumber blkno = BufferGetBlockNumber(buffer);

	put_page(writer, buffer, image);
	return blkno;
}

/* Write a page that has been added before */
static void
write_page_at(IvfWriter *writer, BlockNumber blkno, const char *image)
{
	Buffer buffer = ReadBufferExtended(writer->index, writer->fork, blkno,
									   RBM_NORMAL, NULL);

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	put_page(writer, buffer, image);
}

void
ivf_write_meta(Relation index, ForkNumber fork, const IvfMeta *meta)
{
	Buffer buffer =
		ReadBufferExtended(index, fork, IVF_META_BLOCK, RBM_NORMAL, NULL);
	Page page = BufferGetPage(buffer);

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	page_init(page, IVF_MAGIC, IVF_PAGE_META, meta->generation);
	memcpy(page_room(page), meta, sizeof(*meta));
	MarkBufferDirty(buffer);
	UnlockReleaseBuffer(buffer);
}

/* n bytes over pages that follow each other, from blkno on */
static void
write_bytes_at(IvfWriter *writer, BlockNumber blkno, uint16 kind,
			   const char *bytes, Size n)
{
	Page page = (Page) writer->copies;

	for (Size done = 0; done < n; done += PAGE_ROOM)
	{
		page_init(page, IVF_MAGIC, kind, writer->meta->generation);
		memcpy(page_room(page), bytes + done, Min(n - done, PAGE_ROOM));
		write_page_at(writer, blkno++, writer->copies);
	}
}

static BlockNumber
write_params(IvfWriter *writer, const float *params)
{
	Size n = ivf_params_floats(writer->meta) * sizeof(float);
	BlockNumber first;

	if (n == 0)
		return InvalidBlockNumber;
	if (params == NULL)
		return writer->meta->codebook;
	first = wal_extend_run(writer->index, writer->fork,
						   (n + PAGE_ROOM - 1) / PAGE_ROOM);
	write_bytes_at(writer, first, IVF_PAGE_CODEBOOK, (const char *) params, n);
	return first;
}

static void
set_centroid(IvfCentroid *slot, ElemKind elem, const float *centroid, int dim)
{
	slot->sqnorm = 0;
	for (int d = 0; d < dim; d++)
		slot->sqnorm += centroid[d] * centroid[d];
	elem_ops[elem].store(centroid, slot->elems, dim);
}

static BlockNumber
write_centroids(IvfWriter *writer, const float *centroids)
{
	const IvfMeta *meta = writer->meta;
	Slots slots = ivf_centroid_slots(meta);
	Page page = (Page) writer->copies;
	IvfCentroid *slot = palloc0(slots.size);
	BlockNumber first = wal_extend_run(writer->index, writer->fork,
									   slots_npages(&slots, meta->nlists));

	page_init(page, IVF_MAGIC, IVF_PAGE_CENTROIDS, meta->generation);
	for (uint32 i = 0; i < meta->nlists; i++)
	{
		BlockNumber blkno = first + slots_page(&slots, i);

		CHECK_FOR_INTERRUPTS();
		set_centroid(slot, (ElemKind) meta->centroid_elem,
					 centroids + (Size) i * meta->model_dim, meta->model_dim);
		if (slots.pages_each > 1)
		{
			write_bytes_at(writer, blkno, IVF_PAGE_CENTROIDS, (char *) slot,
						   slots.size);
			continue;
		}
		memcpy(page_room(page) + slots_offset(&slots, i), slot, slots.size);
		if ((i + 1) % slots.per_page == 0 || i + 1 == meta->nlists)
			write_page_at(writer, blkno, writer->copies);
	}
	pfree(slot);
	return first;
}

/* All entries: again when more is known of them */
static void
write_directory(IvfWriter *writer)
{
	BlockNumber blkno = writer->meta->directory;

	for (uint32 i = 0; i < writer->meta->nlists; i += IVF_ENTRIES_PER_PAGE)
		write_bytes_at(writer, blkno++, IVF_PAGE_DIRECTORY,
					   (const char *) (writer->entries + i),
					   IVF_ENTRIES_PER_PAGE * sizeof(IvfListEntry));
}

void
ivf_entries_init(const IvfMeta *meta, IvfListEntry *entries, uint32 n)
{
	for (uint32 i = 0; i < n; i++)
		entries[i] = (IvfListEntry){.first = InvalidBlockNumber,
									.free = InvalidBlockNumber,
									.born = meta->generation};
}

IvfWriter *
ivf_writer_join(Relation index, const IvfMeta *meta, IvfListEntry *entries)
{
	IvfWriter *writer = palloc0(sizeof(IvfWriter));

	writer->index = index;
	writer->fork = MAIN_FORKNUM;
	writer->meta = meta;
	ivf_layout_init(&writer->layout, meta);
	writer->segment = palloc0(BLCKSZ);
	writer->copies = palloc0(BLCKSZ);
	writer->entries = entries;
	writer->next = InvalidBlockNumber;
	return writer;
}

IvfWriter *
ivf_writer_begin(Relation index, ForkNumber fork, IvfMeta *meta,
				 const float *centroids, const float *params, bool logged)
{
	uint32 directory =
		(meta->nlists + IVF_ENTRIES_PER_PAGE - 1) / IVF_ENTRIES_PER_PAGE;
	uint32 n = directory * IVF_ENTRIES_PER_PAGE;
	IvfListEntry *entries = palloc(n * sizeof(IvfListEntry));
	IvfWriter *writer = ivf_writer_join(index, meta, entries);

	ivf_entries_init(meta, entries, n);
	writer->fork = fork;
	writer->logged = logged;

	if (!logged)
		(void) wal_extend_run(index, fork, 1); /* for the meta page */
	meta->centroids = centroids == NULL ? InvalidBlockNumber
										: write_centroids(writer, centroids);
	meta->codebook = write_params(writer, params);
	meta->directory = wal_extend_run(index, fork, directory);
	writer->head = meta->directory + directory;
	write_directory(writer);
	if (!logged)
		ivf_write_meta(index, fork, meta);
	return writer;
}

BlockNumber
ivf_writer_head(const IvfWriter *writer)
{
	return writer->head;
}

/*
 * Segments
 */

static void
flush_copies(IvfWriter *writer)
{
	const IvfLayout *layout = &writer->layout;
	uint32 lane = ivf_segment((Page) writer->segment)->nlanes - 1;

	if (writer->ncopies == 0)
		return;
	IVF_ARRAY((Page) writer->segment, layout->copies, BlockNumber)
	[ivf_copy_page(layout, lane)] = write_page(writer, writer->copies);
	writer->ncopies = 0;
}

static void
flush_segment(IvfWriter *writer)
{
	BlockNumber blkno;

	if (!writer->filling)
		return;
	flush_copies(writer);
	blkno = write_page(writer, writer->segment);
	writer->entries[writer->list].first = blkno;
	writer->entries[writer->list].free = blkno;
	writer->filling = false;
}

static void
begin_segment(IvfWriter *writer, uint32 list)
{
	Page page = (Page) writer->segment;

	ivf_page_init(page, IVF_PAGE_SEGMENT, writer->meta->generation, list);
	page_special(page)->next = writer->entries[list].first;
	ivf_segment(page)->list = list;
	writer->list = list;
	writer->filling = true;
}

void
ivf_lane_set(Page page, const IvfLayout *layout, const IvfMeta *meta,
			 uint32 lane, const IvfStoredRow *row)
{
	const Codec *codec = codec_of((CodecKind) meta->codec);

	IVF_ARRAY(page, layout->live, uint32)
	[lane / IVF_WORD] |= 1U << lane % IVF_WORD;
	IVF_ARRAY(page, layout->tids, ItemPointerData)[lane] = row->tid;
	ivf_attributes_set(page, layout, meta, lane, row->attributes);
	if (layout->errors != 0)
		IVF_ARRAY(page, layout->errors, uint16)[lane] = row->error;
	if (codec != NULL)
	{
		CodecShape shape = ivf_codec_shape(meta);

		IVF_ARRAY(page, layout->terms, float)[lane] = row->terms.term;
		if (codec->scaled)
		{
			IVF_ARRAY(page, layout->scales, float)[lane] = row->terms.scale;
			IVF_ARRAY(page, layout->bounds, float)[lane] = row->terms.bound;
		}
		codec->put(&shape, ivf_code_block(page, layout, lane),
				   lane % layout->block_lanes, row->code);
	}
	ivf_segment(page)->nlanes = Max(ivf_segment(page)->nlanes, lane + 1);
}

/* A copy of several pages: the last part first, each naming the next */
static BlockNumber
write_large_copy(IvfWriter *writer, const char *copy)
{
	const Slots *slots = &writer->layout.copy_slots;
	BlockNumber next = InvalidBlockNumber;

	for (uint32 part = slots->pages_each; part-- > 0;)
	{
		Page page = (Page) writer->copies;

		ivf_page_init(page, IVF_PAGE_COPIES, writer->meta->generation,
					  writer->list);
		page_special(page)->next = next;
		memcpy(page_room(page), copy + part * PAGE_ROOM,
			   slots_part(slots, part));
		next = write_page(writer, writer->copies);
	}
	return next;
}

static void
add_copy(IvfWriter *writer, uint32 lane, const void *copy)
{
	const IvfLayout *layout = &writer->layout;
	const Slots *slots = &layout->copy_slots;

	if (slots->pages_each > 1)
	{
		IVF_ARRAY((Page) writer->segment, layout->copies, BlockNumber)
		[ivf_copy_page(layout, lane)] = write_large_copy(writer, copy);
		return;
	}
	if (writer->ncopies == 0)
		ivf_page_init((Page) writer->copies, IVF_PAGE_COPIES,
					  writer->meta->generation, writer->list);
	memcpy(page_room((Page) writer->copies) + slots_offset(slots, lane), copy,
		   slots->size);
	if (++writer->ncopies == slots->per_page)
		flush_copies(writer);
}

void
ivf_writer_add(IvfWriter *writer, uint32 list, const IvfStoredRow *row)
{
	Page page = (Page) writer->segment;
	uint32 lane;

	if (writer->filling &&
		(writer->list != list ||
		 ivf_segment(page)->nlanes == writer->layout.capacity))
		flush_segment(writer);
	if (!writer->filling)
		begin_segment(writer, list);
	lane = ivf_segment(page)->nlanes;
	ivf_lane_set(page, &writer->layout, writer->meta, lane, row);
	if (writer->layout.copy_slots.size > 0)
		add_copy(writer, lane, row->copy);
	writer->entries[list].nrows++;
	writer->entries[list].nborn++;
}

void
ivf_writer_keep(IvfWriter *writer, uint32 list, const IvfListEntry *entry)
{
	writer->entries[list] = *entry;
}

void
ivf_writer_end(IvfWriter *writer)
{
	flush_segment(writer);
	write_directory(writer);
	pfree(writer->entries);
	pfree(writer->segment);
	pfree(writer->copies);
	pfree(writer);
}

/*
 * Several writers
 */

void
ivf_writer_begin_run(IvfWriter *writer, BlockNumber first)
{
	writer->next = first;
}

void
ivf_writer_end_run(IvfWriter *writer, BlockNumber end)
{
	flush_segment(writer);
	if (writer->next != end)
		elog(ERROR, "a run of index pages ends at block %u, not %u",
			 writer->next, end);
	writer->next = InvalidBlockNumber;
}

/* A segment of so many rows, and its copies */
static uint32
segment_npages(const IvfLayout *layout, uint32 nrows)
{
	if (nrows == 0)
		return 0;
	return 1 +
		(layout->copy_slots.size == 0
			 ? 0
			 : slots_npages(&layout->copy_slots, nrows));
}

uint32
ivf_list_npages(const IvfLayout *layout, uint32 nrows)
{
	return nrows / layout->capacity * segment_npages(layout, layout->capacity) +
		segment_npages(layout, nrows % layout->capacity);
}

void
ivf_writer_set_entries(IvfWriter *writer, const IvfListEntry *entries)
{
	memcpy(writer->entries, entries,
		   writer->meta->nlists * sizeof(IvfListEntry));
}
