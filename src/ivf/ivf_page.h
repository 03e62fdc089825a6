/*
 * ivf_page.h
 *	  Disk format of an inverted file index; README.md draws the pages.
 *
 *		block 0		meta page: IvfMeta
 *		model		centroids (slots), codebook (floats: of codec, transform, prices),
 *					both optional
 *		directory	one IvfListEntry for each list
 *		segments	the lists: chains of pages, each with up to capacity rows
 *		copies		the vectors of one segment each, optional
 *
 * A row of a list has a place, its "lane", in a segment: bit in the live mask,
 * attributes, heap TID, numbers for its estimate, rounding error of the copy, code; and the slot of
 * the same number in the segment's copy pages.
 *
 * Segments and copy pages bear the number of their list as owner.  They are in
 * force where their generation is not below the one that the list was born in,
 * and not above the meta page's.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_IVF_PAGE_H
#define VECTOR_EXT_IVF_PAGE_H

#include "storage/itemptr.h"

#include "am/attribute.h"
#include "am/value.h"
#include "distance/metric.h"
#include "pages/slots.h"
#include "quant/codec.h"
#include "quant/transform.h"

#define IVF_MAGIC 0x46564956 /* "VIVF" */
#define IVF_VERSION 4
#define IVF_VERSION_ATTRIBUTES 5 /* the same with attributes in segments */

/* That of a meta page of pgvector's ivfflat, where our room begins */
#define PGVECTOR_IVFFLAT_MAGIC 0x14FF1A7

enum
{
	IVF_PAGE_META = 1,
	IVF_PAGE_CENTROIDS,
	IVF_PAGE_CODEBOOK,
	IVF_PAGE_DIRECTORY,
	IVF_PAGE_SEGMENT,
	IVF_PAGE_COPIES,
	IVF_PAGE_FREE /* nobody reads it any more: to be filled again */
};

#define IVF_META_BLOCK 0
#define IVF_MAX_LISTS 32768

/* What is kept of the vector itself */
typedef enum IvfCopies
{
	IVF_COPIES_NONE,  /* nothing: verified by the heap */
	IVF_COPIES_EXACT, /* the stored elements */
	IVF_COPIES_HALF   /* rounded to half precision */
} IvfCopies;

/* What reaches recall@k .95: measured when the index is built */
typedef struct IvfCalibration
{
	uint32 k;
	uint32 probes;
	uint32 candidates; /* estimates that are verified */
	float reach; /* lists farther than the nearest by more than this factor, in
				  * squared distance, are left out; 0: none */
} IvfCalibration;

#define IVF_NCALIBRATIONS 3

/*
 * When a search has found the nearest k: by d, the distance of the k-th of those so
 * far, or for inner products the query's length.  Measured, too, so that probes and
 * candidates are but bounds; 0: unknown, as in indexes that were built before this was.
 *
 * The i-th nearest list is too far where its centroid's squared distance (for products
 * -2<q,c>) exceeds that of the nearest by more than d * (lists - rank * ln i).
 */
typedef struct IvfStop
{
	float lists;
	float rank;

	/*
	 * An estimate is above what it should be by bias, on the average, and often it is
	 * below; with d^2 for the k-th distance squared, and bias where that is positive, it
	 * is too far beyond the distance squared + bias + d * candidates.
	 */
	float bias;
	float candidates;
} IvfStop;

typedef struct IvfMeta
{
	uint32 magic;
	uint32 version;
	uint16 dim;
	uint8 elem;       /* ValueKind of the column */
	uint8 metric;     /* Metric */
	uint8 codec;      /* CodecKind, on residuals */
	uint8 copies;     /* IvfCopies */
	uint16 m;         /* parts of a code, see CodecShape; 0 without codec */
	uint16 model_dim; /* dimensions of model space */
	uint8 transform;  /* TransformKind, from scaled rows to model space */
	/* ElemKind of centroids: half for ours, float for outside ones */
	uint8 centroid_elem;
	uint32 nlists;
	/*
	 * Values are scaled by 2^scale, so that centroids and half precision
	 * copies cannot overflow.  For cosine rows have unit length and only
	 * copies are scaled.
	 */
	int32 scale;
	uint32 generation;     /* raised whenever lists are replaced */
	BlockNumber centroids; /* first block, or InvalidBlockNumber: one list */
	BlockNumber codebook;
	BlockNumber directory;
	uint32 nbuilt;   /* lists when built: explicit probes are of so many */
	double nrows;    /* when built, or lists were last replaced */
	uint64 replaced; /* full xid: who started later reads no older pages */
	IvfCalibration calibrations[IVF_NCALIBRATIONS]; /* ascending k */
	uint32 nprices; /* of the first lists, where lists are balanced; else 0 */
	uint8 nattributes; /* columns of the index behind the vector */
	AttributeKind attributes[ATTRIBUTE_MAX];
	IvfStop stops[IVF_NCALIBRATIONS]; /* of the calibrations */
} IvfMeta;

/*
 * A list.  New segments are put in front of the chain, so that a segment's link
 * never changes.  Invalid blocks: no segment yet.
 */
typedef struct IvfListEntry
{
	BlockNumber first; /* segment */
	BlockNumber free;  /* where to look for a free lane */
	uint32 holes;      /* 1: there and behind it VACUUM left free lanes */
	uint32 nrows;      /* when built, or last vacuumed */
	uint32 born;  /* generation; older pages of the list are not in force */
	uint32 nborn; /* rows it was made of */
} IvfListEntry;

#define IVF_ENTRIES_PER_PAGE (PAGE_ROOM / sizeof(IvfListEntry))

/* A centroid's slot: squared length, then elements, of IvfMeta.centroid_elem */
typedef struct IvfCentroid
{
	float sqnorm;
	char elems[FLEXIBLE_ARRAY_MEMBER];
} IvfCentroid;

/* The head of a segment's room; the arrays follow as IvfLayout says */
typedef struct IvfSegment
{
	uint32 nlanes; /* lanes ever used, dead ones included */
	uint32 list;
} IvfSegment;

/* True where lists and their centroids come from outside (ivf_given.h) */
static inline bool
ivf_centroids_given(const IvfMeta *meta)
{
	return meta->centroids != InvalidBlockNumber &&
		meta->centroid_elem == ELEM_FLOAT32;
}

/* True where rows of model space have unit length, and so have centroids */
static inline bool
ivf_spherical(const IvfMeta *meta)
{
	return meta->metric == METRIC_COSINE && meta->model_dim == meta->dim &&
		meta->centroid_elem == ELEM_FLOAT16;
}

static inline CodecShape
ivf_codec_shape(const IvfMeta *meta)
{
	return (CodecShape){.dim = meta->model_dim, .m = meta->m};
}

static inline TransformShape
ivf_transform_shape(const IvfMeta *meta)
{
	return (TransformShape){.kind = (TransformKind) meta->transform,
							.in = meta->dim,
							.out = meta->model_dim};
}

/* The kind of copies, where there are any */
static inline ValueKind
ivf_copy_kind(const IvfMeta *meta)
{
	return meta->copies == IVF_COPIES_HALF ? ELEM_FLOAT16 : meta->elem;
}

/* Is a page of a list that was born so in force? */
static inline bool
ivf_in_force(Page page, uint32 born, uint32 generation)
{
	return page_special(page)->generation >= born &&
		page_special(page)->generation <= generation;
}

/* An empty page of a list */
static inline void
ivf_page_init(Page page, uint16 kind, uint32 generation, uint32 list)
{
	page_init(page, IVF_MAGIC, kind, generation);
	page_special(page)->owner = list;
}

/* True where a copy may differ from the stored vector */
static inline bool
ivf_copies_rounded(const IvfMeta *meta)
{
	return meta->copies == IVF_COPIES_HALF && meta->elem != ELEM_FLOAT16;
}

static inline Slots
ivf_centroid_slots(const IvfMeta *meta)
{
	return slots_of(
		MAXALIGN(offsetof(IvfCentroid, elems) +
				 meta->model_dim * elem_ops[meta->centroid_elem].size));
}

#endif
