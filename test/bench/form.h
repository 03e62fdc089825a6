/*
 * form.h
 *	  Rows as the server reads them.
 */
#ifndef FORM_H
#define FORM_H

#include "dataset.h"

/* "vector", ...: the name of the type, and how operator classes begin */
extern const char *form_name(Form form);

/* Binary and text form of a row; *size = bytes; to be freed */
extern char *row_binary(const Dataset *set, const Rows *rows, size_t row,
						int *size);
extern char *row_text(const Dataset *set, const Rows *rows, size_t row);

/* Write big-endian, return what follows */
extern char *put_int16(char *p, int value);
extern char *put_int32(char *p, int32_t value);
extern char *put_double(char *p, double value);

#endif
