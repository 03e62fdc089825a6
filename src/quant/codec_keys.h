/*
 * codec_keys.h
 *	  Keys of rows from one number of each, and which are below a limit.
 *
 * Plain C: no PostgreSQL header.
 */
#ifndef VECTOR_EXT_CODEC_KEYS_H
#define VECTOR_EXT_CODEC_KEYS_H

#include "quant/codec.h"

/*
 * keys[i] = base + step * numbers[i] + terms[i], of the rows of a codec that is
 * not scaled; below[] as Codec.scan has it.
 */
extern void codec_keys(const CodecScan *scan, const float *numbers, float base,
					   float step, float *keys, uint32_t *below);

/* Ask for so many bytes of codes of the next scan */
static inline void
codec_ask_ahead(const CodecScan *scan, size_t bytes)
{
	const size_t line = 64;

	for (size_t i = 0; i < bytes; i += line)
		__builtin_prefetch(scan->codes + scan->ahead + i);
}

#endif
