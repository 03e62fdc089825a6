/*
 * ivf_choose.c
 *	  What an index is to be.
 *
 * The default codec is the 4-bit product quantizer without transform: of those
 * here it answers fastest at equal recall on text embeddings, word vectors and
 * images, with copies to verify by (README.md has the table).
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/rel.h"

#include "ivf/ivf_builder.h"
#include "ivf/ivf_choose.h"
#include "ivf/ivf_options.h"

#define SAMPLE_PER_LIST 50
#define SAMPLE_MIN 10000

/* Where rows are short, more of them cost little: floats for each list */
#define SAMPLE_FLOATS 25600

/* From here on lists grow faster than the root of the rows */
#define MANY_ROWS 50000.0
#define MANY_ROWS_POWER 0.4

/* Of maintenance_work_mem: the sample, and centroids whose number is automatic */
#define SAMPLE_SHARE 0.5
#define CENTROID_SHARE 0.25

/* Parts of a row, where none are asked for: one or two bits a dimension */
static int
automatic_m(int dim)
{
	int m = Max(dim / 4, Min(dim / 2, 64));

	return Max(Min(m, 448), 1);
}

/* Of 8 bits each, as many bytes; a block of 32 rows must fit a page */
static int
automatic_m8(int dim)
{
	return Max(Min(automatic_m(dim) / 2, 224), 1);
}

static void
refuse(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", what)));
}

/* A matrix that is given leaves no choice of the transform */
static TransformKind
transform_kind(const IvfOptions *options, const IvfGiven *given,
			   const IvfMeta *meta)
{
	if (given->transform != NULL && options->transform != IVF_TRANSFORM_AUTO)
		refuse("transform and transform_table exclude each other");
	if (given->transform != NULL)
		return TRANSFORM_GIVEN;
	if (options->transform != IVF_TRANSFORM_AUTO)
		return (TransformKind) options->transform;
	return meta->codec == CODEC_RABITQ ? TRANSFORM_RANDOM : TRANSFORM_NONE;
}

static void
choose_transform(const IvfOptions *options, const IvfGiven *given,
				 IvfMeta *meta)
{
	TransformKind kind = transform_kind(options, given, meta);

	if (meta->codec == CODEC_RABITQ && kind != TRANSFORM_RANDOM)
		refuse("codec \"rabitq\" needs transform \"random\"");
	if (meta->codec == CODEC_NONE && kind != TRANSFORM_NONE)
		refuse("a transform needs a codec");
	if (kind == TRANSFORM_OPQ && meta->codec != CODEC_PQ4 &&
		meta->codec != CODEC_PQ8)
		refuse("transform \"opq\" needs codec \"pq\"");
	/* of the space that one learned here leads to nobody knows */
	if ((given->centroids != NULL || given->codebook != NULL) &&
		kind != TRANSFORM_NONE && kind != TRANSFORM_GIVEN)
		refuse("centroids_table and codebook_table need transform \"none\" or "
			   "a transform_table");
	if ((kind == TRANSFORM_OPQ || kind == TRANSFORM_PCA) &&
		meta->dim > TRANSFORM_MAX_DENSE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("transforms \"opq\" and \"pca\" take at most %d "
						"dimensions",
						TRANSFORM_MAX_DENSE),
				 errhint("Use transform \"random\".")));
	if (options->dimensions > 0 && kind != TRANSFORM_PCA)
		refuse("dimensions are for transform \"pca\"");
	if (options->dimensions > meta->dim)
		refuse("dimensions are more than the column has");

	meta->transform = kind;
	meta->model_dim = given->model_dim;
	if (kind == TRANSFORM_PCA)
		meta->model_dim =
			options->dimensions > 0 ? options->dimensions : (meta->dim + 1) / 2;
}

/* Parts; 0 without codec.  Codes of less than a byte a dimension alone have a choice */
static int
choose_m(const IvfOptions *options, const IvfGiven *given, const IvfMeta *meta)
{
	if (given->m > 0)
		return given->m;
	switch ((CodecKind) meta->codec)
	{
		case CODEC_NONE:
			return 0;
		case CODEC_PQ4:
			return options->m > 0 ? options->m : automatic_m(meta->model_dim);
		case CODEC_PQ8:
			return options->m > 0 ? options->m : automatic_m8(meta->model_dim);
		default:
			return meta->model_dim;
	}
}

void
ivf_choose_codec(Relation index, const IvfGiven *given, IvfMeta *meta)
{
	IvfOptions options = ivf_options(index);
	IvfLayout layout;
	bool pq = options.codec == IVF_OPTION_PQ;

	if (ivf_method(index) == IVF_METHOD_FLAT)
		return;
	if (options.bits == IVF_BITS_8 && !pq)
		refuse("bits are for codec \"pq\"");
	if (options.m > 0 && !pq)
		refuse("m is for codec \"pq\"");
	if (given->codebook != NULL && !pq)
		refuse("codebook_table is for codec \"pq\"");
	if (options.m > 0 && given->m > 0 && options.m != given->m)
		refuse("m is not that of codebook_table");
	if (options.lists > 0 && given->nlists > 0 &&
		(uint32) options.lists != given->nlists)
		refuse("lists are not those of centroids_table");
	if (options.codec == IVF_OPTION_NONE && options.rerank != IVF_RERANK_INDEX)
		refuse("codec \"none\" needs rerank \"index\"");

	switch ((IvfCodecOption) options.codec)
	{
		case IVF_OPTION_PQ:
			meta->codec = options.bits == IVF_BITS_8 ? CODEC_PQ8 : CODEC_PQ4;
			break;
		case IVF_OPTION_SQ8:
			meta->codec = CODEC_SQ8;
			break;
		case IVF_OPTION_RABITQ:
			meta->codec = CODEC_RABITQ;
			break;
		case IVF_OPTION_NONE:
			meta->codec = CODEC_NONE;
			break;
	}
	choose_transform(&options, given, meta);
	meta->m = Min(choose_m(&options, given, meta), meta->model_dim);
	meta->centroid_elem =
		given->centroids == NULL ? ELEM_FLOAT16 : ELEM_FLOAT32;
	meta->nprices = options.balanced ? meta->nlists : 0;
	meta->copies = IVF_COPIES_EXACT;
	if (meta->codec != CODEC_NONE)
		meta->copies = options.rerank == IVF_RERANK_INDEX ? IVF_COPIES_HALF
														  : IVF_COPIES_NONE;
	/* does it fit? */
	ivf_layout_init(&layout, meta);
}

/* Rows as floats that fit maintenance_work_mem */
static double
rows_room(const IvfMeta *meta)
{
	return maintenance_work_mem * 1024.0 / (meta->dim * sizeof(float) + 16);
}

/*
 * Where codes are all there is of a row, the last segments of lists, half empty, are much
 * of the index: lists are to fill so many.
 */
#define LEAST_SEGMENTS 3

/* By their segments */
static double
most_lists(Relation index, const IvfMeta *meta, const IvfGiven *given,
		   double nrows)
{
	IvfMeta chosen = *meta;
	IvfLayout layout;

	if (ivf_method(index) == IVF_METHOD_FLAT ||
		ivf_options(index).rerank == IVF_RERANK_INDEX)
		return IVF_MAX_LISTS;
	if (meta->codec == CODEC_NONE)
		ivf_choose_codec(index, given, &chosen);
	ivf_layout_init(&layout, &chosen);
	return nrows / LEAST_SEGMENTS / layout.capacity;
}

/*
 * To estimate a row costs about a nanosecond, as much as a fraction of a
 * centroid: ivfpq has fewer, longer lists, which also fill their last pages
 * better.  So it is with bit strings, beside which a centroid is 16 times as large.
 * With many rows, rows count more and more: at 1,000,000 x 100 and recall .95, 600
 * lists took 1.4 times as long as 2,000.
 */
uint32
ivf_choose_lists(Relation index, const IvfMeta *meta, const IvfGiven *given,
				 double nrows)
{
	bool cheap_rows =
		ivf_method(index) == IVF_METHOD_PQ || meta->elem == VALUE_BIT;
	double factor = cheap_rows ? 0.6 : 1.2;
	double many = pow(Max(nrows / MANY_ROWS, 1), MANY_ROWS_POWER);
	double most;
	int lists = ivf_options(index).lists;

	if (given->nlists > 0)
		return given->nlists;
	if (lists > 0)
		return lists;
	most = Min(rows_room(meta) * CENTROID_SHARE,
			   most_lists(index, meta, given, nrows));
	return Max(Min(factor * many * sqrt(nrows), most), 1);
}

uint32
ivf_choose_sample(Relation index, const IvfMeta *meta, uint32 lists)
{
	double room = rows_room(meta) * SAMPLE_SHARE;
	double per_list;
	double least = ivf_method(index) == IVF_METHOD_FLAT
		? Min(room, IVF_MIN_TRAINED_ROWS)
		: IVF_MIN_TRAINED_ROWS;

	/* by so many a list's length is known to a tenth: to balance is to know */
	if (meta->nprices > 0)
		lists *= 4;
	per_list = Max(SAMPLE_FLOATS / (double) meta->dim, SAMPLE_PER_LIST);
	return Max(Min(Max(lists * per_list, SAMPLE_MIN), room), Max(lists, least));
}
