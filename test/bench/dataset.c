/*
 * dataset.c
 *	  Vectors, queries and exact answers, from files.
 */
#include "dataset.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "derive.h"
#include "vector/half.h"

#define FASHION_FOLDER "/usr/share/datasets/fashion-mnist"
#define FASHION_DIM 784
#define COMPUTED_ANSWERS 100
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

void *
allocate(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (memory == NULL)
		die("out of memory");
	return memory;
}

unsigned char *
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
	content[*size] = '\0';
	return content;
}

typedef float (*ToFloat)(const unsigned char *p);

static float
u8_to_float(const unsigned char *p)
{
	return *p;
}

static float
f16_to_float(const unsigned char *p)
{
	uint16_t half;

	memcpy(&half, p, 2);
	return half_to_float(half);
}

static float
f32_to_float(const unsigned char *p)
{
	float value;

	memcpy(&value, p, 4);
	return value;
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
		ToFloat to_float;
	} formats[] = {{"u8", 1, u8_to_float},
				   {"f16", 2, f16_to_float},
				   {"f32", 4, f32_to_float}};

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
			values[i] = formats[f].to_float(content + i * formats[f].size);
		free(content);
		return values;
	}
	die("no file %s/%s.%s.{u8,f16,f32}.zst", folder, set, part);
}

/* FOLDER/SET.PART.indptr.i32.zst and what belongs to it; *n = rows */
static Rows
read_sparse(const char *folder, const char *set, const char *part, size_t *n)
{
	Rows rows = {0};
	char path[1024];
	char name[200];
	size_t bytes;
	size_t count;
	int32_t *starts;
	uint16_t *indices;

	snprintf(path, sizeof(path), "%s/%s.%s.indptr.i32.zst", folder, set, part);
	starts = (int32_t *) read_packed("zstd", path, &bytes);
	snprintf(path, sizeof(path), "%s/%s.%s.indices.u16.zst", folder, set, part);
	*n = bytes / sizeof(int32_t) - 1;
	indices = (uint16_t *) read_packed("zstd", path, &bytes);
	snprintf(name, sizeof(name), "%s.data", part);
	rows.values = read_floats(folder, set, name, &count);
	if (starts == NULL || indices == NULL || bytes != 2 * count ||
		(size_t) starts[*n] != count)
		die("%s: the files of %s do not belong together", set, part);
	rows.starts = allocate(*n + 1, sizeof(size_t));
	rows.indices = allocate(count, sizeof(int32_t));
	for (size_t i = 0; i <= *n; i++)
		rows.starts[i] = (size_t) starts[i];
	for (size_t i = 0; i < count; i++)
		rows.indices[i] = indices[i];
	free(starts);
	free(indices);
	return rows;
}

static bool
is_sparse(const char *folder, const char *set)
{
	char path[1024];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s.base.indptr.i32.zst", folder, set);
	file = fopen(path, "rb");
	if (file != NULL)
		fclose(file);
	return file != NULL;
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

/* Dense, or sparse with scores instead of distances; returns how many answers */
static size_t
load_rows(Dataset *set, const char *folder, float **answers)
{
	size_t count;

	if (!is_sparse(folder, set->name))
	{
		set->base.values = read_floats(folder, set->name, "base", &count);
		set->n = count / set->dim;
		set->queries.values = read_floats(folder, set->name, "query", &count);
		set->nqueries = count / set->dim;
		*answers = read_floats(folder, set->name, "gtd", &count);
		return count;
	}
	set->form = FORM_SPARSEVEC;
	set->base = read_sparse(folder, set->name, "base", &set->n);
	set->queries = read_sparse(folder, set->name, "query", &set->nqueries);
	*answers = read_floats(folder, set->name, "gts", &count);
	for (size_t i = 0; i < count; i++)
		(*answers)[i] = -(*answers)[i];
	return count;
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

	count = load_rows(set, folder, &answers);
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

static void
load_fashion(Dataset *set, size_t max_queries)
{
	set->dim = FASHION_DIM;
	set->metric = METRIC_L2;
	set->base.values = read_idx("train-images-idx3-ubyte.gz", &set->n);
	set->queries.values = read_idx("t10k-images-idx3-ubyte.gz", &set->nqueries);
	if (set->nqueries > max_queries)
		set->nqueries = max_queries;
}

Dataset *
dataset_load(const char *folder, const char *name, size_t max_queries)
{
	Dataset *set = allocate(1, sizeof(Dataset));
	char *rest = strdup(name);
	const char *word;

	set->name = strsep(&rest, ":");
	if (strcmp(set->name, "fashion-mnist") == 0)
		load_fashion(set, max_queries);
	else
		load_folder(set, folder, max_queries);
	if (rest != NULL)
	{
		/* not those of the changed set */
		free(set->answers);
		set->answers = NULL;
		while ((word = strsep(&rest, ":")) != NULL)
			dataset_derive(set, word);
	}
	set->name = name;
	if (set->answers == NULL)
		dataset_compute_answers(set, COMPUTED_ANSWERS);
	return set;
}

const char *
metric_operator(Metric metric)
{
	static const char *const operators[] = {"<->", "<=>", "<#>",
											"<+>", "<~>", "<%>"};

	return operators[metric];
}

const char *
metric_name(Metric metric)
{
	static const char *const names[] = {"l2", "cosine",  "ip",
										"l1", "hamming", "jaccard"};

	return names[metric];
}
