/*
 * attribute_filter.c
 *	  Conditions on the attributes of an index: which lanes of a page meet them.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

#include "am/attribute_filter.h"
#include "am/opclass.h"

/* Sets up to this size are compared key by key, larger ones searched */
#define SMALL_SET 16

/*
 * From scan keys to tests
 */

static int64
add_saturated(int64 key, int64 delta)
{
	if (delta > 0 && key > PG_INT64_MAX - delta)
		return PG_INT64_MAX;
	if (delta < 0 && key < PG_INT64_MIN - delta)
		return PG_INT64_MIN;
	return key + delta;
}

static AttributePlace
place_value(const AttributeOps *ops, Datum value, Oid type, Oid collation)
{
	if (type == ops->type || ops->place == NULL)
		return (AttributePlace){.key = ops->key(value, collation)};
	return ops->place(value, type);
}

/* Keys from low to high: none where low is above high */
typedef struct KeyRange
{
	int64 low;
	int64 high;
	bool exact;
} KeyRange;

/* The keys of rows that compare so with a value at a place */
static KeyRange
range_of(StrategyNumber strategy, AttributePlace place)
{
	static const KeyRange none = {0, -1, true};
	KeyRange range = {PG_INT64_MIN, PG_INT64_MAX, place.slack == 0};
	/* the least key that is not below the value */
	int64 above = place.key;

	if (place.between)
	{
		if (strategy == BTEqualStrategyNumber && place.slack == 0)
			return none;
		above = add_saturated(place.key, 1);
	}
	switch (strategy)
	{
		case BTLessStrategyNumber:
			if (above == PG_INT64_MIN)
				return none;
			range.high = add_saturated(above, place.slack - 1);
			break;
		case BTLessEqualStrategyNumber:
			range.high = add_saturated(place.key, place.slack);
			break;
		case BTEqualStrategyNumber:
			range.low = add_saturated(place.key, -place.slack);
			range.high = add_saturated(above, place.slack);
			break;
		case BTGreaterEqualStrategyNumber:
			range.low = add_saturated(above, -place.slack);
			break;
		case BTGreaterStrategyNumber:
			if (place.key == PG_INT64_MAX)
				return none;
			range.low = add_saturated(place.key, 1 - place.slack);
			break;
		default:
			elog(ERROR, "unknown strategy %d of an attribute", strategy);
	}
	return range;
}

/* A column and what it is compared with */
typedef struct Condition
{
	const AttributeOps *ops;
	AttributeTest *test;
	StrategyNumber strategy;
	Oid type; /* of a value */
	Oid collation;
} Condition;

static int
compare_keys(const void *a, const void *b)
{
	int64 x = *(const int64 *) a;
	int64 y = *(const int64 *) b;

	return x < y ? -1 : x > y;
}

static void
sort_keys(AttributeTest *test)
{
	uint32 kept = 0;

	qsort(test->keys, test->nkeys, sizeof(int64), compare_keys);
	for (uint32 i = 0; i < test->nkeys; i++)
	{
		if (kept == 0 || test->keys[kept - 1] != test->keys[i])
			test->keys[kept++] = test->keys[i];
	}
	test->nkeys = kept;
}

/*
 * What holds of any of the values.  Ranges that begin, or end, nowhere are united
 * to one; so are equal keys within slack, which are checked again.
 */
static void
set_values(AttributeFilter *filter, const Condition *condition,
		   const Datum *values, const bool *nulls, int n)
{
	AttributeTest *test = condition->test;
	bool is_set = condition->strategy == BTEqualStrategyNumber && n > 1;

	test->kind = ATTRIBUTE_IN_RANGE;
	test->low = PG_INT64_MAX;
	test->high = PG_INT64_MIN;
	test->keys = palloc(Max(n, 1) * sizeof(int64));
	filter->recheck |= !condition->ops->exact;
	for (int i = 0; i < n; i++)
	{
		KeyRange range;

		if (nulls != NULL && nulls[i])
			continue;
		range = range_of(condition->strategy,
						 place_value(condition->ops, values[i], condition->type,
									 condition->collation));
		if (range.low > range.high)
			continue;
		test->low = Min(test->low, range.low);
		test->high = Max(test->high, range.high);
		filter->recheck |= !range.exact;
		if (range.low != range.high)
			is_set = false;
		if (is_set)
			test->keys[test->nkeys++] = range.low;
	}
	if (is_set && test->nkeys > 1)
	{
		sort_keys(test);
		test->kind = ATTRIBUTE_IN_SET;
	}
	filter->never |= test->low > test->high;
}

/* Arrays that have an element in common with another one, or all of its elements */
static void
set_elements(AttributeFilter *filter, const Condition *condition, Datum array)
{
	AttributeTest *test = condition->test;
	bool all = condition->strategy == ATTRIBUTE_CONTAINS;
	int32 *elements;
	int n = attribute_elements(array, &elements);

	test->kind = ATTRIBUTE_HAS_BITS;
	test->keys = palloc0(Max(n, 1) * sizeof(int64));
	test->nkeys = all ? 1 : n;
	for (int i = 0; i < n; i++)
		test->keys[all ? 0 : i] |= (int64) attribute_element_bits(elements[i]);
	filter->recheck = true;
	filter->never |= test->nkeys == 0;
}

static void
add_comparison(AttributeFilter *filter, const Condition *condition,
			   const ScanKeyData *key)
{
	Datum value = key->sk_argument;

	if (key->sk_flags & SK_ISNULL)
		filter->never = true;
	else if (condition->strategy >= ATTRIBUTE_OVERLAPS)
		set_elements(filter, condition, value);
	else if (key->sk_flags & SK_SEARCHARRAY)
	{
		ArrayType *array = DatumGetArrayTypeP(value);
		Datum *values;
		bool *nulls;
		int n;
		int16 length;
		bool by_value;
		char alignment;

		get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &by_value,
							 &alignment);
		deconstruct_array(array, ARR_ELEMTYPE(array), length, by_value,
						  alignment, &values, &nulls, &n);
		set_values(filter, condition, values, nulls, n);
	}
	else
		set_values(filter, condition, &value, NULL, 1);
}

/* Add a test for a key of a column behind the vector */
static void
add_key(AttributeFilter *filter, const ScanKeyData *key, AttributeKind kind)
{
	AttributeTest *test = &filter->tests[filter->ntests++];
	Condition condition = {.ops = &attribute_ops[kind],
						   .test = test,
						   .strategy = key->sk_strategy,
						   .type = OidIsValid(key->sk_subtype)
							   ? key->sk_subtype
							   : attribute_ops[kind].type,
						   .collation = key->sk_collation};

	test->column = key->sk_attno - 2;
	if (key->sk_flags & SK_SEARCHNULL)
		test->kind = ATTRIBUTE_IS_NULL;
	else if (key->sk_flags & SK_SEARCHNOTNULL)
		test->kind = ATTRIBUTE_IS_NOT_NULL;
	else
		add_comparison(filter, &condition, key);
}

/* Both ends of a range are one test */
static void
unite_ranges(AttributeFilter *filter)
{
	uint32 kept = 0;

	for (uint32 i = 0; i < filter->ntests; i++)
	{
		AttributeTest *test = &filter->tests[i];
		AttributeTest *before = NULL;

		for (uint32 j = 0; j < kept && test->kind == ATTRIBUTE_IN_RANGE; j++)
		{
			if (filter->tests[j].kind == ATTRIBUTE_IN_RANGE &&
				filter->tests[j].column == test->column)
				before = &filter->tests[j];
		}
		if (before == NULL)
		{
			filter->tests[kept++] = *test;
			continue;
		}
		before->low = Max(before->low, test->low);
		before->high = Min(before->high, test->high);
		filter->never |= before->low > before->high;
	}
	filter->ntests = kept;
}

AttributeFilter *
attribute_filter_new(Relation index, ScanKey keys, int nkeys)
{
	AttributeFilter *filter;
	AttributeKind kinds[ATTRIBUTE_MAX];

	if (nkeys == 0)
		return NULL;
	filter = palloc0(offsetof(AttributeFilter, tests) +
					 nkeys * sizeof(AttributeTest));
	(void) opclass_attributes(index, kinds);
	for (int i = 0; i < nkeys; i++)
	{
		if (keys[i].sk_attno > 1)
			add_key(filter, &keys[i], kinds[keys[i].sk_attno - 2]);
		else if ((keys[i].sk_flags & SK_SEARCHNOTNULL) == 0)
			/* rows without a vector are not in the index: never planned so */
			elog(ERROR, "cannot search an index for the vector itself");
	}
	if (!filter->never)
		unite_ranges(filter);
	return filter->ntests == 0 ? NULL : filter;
}

/*
 * Tests of a page
 */

/* 32 bytes, each 0 or 1, as bits */
static inline uint32
pack_lanes(const uint8 *meets)
{
	uint32 word = 0;

	for (int i = 0; i < ATTRIBUTE_WORD / 8; i++)
	{
		uint64 eight;

		memcpy(&eight, meets + 8 * i, sizeof(eight));
#ifdef WORDS_BIGENDIAN
		eight = pg_bswap64(eight);
#endif
		/* byte j comes to bit 56 + j, and no two meet on the way */
		word |= (uint32) ((eight * UINT64CONST(0x0102040810204080)) >> 56)
			<< 8 * i;
	}
	return word;
}

/* Is it among ascending keys? */
static inline uint8
has_key(const int64 *keys, uint32 n, int64 key)
{
	uint32 low = 0;

	while (n > 1)
	{
		uint32 half = n / 2;

		low += keys[low + half] <= key ? half : 0;
		n -= half;
	}
	return keys[low] == key;
}

/*
 * The tests for keys of one width: a word of lanes at a time, in loops that the
 * compiler turns into instructions for many lanes.  Limits are within the type.
 */
#define DEFINE_TESTS(type) \
	static void range_##type(const AttributeTest *test, \
							 const AttributeColumn *column, uint32 nwords, \
							 uint32 *mask) \
	{ \
		const type *values = column->values; \
		type low = (type) test->low; \
		u##type span = (u##type)((u##type) test->high - (u##type) low); \
\
		for (uint32 word = 0; word < nwords; word++, values += ATTRIBUTE_WORD) \
		{ \
			uint8 meets[ATTRIBUTE_WORD]; \
\
			if (mask[word] == 0) \
				continue; \
			for (int i = 0; i < ATTRIBUTE_WORD; i++) \
				meets[i] = \
					(u##type)((u##type) values[i] - (u##type) low) <= span; \
			mask[word] &= pack_lanes(meets); \
		} \
	} \
\
	static void set_##type(const AttributeTest *test, \
						   const AttributeColumn *column, uint32 nwords, \
						   uint32 *mask) \
	{ \
		const type *values = column->values; \
\
		for (uint32 word = 0; word < nwords; word++, values += ATTRIBUTE_WORD) \
		{ \
			uint8 meets[ATTRIBUTE_WORD] = {0}; \
\
			if (mask[word] == 0) \
				continue; \
			if (test->nkeys > SMALL_SET) \
			{ \
				for (int i = 0; i < ATTRIBUTE_WORD; i++) \
					meets[i] = has_key(test->keys, test->nkeys, values[i]); \
			} \
			else \
			{ \
				for (uint32 k = 0; k < test->nkeys; k++) \
				{ \
					type key = (type) test->keys[k]; \
\
					for (int i = 0; i < ATTRIBUTE_WORD; i++) \
						meets[i] |= values[i] == key; \
				} \
			} \
			mask[word] &= pack_lanes(meets); \
		} \
	}

DEFINE_TESTS(int8)
DEFINE_TESTS(int16)
DEFINE_TESTS(int32)
DEFINE_TESTS(int64)

static void
has_bits(const AttributeTest *test, const AttributeColumn *column,
		 uint32 nwords, uint32 *mask)
{
	const int64 *values = column->values;

	for (uint32 word = 0; word < nwords; word++, values += ATTRIBUTE_WORD)
	{
		uint8 meets[ATTRIBUTE_WORD] = {0};

		if (mask[word] == 0)
			continue;
		for (uint32 k = 0; k < test->nkeys; k++)
		{
			int64 bits = test->keys[k];

			for (int i = 0; i < ATTRIBUTE_WORD; i++)
				meets[i] |= (values[i] & bits) == bits;
		}
		mask[word] &= pack_lanes(meets);
	}
}

typedef void (*PageTest)(const AttributeTest *test,
						 const AttributeColumn *column, uint32 nwords,
						 uint32 *mask);

static PageTest
page_test(AttributeTestKind kind, uint8 width)
{
	/* by the logarithm of the width */
	static const PageTest ranges[] = {range_int8, range_int16, range_int32,
									  range_int64};
	static const PageTest sets[] = {set_int8, set_int16, set_int32, set_int64};
	int log = width == 1 ? 0 : width == 2 ? 1 : width == 4 ? 2 : 3;

	if (kind == ATTRIBUTE_HAS_BITS)
		return has_bits;
	return kind == ATTRIBUTE_IN_SET ? sets[log] : ranges[log];
}

/* May a page whose keys have no other bits than these meet the test? */
static bool
bits_may_meet(const AttributeTest *test, int64 bits)
{
	for (uint32 i = 0; i < test->nkeys; i++)
	{
		if ((test->keys[i] & ~bits) == 0)
			return true;
	}
	return false;
}

/* The keys that both the test and the page may have: then within the type */
static AttributeTest
within_page(const AttributeTest *test, const AttributeSummary *summary,
			uint8 width)
{
	AttributeTest within = *test;
	int64 most =
		width == 8 ? PG_INT64_MAX : (INT64CONST(1) << (8 * width - 1)) - 1;

	within.low = Max(Max(test->low, summary->low), -most - 1);
	within.high = Min(Min(test->high, summary->high), most);
	if (test->kind == ATTRIBUTE_IN_SET)
	{
		while (within.nkeys > 0 && within.keys[0] < within.low)
		{
			within.keys++;
			within.nkeys--;
		}
		while (within.nkeys > 0 && within.keys[within.nkeys - 1] > within.high)
			within.nkeys--;
	}
	return within;
}

/* Lanes that meet one test stay in the mask */
static void
apply_test(const AttributeTest *test, const AttributeColumn *column,
		   uint32 nwords, uint32 *mask)
{
	uint8 width = attribute_ops[column->kind].width;
	bool is_null = test->kind == ATTRIBUTE_IS_NULL;
	AttributeTest within = *test;
	bool may_meet;

	for (uint32 word = 0; word < nwords; word++)
		mask[word] &= is_null ? column->nulls[word] : ~column->nulls[word];
	if (is_null || test->kind == ATTRIBUTE_IS_NOT_NULL)
		return;
	if (test->kind == ATTRIBUTE_HAS_BITS)
		may_meet = bits_may_meet(test, column->summary->high);
	else
	{
		within = within_page(test, column->summary, width);
		may_meet = within.low <= within.high &&
			(test->kind != ATTRIBUTE_IN_SET || within.nkeys > 0);
	}
	if (may_meet)
		page_test(test->kind, width)(&within, column, nwords, mask);
	else
		memset(mask, 0, nwords * sizeof(uint32));
}

bool
attribute_filter_mask(const AttributeFilter *filter,
					  const AttributeColumn *columns, uint32 nwords,
					  uint32 *mask)
{
	uint32 any = 0;

	for (uint32 i = 0; i < filter->ntests; i++)
		apply_test(&filter->tests[i], &columns[filter->tests[i].column], nwords,
				   mask);
	for (uint32 word = 0; word < nwords; word++)
		any |= mask[word];
	return any != 0;
}
