/*
 * ivf_options.h
 *	  What users set: storage parameters and settings.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_IVF_OPTIONS_H
#define VECTOR_EXT_IVF_OPTIONS_H

#include "ivf/ivf_model.h"

/* The access methods that this room serves */
typedef enum IvfMethod
{
	IVF_METHOD_FLAT, /* ivfflat: vectors as they are */
	IVF_METHOD_PQ    /* ivfpq: codes */
} IvfMethod;

typedef enum IvfRerank
{
	IVF_RERANK_INDEX, /* verify by copies in the index */
	IVF_RERANK_HEAP,  /* verify by the heap */
	IVF_RERANK_NONE   /* order by estimates */
} IvfRerank;

typedef enum IvfCodecOption
{
	IVF_OPTION_PQ,
	IVF_OPTION_SQ8,
	IVF_OPTION_RABITQ,
	IVF_OPTION_NONE
} IvfCodecOption;

typedef enum IvfBits
{
	IVF_BITS_4,
	IVF_BITS_8
} IvfBits;

/* Beside the kinds of transform.h */
#define IVF_TRANSFORM_AUTO (-1)

/* Tables of a model from outside, see ivf_given.h */
typedef enum IvfTable
{
	IVF_TABLE_TRANSFORM,
	IVF_TABLE_CENTROIDS,
	IVF_TABLE_CODEBOOK
} IvfTable;

#define IVF_NTABLES (IVF_TABLE_CODEBOOK + 1)

/* Storage parameters; 0: automatic */
typedef struct IvfOptions
{
	int32 vl_len_; /* varlena header, do not touch */
	int lists;
	int probes;
	int m;
	int rerank;     /* IvfRerank */
	int codec;      /* IvfCodecOption */
	int bits;       /* IvfBits */
	int transform;  /* TransformKind, or IVF_TRANSFORM_AUTO */
	int dimensions; /* that transform "pca" keeps */
	/* lists of nearly the same length */
	bool balanced;
	/* ivf_option_table() has the names */
	int tables[IVF_NTABLES];
} IvfOptions;

extern IvfMethod ivf_method(Relation index);
extern IvfOptions ivf_options(Relation index);

/* A table's name, as it was given and syntactically valid; NULL: none */
extern const char *ivf_option_table(Relation index, IvfTable table);

extern bytea *ivfflatoptions(Datum reloptions, bool validate);
extern bytea *ivfpqoptions(Datum reloptions, bool validate);

/* Who sets probes sets recall by them: candidates should not limit it */
#define IVF_SET_PROBES_MARGIN 1.5

/* How far one batch of a scan goes */
typedef struct IvfEffort
{
	uint32 probes; /* at most */
	uint32 candidates;
	float reach;  /* see IvfCalibration; 0 where probes were set */
	IvfStop stop; /* 0: it has none; its lists, where probes were set */
	bool probes_set;
} IvfEffort;

/* Rows to look at for each row that is wanted, where nothing was measured */
#define IVF_ROWS_EACH 8
#define IVF_CANDIDATES_EACH 2

/*
 * Times what was measured, where lists were split: no codebook was learned from
 * their rows, and without copies codes were made from codes
 */
#define IVF_SPLIT_CANDIDATES 1.5
#define IVF_MOVED_PROBES 2
#define IVF_MOVED_CANDIDATES 4

/* The effort for the k nearest rows: as set, else as calibrated */
extern IvfEffort ivf_effort(Relation index, const IvfMeta *meta, double k);

/*
 * What finds the k nearest of such a share of all rows: as many lists as hold the
 * nearest k / share of all, and as many candidates as k need.
 */
extern IvfEffort ivf_masked_effort(Relation index, const IvfMeta *meta,
								   double k, double share);

/* How scans for k rows go on when more are asked for */
typedef struct IvfContinuation
{
	bool continues;     /* it may go on at all */
	uint32 max_probes;  /* lists a scan may visit in all */
	bool relaxed;       /* rows found late may leave out of order */
	const char *budget; /* the setting that max_probes is from; NULL: none */
} IvfContinuation;

extern IvfContinuation ivf_continuation(Relation index, const IvfMeta *meta,
										double k);

/* Define settings and storage parameters; once, from _PG_init */
extern void ivf_options_init(void);

#endif
