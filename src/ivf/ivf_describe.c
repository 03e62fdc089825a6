/*
 * ivf_describe.c
 *	  What an index says of itself.
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "ivf/ivf_check.h"
#include "ivf/ivf_handler.h"
#include "ivf/ivf_options.h"

/* Who listens */
typedef struct Listener
{
	MethodFact fact;
	void *arg;
} Listener;

static void
put_text(const Listener *to, const char *name, const char *value)
{
	to->fact(to->arg, name, value);
}

static void
put_number(const Listener *to, const char *name, double value)
{
	put_text(to, name, psprintf("%.0f", value));
}

static void
put_sizes(const Listener *to, Relation index)
{
	static const char *const names[IVF_NPAGE_KINDS] = {
		[0] = "unused_bytes",
		[IVF_PAGE_META] = "meta_bytes",
		[IVF_PAGE_CENTROIDS] = "centroid_bytes",
		[IVF_PAGE_CODEBOOK] = "codebook_bytes",
		[IVF_PAGE_DIRECTORY] = "directory_bytes",
		[IVF_PAGE_SEGMENT] = "segment_bytes",
		[IVF_PAGE_COPIES] = "copy_bytes"};
	BlockNumber counts[IVF_NPAGE_KINDS];

	ivf_count_pages(index, counts);
	for (int i = 0; i < IVF_NPAGE_KINDS; i++)
		put_number(to, names[i], (double) counts[i] * BLCKSZ);
}

static void
put_efforts(const Listener *to, Relation index, const IvfMeta *meta)
{
	for (int k = 1; k <= 100; k *= 10)
	{
		IvfEffort effort = ivf_effort(index, meta, k);

		put_number(to, psprintf("probes_for_%d", k), effort.probes);
		put_text(to, psprintf("reach_of_probes_for_%d", k),
				 psprintf("%.3f", effort.reach));
		put_text(to, psprintf("stop_of_probes_for_%d", k),
				 psprintf("%.3f %.3f %.3f %.3f", effort.stop.lists,
						  effort.stop.rank, effort.stop.bias,
						  effort.stop.candidates));
		if (meta->codec != CODEC_NONE)
			put_number(to, psprintf("candidates_for_%d", k), effort.candidates);
	}
}

static const char *
centroids_from(const IvfMeta *meta)
{
	if (meta->centroids == InvalidBlockNumber)
		return "none";
	return ivf_centroids_given(meta) ? "given" : "learned";
}

void
ivf_describe(Relation index, MethodFact fact, void *arg)
{
	static const char *const metrics[] = {"l2", "inner_product", "cosine",
										  "hamming"};
	static const char *const transforms[TRANSFORM_KINDS] = {
		"none", "random", "pca", "opq", "given"};
	static const char *const copies[] = {"none", "exact", "half"};
	Listener listener = {fact, arg};
	const Listener *to = &listener;
	IvfMeta meta = ivf_model_get(index)->meta;
	const Codec *codec = codec_of((CodecKind) meta.codec);

	put_number(to, "format_version", meta.version);
	put_text(to, "type", value_ops[meta.elem].type_name);
	put_text(to, "metric", metrics[meta.metric]);
	put_number(to, "dimensions", meta.dim);
	put_text(to, "transform", transforms[meta.transform]);
	put_number(to, "model_dimensions", meta.model_dim);
	put_text(to, "codec", codec == NULL ? "none" : codec->name);
	put_number(to, "m", meta.m);
	put_text(to, "copies", copies[meta.copies]);
	put_text(to, "attributes",
			 attribute_kind_names(meta.attributes, meta.nattributes));
	put_number(to, "lists", meta.nlists);
	put_number(to, "lists_built", meta.nbuilt);
	put_number(to, "largest_list", ivf_largest_list(index, &meta));
	put_text(to, "centroids", centroids_from(&meta));
	put_text(to, "balanced", meta.nprices > 0 ? "yes" : "no");
	put_number(to, "rows", ivf_count_rows(index, &meta));
	put_number(to, "generation", meta.generation);
	put_efforts(to, index, &meta);
	put_sizes(to, index);
}
