/*
 * filters.c
 *	  Queries with a condition.
 */
#include "filters.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "derive.h"
#include "form.h"
#include "parallel.h"

#define MAX_CONDITIONS 13
#define MAX_INDEXES 6
#define STATEMENT_LENGTH 400
#define SEED_OF_NUMBERS 3
#define SEED_OF_CENTRE 4
#define SEED_OF_TENANTS 5
#define MILLE 1000
#define ROWS_OF_TENANT 100
#define SAME 1e-6 /* answers of files are of another sum */

typedef struct Condition
{
	const char *name;
	const char *where;
	const char *column; /* of the file of queries: what $2 is */
} Condition;

/* What a table has beside its vectors */
typedef struct Catalog
{
	const char *lines;   /* columns of the lines that are loaded */
	const char *columns; /* those that items gets */
	const char *picked;  /* the same, of the lines */
	const char *indexes[MAX_INDEXES];
	const char *attributes;
	Condition conditions[MAX_CONDITIONS];
} Catalog;

/* test/data/README.md says what the columns are */
static const Catalog of_packages = {
	.lines =
		"id int, package text, source text, section text, priority text, "
		"architecture text, installed_size int, deb_size int, tags text[], "
		"short text, text text",
	.columns = "source text, section text, priority text, architecture text, "
			   "installed_size int, tags text[]",
	.picked = "source, section, priority, architecture, installed_size, tags",
	.indexes = {"btree (section)", "btree (source text_pattern_ops)",
				"btree (priority)", "btree (architecture)",
				"btree (installed_size)", "gin (tags)"},
	.attributes = "section, priority, architecture, installed_size",
	.conditions = {
		{"arch_all", "architecture = 'all'", NULL},
		{"small", "installed_size < 100", NULL},
		{"program", "tags @> '{role::program}'", NULL},
		{"libdevel_native", "section = 'libdevel' AND architecture = 'amd64'",
		 NULL},
		{"own_section", "section = $2", "section"},
		{"other_section", "section = $2", "other_section"},
		{"rust", "source LIKE 'rust-%'", NULL},
		{"science", "section = 'science'", NULL},
		{"cli_midsize",
		 "tags @> '{interface::commandline}' AND installed_size BETWEEN 100 "
		 "AND 1000",
		 NULL},
		{"huge", "installed_size > 100000", NULL},
		{"games_small", "section = 'games' AND installed_size < 500", NULL},
		{"not_optional", "priority <> 'optional'", NULL},
		{"gnu_r_big", "section = 'gnu-r' AND installed_size > 5000", NULL}}};

/*
 * number is random; place is the rank by the distance from some row; both are from
 * 0 to 999.  A tenant has about a hundred rows.
 */
static const Catalog of_numbers = {
	.lines = "id int, number int, place int, tenant int",
	.columns = "number int, place int, tenant int",
	.picked = "number, place, tenant",
	.indexes = {"btree (number)", "btree (place)", "btree (tenant)"},
	.attributes = "number, place, tenant",
	.conditions = {{"random_10", "number < 100", NULL},
				   {"random_1", "number < 10", NULL},
				   {"random_0.1", "number = 7", NULL},
				   {"near_10", "place < 100", NULL},
				   {"near_1", "place < 10", NULL},
				   {"tenant", "tenant = 7", NULL}}};

static char *
read_part(const Experiment *e, const char *part, size_t *size)
{
	char path[1024];

	snprintf(path, sizeof(path), "%s/%s.%s.zst", e->folder, e->set->name, part);
	return (char *) read_packed("zstd", path, size);
}

static const Catalog *
find_catalog(const Experiment *e)
{
	char path[1024];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s.attrs.tsv.zst", e->folder,
			 e->set->name);
	file = fopen(path, "rb");
	if (file == NULL)
		return &of_numbers;
	fclose(file);
	return &of_packages;
}

typedef struct Ranking
{
	const Dataset *set;
	size_t centre;
	double *distances;
} Ranking;

static void
rank_row(void *context, size_t row)
{
	const Ranking *ranking = context;

	ranking->distances[row] =
		rows_distance(ranking->set, &ranking->set->base, ranking->centre,
					  &ranking->set->base, row);
}

static int
compare_doubles(const void *a, const void *b)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	return (x > y) - (x < y);
}

static size_t
random_number(uint64_t seed, size_t i)
{
	return (size_t) scramble(scramble(seed) + i);
}

/* How many of the ascending values are less */
static size_t
count_less(const double *values, size_t n, double value)
{
	size_t low = 0;

	while (n > 0)
	{
		size_t half = n / 2;

		if (values[low + half] < value)
		{
			low += half + 1;
			n -= half + 1;
		}
		else
			n = half;
	}
	return low;
}

/* The columns of of_numbers */
static char *
make_lines(const Dataset *set, size_t *size)
{
	Ranking ranking = {set, scramble(SEED_OF_CENTRE) % set->n,
					   allocate(set->n, sizeof(double))};
	double *sorted = allocate(set->n, sizeof(double));
	char *lines = allocate(set->n, 64);
	char *end = lines;

	parallel_for(set->n, rank_row, &ranking);
	memcpy(sorted, ranking.distances, set->n * sizeof(double));
	qsort(sorted, set->n, sizeof(double), compare_doubles);
	for (size_t i = 0; i < set->n; i++)
		end += sprintf(
			end, "%zu\t%zu\t%zu\t%zu\n", i,
			random_number(SEED_OF_NUMBERS, i) % MILLE,
			count_less(sorted, set->n, ranking.distances[i]) * MILLE / set->n,
			random_number(SEED_OF_TENANTS, i) % (set->n / ROWS_OF_TENANT + 1));
	free(sorted);
	free(ranking.distances);
	*size = (size_t) (end - lines);
	return lines;
}

void
filters_create_items(const Experiment *e, Server *server)
{
	const Dataset *set = e->set;
	const Catalog *catalog = find_catalog(e);
	size_t size;
	size_t head = 0;
	char *lines;

	if (catalog == &of_numbers)
		lines = make_lines(set, &size);
	else
	{
		lines = read_part(e, "attrs.tsv", &size);
		head = (size_t) (strchr(lines, '\n') + 1 - lines);
	}
	create_table(server, "vectors", set, "external");
	server_load(server, "vectors", set, &set->base, NULL, set->n);
	server_do(server, "DROP TABLE IF EXISTS lines, items");
	server_do(server, "CREATE TABLE lines (%s)", catalog->lines);
	server_copy(server, "lines", lines + head, size - head);
	server_do(server, "CREATE TABLE items (id int, %s, embedding %s(%zu))",
			  catalog->columns, form_name(set->form), set->dim);
	server_do(server, "ALTER TABLE items ALTER embedding SET STORAGE external");
	server_do(server,
			  "INSERT INTO items SELECT id, %s, embedding FROM lines JOIN "
			  "vectors USING (id) ORDER BY id",
			  catalog->picked);
	server_do(server, "DROP TABLE lines, vectors");
	server_do(server, "VACUUM ANALYZE items");
	free(lines);
}

void
filters_set_indexes(const Experiment *e, Server *server, Secondary secondary)
{
	const Catalog *catalog = find_catalog(e);

	for (int i = 0; i < MAX_INDEXES && catalog->indexes[i] != NULL; i++)
	{
		server_do(server, "DROP INDEX IF EXISTS secondary_%d", i);
		if (secondary == SECONDARY_ALL)
			server_do(server, "CREATE INDEX secondary_%d ON items USING %s", i,
					  catalog->indexes[i]);
	}
	server_do(server, "VACUUM ANALYZE items");
}

const char *
filters_attributes(const Experiment *e)
{
	return find_catalog(e)->attributes;
}

/* The n-th field of a line, to be freed */
static char *
get_field(const char *line, size_t n)
{
	while (n-- > 0)
		line += strcspn(line, "\t\n") + 1;
	return strndup(line, strcspn(line, "\t\n"));
}

/* The values of a column of the file of queries */
static void
read_values(const Experiment *e, const char *column, Filter *filter)
{
	size_t size;
	char *lines = read_part(e, "query.tsv", &size);
	const char *line = lines;
	size_t n = 0;

	if (lines == NULL)
		die("%s has no query.tsv", e->set->name);
	for (; *line != '\n'; n++)
	{
		char *name = get_field(lines, n);
		bool found = strcmp(name, column) == 0;

		free(name);
		if (found)
			break;
		line += strcspn(line, "\t\n");
		line += *line == '\t';
	}
	line = lines;
	for (size_t q = 0; q < e->set->nqueries; q++)
	{
		line = strchr(line, '\n') + 1;
		filter->values[q] = get_field(line, n);
		filter->sizes[q] = (int) strlen(filter->values[q]);
	}
	free(lines);
}

/* Rows that meet a condition with a value */
typedef struct Matching
{
	const char *value; /* or NULL */
	size_t *rows;
	size_t n;
} Matching;

static Matching
ask_matching(const Experiment *e, const char *where, const char *value)
{
	Server *server = &e->servers[0];
	const char *mark = value != NULL ? strstr(where, "$2") : NULL;
	char statement[STATEMENT_LENGTH];
	Matching matching = {.value = value};
	PGresult *result;

	if (mark == NULL)
		snprintf(statement, sizeof(statement), "SELECT id FROM items WHERE %s",
				 where);
	else
	{
		char *literal =
			PQescapeLiteral(server->connection, value, strlen(value));

		snprintf(statement, sizeof(statement),
				 "SELECT id FROM items WHERE %.*s%s%s", (int) (mark - where),
				 where, literal, mark + 2);
		PQfreemem(literal);
	}
	result = server_ask(server, server->connection, statement);
	matching.n = (size_t) PQntuples(result);
	matching.rows = allocate(matching.n, sizeof(size_t));
	for (size_t i = 0; i < matching.n; i++)
		matching.rows[i] = strtoul(PQgetvalue(result, (int) i, 0), NULL, 10);
	PQclear(result);
	return matching;
}

/* For each value of the queries once */
typedef struct Answering
{
	const Experiment *e;
	Filter *filter;
	Matching *matching;
	size_t nmatching;
	const Matching **of_query;
} Answering;

static const Matching *
find_matching(Answering *a, const char *where, const char *value)
{
	for (size_t i = 0; i < a->nmatching; i++)
	{
		if (value == NULL || strcmp(a->matching[i].value, value) == 0)
			return &a->matching[i];
	}
	a->matching[a->nmatching] = ask_matching(a->e, where, value);
	return &a->matching[a->nmatching++];
}

static void
answer_query(void *context, size_t query)
{
	const Answering *a = context;
	const Matching *matching = a->of_query[query];
	size_t k = a->e->k;
	double *least = allocate(k, sizeof(double));
	size_t count = 0;

	for (size_t i = 0; i < matching->n; i++)
		keep_least(least, &count, k,
				   dataset_distance(a->e->set, query, matching->rows[i]));
	a->filter->wanted[query] = count;
	a->filter->farthest[query] = count > 0 ? least[count - 1] : -INFINITY;
	free(least);
}

static void
allocate_answers(const Experiment *e, Filter *filter)
{
	filter->wanted = allocate(e->set->nqueries, sizeof(size_t));
	filter->farthest = allocate(e->set->nqueries, sizeof(double));
	filter->values = allocate(e->set->nqueries, sizeof(char *));
	filter->sizes = allocate(e->set->nqueries, sizeof(int));
}

static void
compute_answers(const Experiment *e, const char *where, Filter *filter)
{
	size_t n = e->set->nqueries;
	Answering a = {.e = e,
				   .filter = filter,
				   .matching = allocate(n, sizeof(Matching)),
				   .of_query = allocate(n, sizeof(Matching *))};

	for (size_t q = 0; q < n; q++)
	{
		a.of_query[q] = find_matching(&a, where, filter->values[q]);
		filter->selectivity +=
			(double) a.of_query[q]->n / (double) e->set->n / (double) n;
	}
	parallel_for(n, answer_query, &a);
	for (size_t i = 0; i < a.nmatching; i++)
		free(a.matching[i].rows);
	free(a.matching);
	free(a.of_query);
}

/* SET.filter-NAME.gt.i32: so many nearest rows of each query, then -1 */
static void
check_answers(const Experiment *e, const Filter *filter)
{
	char part[64];
	char path[1024];
	json_error_t error;
	json_t *about;
	size_t each;
	size_t size;
	int32_t *rows;

	snprintf(part, sizeof(part), "filter-%s.gt.i32", filter->name);
	rows = (int32_t *) read_part(e, part, &size);
	if (rows == NULL)
		return;
	snprintf(path, sizeof(path), "%s/%s.json", e->folder, e->set->name);
	about = json_load_file(path, 0, &error);
	if (about == NULL)
		die("%s: %s", path, error.text);
	each = (size_t) json_integer_value(json_object_get(about, "k_filter"));
	json_decref(about);
	for (size_t q = 0; q < e->set->nqueries && e->k <= each; q++)
	{
		size_t last = filter->wanted[q];
		int32_t row = last > 0 ? rows[q * each + last - 1] : -1;
		bool more = last < e->k && rows[q * each + last] >= 0;

		if (more || (row < 0) != (last == 0) ||
			(row >= 0 &&
			 fabs(dataset_distance(e->set, q, (size_t) row) -
				  filter->farthest[q]) > SAME))
			die("%s: the file of answers says otherwise for query %zu",
				filter->name, q);
	}
	free(rows);
}

static Filter
make_filter(const Experiment *e, const Condition *condition)
{
	Filter filter = {.name = condition->name,
					 .type = condition->column != NULL ? "text" : NULL,
					 .statement = allocate(STATEMENT_LENGTH, 1)};

	snprintf(filter.statement, STATEMENT_LENGTH,
			 "SELECT id FROM items WHERE %s ORDER BY embedding %s $1 LIMIT %zu",
			 condition->where, metric_operator(e->set->metric), e->k);
	allocate_answers(e, &filter);
	if (condition->column != NULL)
		read_values(e, condition->column, &filter);
	compute_answers(e, condition->where, &filter);
	check_answers(e, &filter);
	return filter;
}

Filter *
filters_make(const Experiment *e, size_t *n)
{
	const Catalog *catalog = find_catalog(e);
	Filter *filters = allocate(MAX_CONDITIONS, sizeof(Filter));

	fprintf(stderr, "%s: exact answers under each condition\n", e->set->name);
	for (*n = 0; *n < MAX_CONDITIONS && catalog->conditions[*n].name != NULL;
		 (*n)++)
		filters[*n] = make_filter(e, &catalog->conditions[*n]);
	return filters;
}

/* Rows of the ranges that are measured */
static const struct
{
	const char *name;
	size_t rows;
} ranges[] = {
	{"rows_1", 1}, {"rows_10", 10}, {"rows_100", 100}, {"rows_1000", 1000}};

#define NRANGES (sizeof(ranges) / sizeof(ranges[0]))

/* Between the distances of the last row and of the one behind it */
typedef struct Ranging
{
	const Dataset *set;
	Filter *filters;
} Ranging;

static void
range_query(void *context, size_t query)
{
	const Ranging *r = context;
	size_t n = r->set->n;
	double *distances = allocate(n, sizeof(double));

	for (size_t i = 0; i < n; i++)
		distances[i] = dataset_distance(r->set, query, i);
	qsort(distances, n, sizeof(double), compare_doubles);
	for (size_t i = 0; i < NRANGES; i++)
	{
		Filter *filter = &r->filters[i];
		size_t last = ranges[i].rows < n ? ranges[i].rows - 1 : n - 1;

		/* equal rows are within or without together */
		while (last + 1 < n && distances[last + 1] - distances[last] < SAME)
			last++;
		filter->wanted[query] = last + 1;
		filter->farthest[query] = last + 1 < n
			? (distances[last] + distances[last + 1]) / 2
			: distances[last] + 1;
		filter->values[query] = allocate(1, sizeof(double));
		filter->sizes[query] = sizeof(double);
		put_double(filter->values[query], filter->farthest[query]);
	}
	free(distances);
}

Filter *
ranges_make(const Experiment *e, size_t *n)
{
	Ranging r = {e->set, allocate(NRANGES, sizeof(Filter))};

	fprintf(stderr, "%s: exact answers of ranges\n", e->set->name);
	for (size_t i = 0; i < NRANGES; i++)
	{
		Filter *filter = &r.filters[i];

		filter->name = ranges[i].name;
		filter->type = "float8";
		filter->statement = allocate(STATEMENT_LENGTH, 1);
		snprintf(filter->statement, STATEMENT_LENGTH,
				 "SELECT id FROM items WHERE embedding %s $1 <= $2",
				 metric_operator(e->set->metric));
		allocate_answers(e, filter);
		filter->selectivity = (double) ranges[i].rows / (double) e->set->n;
	}
	parallel_for(e->set->nqueries, range_query, &r);
	*n = NRANGES;
	return r.filters;
}
