/*
 * filter_scan.h
 *	  The plan node of a filtered vector search: "Custom Scan (VectorFilteredScan)".
 *
 * Its children are the index scan that orders, without conditions, and where
 * there is one the bitmap of other indexes of the table, which is only made when
 * the search asks for it.  Conditions are the node's own; the index scan is given
 * them as a RowFilter (am/row_filter.h).
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_FILTER_SCAN_H
#define VECTOR_EXT_FILTER_SCAN_H

#include "nodes/extensible.h"

/* Of the plan: custom_plans are those children; custom_private these */
enum
{
	FILTER_SCAN_SHARE,    /* Float: of the rows that is expected to pass */
	FILTER_SCAN_MATCHING, /* Float: that is expected to be in the bitmap */
	FILTER_SCAN_ANY, /* Integer 1: nobody wants the order of the index scan */
	FILTER_SCAN_BOUNDS, /* List of lists, of conditions that are bounds: below */
	FILTER_SCAN_TIME,   /* Float: microseconds to ask a row its conditions */
	FILTER_SCAN_SUFFICE /* Integer 1: all rows of the bitmap pass */
};

/*
 * No row passes for which scale * distance + offset is beyond a limit: greater, or
 * less for a negative scale.  The next of custom_exprs is the limit.  Where the
 * distance may be one from another value than that which the index scan orders by,
 * two more are these values: a bound only while they are the same.
 */
enum
{
	FILTER_BOUND_SCALE,  /* Float, not 0 */
	FILTER_BOUND_OFFSET, /* Float */
	FILTER_BOUND_TERMS, /* Float: absolute numbers that made the offset, their sum */
	FILTER_BOUND_COMPARES /* Integer 1: values follow */
};

extern const CustomScanMethods filter_scan_methods;

/* Register the node; once, from _PG_init */
extern void filter_scan_init(void);

#endif
