/*
 * elem.h
 *	  Element kinds of dense vectors, as a table.
 *
 * A dense vector type is a header (dense.h) and an array of equal elements.
 * Everything that differs between two dense types is one row here: how wide
 * an element is, how it becomes a float and back, what the SQL type is called.
 * I/O, casts, arithmetic, order, aggregates and the reference distance kernels
 * are written once against this table.  A new kind is a row of ELEM_KINDS, a
 * load/store pair in elem.c and a SQL fragment; hand-written SIMD for it is
 * optional (distance/).
 *
 * Plain C: no PostgreSQL header, no allocation, no error report, so that
 * unit tests and fuzzers link it without a server.
 */
#ifndef VECTOR_EXT_ELEM_H
#define VECTOR_EXT_ELEM_H

#include <stddef.h>
#include <stdint.h>

/*
 * X(kind, type, public, norm, ctype)
 *	 kind	 enumerator
 *	 type	 SQL type name, and prefix of the functions made for that type
 *	 public	 prefix of the C symbols whose SQL names are shared by all types
 *			 (l2_distance, subvector, ...); empty for the first type
 *	 norm	 C symbol of its Euclidean norm
 *	 ctype	 C type of a stored element, at most as wide as float
 *
 * The first kind is the one the others are cast from and to.
 */
#define OTHER_ELEM_KINDS(X) \
	X(ELEM_FLOAT16, halfvec, halfvec_, halfvec_l2_norm, uint16_t)

#define ELEM_KINDS(X) \
	X(ELEM_FLOAT32, vector, , vector_norm, float) \
	OTHER_ELEM_KINDS(X)

typedef enum ElemKind
{
#define X(kind, type, public, norm, ctype) kind,
	ELEM_KINDS(X)
#undef X
	ELEM_NKINDS
} ElemKind;

typedef struct ElemOps
{
	const char *type_name; /* SQL type, as error messages name it */
	size_t size;           /* bytes of one element */

	/* dst[0..n-1] = the elements as floats; src need not be aligned */
	void (*load)(const void *src, float *dst, size_t n);

	/*
	 * Round n floats to the kind, to nearest even.  Returns n, or the index
	 * of the first finite float that the kind has no place for: a float kind
	 * would make it an infinity (all elements are stored nevertheless).
	 * Infinities and NaN pass as they are where the kind has them; callers
	 * refuse them first.
	 */
	size_t (*store)(const float *src, void *dst, size_t n);
} ElemOps;

extern const ElemOps elem_ops[ELEM_NKINDS];

/* Index of the first NaN or infinity, n if all are finite */
extern size_t first_nonfinite(const float *values, size_t n);

#endif
