/*
 * hnsw_page.h
 *	  Disk format of a graph index; README.md draws the pages.
 *
 *		block 0		meta page: HnswMeta
 *		model		floats: mean of the rows, parameters of the codec
 *		rows		of each heap TID its element and code, apart from nodes
 *		nodes		arrays of equal slots, each a node of the graph
 *
 * A node has all that a search needs of it in one place: the codes of its
 * neighbours, so that their distances are estimated without a look at them, and a
 * record of its own vector: rounded to 8 bits a dimension, or the value as it is
 * (Gou, Gao, Xu, Long, SymphonyQG, SIGMOD 2025, has the idea; codes here are those
 * of a product quantizer, the same for every neighbourhood).  One page access a
 * hop, where the record fits the slot; else the rest is in slots of its own.
 *
 * Links, codes and the choice of both know of a value only its image: a row of
 * floats with a geometry (hnsw_image.h).
 *
 * An element is a distinct vector with the heap TIDs that have it.  It has a
 * node on the ground level 0, and one on each level up to its own (Malkov and
 * Yashunin, IEEE TPAMI 42(4), 2020); all have the same form.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_PAGE_H
#define VECTOR_EXT_HNSW_PAGE_H

#include "storage/block.h"
#include "storage/itemptr.h"

#include "am/attribute.h"
#include "am/value.h"
#include "distance/metric.h"
#include "pages/page.h"
#include "quant/codec.h"
#include "quant/transform.h"

#define HNSW_MAGIC 0x574E4856 /* "VHNW" */
#define HNSW_VERSION 3

/* That of a meta page of pgvector's hnsw, where our room begins */
#define PGVECTOR_HNSW_MAGIC 0xA953A953

enum
{
	HNSW_PAGE_META = 1,
	HNSW_PAGE_MODEL,
	HNSW_PAGE_NODES,
	HNSW_PAGE_ROWS
};

#define HNSW_META_BLOCK 0

/* A node's name: block * slots of a page + slot */
typedef uint32 HnswId;

#define HNSW_NONE UINT32_MAX

/* Levels above the ground, see hnsw_level() */
#define HNSW_MAX_LEVEL 15

/* What reaches recall@k .95: measured when the index is built */
typedef struct HnswCalibration
{
	uint32 k;
	uint32 ef; /* nodes that a search looks at, on average where it may stop */
	float margin; /* when it stops, see hnsw_stop.h; only with codes */
} HnswCalibration;

#define HNSW_NCALIBRATIONS 3

/* What it is where nothing was measured, and at least; and at most */
#define HNSW_LEAST_MARGINS \
	{ \
		5, 2.8125, 2 \
	}
#define HNSW_MOST_MARGIN 6

#define HNSW_MOST_STRETCH 8

/*
 * What codes are worth.  An index that was made with too few rows has room for
 * them, until VACUUM has enough to learn from (hnsw_train.h).
 */
typedef enum HnswStage
{
	HNSW_UNTRAINED, /* nobody writes them, neighbours are visited */
	HNSW_ENCODING, /* who writes a link writes its code, others may be missing */
	HNSW_CODED     /* neighbours are estimated by them */
} HnswStage;

/*
 * What stays as long as the index is not built anew, and what VACUUM learns: that
 * changes while the meta page's lock is held exclusively, no insertion is under
 * way then.  Kinds of columns are behind the state, where an index that has none has
 * zeros (hnsw_meta_put).
 */
typedef struct HnswMeta
{
	uint32 magic;
	uint32 version;
	uint16 dim;      /* of images */
	uint8 elem;      /* ValueKind of the column */
	uint8 metric;    /* Metric of images: L2, inner product or cosine */
	uint8 codec;     /* CodecKind of neighbours; CODEC_NONE: they are visited */
	uint8 transform; /* TransformKind: of images, before the codec */
	uint8 stage;     /* HnswStage; without codec HNSW_UNTRAINED */
	uint8 form;      /* HnswFormKind of records */
	uint16 parts;    /* of a code, see CodecShape; 0 without codec */
	uint16 code_dim; /* of what the codec sees; 0 without codec */
	uint16 m;        /* as in CREATE INDEX */
	uint16 ef_construction;
	uint16 degree;     /* neighbours of a node at most, 2 m */
	uint16 kept;       /* bytes of a record that a node has room for */
	int32 scale;       /* values are scaled by 2^scale: sums cannot overflow */
	BlockNumber model; /* first block; without codec there is none */
	BlockNumber rows;  /* the first row page, which stays where it is */
	uint32 model_generation; /* how often codes were learned */
	uint32 trained;          /* elements that there were then */
	uint32 calibrated;       /* likewise, for calibrations; 0: never */
	/* nodes that find by estimates what one does by distances: 1 or more, */
	float stretch;      /* of a few rows, for each of far more nodes; */
	float full_stretch; /* of as many rows as nodes */
	HnswCalibration calibrations[HNSW_NCALIBRATIONS]; /* ascending k */
	uint32 value_dim;    /* dimensions of the column */
	uint8 distance;      /* Metric of the operator class */
	uint8 ncolumns;      /* beside the vector; a bit each for NULL, */
	uint16 column_bytes; /* and so many bytes in all, for each row */
	AttributeKind kinds[ATTRIBUTE_MAX]; /* of columns */
} HnswMeta;

/* Bytes before the state */
#define HNSW_META_BYTES offsetof(HnswMeta, kinds)

/* What changes; behind the meta data in the same room, MAXALIGNed */
typedef struct HnswState
{
	HnswId entry;      /* where searches begin; HNSW_NONE: there is no node */
	uint32 top_level;  /* of the entry */
	BlockNumber space; /* the first block of nodes that may have a free slot */
	uint32 freed;      /* 1: slots have been freed, and links may be stale */
	BlockNumber row_space; /* the first row page that may have a free lane */
	/* 1: VACUUM has begun to take TIDs from nodes, but not yet from row pages */
	uint32 rows_stale;
	double nrows; /* when built, or last vacuumed */
} HnswState;

#define HNSW_STATE_OFFSET MAXALIGN(HNSW_META_BYTES)
#define HNSW_KINDS_OFFSET (HNSW_STATE_OFFSET + MAXALIGN(sizeof(HnswState)))

/* What a record is */
typedef enum HnswFormKind
{
	HNSW_FORM_INT8, /* the image, in 8 bits a dimension */
	HNSW_FORM_VALUE /* the value, as it is */
} HnswFormKind;

/* States of a slot.  0: never used, or free again. */
enum
{
	HNSW_FREE,
	HNSW_LIVE,
	HNSW_DEAD, /* leads to no row, but to other nodes */
	HNSW_MORE, /* no node, but more TIDs of one: see HnswMore */
	HNSW_PART, /* no node, but a part of the record of one: see HnswPart */
	HNSW_HELD, /* no node: a place on the ground whose parts come, or go */
	HNSW_NSTATES
};

#define HNSW_TIDS 4

/*
 * The head of a node; links, codes and record follow as HnswLayout says.
 * error to squares describe a record of 8 bits a dimension, which is low + step *
 * byte; they are 0 where it is the value.
 */
typedef struct HnswNode
{
	uint8 state;
	uint8 level;
	uint8 ntids; /* on the ground only */
	uint8 spare;
	HnswId below;  /* this element a level lower; HNSW_NONE on the ground */
	HnswId ground; /* this element on the ground */
	HnswId more;   /* the first slot with more TIDs, or HNSW_NONE */
	uint32 hash;   /* of the value */
	float error;   /* |row - copy| is at most this */
	float low;
	float step;
	uint32 sum;     /* of the copy's bytes */
	uint32 squares; /* the sum of their squares */
	ItemPointerData tids[HNSW_TIDS];
} HnswNode;

StaticAssertDecl(sizeof(HnswNode) == 64, "a line of the cache");

/* A slot with more TIDs of an element */
typedef struct HnswMore
{
	uint8 state; /* HNSW_MORE */
	uint8 spare;
	uint16 ntids;
	HnswId ground; /* whose TIDs these are */
	HnswId next;   /* HNSW_NONE: the last one */
	ItemPointerData tids[FLEXIBLE_ARRAY_MEMBER];
} HnswMore;

/* Before the record, where it may not fit the slot, or lengths differ */
typedef struct HnswTail
{
	HnswId next;   /* the first further part, or HNSW_NONE */
	uint32 length; /* of the whole record */
} HnswTail;

/*
 * A slot with a part of a record.  All nodes of an element share these parts, which
 * are there as long as its ground is.
 */
typedef struct HnswPart
{
	uint8 state; /* HNSW_PART */
	uint8 spare;
	uint16 bytes;
	HnswId ground;  /* whose record it is */
	HnswId next;    /* HNSW_NONE: the last one */
	uint32 ordinal; /* 1, 2, ... */
	char data[FLEXIBLE_ARRAY_MEMBER];
} HnswPart;

/*
 * The head of a row page: lanes follow as HnswRowLayout says, one for each TID that
 * is in a node on the ground or in a slot of more, with the row's attributes.  The
 * pages are a chain.
 */
typedef struct HnswRowHead
{
	uint32 nlive; /* lanes in use */
	uint32 spare;
	BlockNumber low;  /* blocks of the table: those of all TIDs are among */
	BlockNumber high; /* low .. high */
} HnswRowHead;

#endif
