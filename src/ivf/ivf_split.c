/*
 * ivf_split.c
 *	  Lists that have grown are split, tiny ones merged, while others use them.
 *
 * Copy on write, as in ivf_rebuild.c, but only of the lists that ivf_balance.c
 * chooses: the others stay in force with the pages they have.  Parameters of
 * codec and transform stay, too; new are the directory and the centroids.
 *
 *		for each group of lists:
 *		  read a sample of its rows, train centroids
 *		  read its rows, remember which	(shared page locks, one at a time)
 *		write new lists					(pages nobody else knows)
 *		LockPage(meta, exclusive)		waits for inserts under way
 *		  write the directory, entries of the others as they are now
 *		  read the groups again, insert rows not remembered
 *		  one record: meta page
 *		UnlockPage
 *
 * Rows go to the parts of their own group only, never to lists that stay: scans
 * that know the old lists would find them twice.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"

#include "core/compat.h"
#include "ivf/ivf_balance.h"
#include "ivf/ivf_builder.h"
#include "ivf/ivf_choose.h"
#include "ivf/ivf_encode.h"
#include "ivf/ivf_rebuild.h"
#include "ivf/ivf_rows.h"
#include "ivf/ivf_split.h"
#include "ivf/ivf_train.h"
#include "ivf/ivf_write.h"

#define MOST_ROWS 0.5 /* of all: then everything is built anew */

typedef struct IvfSplit
{
	Relation index;
	IvfMeta old;
	IvfModel *model; /* ours: at first of the old lists, then of the new */
	IvfPlan *plan;
	float *centroids; /* of the old lists */
	float *scaled;    /* the row at hand, dim */
	float *room;      /* the same in model space, model_dim */
	IvfRows *rows;
	IvfBuilder *builder;
	MemoryContext context;
	MemoryContext row_context; /* reset for each row, or group's training */

	/* the group and list at hand */
	const IvfGroup *group;
	uint32 list;
	IvfSample sample;
	uint32 sample_room;
	double nseen;
} IvfSplit;

/* Read the rows of all lists of the group at hand */
static void
read_group(IvfSplit *split, IvfRowStep step, bool once)
{
	for (split->list = split->group->head; split->list != IVF_NO_LIST;
		 split->list = split->plan->next_member[split->list])
	{
		if (once)
			ivf_rows_read_new(split->rows, split->list, step, split);
		else
			ivf_rows_read(split->rows, split->list, step, split);
	}
}

/*
 * What a code stands for, where there is no copy: it will be estimated a little
 * worse.  What a projection left out of the row is known by its length alone.
 */
static void
decode_row(IvfSplit *split, const IvfListRow *row)
{
	const IvfMeta *meta = &split->old;
	const float *centroid =
		split->centroids + (Size) split->list * meta->model_dim;
	CodecShape shape = ivf_codec_shape(meta);
	float sqnorm = 0;

	codec_of((CodecKind) meta->codec)
		->decode(&shape, split->model->params, row->code, split->room);
	memset(split->scaled, 0, meta->dim * sizeof(float));
	for (int i = 0; i < meta->model_dim; i++)
	{
		split->scaled[i] = split->room[i] += centroid[i];
		sqnorm += split->room[i] * split->room[i];
	}
	/* any direction is as good as another */
	if (meta->model_dim < meta->dim && meta->metric != METRIC_INNER_PRODUCT)
		split->scaled[meta->model_dim] = sqrtf(Max(row->term - sqnorm, 0.0f));
}

/* The row in model space; split->scaled is the same row, or as long as it */
static const float *
model_row(IvfSplit *split, const IvfListRow *row)
{
	if (row->copy == NULL)
	{
		decode_row(split, row);
		return split->room;
	}
	ivf_row_from_copy(&split->old, row->copy, split->scaled);
	return ivf_model_row(split->model, split->scaled, split->room);
}

/*
 * Training
 */

/* Rows of the sample are equally far apart, by the number that was counted */
static void
sample_row(void *arg, IvfListRow *row)
{
	IvfSplit *split = arg;
	double share = split->sample_room / split->group->nrows;
	double before = floor(split->nseen * share);

	split->nseen++;
	if (floor(split->nseen * share) > before &&
		split->sample.n < split->sample_room)
		memcpy(split->sample.rows +
				   (Size) split->sample.n++ * split->old.model_dim,
			   model_row(split, row), split->old.model_dim * sizeof(float));
}

/* Centroids for the parts of a group: as many as its rows allow */
static void
train_group(IvfSplit *split, IvfGroup *group)
{
	Size dim = split->old.model_dim;
	MemoryContext old = MemoryContextSwitchTo(split->row_context);
	const float *centroids = split->centroids + group->main * dim;

	split->group = group;
	if (group->nparts > 1)
	{
		IvfMeta meta = split->old;

		meta.nlists = group->nparts;
		split->sample_room =
			Min(ivf_choose_sample(split->index, &meta, group->nparts),
				group->nrows);
		split->sample.n = 0;
		split->nseen = 0;
		split->sample.rows = MemoryContextAllocHuge(
			CurrentMemoryContext, split->sample_room * dim * sizeof(float));
		read_group(split, sample_row, false);
		group->nparts = 1;
		if (split->sample.n > 0)
		{
			centroids = ivf_train_centroids(&meta, &split->sample);
			group->nparts = meta.nlists;
		}
	}
	group->centroids = MemoryContextAllocHuge(
		split->context, group->nparts * dim * sizeof(float));
	memcpy(group->centroids, centroids, group->nparts * dim * sizeof(float));
	MemoryContextSwitchTo(old);
	MemoryContextReset(split->row_context);
}

static float *
read_centroids(Relation index, const IvfMeta *meta)
{
	float *centroids = MemoryContextAllocHuge(
		CurrentMemoryContext,
		(Size) meta->nlists * meta->model_dim * sizeof(float));

	for (uint32 list = 0; list < meta->nlists; list++)
	{
		CHECK_FOR_INTERRUPTS();
		ivf_centroid_read(index, meta, list,
						  centroids + (Size) list * meta->model_dim);
	}
	return centroids;
}

/* The centroids of all lists as they will be */
static float *
new_centroids(const IvfSplit *split)
{
	const IvfPlan *plan = split->plan;
	Size dim = split->old.model_dim;
	float *centroids = MemoryContextAllocHuge(
		CurrentMemoryContext, plan->nafter * dim * sizeof(float));

	/* those that stay are below both numbers */
	memcpy(centroids, split->centroids,
		   Min(plan->nlists, plan->nafter) * dim * sizeof(float));
	for (uint32 i = 0; i < plan->ngroups; i++)
	{
		const IvfGroup *group = &plan->groups[i];

		for (uint32 part = 0; part < group->nparts; part++)
			memcpy(centroids + group->numbers[part] * dim,
				   group->centroids + part * dim, dim * sizeof(float));
	}
	return centroids;
}

/*
 * Moving rows
 */

static void
add_row(void *arg, IvfListRow *row)
{
	IvfSplit *split = arg;

	if (row->copy != NULL)
	{
		ivf_builder_add_copy(split->builder, &row->tid, row->copy, row->error,
							 row->attributes);
		return;
	}
	decode_row(split, row);
	ivf_builder_add_decoded(split->builder, &row->tid, split->scaled,
							split->room, row->attributes);
}

/* Write the new lists, and nothing yet of the others */
static IvfWriter *
write_parts(IvfSplit *split)
{
	const IvfPlan *plan = split->plan;

	for (uint32 i = 0; i < plan->ngroups; i++)
	{
		const IvfGroup *group = split->group = &plan->groups[i];

		ivf_builder_choose(split->builder, group->nparts, group->numbers,
						   group->centroids);
		read_group(split, add_row, true);
	}
	return ivf_builder_write_beside(split->builder);
}

/* The part of the group at hand that is nearest */
static uint32
nearest_part(const IvfSplit *split, const float *row)
{
	const IvfGroup *group = split->group;
	const DenseKernels *kernels = dense_kernels(ELEM_FLOAT32, ELEM_FLOAT32);
	Size dim = split->old.model_dim;
	uint32 nearest = 0;
	float best = INFINITY;

	for (uint32 part = 0; part < group->nparts; part++)
	{
		float distance =
			kernels->sqdist(row, group->centroids + part * dim, dim, 0);

		if (distance < best)
		{
			best = distance;
			nearest = part;
		}
	}
	return group->numbers[nearest];
}

/* A row that came while the new lists were written */
static void
insert_row(void *arg, IvfListRow *row)
{
	IvfSplit *split = arg;
	MemoryContext old = MemoryContextSwitchTo(split->row_context);
	IvfRow new_row = {.scaled = split->scaled,
					  .copy = unconstify(char *, row->copy),
					  .error = row->error,
					  .attributes = row->attributes};
	const float *place = model_row(split, row);

	ivf_insert_in(split->index, split->model, nearest_part(split, place),
				  &row->tid, &new_row, place);
	MemoryContextSwitchTo(old);
	MemoryContextReset(split->row_context);
}

/* The caller keeps inserts out: what the old lists have now is all there is */
static void
finish(IvfSplit *split, IvfWriter *writer)
{
	const IvfPlan *plan = split->plan;

	for (uint32 list = 0; list < plan->nlists; list++)
	{
		if (plan->group_of[list] == IVF_NO_GROUP)
		{
			IvfListEntry entry = ivf_list_read(split->index, &split->old, list);

			ivf_writer_keep(writer, list, &entry);
		}
	}
	ivf_writer_end(writer);
	for (uint32 i = 0; i < plan->ngroups; i++)
	{
		split->group = &plan->groups[i];
		read_group(split, insert_row, true);
	}
	ivf_replace_meta(split->index, &split->model->meta);
}

static void
replace_lists(IvfSplit *split, int elevel)
{
	IvfPlan *plan = split->plan;
	uint32 nreplaced = 0;
	uint32 nnew = 0;
	IvfWriter *writer;

	for (uint32 i = 0; i < plan->ngroups; i++)
		train_group(split, &plan->groups[i]);
	ivf_plan_number(plan);
	for (uint32 i = 0; i < plan->ngroups; i++)
	{
		/* the last ones came with the numbers */
		if (plan->groups[i].centroids == NULL)
			train_group(split, &plan->groups[i]);
		nnew += plan->groups[i].nparts;
	}
	for (uint32 list = 0; list < plan->nlists; list++)
		nreplaced += plan->group_of[list] != IVF_NO_GROUP;

	split->model->meta.nlists = plan->nafter;
	split->model->meta.nrows = plan->nrows;
	split->model->meta.generation++;
	split->builder =
		ivf_builder_resume(split->index, split->model, new_centroids(split));
	writer = write_parts(split);

	LockPage(split->index, IVF_META_BLOCK, ExclusiveLock);
	finish(split, writer);
	UnlockPage(split->index, IVF_META_BLOCK, ExclusiveLock);
	ereport(elevel,
			(errmsg("index \"%s\": %u lists were replaced by %u",
					RelationGetRelationName(split->index), nreplaced, nnew)));
}

/* Model and parameters, whatever happens to the relation cache */
static IvfModel *
copy_model(const IvfModel *cached)
{
	Size size = offsetof(IvfModel, params) +
		ivf_params_floats(&cached->meta) * sizeof(float);
	IvfModel *model = MemoryContextAllocHuge(CurrentMemoryContext, size);

	memcpy(model, cached, size);
	model->nhints = 0;
	return model;
}

static uint32
lists_wanted(Relation index, double nrows)
{
	const IvfMeta *meta = &ivf_model_get(index)->meta;
	const IvfGiven none = {.model_dim = meta->dim};

	return ivf_choose_lists(index, meta, &none, nrows);
}

/*
 * Without centroids there is nothing that rows could be nearer to; those from
 * outside are the user's; prices keep lists even by themselves.  What codes of a scaled codec stand for is longer than
 * the row: a list made of that would not compare with the others.
 */
static bool
may_split(const IvfMeta *meta)
{
	const Codec *codec = codec_of((CodecKind) meta->codec);

	if (meta->centroids == InvalidBlockNumber || ivf_centroids_given(meta) ||
		meta->nprices > 0)
		return false;
	return meta->copies != IVF_COPIES_NONE || !codec->scaled;
}

void
ivf_split(Relation index, int elevel)
{
	const IvfModel *cached = ivf_model_get(index);
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "ivf split", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	IvfSplit split = {.index = index, .context = context};
	bool anew = false;

	if (may_split(&cached->meta))
		split.plan = ivf_plan_new(index, &cached->meta, lists_wanted);
	if (split.plan != NULL)
	{
		split.old = cached->meta;
		split.model = copy_model(cached);
		split.rows = ivf_rows_new(index, cached);
		split.row_context =
			AllocSetContextCreate(context, "ivf row", ALLOCSET_DEFAULT_SIZES);
		split.scaled = palloc(split.old.dim * sizeof(float));
		split.room = palloc(split.old.model_dim * sizeof(float));
		split.centroids = read_centroids(index, &split.old);
		ivf_plan_merge(split.plan, split.centroids, split.old.model_dim);
		/* tables of a model are not read in VACUUM */
		anew = split.plan->nmoved > MOST_ROWS * split.plan->nrows &&
			split.old.copies != IVF_COPIES_NONE && !ivf_given_named(index);
		if (!anew)
			replace_lists(&split, elevel);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	if (anew)
		(void) ivf_rebuild(index);
}
