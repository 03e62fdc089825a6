/*
 * form.c
 *	  Rows as the server reads them.
 */
#include "form.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vector/half.h"

#define NUMBER_LENGTH 36 /* "4294967295:-1.17549435e-38," */

/* A row in either representation */
typedef struct Row
{
	const float *values;
	const int32_t *indices; /* NULL: dense */
	size_t n;               /* values */
	size_t dim;
} Row;

char *
put_int16(char *p, int value)
{
	uint16_t word = htons((uint16_t) value);

	memcpy(p, &word, 2);
	return p + 2;
}

char *
put_int32(char *p, int32_t value)
{
	uint32_t word = htonl((uint32_t) value);

	memcpy(p, &word, 4);
	return p + 4;
}

char *
put_double(char *p, double value)
{
	uint64_t word;

	memcpy(&word, &value, 8);
	p = put_int32(p, (int32_t) (word >> 32));
	return put_int32(p, (int32_t) word);
}

static char *
put_float(char *p, float value)
{
	int32_t word;

	memcpy(&word, &value, 4);
	return put_int32(p, word);
}

/* int16 dimensions, int16 0, float4s */
static char *
put_vector(char *p, const Row *row)
{
	p = put_int16(put_int16(p, (int) row->dim), 0);
	for (size_t i = 0; i < row->n; i++)
		p = put_float(p, row->values[i]);
	return p;
}

/* int16 dimensions, int16 0, half-precision floats */
static char *
put_halfvec(char *p, const Row *row)
{
	p = put_int16(put_int16(p, (int) row->dim), 0);
	for (size_t i = 0; i < row->n; i++)
		p = put_int16(p, float_to_half(row->values[i]));
	return p;
}

/* int32 bits, bytes beginning with the highest bit */
static char *
put_bit(char *p, const Row *row)
{
	p = put_int32(p, (int32_t) row->dim);
	memset(p, 0, (row->dim + 7) / 8);
	for (size_t i = 0; i < row->n; i++)
	{
		if (row->values[i] > 0)
			p[i / 8] = (char) (p[i / 8] | 0x80 >> i % 8);
	}
	return p + (row->dim + 7) / 8;
}

/* int32 dimensions, int32 elements, int32 0, int32 indices, float4s */
static char *
put_sparsevec(char *p, const Row *row)
{
	p = put_int32(put_int32(p, (int32_t) row->dim), (int32_t) row->n);
	p = put_int32(p, 0);
	for (size_t i = 0; i < row->n; i++)
		p = put_int32(p, row->indices[i]);
	for (size_t i = 0; i < row->n; i++)
		p = put_float(p, row->values[i]);
	return p;
}

static void
print_dense(char *p, const Row *row)
{
	for (size_t i = 0; i < row->n; i++)
		p += sprintf(p, "%c%.9g", i == 0 ? '[' : ',', row->values[i]);
	strcpy(p, "]");
}

static void
print_bit(char *p, const Row *row)
{
	for (size_t i = 0; i < row->n; i++)
		p[i] = row->values[i] > 0 ? '1' : '0';
	p[row->n] = '\0';
}

static void
print_sparsevec(char *p, const Row *row)
{
	*p++ = '{';
	for (size_t i = 0; i < row->n; i++)
		p += sprintf(p, "%s%d:%.9g", i == 0 ? "" : ",", row->indices[i] + 1,
					 row->values[i]);
	sprintf(p, "}/%zu", row->dim);
}

static const struct
{
	const char *name;
	char *(*put)(char *p, const Row *row);
	void (*print)(char *p, const Row *row);
} forms[NFORMS] = {{"vector", put_vector, print_dense},
				   {"halfvec", put_halfvec, print_dense},
				   {"bit", put_bit, print_bit},
				   {"sparsevec", put_sparsevec, print_sparsevec}};

const char *
form_name(Form form)
{
	return forms[form].name;
}

static Row
get_row(const Dataset *set, const Rows *rows, size_t row)
{
	Row r = {rows->values + row * set->dim, NULL, set->dim, set->dim};

	if (rows->starts != NULL)
	{
		r.values = rows->values + rows->starts[row];
		r.indices = rows->indices + rows->starts[row];
		r.n = rows->starts[row + 1] - rows->starts[row];
	}
	return r;
}

char *
row_binary(const Dataset *set, const Rows *rows, size_t row, int *size)
{
	Row r = get_row(set, rows, row);
	char *out = allocate(12 + 8 * r.n, 1);

	*size = (int) (forms[set->form].put(out, &r) - out);
	return out;
}

char *
row_text(const Dataset *set, const Rows *rows, size_t row)
{
	Row r = get_row(set, rows, row);
	char *out = allocate(32 + NUMBER_LENGTH * r.n, 1);

	forms[set->form].print(out, &r);
	return out;
}
