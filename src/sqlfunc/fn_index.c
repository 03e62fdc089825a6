/*
 * fn_index.c
 *	  What people ask about an index: its state, its health.
 *
 * Everyone may execute these, but only for indexes of tables that he owns, or
 * as a member of pg_monitor: in a trusted extension, grants would be the
 * superuser's to give.
 */
#include "postgres.h"

#include "access/genam.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "core/export.h"
#include "ivf/ivf_check.h"
#include "ivf/ivf_options.h"
#include "ivf/ivf_rebuild.h"
#include "sqlfunc/open_index.h"

/* vector_index_check(index regclass, heapallindexed boolean) -> void */
SQL_FUNCTION(vector_index_check)
{
	OpenIndex open =
		open_index(PG_GETARG_OID(0), INDEX_FOR_OWNER, ShareUpdateExclusiveLock);

	ivf_check(open.heap, open.index, PG_GETARG_BOOL(1));
	close_index(&open);
	PG_RETURN_VOID();
}

/* vector_index_rebalance(index regclass) -> void */
SQL_FUNCTION(vector_index_rebalance)
{
	OpenIndex open;

	PreventCommandDuringRecovery("vector_index_rebalance()");
	open =
		open_index(PG_GETARG_OID(0), INDEX_FOR_OWNER, ShareUpdateExclusiveLock);
	if (!ivf_rebuild(open.index))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("index \"%s\" holds no copies of its vectors",
						RelationGetRelationName(open.index)),
				 errhint("REINDEX INDEX CONCURRENTLY trains it again.")));
	close_index(&open);
	PG_RETURN_VOID();
}

static void
put_text(ReturnSetInfo *rsinfo, const char *name, const char *value)
{
	Datum values[2] = {CStringGetTextDatum(name), CStringGetTextDatum(value)};
	bool nulls[2] = {false, false};

	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

static void
put_number(ReturnSetInfo *rsinfo, const char *name, double value)
{
	put_text(rsinfo, name, psprintf("%.0f", value));
}

static void
put_sizes(ReturnSetInfo *rsinfo, Relation index)
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
		put_number(rsinfo, names[i], (double) counts[i] * BLCKSZ);
}

static void
put_efforts(ReturnSetInfo *rsinfo, Relation index, const IvfMeta *meta)
{
	for (int k = 1; k <= 100; k *= 10)
	{
		IvfEffort effort = ivf_effort(index, meta, k);

		put_number(rsinfo, psprintf("probes_for_%d", k), effort.probes);
		put_text(rsinfo, psprintf("reach_of_probes_for_%d", k),
				 psprintf("%.3f", effort.reach));
		if (meta->codec != CODEC_NONE)
			put_number(rsinfo, psprintf("candidates_for_%d", k),
					   effort.candidates);
	}
}

static const char *
centroids_from(const IvfMeta *meta)
{
	if (meta->centroids == InvalidBlockNumber)
		return "none";
	return ivf_centroids_given(meta) ? "given" : "learned";
}

/* vector_index_info(index regclass) -> setof (name text, value text) */
SQL_FUNCTION(vector_index_info)
{
	static const char *const metrics[] = {"l2", "inner_product", "cosine",
										  "hamming"};
	static const char *const transforms[TRANSFORM_KINDS] = {
		"none", "random", "pca", "opq", "given"};
	static const char *const copies[] = {"none", "exact", "half"};
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	OpenIndex open =
		open_index(PG_GETARG_OID(0), INDEX_FOR_OWNER, AccessShareLock);
	IvfMeta meta = ivf_model_get(open.index)->meta;
	const Codec *codec = codec_of((CodecKind) meta.codec);

	InitMaterializedSRF(fcinfo, 0);
	put_number(rsinfo, "format_version", meta.version);
	put_text(rsinfo, "type", value_ops[meta.elem].type_name);
	put_text(rsinfo, "metric", metrics[meta.metric]);
	put_number(rsinfo, "dimensions", meta.dim);
	put_text(rsinfo, "transform", transforms[meta.transform]);
	put_number(rsinfo, "model_dimensions", meta.model_dim);
	put_text(rsinfo, "codec", codec == NULL ? "none" : codec->name);
	put_number(rsinfo, "m", meta.m);
	put_text(rsinfo, "copies", copies[meta.copies]);
	put_number(rsinfo, "lists", meta.nlists);
	put_number(rsinfo, "lists_built", meta.nbuilt);
	put_number(rsinfo, "largest_list", ivf_largest_list(open.index, &meta));
	put_text(rsinfo, "centroids", centroids_from(&meta));
	put_text(rsinfo, "balanced", meta.nprices > 0 ? "yes" : "no");
	put_number(rsinfo, "rows", ivf_count_rows(open.index, &meta));
	put_number(rsinfo, "generation", meta.generation);
	put_efforts(rsinfo, open.index, &meta);
	put_sizes(rsinfo, open.index);
	close_index(&open);
	return (Datum) 0;
}
