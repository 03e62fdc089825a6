/*
 * report.h
 *	  Results: a table on standard output, the same rows as JSON in a file.
 */
#ifndef REPORT_H
#define REPORT_H

#include <jansson.h>

/* All rows go into this file when report_write() is called; NULL for none */
extern void report_open(const char *path);
extern void report_write(void);

/*
 * Add a row of an experiment and print it.  fields is a JSON object whose
 * reference is taken; keys are printed in the order they were set, but for
 * those that begin with an underscore: they are for the file alone.
 */
extern void report_row(const char *experiment, json_t *fields);

/* The same, for the file alone */
extern void report_keep(const char *experiment, json_t *fields);

#endif
