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

#endif
