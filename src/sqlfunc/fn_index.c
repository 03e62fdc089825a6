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
#include "access/table.h"
#include "access/xlog.h"
#include "catalog/index.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "core/compat.h"
#include "core/export.h"
#include "ivf/ivf_check.h"
#include "ivf/ivf_handler.h"
#include "ivf/ivf_options.h"
#include "ivf/ivf_rebuild.h"

typedef struct OpenIndex
{
	Relation heap;
	Relation index;
	LOCKMODE heap_lock;
} OpenIndex;

/* For messages: whatever it is, or was */
static const char *
relation_name(Oid oid)
{
	const char *name = get_rel_name(oid);

	return name != NULL ? name : psprintf("%u", oid);
}

/*
 * Open an index of ours and its table.  heap_lock is taken on the table, at
 * most what a standby allows there.  Errors: not such an index [42809], not
 * the owner [42501].
 */
static OpenIndex
open_index(Oid oid, LOCKMODE heap_lock)
{
	OpenIndex open = {.heap_lock = heap_lock};
	Oid heap = IndexGetRelation(oid, true);

	if (!OidIsValid(heap))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not an index", relation_name(oid))));
	if (!relation_is_owned(heap, GetUserId()) &&
		!has_privs_of_role(GetUserId(), ROLE_PG_MONITOR))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_INDEX, relation_name(oid));

	if (RecoveryInProgress())
		open.heap_lock = Min(open.heap_lock, AccessShareLock);
	/* the table first, as everyone does */
	open.heap = table_open(heap, open.heap_lock);
	open.index = index_open(oid, AccessShareLock);
	if (open.index->rd_rel->relkind != RELKIND_INDEX ||
		open.index->rd_indam->ambeginscan != ivfbeginscan)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not an index of vector_ext",
						RelationGetRelationName(open.index))));
	return open;
}

static void
close_index(OpenIndex *open)
{
	index_close(open->index, AccessShareLock);
	table_close(open->heap, open->heap_lock);
}

/* vector_index_check(index regclass, heapallindexed boolean) -> void */
SQL_FUNCTION(vector_index_check)
{
	OpenIndex open = open_index(PG_GETARG_OID(0), ShareUpdateExclusiveLock);

	ivf_check(open.heap, open.index, PG_GETARG_BOOL(1));
	close_index(&open);
	PG_RETURN_VOID();
}

/* vector_index_rebalance(index regclass) -> void */
SQL_FUNCTION(vector_index_rebalance)
{
	OpenIndex open;

	PreventCommandDuringRecovery("vector_index_rebalance()");
	open = open_index(PG_GETARG_OID(0), ShareUpdateExclusiveLock);
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
		if (meta->codec != IVF_CODEC_NONE)
			put_number(rsinfo, psprintf("candidates_for_%d", k),
					   effort.candidates);
	}
}

/* vector_index_info(index regclass) -> setof (name text, value text) */
SQL_FUNCTION(vector_index_info)
{
	static const char *const metrics[] = {"l2", "inner_product", "cosine"};
	static const char *const codecs[] = {"none", "pq4"};
	static const char *const copies[] = {"none", "exact", "half"};
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	OpenIndex open = open_index(PG_GETARG_OID(0), AccessShareLock);
	IvfMeta meta = ivf_model_get(open.index)->meta;

	InitMaterializedSRF(fcinfo, 0);
	put_number(rsinfo, "format_version", meta.version);
	put_text(rsinfo, "type", elem_ops[meta.elem].type_name);
	put_text(rsinfo, "metric", metrics[meta.metric]);
	put_number(rsinfo, "dimensions", meta.dim);
	put_text(rsinfo, "codec", codecs[meta.codec]);
	put_number(rsinfo, "m", meta.m);
	put_text(rsinfo, "copies", copies[meta.copies]);
	put_number(rsinfo, "lists", meta.nlists);
	put_number(rsinfo, "lists_built", meta.nbuilt);
	put_number(rsinfo, "largest_list", ivf_largest_list(open.index, &meta));
	put_number(rsinfo, "rows", ivf_count_rows(open.index, &meta));
	put_number(rsinfo, "generation", meta.generation);
	put_efforts(rsinfo, open.index, &meta);
	put_sizes(rsinfo, open.index);
	close_index(&open);
	return (Datum) 0;
}
