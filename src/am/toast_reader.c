/*
 * toast_reader.c
 *	  Values out of line, many of one table, read where they are expected.
 *
 * A page of the TOAST table stays pinned from value to value, and is share-locked
 * while chunks are read.  What stands at the expected place is taken only if it is
 * visible as TOAST is, of the right value and number, and of the right length.
 *
 * Values get their ids in order, from a counter, and mostly lie in that order, too.  So
 * a value that does not follow the last one is looked for where interpolation between
 * others leads (ToastPlace): a page or two instead of those of an index.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/genam.h"
#include "access/heapam.h"
#include "access/heaptoast.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/toast_internals.h"
#include "catalog/pg_am.h"
#include "storage/bufmgr.h"
#include "utils/fmgroids.h"

#include "am/toast_reader.h"
#include "core/compat.h"
#include "pages/page.h"

/*
 * Chunks that are looked at before the index is asked, at most: half as many after
 * each time in vain, where values lie in another order
 */
#define AHEAD 32

/* Others whose places are kept, and pages that are looked at between them */
#define PLACES 64
#define PLACE_PAGES 3

/* After places were wrong, so many values are looked for by the index alone, at most */
#define WAIT_MOST 64

/* Columns of a TOAST table */
enum
{
	CHUNK_ID = 1,
	CHUNK_SEQ,
	CHUNK_DATA
};

/* The page where a value begins */
typedef struct ToastPlace
{
	Oid value;
	BlockNumber block;
} ToastPlace;

struct ToastReader
{
	Relation toast; /* NULL: nothing is read here */
	Relation *indexes;
	int nindexes;
	int valid; /* the index to ask */
	BlockNumber nblocks;

	/* where the next chunk is expected */
	BlockNumber block;
	OffsetNumber offset;
	int ahead;     /* chunks to look at from there on */
	Buffer buffer; /* pinned, or invalid */
	bool locked;

	/* places in the order of values and of blocks, from the first to the last block */
	int nplaces; /* 0: nobody has looked, or there is no such order */
	ToastPlace places[PLACES];
	int wait; /* values to come that are not looked for by them */
	int next_wait;
};

ToastReader *
toast_reader_new(Relation heap)
{
	ToastReader *reader = palloc0(sizeof(ToastReader));
	Oid toast_id = heap->rd_rel->reltoastrelid;

	if (!OidIsValid(toast_id))
		return reader;
	reader->ahead = AHEAD;
	reader->offset = FirstOffsetNumber;
	reader->toast = table_open(toast_id, AccessShareLock);
	reader->valid = toast_open_indexes(reader->toast, AccessShareLock,
									   &reader->indexes, &reader->nindexes);
	if (reader->toast->rd_rel->relam != HEAP_TABLE_AM_OID)
	{
		toast_reader_end(reader);
		reader->toast = NULL;
	}
	return reader;
}

static void
unlock_page(ToastReader *reader)
{
	if (reader->locked)
		LockBuffer(reader->buffer, BUFFER_LOCK_UNLOCK);
	reader->locked = false;
}

static void
leave_page(ToastReader *reader)
{
	unlock_page(reader);
	if (BufferIsValid(reader->buffer))
		ReleaseBuffer(reader->buffer);
	reader->buffer = InvalidBuffer;
}

void
toast_reader_end(ToastReader *reader)
{
	if (reader->toast == NULL)
		return;
	leave_page(reader);
	toast_close_indexes(reader->indexes, reader->nindexes, AccessShareLock);
	table_close(reader->toast, AccessShareLock);
}

/* Pin and lock the page of the place, or the next one; false: there is none */
static bool
lock_page(ToastReader *reader)
{
	for (;;)
	{
		if (!BufferIsValid(reader->buffer) ||
			BufferGetBlockNumber(reader->buffer) != reader->block)
		{
			leave_page(reader);
			if (reader->block >= reader->nblocks)
				reader->nblocks = RelationGetNumberOfBlocks(reader->toast);
			if (reader->block >= reader->nblocks)
				return false;
			reader->buffer = ReadBuffer(reader->toast, reader->block);
		}
		if (!reader->locked)
			LockBuffer(reader->buffer, BUFFER_LOCK_SHARE);
		reader->locked = true;
		if (reader->offset <=
			PageGetMaxOffsetNumber(BufferGetPage(reader->buffer)))
			return true;
		reader->block++;
		reader->offset = FirstOffsetNumber;
	}
}

/* The tuple at the place, on a locked page; false: it is not in use */
static bool
tuple_at(const ToastReader *reader, HeapTuple tuple)
{
	Page page = BufferGetPage(reader->buffer);
	ItemId item = PageGetItemId(page, reader->offset);

	if (!ItemIdIsNormal(item))
		return false;
	tuple->t_data = (HeapTupleHeader) PageGetItem(page, item);
	tuple->t_len = ItemIdGetLength(item);
	tuple->t_tableOid = RelationGetRelid(reader->toast);
	ItemPointerSet(&tuple->t_self, reader->block, reader->offset);
	return true;
}

static Datum
column_of(const ToastReader *reader, HeapTuple tuple, int column)
{
	bool isnull;

	return fastgetattr(tuple, column, RelationGetDescr(reader->toast), &isnull);
}

/* Go to the first chunk of a value, which may be a little ahead */
static bool
find_ahead(ToastReader *reader, Oid value)
{
	for (int i = 0; i < reader->ahead; i++, reader->offset++)
	{
		HeapTupleData tuple;
		Oid found;

		if (!lock_page(reader))
			break;
		if (!tuple_at(reader, &tuple))
			continue;
		found = DatumGetObjectId(column_of(reader, &tuple, CHUNK_ID));
		if (found == value)
		{
			reader->ahead = Min(2 * reader->ahead, AHEAD);
			return true;
		}
		if (found > value)
			break;
	}
	reader->ahead = Max(reader->ahead / 2, 1);
	return false;
}

/*
 * What the page at the place has: true, and the place is there, if the value begins in
 * it; else the least and the greatest id, the least being the greater if there is none.
 */
static bool
find_in_page(ToastReader *reader, Oid value, Oid *least, Oid *greatest)
{
	OffsetNumber last = PageGetMaxOffsetNumber(BufferGetPage(reader->buffer));
	HeapTupleData tuple;

	*least = PG_UINT32_MAX;
	*greatest = 0;
	for (; reader->offset <= last; reader->offset++)
	{
		Oid found;

		if (!tuple_at(reader, &tuple))
			continue;
		found = DatumGetObjectId(column_of(reader, &tuple, CHUNK_ID));
		if (found == value &&
			DatumGetInt32(column_of(reader, &tuple, CHUNK_SEQ)) == 0)
			return true;
		*least = Min(*least, found);
		*greatest = Max(*greatest, found);
	}
	return false;
}

static void
go_to_page(ToastReader *reader, BlockNumber block)
{
	unlock_page(reader);
	reader->block = block;
	reader->offset = FirstOffsetNumber;
}

/* The first two: what the ends of the table have */
static void
begin_places(ToastReader *reader)
{
	BlockNumber ends[2] = {0};
	Oid greatest;

	reader->nblocks = RelationGetNumberOfBlocks(reader->toast);
	if (reader->nblocks < 2)
		return;
	ends[1] = reader->nblocks - 1;
	for (int i = 0; i < lengthof(ends); i++)
	{
		ToastPlace *place = &reader->places[i];

		go_to_page(reader, ends[i]);
		if (!lock_page(reader))
			return;
		(void) find_in_page(reader, InvalidOid, &place->value, &greatest);
		place->block = ends[i];
		if (place->value > greatest)
			return;
	}
	if (reader->places[0].value < reader->places[1].value)
		reader->nplaces = lengthof(ends);
}

/* How many of the places are of lesser values */
static int
places_before(const ToastReader *reader, Oid value)
{
	int low = 0;
	int high = reader->nplaces;

	while (low < high)
	{
		int middle = (low + high) / 2;

		if (reader->places[middle].value < value)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Where the value is likely to begin, by the places before and behind */
static BlockNumber
expected_block(const ToastReader *reader, Oid value)
{
	int at = places_before(reader, value);
	const ToastPlace *place = &reader->places[Max(at - 1, 0)];
	const ToastPlace *next = &reader->places[Min(at, reader->nplaces - 1)];

	if (place->value >= next->value)
		return next->block;
	return place->block +
		(double) (value - place->value) / (next->value - place->value) *
		(next->block - place->block);
}

/* Go to the first chunk of a value, by the places of others */
static bool
find_by_places(ToastReader *reader, Oid value)
{
	if (reader->wait > 0)
	{
		reader->wait--;
		return false;
	}
	if (reader->nplaces == 0)
		begin_places(reader);
	if (reader->nplaces > 0)
		go_to_page(reader, expected_block(reader, value));
	for (int i = 0; i < PLACE_PAGES && reader->nplaces > 0; i++)
	{
		Oid least;
		Oid greatest;

		if (!lock_page(reader))
			break;
		if (find_in_page(reader, value, &least, &greatest))
		{
			reader->next_wait = 0;
			return true;
		}
		if (value < least && reader->block > 0)
			go_to_page(reader, reader->block - 1);
		else if (value > greatest)
			go_to_page(reader, reader->block + 1);
		else
			break;
	}
	reader->next_wait = Min(2 * reader->next_wait + 1, WAIT_MOST);
	reader->wait = reader->next_wait;
	return false;
}

/* A value that was not where it was expected to be tells of others */
static void
keep_place(ToastReader *reader, Oid value)
{
	int at = places_before(reader, value);
	ToastPlace *place = &reader->places[at];

	if (at == 0 || at == reader->nplaces || reader->nplaces == PLACES ||
		place->value == value || place[-1].block > reader->block ||
		place->block < reader->block)
		return;
	memmove(place + 1, place, (reader->nplaces - at) * sizeof(ToastPlace));
	*place = (ToastPlace){.value = value, .block = reader->block};
	reader->nplaces++;
}

/* Go there by the index */
static bool
find_by_index(ToastReader *reader, Oid value)
{
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	unlock_page(reader);
	ScanKeyInit(&key, CHUNK_ID, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(value));
	scan = systable_beginscan_ordered(reader->toast,
									  reader->indexes[reader->valid],
									  TOAST_SNAPSHOT(), 1, &key);
	tuple = systable_getnext_ordered(scan, ForwardScanDirection);
	if (tuple != NULL)
	{
		reader->block = ItemPointerGetBlockNumber(&tuple->t_self);
		reader->offset = ItemPointerGetOffsetNumber(&tuple->t_self);
		keep_place(reader, value);
	}
	systable_endscan_ordered(scan);
	return tuple != NULL;
}

/* Copy the chunk at the place, and go to the next; false: it is another one */
static bool
take_chunk(ToastReader *reader, Oid value, int32 seq, char *to, Size size)
{
	HeapTupleData tuple;
	struct varlena *chunk;

	if (!lock_page(reader) || !tuple_at(reader, &tuple) ||
		!HeapTupleSatisfiesVisibility(&tuple, TOAST_SNAPSHOT(),
									  reader->buffer) ||
		DatumGetObjectId(column_of(reader, &tuple, CHUNK_ID)) != value ||
		DatumGetInt32(column_of(reader, &tuple, CHUNK_SEQ)) != seq)
		return false;
	chunk = (struct varlena *) DatumGetPointer(
		column_of(reader, &tuple, CHUNK_DATA));
	if (VARATT_IS_EXTERNAL(chunk) || VARATT_IS_COMPRESSED(chunk) ||
		VARSIZE_ANY_EXHDR(chunk) != size)
		return false;
	memcpy(to, VARDATA_ANY(chunk), size);
	reader->offset++;
	return true;
}

static bool
take_chunks(ToastReader *reader, Oid value, char *to, Size size)
{
	for (int32 seq = 0; size > 0; seq++)
	{
		Size part = Min(size, TOAST_MAX_CHUNK_SIZE);

		if (!take_chunk(reader, value, seq, to, part))
			return false;
		to += part;
		size -= part;
	}
	return true;
}

/* Is it a value that lies here, in chunks as they are? */
static bool
is_here(const ToastReader *reader, Datum value, struct varatt_external *pointer)
{
	struct varlena *given = (struct varlena *) DatumGetPointer(value);

	if (reader->toast == NULL || !VARATT_IS_EXTERNAL_ONDISK(given))
		return false;
	VARATT_EXTERNAL_GET_POINTER(*pointer, given);
	return !VARATT_EXTERNAL_IS_COMPRESSED(*pointer) &&
		pointer->va_toastrelid == RelationGetRelid(reader->toast);
}

void
toast_reader_expect(ToastReader *reader, Datum value)
{
	struct varatt_external pointer;
	BlockNumber block;

	/* after places were wrong nobody knows where it is */
	if (!is_here(reader, value, &pointer) || reader->next_wait > 0)
		return;
	if (reader->nplaces == 0)
	{
		begin_places(reader);
		unlock_page(reader);
		if (reader->nplaces == 0)
			return;
	}
	block = expected_block(reader, pointer.va_valueid);
	if (block < reader->nblocks)
		page_read_ahead(reader->toast, block);
}

Datum
toast_reader_value(ToastReader *reader, Datum value)
{
	struct varatt_external pointer;
	struct varlena *result;
	Size size;
	bool found;

	if (!is_here(reader, value, &pointer))
		return value;
	size = VARATT_EXTERNAL_GET_EXTSIZE(pointer);
	result = palloc(size + VARHDRSZ);
	SET_VARSIZE(result, size + VARHDRSZ);
	found = (find_ahead(reader, pointer.va_valueid) &&
			 take_chunks(reader, pointer.va_valueid, VARDATA(result), size)) ||
		(find_by_places(reader, pointer.va_valueid) &&
		 take_chunks(reader, pointer.va_valueid, VARDATA(result), size)) ||
		(find_by_index(reader, pointer.va_valueid) &&
		 take_chunks(reader, pointer.va_valueid, VARDATA(result), size));
	unlock_page(reader);
	/* whoever reads it in the usual way finds out what is wrong with it */
	return found ? PointerGetDatum(result) : value;
}
