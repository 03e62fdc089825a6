/*
 * report.c
 *	  Results: a table on standard output, the same rows as JSON in a file.
 */
#include "report.h"

#include <stdio.h>
#include <string.h>

#include "dataset.h"

static const char *report_path;
static json_t *rows;
static char last_experiment[64];

void
report_open(const char *path)
{
	report_path = path;
	rows = json_array();
}

void
report_write(void)
{
	if (report_path != NULL &&
		json_dump_file(rows, report_path, JSON_INDENT(1)) != 0)
		die("%s could not be written", report_path);
}

/* The columns of a table get the width that their first row needs */
static int
column_width(const char *key, json_t *value)
{
	int width = strcmp(key, "config") == 0 || strcmp(key, "what") == 0 ? 34
		: strcmp(key, "filter") == 0                                   ? 15
																	   : 11;

	if (json_is_string(value) && (int) json_string_length(value) > width)
		width = (int) json_string_length(value);
	return width;
}

static void
print_value(const char *key, json_t *value)
{
	int width = column_width(key, value);

	if (json_is_real(value))
		printf("%*.4g ", width, json_real_value(value));
	else if (json_is_integer(value))
		printf("%*lld ", width, (long long) json_integer_value(value));
	else
		printf("%-*s ", width, json_string_value(value));
}

void
report_keep(const char *experiment, json_t *fields)
{
	json_object_set_new(fields, "experiment", json_string(experiment));
	json_array_append_new(rows, fields);
}

void
report_row(const char *experiment, json_t *fields)
{
	bool first = strcmp(experiment, last_experiment) != 0;
	const char *key;
	json_t *value;

	if (first)
	{
		printf("\n== %s\n", experiment);
		snprintf(last_experiment, sizeof(last_experiment), "%s", experiment);
	}
	json_object_foreach(fields, key, value)
	{
		if (first && key[0] != '_')
			printf(json_is_string(value) ? "%-*s " : "%*s ",
				   column_width(key, value), key);
	}
	if (first)
		putchar('\n');
	json_object_foreach(fields, key, value)
	{
		if (key[0] != '_')
			print_value(key, value);
	}
	putchar('\n');
	fflush(stdout);
	report_keep(experiment, fields);
}
