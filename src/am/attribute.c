/*
 * attribute.c
 *	  Columns beside the vector in an index, as a table of kinds: what is kept of
 *	  a value.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "am/attribute.h"

/* A local time is that of another zone within so much */
#define ZONES_DAYS 2

/*
 * Integers
 */

static int64
int2_key(Datum value, Oid collation)
{
	return DatumGetInt16(value);
}

static int64
int4_key(Datum value, Oid collation)
{
	return DatumGetInt32(value);
}

static int64
int8_key(Datum value, Oid collation)
{
	return DatumGetInt64(value);
}

static int64
bool_key(Datum value, Oid collation)
{
	return DatumGetBool(value) ? 1 : 0;
}

static AttributePlace
integer_place(Datum value, Oid type)
{
	AttributePlace place = {0};

	switch (type)
	{
		case INT2OID:
			place.key = DatumGetInt16(value);
			break;
		case INT4OID:
			place.key = DatumGetInt32(value);
			break;
		default:
			place.key = DatumGetInt64(value);
			break;
	}
	return place;
}

/*
 * Floats: their bits order as integers do, once those of negative ones are turned
 * around.  NaN equals itself and is above all others.
 */

static int64
float8_number_key(float8 value)
{
	int64 bits;

	if (isnan(value))
		return PG_INT64_MAX;
	if (value == 0)
		return 0; /* so is -0 */
	memcpy(&bits, &value, sizeof(bits));
	return bits < 0 ? bits ^ PG_INT64_MAX : bits;
}

static int64
float4_number_key(float4 value)
{
	int32 bits;

	if (isnan(value))
		return PG_INT32_MAX;
	if (value == 0)
		return 0;
	memcpy(&bits, &value, sizeof(bits));
	return bits < 0 ? bits ^ PG_INT32_MAX : bits;
}

static int64
float4_key(Datum value, Oid collation)
{
	return float4_number_key(DatumGetFloat4(value));
}

static int64
float8_key(Datum value, Oid collation)
{
	return float8_number_key(DatumGetFloat8(value));
}

/* Of a float8 among float4 */
static AttributePlace
float4_place(Datum value, Oid type)
{
	float8 wide = DatumGetFloat8(value);
	float4 narrow = (float4) wide;

	if ((float8) narrow > wide)
		narrow = nextafterf(narrow, -INFINITY);
	return (AttributePlace){.key = float4_number_key(narrow),
							.between = (float8) narrow < wide};
}

/* Of a float4 among float8 */
static AttributePlace
float8_place(Datum value, Oid type)
{
	return (AttributePlace){.key = float8_number_key(DatumGetFloat4(value))};
}

/*
 * Dates and times.  A timestamp with time zone is local time, or a date, only by
 * the zone, whose rules are not always monotonous: then within some days.
 */

static int64
date_key(Datum value, Oid collation)
{
	return DatumGetDateADT(value);
}

static int64
timestamp_key(Datum value, Oid collation)
{
	return DatumGetTimestamp(value);
}

/* Of a timestamp, with time zone or without, among dates */
static AttributePlace
date_place(Datum value, Oid type)
{
	Timestamp time = DatumGetTimestamp(value);
	AttributePlace place = {0};

	if (TIMESTAMP_IS_NOBEGIN(time))
		place.key = DATEVAL_NOBEGIN;
	else if (TIMESTAMP_IS_NOEND(time))
		place.key = DATEVAL_NOEND;
	else
	{
		place.key = time / USECS_PER_DAY;
		if (time % USECS_PER_DAY < 0)
			place.key--;
		place.between = time % USECS_PER_DAY != 0;
		place.slack = type == TIMESTAMPTZOID ? ZONES_DAYS : 0;
	}
	return place;
}

/* A date, or time, that has no timestamp is beyond all that are finite */
static AttributePlace
converted_place(Timestamp time, int overflow)
{
	if (overflow > 0)
		return (AttributePlace){.key = PG_INT64_MAX - 1, .between = true};
	if (overflow < 0)
		return (AttributePlace){.key = PG_INT64_MIN, .between = true};
	return (AttributePlace){.key = time};
}

/* Of a date, or a timestamp with time zone, among timestamps */
static AttributePlace
timestamp_place(Datum value, Oid type)
{
	AttributePlace place = {.key = DatumGetTimestamp(value)};
	int overflow = 0;
	Timestamp time;

	if (type == DATEOID)
	{
		time = date2timestamp_opt_overflow(DatumGetDateADT(value), &overflow);
		return converted_place(time, overflow);
	}
	if (!TIMESTAMP_NOT_FINITE(place.key))
		place.slack = ZONES_DAYS * USECS_PER_DAY;
	return place;
}

/* Of a date, or a timestamp, among timestamps with time zone */
static AttributePlace
timestamptz_place(Datum value, Oid type)
{
	int overflow = 0;
	TimestampTz time = type == DATEOID
		? date2timestamptz_opt_overflow(DatumGetDateADT(value), &overflow)
		: timestamp2timestamptz_opt_overflow(DatumGetTimestamp(value),
											 &overflow);

	return converted_place(time, overflow);
}

/*
 * Hashes, as core's hash indexes have them
 */

static int64
text_key(Datum value, Oid collation)
{
	return (int32) DatumGetUInt32(
		DirectFunctionCall1Coll(hashtext, collation, value));
}

static int64
uuid_key(Datum value, Oid collation)
{
	return (int32) hash_bytes(DatumGetUUIDP(value)->data, UUID_LEN);
}

/*
 * Signatures: two bits for each element
 */

uint64
attribute_element_bits(int32 element)
{
	uint32 hash = murmurhash32((uint32) element);

	return UINT64CONST(1) << (hash & 63) | UINT64CONST(1) << (hash >> 6 & 63);
}

int
attribute_elements(Datum array, int32 **elements)
{
	ArrayType *values = DatumGetArrayTypeP(array);
	Datum *datums;
	bool *nulls;
	int n;
	int kept = 0;

	if (ARR_ELEMTYPE(values) != INT4OID)
		elog(ERROR, "an array of type %u is no int4[]", ARR_ELEMTYPE(values));
	deconstruct_array(values, INT4OID, sizeof(int32), true, TYPALIGN_INT,
					  &datums, &nulls, &n);
	*elements = palloc(Max(n, 1) * sizeof(int32));
	for (int i = 0; i < n; i++)
	{
		if (!nulls[i])
			(*elements)[kept++] = DatumGetInt32(datums[i]);
	}
	return kept;
}

static int64
int4_array_key(Datum value, Oid collation)
{
	int32 *elements;
	int n = attribute_elements(value, &elements);
	uint64 bits = 0;

	for (int i = 0; i < n; i++)
		bits |= attribute_element_bits(elements[i]);
	return (int64) bits;
}

const AttributeOps attribute_ops[ATTRIBUTE_NKINDS] = {
	[ATTRIBUTE_INT2] = {"int2", INT2OID, 2, true, false, int2_key,
						integer_place},
	[ATTRIBUTE_INT4] = {"int4", INT4OID, 4, true, false, int4_key,
						integer_place},
	[ATTRIBUTE_INT8] = {"int8", INT8OID, 8, true, false, int8_key,
						integer_place},
	[ATTRIBUTE_FLOAT4] = {"float4", FLOAT4OID, 4, true, false, float4_key,
						  float4_place},
	[ATTRIBUTE_FLOAT8] = {"float8", FLOAT8OID, 8, true, false, float8_key,
						  float8_place},
	[ATTRIBUTE_BOOL] = {"bool", BOOLOID, 1, true, false, bool_key, NULL},
	[ATTRIBUTE_DATE] = {"date", DATEOID, 4, true, false, date_key, date_place},
	[ATTRIBUTE_TIMESTAMP] = {"timestamp", TIMESTAMPOID, 8, true, false,
							 timestamp_key, timestamp_place},
	[ATTRIBUTE_TIMESTAMPTZ] = {"timestamptz", TIMESTAMPTZOID, 8, true, false,
							   timestamp_key, timestamptz_place},
	[ATTRIBUTE_TEXT] = {"text", TEXTOID, 4, false, false, text_key, NULL},
	[ATTRIBUTE_UUID] = {"uuid", UUIDOID, 4, false, false, uuid_key, NULL},
	[ATTRIBUTE_INT4_ARRAY] = {"int4[]", INT4ARRAYOID, 8, false, true,
							  int4_array_key, NULL}};

/*
 * Rows
 */

void
attribute_row_set(AttributeRow *row, Relation index, const AttributeKind *kinds,
				  uint32 n, const Datum *values, const bool *isnull)
{
	row->nulls = 0;
	for (uint32 i = 0; i < n; i++)
	{
		uint32 column = i + 1; /* the vector is the first */

		row->keys[i] = 0;
		if (isnull[column])
			row->nulls |= UINT64CONST(1) << i;
		else
			row->keys[i] = attribute_ops[kinds[i]].key(
				values[column], index->rd_indcollation[column]);
	}
}

uint32
attribute_row_digest(const AttributeRow *row, uint32 n)
{
	return n == 0
		? 0
		: hash_bytes((const unsigned char *) row, (int) attribute_row_size(n));
}

uint32
attribute_key_bytes(const AttributeKind *kinds, uint32 n)
{
	uint32 bytes = 0;

	for (uint32 i = 0; i < n; i++)
		bytes += attribute_ops[kinds[i]].width;
	return bytes;
}

/*
 * Integers of so many bytes, at any place
 */

static void
store_key(void *to, uint8 width, int64 key)
{
	int8 one = (int8) key;
	int16 two = (int16) key;
	int32 four = (int32) key;

	switch (width)
	{
		case 1:
			memcpy(to, &one, sizeof(one));
			break;
		case 2:
			memcpy(to, &two, sizeof(two));
			break;
		case 4:
			memcpy(to, &four, sizeof(four));
			break;
		default:
			memcpy(to, &key, sizeof(key));
			break;
	}
}

static int64
load_key(const void *from, uint8 width)
{
	int8 one;
	int16 two;
	int32 four;
	int64 eight;

	switch (width)
	{
		case 1:
			memcpy(&one, from, sizeof(one));
			return one;
		case 2:
			memcpy(&two, from, sizeof(two));
			return two;
		case 4:
			memcpy(&four, from, sizeof(four));
			return four;
		default:
			memcpy(&eight, from, sizeof(eight));
			return eight;
	}
}

void
attribute_row_pack(const AttributeRow *row, const AttributeKind *kinds,
				   uint32 n, char *packed)
{
	for (uint32 i = 0; i < n; i++)
	{
		uint8 width = attribute_ops[kinds[i]].width;

		store_key(packed, width, row->keys[i]);
		packed += width;
	}
	for (uint32 i = 0; i < n; i += 8)
		*packed++ = (char) (row->nulls >> i & 0xFF);
}

void
attribute_row_unpack(AttributeRow *row, const AttributeKind *kinds, uint32 n,
					 const char *packed)
{
	row->nulls = 0;
	for (uint32 i = 0; i < n; i++)
	{
		uint8 width = attribute_ops[kinds[i]].width;

		row->keys[i] = load_key(packed, width);
		packed += width;
	}
	for (uint32 i = 0; i < n; i += 8)
		row->nulls |= (uint64) (uint8) *packed++ << i;
}

const char *
attribute_kind_names(const AttributeKind *kinds, uint32 n)
{
	StringInfoData names;

	if (n == 0)
		return "none";
	initStringInfo(&names);
	for (uint32 i = 0; i < n; i++)
		appendStringInfo(&names, "%s%s", i > 0 ? ", " : "",
						 attribute_ops[kinds[i]].type_name);
	return names.data;
}

/*
 * Columns
 */

void
attribute_column_clear(AttributeColumn *column)
{
	bool signature = attribute_ops[column->kind].signature;

	column->summary->low = signature ? 0 : PG_INT64_MAX;
	column->summary->high = signature ? 0 : PG_INT64_MIN;
}

static char *
place_of(const AttributeColumn *column, uint32 lane)
{
	return (char *) column->values +
		(Size) lane * attribute_ops[column->kind].width;
}

void
attribute_column_put(AttributeColumn *column, uint32 lane, int64 key,
					 bool isnull)
{
	AttributeSummary *summary = column->summary;
	uint32 bit = 1U << lane % ATTRIBUTE_WORD;

	store_key(place_of(column, lane), attribute_ops[column->kind].width,
			  isnull ? 0 : key);
	if (isnull)
	{
		column->nulls[lane / ATTRIBUTE_WORD] |= bit;
		return;
	}
	column->nulls[lane / ATTRIBUTE_WORD] &= ~bit;
	if (attribute_ops[column->kind].signature)
		summary->high |= key;
	else
	{
		summary->low = Min(summary->low, key);
		summary->high = Max(summary->high, key);
	}
}

int64
attribute_column_get(const AttributeColumn *column, uint32 lane, bool *isnull)
{
	*isnull = column->nulls[lane / ATTRIBUTE_WORD] >> lane % ATTRIBUTE_WORD & 1;
	return load_key(place_of(column, lane), attribute_ops[column->kind].width);
}

bool
attribute_column_is_valid(const AttributeColumn *column, uint32 lane)
{
	bool isnull;
	int64 key = attribute_column_get(column, lane, &isnull);

	if (isnull)
		return key == 0;
	if (attribute_ops[column->kind].signature)
		return (key & ~column->summary->high) == 0;
	return key >= column->summary->low && key <= column->summary->high;
}

void
attribute_columns_clear(AttributeColumn *columns, uint32 n)
{
	for (uint32 i = 0; i < n; i++)
		attribute_column_clear(&columns[i]);
}

void
attribute_columns_put(AttributeColumn *columns, uint32 n, uint32 lane,
					  const AttributeRow *row)
{
	for (uint32 i = 0; i < n; i++)
		attribute_column_put(&columns[i], lane, row->keys[i],
							 row->nulls >> i & 1);
}

void
attribute_columns_get(const AttributeColumn *columns, uint32 n, uint32 lane,
					  AttributeRow *row)
{
	row->nulls = 0;
	for (uint32 i = 0; i < n; i++)
	{
		bool isnull;

		row->keys[i] = attribute_column_get(&columns[i], lane, &isnull);
		row->nulls |= (uint64) isnull << i;
	}
}

uint32
attribute_columns_invalid(const AttributeColumn *columns, uint32 n, uint32 lane)
{
	for (uint32 i = 0; i < n; i++)
	{
		if (!attribute_column_is_valid(&columns[i], lane))
			return i + 1;
	}
	return 0;
}
