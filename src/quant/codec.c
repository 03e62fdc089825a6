/*
 * codec.c
 *	  Codecs as a table.
 */
#include "quant/codec.h"

const Codec *
codec_of(CodecKind kind)
{
	static const Codec *const codecs[CODEC_KINDS] = {
		[CODEC_PQ4] = &codec_pq4,
		[CODEC_PQ8] = &codec_pq8,
		[CODEC_SQ8] = &codec_sq8,
		[CODEC_RABITQ] = &codec_rabitq,
	};

	return (unsigned) kind < CODEC_KINDS ? codecs[kind] : NULL;
}
