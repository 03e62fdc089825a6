/*
 * attribute.h
 *	  Columns beside the vector in an index, as a table of kinds: what is kept of
 *	  a value.
 *
 * Of each value an index keeps a "key", a number of few bytes.  Where the kind is
 * exact, keys order as values do, and are equal where these are.  Others keep a
 * hash, or a signature (a bit pattern that has the patterns of all elements): rows
 * that are found by them are to be checked again.
 *
 * A page keeps the keys of many rows, its "lanes", as columns: an array of keys, a
 * bit for each NULL, and a summary of all keys that were ever there.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_ATTRIBUTE_H
#define VECTOR_EXT_ATTRIBUTE_H

#include "utils/rel.h"

/* Kinds are stored in indexes: the numbers stay */
typedef uint8 AttributeKind;

enum
{
	ATTRIBUTE_NONE, /* no attribute: the vector itself */
	ATTRIBUTE_INT2,
	ATTRIBUTE_INT4,
	ATTRIBUTE_INT8,
	ATTRIBUTE_FLOAT4,
	ATTRIBUTE_FLOAT8,
	ATTRIBUTE_BOOL,
	ATTRIBUTE_DATE,
	ATTRIBUTE_TIMESTAMP,
	ATTRIBUTE_TIMESTAMPTZ,
	ATTRIBUTE_TEXT,
	ATTRIBUTE_UUID,
	ATTRIBUTE_INT4_ARRAY,
	ATTRIBUTE_NKINDS
};

/* Columns beside the vector, at most; part of formats on disk */
#define ATTRIBUTE_MAX 31

/* Lanes of a word of bits */
#define ATTRIBUTE_WORD 32

/* Where a value of another type stands among the keys of a kind */
typedef struct AttributePlace
{
	int64 key;    /* the greatest one that is not above the value */
	bool between; /* the value lies above it, and below the next one */
	int64 slack;  /* keys that near to it may be on either side */
} AttributePlace;

typedef struct AttributeOps
{
	const char *type_name;
	Oid type;
	uint8 width;    /* bytes of a key on a page: 1, 2, 4, 8 */
	bool exact;     /* see above */
	bool signature; /* keys are bit patterns */

	/* The key of a value that is not NULL; may allocate in the current context */
	int64 (*key)(Datum value, Oid collation);

	/*
	 * The same for another type that operators of the kind compare with; NULL:
	 * there is none.
	 */
	AttributePlace (*place)(Datum value, Oid type);
} AttributeOps;

extern const AttributeOps attribute_ops[ATTRIBUTE_NKINDS];

static inline bool
attribute_kind_known(uint32 kind)
{
	return kind > ATTRIBUTE_NONE && kind < ATTRIBUTE_NKINDS;
}

/* Like a Bloom filter's: the bits that an element sets in a signature */
extern uint64 attribute_element_bits(int32 element);

/* The elements of an int4[] but NULLs; their number */
extern int attribute_elements(Datum array, int32 **elements);

/*
 * A row's attributes on their way to a page, or from there.  Bytes that say the
 * same are equal: the key of a NULL is 0.
 */
typedef struct AttributeRow
{
	uint64 nulls; /* a bit for each column */
	int64 keys[ATTRIBUTE_MAX];
} AttributeRow;

/* Its bytes with so many columns */
static inline Size
attribute_row_size(uint32 n)
{
	return n == 0 ? 0 : offsetof(AttributeRow, keys) + n * sizeof(int64);
}

/*
 * Keys of the values of an index row, the vector's included, as ambuild and
 * aminsert have them.  kinds: n of them.
 */
extern void attribute_row_set(AttributeRow *row, Relation index,
							  const AttributeKind *kinds, uint32 n,
							  const Datum *values, const bool *isnull);

/* A number that tells rows apart, with few exceptions; 0 without columns */
extern uint32 attribute_row_digest(const AttributeRow *row, uint32 n);

/* Bytes of all keys of a row on a page; 0 without columns */
extern uint32 attribute_key_bytes(const AttributeKind *kinds, uint32 n);

/* The same row in few bytes, in which builds keep many of them: keys, then NULLs */
static inline Size
attribute_packed_bytes(uint32 key_bytes, uint32 n)
{
	return key_bytes + (n + 7) / 8;
}

extern void attribute_row_pack(const AttributeRow *row,
							   const AttributeKind *kinds, uint32 n,
							   char *packed);
extern void attribute_row_unpack(AttributeRow *row, const AttributeKind *kinds,
								 uint32 n, const char *packed);

/* What kinds are called, as in "int4, text"; "none" */
extern const char *attribute_kind_names(const AttributeKind *kinds, uint32 n);

/* All keys that a page has had; of signatures high is the union of bits */
typedef struct AttributeSummary
{
	int64 low;
	int64 high; /* below low: there was none, unless signatures */
} AttributeSummary;

/* A column of a page */
typedef struct AttributeColumn
{
	AttributeKind kind;
	void *values;  /* a multiple of ATTRIBUTE_WORD keys of the kind's width */
	uint32 *nulls; /* a bit for each of them */
	AttributeSummary *summary;
} AttributeColumn;

/* The same of a page that nobody has used */
extern void attribute_column_clear(AttributeColumn *column);

extern void attribute_column_put(AttributeColumn *column, uint32 lane,
								 int64 key, bool isnull);

/* The key of a lane, 0 where it is NULL */
extern int64 attribute_column_get(const AttributeColumn *column, uint32 lane,
								  bool *isnull);

/* Can a lane have been put there? */
extern bool attribute_column_is_valid(const AttributeColumn *column,
									  uint32 lane);

/* The same for a row: all n columns of a page */
extern void attribute_columns_clear(AttributeColumn *columns, uint32 n);
extern void attribute_columns_put(AttributeColumn *columns, uint32 n,
								  uint32 lane, const AttributeRow *row);
extern void attribute_columns_get(const AttributeColumn *columns, uint32 n,
								  uint32 lane, AttributeRow *row);

/* The first one, counted from 1, in which it cannot have been put; 0: none */
extern uint32 attribute_columns_invalid(const AttributeColumn *columns,
										uint32 n, uint32 lane);

#endif
