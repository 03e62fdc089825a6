/*
 * slots.h
 *	  Arrays of equally sized items over pages.
 *
 * An item that fits a page lies in one page together with others; a larger one
 * takes several pages of its own.  Which page and where follow from the item's
 * number alone; which blocks the pages are is the caller's business.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_SLOTS_H
#define VECTOR_EXT_SLOTS_H

#include "pages/page.h"

typedef struct Slots
{
	uint32 size;       /* bytes of an item */
	uint32 per_page;   /* items in a page; 1 where an item takes several */
	uint32 pages_each; /* pages of an item; 1 where it fits one */
} Slots;

static inline Slots
slots_of(uint32 size)
{
	Slots slots = {.size = size, .per_page = 1, .pages_each = 1};

	if (size <= PAGE_ROOM)
		slots.per_page = PAGE_ROOM / size;
	else
		slots.pages_each = (size + PAGE_ROOM - 1) / PAGE_ROOM;
	return slots;
}

/* Pages of n items */
static inline uint32
slots_npages(const Slots *slots, uint32 n)
{
	if (slots->pages_each > 1)
		return n * slots->pages_each;
	return (n + slots->per_page - 1) / slots->per_page;
}

/* The number of the (first) page of item i, and its byte offset in the room */
static inline uint32
slots_page(const Slots *slots, uint32 i)
{
	return slots->pages_each > 1 ? i * slots->pages_each : i / slots->per_page;
}

static inline uint32
slots_offset(const Slots *slots, uint32 i)
{
	return i % slots->per_page * slots->size;
}

/* Bytes of an item that lie in its part'th page */
static inline uint32
slots_part(const Slots *slots, uint32 part)
{
	return Min(slots->size - part * PAGE_ROOM, PAGE_ROOM);
}

#endif
