/*
 * derive.c
 *	  Sets made of a set.
 */
#include "derive.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "form.h"
#include "parallel.h"
#include "vector/half.h"

#define NEIGHBOURS 10
#define CELL_LOOKED_AT 1000
#define SEED_OF_SAMPLES 1
#define SEED_OF_CELLS 2

/* The finalizer of splitmix64 */
uint64_t
scramble(uint64_t x)
{
	x += UINT64_C(0x9E3779B97F4A7C15);
	x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
	return x ^ (x >> 31);
}

/* From 0 to below 1 */
static float
fraction(uint64_t bits)
{
	return (float) (bits >> 40) / (float) (1 << 24);
}

size_t *
random_order(size_t n, uint64_t seed)
{
	size_t *order = allocate(n, sizeof(size_t));

	for (size_t i = 0; i < n; i++)
	{
		size_t other = scramble(scramble(seed) + i) % (i + 1);

		order[i] = order[other];
		order[other] = i;
	}
	return order;
}

static size_t
row_length(const Dataset *set, const Rows *rows, size_t row)
{
	return rows->starts == NULL ? set->dim
								: rows->starts[row + 1] - rows->starts[row];
}

Rows
rows_pick(const Dataset *set, const Rows *rows, const size_t *order, size_t n)
{
	Rows picked = {0};
	size_t total = 0;
	size_t place = 0;

	for (size_t i = 0; i < n; i++)
		total += row_length(set, rows, order[i]);
	picked.values = allocate(total, sizeof(float));
	if (rows->starts != NULL)
	{
		picked.starts = allocate(n + 1, sizeof(size_t));
		picked.indices = allocate(total, sizeof(int32_t));
	}
	for (size_t i = 0; i < n; i++)
	{
		size_t length = row_length(set, rows, order[i]);
		size_t from =
			rows->starts == NULL ? order[i] * set->dim : rows->starts[order[i]];

		memcpy(picked.values + place, rows->values + from,
			   length * sizeof(float));
		if (rows->starts != NULL)
			memcpy(picked.indices + place, rows->indices + from,
				   length * sizeof(int32_t));
		place += length;
		if (rows->starts != NULL)
			picked.starts[i + 1] = place;
	}
	return picked;
}

/* ----- more rows ----- */

typedef struct Cells
{
	const Dataset *set;
	size_t ncells;
	size_t *centres; /* rows */
	size_t *cell;    /* of a row */
	size_t *members; /* rows by cells */
	size_t *starts;  /* ncells + 1: of the cells in members */
	size_t (*nearest)[NEIGHBOURS];
	size_t *nnearest;
} Cells;

static void
find_cell(void *context, size_t row)
{
	Cells *cells = context;
	const Rows *base = &cells->set->base;
	double least = INFINITY;

	for (size_t c = 0; c < cells->ncells; c++)
	{
		double distance =
			rows_distance(cells->set, base, row, base, cells->centres[c]);

		if (distance < least)
		{
			least = distance;
			cells->cell[row] = c;
		}
	}
}

static void
find_neighbours(void *context, size_t row)
{
	Cells *cells = context;
	const Rows *base = &cells->set->base;
	size_t cell = cells->cell[row];
	size_t size = cells->starts[cell + 1] - cells->starts[cell];
	size_t step = 1 + size / CELL_LOOKED_AT;
	size_t *nearest = cells->nearest[row];
	double distances[NEIGHBOURS];
	size_t n = 0;

	for (size_t m = scramble(row) % step; m < size; m += step)
	{
		size_t other = cells->members[cells->starts[cell] + m];
		double distance = rows_distance(cells->set, base, row, base, other);
		size_t place;

		if (other == row || (n == NEIGHBOURS && !(distance < distances[n - 1])))
			continue;
		place = n < NEIGHBOURS ? n++ : n - 1;
		for (; place > 0 && distances[place - 1] > distance; place--)
		{
			distances[place] = distances[place - 1];
			nearest[place] = nearest[place - 1];
		}
		distances[place] = distance;
		nearest[place] = other;
	}
	cells->nnearest[row] = n;
}

static Cells
make_cells(const Dataset *set)
{
	Cells cells = {.set = set, .ncells = (size_t) sqrt((double) set->n)};

	cells.centres = random_order(set->n, SEED_OF_CELLS);
	cells.cell = allocate(set->n, sizeof(size_t));
	cells.members = allocate(set->n, sizeof(size_t));
	cells.starts = allocate(cells.ncells + 2, sizeof(size_t));
	cells.nearest = allocate(set->n, sizeof(*cells.nearest));
	cells.nnearest = allocate(set->n, sizeof(size_t));
	parallel_for(set->n, find_cell, &cells);
	/* counted two places on, then moved on while filling */
	for (size_t i = 0; i < set->n; i++)
		cells.starts[cells.cell[i] + 2]++;
	for (size_t c = 2; c <= cells.ncells; c++)
		cells.starts[c] += cells.starts[c - 1];
	for (size_t i = 0; i < set->n; i++)
		cells.members[cells.starts[cells.cell[i] + 1]++] = i;
	parallel_for(set->n, find_neighbours, &cells);
	return cells;
}

static void
free_cells(Cells *cells)
{
	free(cells->centres);
	free(cells->cell);
	free(cells->members);
	free(cells->starts);
	free(cells->nearest);
	free(cells->nnearest);
}

/* How a value of the column's type comes out of a calculation */
static float
stored(Form form, float value)
{
	return form == FORM_HALFVEC ? half_to_float(float_to_half(value)) : value;
}

static void
interpolate(const Cells *cells, size_t number, float *out)
{
	const Dataset *set = cells->set;
	uint64_t random = scramble(number);
	size_t row = random % set->n;
	size_t other = row;
	float t;

	random = scramble(random);
	if (cells->nnearest[row] > 0)
		other = cells->nearest[row][random % cells->nnearest[row]];
	random = scramble(random);
	t = fraction(random);
	for (size_t i = 0; i < set->dim; i++)
	{
		float a = set->base.values[row * set->dim + i];
		float b = set->base.values[other * set->dim + i];

		if (set->form == FORM_BIT)
		{
			random = scramble(random);
			out[i] = fraction(random) < t ? b : a;
		}
		else
			out[i] = stored(set->form, a + t * (b - a));
	}
}

static Rows
enlarge_sparse(const Dataset *set, size_t total)
{
	size_t *order = allocate(total, sizeof(size_t));
	Rows rows;

	for (size_t i = 0; i < total; i++)
		order[i] = i < set->n ? i : scramble(i) % set->n;
	rows = rows_pick(set, &set->base, order, total);
	for (size_t i = set->n; i < total; i++)
	{
		for (size_t j = rows.starts[i]; j < rows.starts[i + 1]; j++)
			rows.values[j] *= 0.75F + 0.5F * fraction(scramble(i));
	}
	free(order);
	return rows;
}

Rows
rows_enlarge(const Dataset *set, size_t total)
{
	Rows rows = {0};
	Cells cells;

	if (set->base.starts != NULL)
		return enlarge_sparse(set, total);
	cells = make_cells(set);
	rows.values = allocate(total * set->dim, sizeof(float));
	memcpy(rows.values, set->base.values, set->n * set->dim * sizeof(float));
	for (size_t i = set->n; i < total; i++)
		interpolate(&cells, i, rows.values + i * set->dim);
	free_cells(&cells);
	return rows;
}

static void
free_rows(Rows *rows)
{
	free(rows->values);
	free(rows->starts);
	free(rows->indices);
}

static void
change_rows(Dataset *set, size_t n)
{
	Rows changed;

	if (n < set->n)
	{
		size_t *order = random_order(set->n, SEED_OF_SAMPLES);

		changed = rows_pick(set, &set->base, order, n);
		free(order);
	}
	else
		changed = rows_enlarge(set, n);
	free_rows(&set->base);
	set->base = changed;
	set->n = n;
}

/* ----- other values ----- */

/*
 * Products are divided by the mean square, so that they weigh as much as the
 * elements whose pairs they are.
 */
static float *
change_dimensions(const float *values, size_t n, size_t from, size_t to,
				  double mean_square)
{
	float *changed = allocate(n * to, sizeof(float));
	float scale = (float) (1.0 / sqrt(mean_square));

	for (size_t row = 0; row < n; row++)
	{
		const float *v = values + row * from;
		float *w = changed + row * to;

		for (size_t i = 0; i < to; i++)
			w[i] = i < from ? v[i]
							: v[scramble(2 * i) % from] *
					v[scramble(2 * i + 1) % from] * scale;
	}
	return changed;
}

static void
derive_dimensions(Dataset *set, size_t dim)
{
	double sum = 0;
	float *base = set->base.values;
	float *queries = set->queries.values;

	for (size_t i = 0; i < set->n * set->dim; i++)
		sum += (double) base[i] * base[i];
	sum /= (double) (set->n * set->dim);
	set->base.values = change_dimensions(base, set->n, set->dim, dim, sum);
	set->queries.values =
		change_dimensions(queries, set->nqueries, set->dim, dim, sum);
	set->dim = dim;
	free(base);
	free(queries);
}

static void
convert(float *values, size_t n, Form form)
{
	for (size_t i = 0; i < n; i++)
		values[i] = form == FORM_BIT ? (float) (values[i] > 0)
									 : stored(form, values[i]);
}

static void
derive_form(Dataset *set, Form form)
{
	convert(set->base.values, set->n * set->dim, form);
	convert(set->queries.values, set->nqueries * set->dim, form);
	set->form = form;
	if (form == FORM_BIT)
		set->metric = METRIC_HAMMING;
}

static int
compare_falling(const void *a, const void *b)
{
	float x = fabsf(*(const float *) a);
	float y = fabsf(*(const float *) b);

	return (x < y) - (x > y);
}

/* Keep the greatest elements of sparse rows */
static void
cut_rows(Rows *rows, size_t n, size_t kept)
{
	size_t place = 0;
	size_t begin = 0;
	float *falling = allocate(rows->starts[n], sizeof(float));

	memcpy(falling, rows->values, rows->starts[n] * sizeof(float));
	for (size_t row = 0; row < n; row++)
	{
		size_t end = rows->starts[row + 1];
		size_t length = end - begin;
		size_t left = length < kept ? length : kept;
		float least;

		qsort(falling + begin, length, sizeof(float), compare_falling);
		least = left > 0 ? fabsf(falling[begin + left - 1]) : 0;
		for (size_t i = begin; i < end && left > 0; i++)
		{
			if (fabsf(rows->values[i]) < least)
				continue;
			rows->values[place] = rows->values[i];
			rows->indices[place++] = rows->indices[i];
			left--;
		}
		begin = end;
		rows->starts[row + 1] = place;
	}
	free(falling);
}

void
dataset_derive(Dataset *set, const char *word)
{
	char *end;
	size_t number = strtoul(word, &end, 10);

	for (int metric = 0; metric < NMETRICS; metric++)
	{
		if (strcmp(word, metric_name((Metric) metric)) == 0)
		{
			set->metric = (Metric) metric;
			return;
		}
	}
	if (number > 0 && *end == '\0')
	{
		change_rows(set, number);
		return;
	}
	if (number > 0 && strcmp(end, "z") == 0 && set->base.starts != NULL)
	{
		cut_rows(&set->base, set->n, number);
		cut_rows(&set->queries, set->nqueries, number);
		return;
	}
	if (set->base.starts != NULL)
		die("%s is sparse and cannot become %s", set->name, word);
	if (number > 0 && strcmp(end, "d") == 0)
	{
		derive_dimensions(set, number);
		return;
	}
	for (int form = 0; form < FORM_SPARSEVEC; form++)
	{
		if (strcmp(word, form_name((Form) form)) == 0)
		{
			derive_form(set, (Form) form);
			return;
		}
	}
	die("%s: %s is no word of derive.h", set->name, word);
}
