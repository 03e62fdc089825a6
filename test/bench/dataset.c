/*
 * dataset.c
 *	  Vectors, queries and exact answers, from files.
 */
#include "dataset.h"

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vector/half.h"

#define FASHION_FOLDER "/usr/share/datasets/fashion-mnist"
#define FASHION_DIM 784
#define FASHION_ANSWERS 100
#define IDX_HEADER 16 /* magic, count, rows, columns */

void
die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static void *
allocate(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (memory == NULL)
		die("out of memory");
	return memory;
}

/* The whole output of a decompressor; NULL when the file is not there */
static unsigned char *
read_packed(const char *tool, const char *path, size_t *size)
{
	char command[1200];
	FILE *probe = fopen(path, "rb");
	FILE *pipe;
	size_t capacity = 1 << 20;
	unsigned char *content = allocate(capacity, 1);
	size_t got;

	if (probe == NULL)
		return NULL;
	fclose(probe);
	snprintf(command, sizeof(command), "%s -dc '%s'", tool, path);
	pipe = popen(command, "r");
	if (pipe == NULL)
		die("%s could not be started", tool);
	*size = 0;
	while ((got = fread(content + *size, 1, capacity - *size, pipe)) > 0)
	{
		*size += got;
		if (*size == capacity)
		{
			capacity *= 2;
			content = realloc(content, capacity);
			if (content == NULL)
				die("out of memory");
		}
	}
	if (pclose(pipe) != 0)
		die("%s could not unpack %s", tool, path);
	return content;
}

/* FOLDER/SET.PART.{u8,f16,f32}.zst as floats; *count = how many */
static float *
read_floats(const char *folder, const char *set, const char *part,
			size_t *count)
{
	static const struct
	{
		const char *ending;
		size_t size;
	} formats[] = {{"u8", 1}, {"f16", 2}, {"f32", 4}};

	for (size_t f = 0; f < 3; f++)
	{
		char path[1024];
		size_t bytes;
		unsigned char *content;
		float *values;

		snprintf(path, sizeof(path), "%s/%s.%s.%s.zst", folder, set, part,
				 formats[f].ending);
		content = read_packed("zstd", path, &bytes);
		if (content == NULL)
			continue;
		*count = bytes / formats[f].size;
		values = allocate(*count, sizeof(float));
		for (size_t i = 0; i < *count; i++)
		{
			uint16_t half;

			switch (formats[f].size)
			{
				case 1:
					values[i] = content[i];
					break;
				case 2:
					memcpy(&half, content + 2 * i, 2);
					values[i] = half_to_float(half);
					break;
				default:
					memcpy(&values[i], content + 4 * i, 4);
			}
		}
		free(content);
		return values;
	}
	die("no file %s/%s.%s.{u8,f16,f32}.zst", folder, set, part);
}

static Metric
parse_metric(const char *text)
{
	if (strncmp(text, "l2", 2) == 0)
		return METRIC_L2;
	if (strncmp(text, "cosine", 6) == 0)
		return METRIC_COSINE;
	if (strncmp(text, "inner", 5) == 0 || strncmp(text, "ip", 2) == 0)
		return METRIC_IP;
	die("unknown metric %s", text);
}

static void
load_folder(Dataset *set, const char *folder, size_t max_queries)
{
	char path[1024];
	json_error_t error;
	json_t *about;
	size_t count;
	float *answers;

	snprintf(path, sizeof(path), "%s/%s.json", folder, set->name);
	about = json_load_file(path, 0, &error);
	if (about == NULL)
		die("%s: %s", path, error.text);
	set->dim = (size_t) json_integer_value(json_object_get(about, "dim"));
	set->k = (size_t) json_integer_value(json_object_get(about, "k"));
	set->metric =
		parse_metric(json_string_value(json_object_get(about, "metric")));
	json_decref(about);

	set->base = read_floats(folder, set->name, "base", &count);
	set->n = count / set->dim;
	set->queries = read_floats(folder, set->name, "query", &count);
	set->nqueries = count / set->dim;
	answers = read_floats(folder, set->name, "gtd", &count);
	if (count != set->nqueries * set->k)
		die("%s: %zu answers for %zu queries", set->name, count, set->nqueries);
	set->answers = allocate(count, sizeof(double));
	for (size_t i = 0; i < count; i++)
		set->answers[i] = answers[i];
	free(answers);
	if (set->nqueries > max_queries)
		set->nqueries = max_queries;
}

static float *
read_idx(const char *file, size_t *n)
{
	char path[1024];
	size_t bytes;
	unsigned char *content;
	float *values;

	snprintf(path, sizeof(path), "%s/%s", FASHION_FOLDER, file);
	content = read_packed("gzip", path, &bytes);
	if (content == NULL)
		die("%s is not there: install the package dataset-fashion-mnist", path);
	*n = (bytes - IDX_HEADER) / FASHION_DIM;
	values = allocate(*n * FASHION_DIM, sizeof(float));
	for (size_t i = 0; i < *n * FASHION_DIM; i++)
		values[i] = content[IDX_HEADER + i];
	free(content);
	return values;
}

static int
compare_doubles(const void *a, const void *b)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	return (x > y) - (x < y);
}

static void
load_fashion(Dataset *set, size_t max_queries)
{
	double *distances;

	set->dim = FASHION_DIM;
	set->k = FASHION_ANSWERS;
	set->metric = METRIC_L2;
	set->base = read_idx("train-images-idx3-ubyte.gz", &set->n);
	set->queries = read_idx("t10k-images-idx3-ubyte.gz", &set->nqueries);
	if (set->nqueries > max_queries)
		set->nqueries = max_queries;

	fprintf(stderr, "%s: exact answers of %zu queries\n", set->name,
			set->nqueries);
	set->answers = allocate(set->nqueries * set->k, sizeof(double));
	distances = allocate(set->n, sizeof(double));
	for (size_t q = 0; q < set->nqueries; q++)
	{
		for (size_t i = 0; i < set->n; i++)
			distances[i] = dataset_distance(set, set->queries + q * set->dim,
											set->base + i * set->dim);
		qsort(distances, set->n, sizeof(double), compare_doubles);
		memcpy(set->answers + q * set->k, distances, set->k * sizeof(double));
	}
	free(distances);
}

Dataset *
dataset_load(const char *folder, const char *name, size_t max_queries)
{
	Dataset *set = allocate(1, sizeof(Dataset));

	set->name = name;
	if (strcmp(name, "fashion-mnist") == 0)
		load_fashion(set, max_queries);
	else
		load_folder(set, folder, max_queries);
	return set;
}

double
dataset_distance(const Dataset *set, const float *a, const float *b)
{
	double sqdist = 0;
	double ab = 0;
	double aa = 0;
	double bb = 0;

	if (set->metric == METRIC_L2)
	{
		for (size_t i = 0; i < set->dim; i++)
			sqdist += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
		return sqrt(sqdist);
	}
	for (size_t i = 0; i < set->dim; i++)
	{
		ab += (double) a[i] * b[i];
		aa += (double) a[i] * a[i];
		bb += (double) b[i] * b[i];
	}
	return set->metric == METRIC_IP ? -ab : 1.0 - ab / sqrt(aa * bb);
}

const char *
metric_operator(Metric metric)
{
	static const char *const operators[] = {"<->", "<=>", "<#>"};

	return operators[metric];
}

const char *
metric_name(Metric metric)
{
	static const char *const names[] = {"l2", "cosine", "ip"};

	return names[metric];
}
