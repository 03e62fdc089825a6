/*
 * hnsw_describe.c
 *	  What an index says of itself.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/bufmgr.h"

#include "hnsw/hnsw_check.h"
#include "hnsw/hnsw_form.h"
#include "hnsw/hnsw_model.h"
#include "hnsw/hnsw_options.h"
#include "hnsw/hnsw_row_page.h"

/* Who listens */
typedef struct Listener
{
	MethodFact fact;
	void *arg;
} Listener;

/* What slots and pages are counted as */
typedef struct Census
{
	uint64 pages[HNSW_PAGE_ROWS + 1]; /* [0]: never filled */
	uint64 slots[HNSW_NSTATES];       /* by state */
	uint64 elements;                  /* live nodes on the ground */
	uint64 rows;                      /* TIDs */
	uint64 links;                     /* of the elements */
	bool levels[HNSW_MAX_LEVEL + 1];  /* that have live nodes */
	uint64 free_lanes;                /* of row pages */
} Census;

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
count_live(Census *census, const HnswLayout *layout, const HnswNode *node)
{
	census->levels[Min(node->level, HNSW_MAX_LEVEL)] = true;
	if (node->level > 0)
		return;
	census->elements++;
	census->rows += Min(node->ntids, HNSW_TIDS);
	for (uint32 lane = 0; lane < layout->lanes; lane++)
		census->links +=
			HNSW_ARRAY(node, layout->links, HnswId)[lane] != HNSW_NONE;
}

static void
count_nodes(Census *census, const HnswLayout *layout, Page page)
{
	for (uint32 slot = 0; slot < layout->slots; slot++)
	{
		const HnswNode *node = hnsw_node(page, layout, slot);

		census->slots[Min(node->state, HNSW_NSTATES - 1)]++;
		if (node->state == HNSW_LIVE)
			count_live(census, layout, node);
		else if (node->state == HNSW_MORE)
			census->rows += Min(((const HnswMore *) node)->ntids, layout->more);
	}
}

static Census
take_census(Relation index, const HnswModel *model)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(index);
	Census census = {{0}};

	for (BlockNumber blkno = 0; blkno < nblocks; blkno++)
	{
		Buffer buffer =
			ReadBufferExtended(index, MAIN_FORKNUM, blkno, RBM_NORMAL, NULL);
		Page page = BufferGetPage(buffer);
		uint16 kind = 0;

		CHECK_FOR_INTERRUPTS();
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		if (blkno == HNSW_META_BLOCK)
			kind = HNSW_PAGE_META;
		else if (!PageIsNew(page) && page_special(page)->magic == HNSW_MAGIC &&
				 page_special(page)->kind <= HNSW_PAGE_ROWS)
			kind = page_special(page)->kind;
		if (kind == HNSW_PAGE_NODES)
			count_nodes(&census, &model->layout, page);
		else if (kind == HNSW_PAGE_ROWS)
			census.free_lanes += model->layout.rows.lanes -
				Min(hnsw_row_head(page)->nlive, model->layout.rows.lanes);
		UnlockReleaseBuffer(buffer);
		census.pages[kind]++;
	}
	return census;
}

static void
put_efforts(const Listener *to, Relation index, const HnswMeta *meta)
{
	put_text(to, "stretch", psprintf("%.2f", meta->stretch));
	put_text(to, "full_stretch", psprintf("%.2f", meta->full_stretch));
	for (int i = 0; i < HNSW_NCALIBRATIONS && hnsw_has_codes(meta); i++)
		put_text(to, psprintf("margin_for_%u", meta->calibrations[i].k),
				 psprintf("%.2f", meta->calibrations[i].margin));
	for (int k = 1; k <= 100; k *= 10)
		put_number(to, psprintf("ef_for_%d", k), hnsw_ef(index, meta, k));
}

static void
put_census(const Listener *to, const Census *census)
{
	uint32 nlevels = 0;

	for (uint32 level = 0; level <= HNSW_MAX_LEVEL; level++)
		nlevels += census->levels[level];
	put_number(to, "levels", nlevels);
	put_number(to, "rows", census->rows);
	put_number(to, "elements", census->elements);
	put_number(to, "nodes", census->slots[HNSW_LIVE]);
	put_number(to, "dead_nodes", census->slots[HNSW_DEAD]);
	put_number(to, "free_slots", census->slots[HNSW_FREE]);
	put_number(to, "more_slots", census->slots[HNSW_MORE]);
	put_number(to, "part_slots", census->slots[HNSW_PART]);
	put_number(to, "held_slots", census->slots[HNSW_HELD]);
	put_number(to, "free_lanes", census->free_lanes);
	put_text(
		to, "average_degree",
		psprintf("%.1f", census->links / Max((double) census->elements, 1)));
	put_number(to, "unused_bytes", (double) census->pages[0] * BLCKSZ);
	put_number(to, "meta_bytes",
			   (double) census->pages[HNSW_PAGE_META] * BLCKSZ);
	put_number(to, "model_bytes",
			   (double) census->pages[HNSW_PAGE_MODEL] * BLCKSZ);
	put_number(to, "node_bytes",
			   (double) census->pages[HNSW_PAGE_NODES] * BLCKSZ);
	put_number(to, "row_bytes",
			   (double) census->pages[HNSW_PAGE_ROWS] * BLCKSZ);
}

void
hnsw_describe(Relation index, MethodFact fact, void *arg)
{
	static const char *const metrics[] = {
		[METRIC_L2] = "l2",         [METRIC_INNER_PRODUCT] = "inner_product",
		[METRIC_COSINE] = "cosine", [METRIC_HAMMING] = "hamming",
		[METRIC_L1] = "l1",         [METRIC_JACCARD] = "jaccard"};
	static const char *const stages[] = {[HNSW_UNTRAINED] = "untrained",
										 [HNSW_ENCODING] = "being made",
										 [HNSW_CODED] = "used"};
	Listener listener = {fact, arg};
	HnswState state;
	HnswModel *model = hnsw_model_copy(index, &state);
	const HnswMeta *meta = &model->meta;
	const Codec *codec = codec_of((CodecKind) meta->codec);
	Census census = take_census(index, model);

	put_number(&listener, "format_version", meta->version);
	put_text(&listener, "type", value_ops[meta->elem].type_name);
	put_text(&listener, "metric", metrics[meta->distance]);
	put_number(&listener, "dimensions", meta->value_dim);
	put_number(&listener, "image_dimensions", meta->dim);
	put_number(&listener, "m", meta->m);
	put_number(&listener, "ef_construction", meta->ef_construction);
	put_text(&listener, "attributes",
			 attribute_kind_names(meta->kinds, meta->ncolumns));
	put_text(&listener, "codec", codec == NULL ? "none" : codec->name);
	put_number(&listener, "parts", meta->parts);
	put_text(&listener, "codes", codec == NULL ? "none" : stages[meta->stage]);
	put_number(&listener, "trained_elements", meta->trained);
	put_number(&listener, "calibrated_elements", meta->calibrated);
	put_text(&listener, "copies", hnsw_form(meta)->name);
	put_number(&listener, "slots_per_page", model->layout.slots);
	put_number(&listener, "rows_per_page", model->layout.rows.lanes);
	put_text(&listener, "entry_level",
			 state.entry == HNSW_NONE ? "none"
									  : psprintf("%u", state.top_level));
	put_census(&listener, &census);
	put_efforts(&listener, index, meta);
	pfree(model);
}
