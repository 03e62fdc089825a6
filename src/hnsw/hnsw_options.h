/*
 * hnsw_options.h
 *	  What users set: storage parameters and settings; what cannot be indexed.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_OPTIONS_H
#define VECTOR_EXT_HNSW_OPTIONS_H

#include "utils/rel.h"

#include "am/opclass.h"
#include "hnsw/hnsw_page.h"

#define HNSW_MIN_M 2
#define HNSW_DEFAULT_M 16
#define HNSW_MAX_M 100
#define HNSW_MIN_EF_CONSTRUCTION 4
#define HNSW_DEFAULT_EF_CONSTRUCTION 64
#define HNSW_MAX_EF_CONSTRUCTION 1000
#define HNSW_MIN_EF_SEARCH 1
#define HNSW_MAX_EF_SEARCH 1000

/* How neighbours are estimated: codes of about so many bits a dimension */
typedef enum HnswCodes
{
	HNSW_CODES_AUTO,
	HNSW_CODES_NONE, /* not at all: every neighbour is looked at */
	HNSW_CODES_1,
	HNSW_CODES_2,
	HNSW_CODES_4
} HnswCodes;

/* How a node keeps its vector */
typedef enum HnswStorage
{
	HNSW_STORAGE_AUTO,
	HNSW_STORAGE_FLOAT,
	HNSW_STORAGE_HALF,
	HNSW_STORAGE_INT8
} HnswStorage;

/* Storage parameters */
typedef struct HnswOptions
{
	int32 vl_len_; /* varlena header, do not touch */
	int m;
	int ef_construction;
	int ef_search; /* 0: calibrated */
	int codes;     /* HnswCodes */
	int storage;   /* HnswStorage */
} HnswOptions;

extern HnswOptions hnsw_options(Relation index);

/* amoptions */
extern bytea *hnsw_parse_options(Datum reloptions, bool validate);

/*
 * What the operator class orders, if an index of this column can be built, and what
 * records are.  Errors: type or column without a fixed number of dimensions [0A000,
 * 22023], too many of them [54000], storage parameters that contradict each other
 * [22023], storage that says nothing of these values or distances [0A000].
 */
extern const VectorOpclass *hnsw_check_supported(Relation index,
												 HnswFormKind *form);

/* How far a search goes for the k nearest */
typedef struct HnswEffort
{
	uint32 ef;     /* nodes that it keeps */
	uint32 likely; /* nodes that it looks at, about */
	float
		margin; /* when it stops, see hnsw_stop.h; 0: when ef have been seen */
} HnswEffort;

/*
 * hnsw.ef_search where it was set, else the index's storage parameter, and be it
 * fewer than k; else as calibrated, and never fewer than k.
 */
extern HnswEffort hnsw_effort(Relation index, const HnswMeta *meta, double k);

/* likely of these alone */
extern uint32 hnsw_ef(Relation index, const HnswMeta *meta, double k);

/* Nodes that are kept by a search for k that stops where it has found them */
extern uint32 hnsw_most_kept(double k);

/* How a scan goes on when more rows are asked for than its first search found */
typedef struct HnswContinuation
{
	bool continues;
	bool relaxed;       /* rows found late may leave out of order */
	uint64 max_tuples;  /* rows it may visit in all */
	Size max_memory;    /* bytes it may use for going on */
	const char *budget; /* the setting by which it ends or max_tuples is from;
						 * NULL: none */
} HnswContinuation;

/* The setting that max_memory is from, unless that is SIZE_MAX */
#define HNSW_MEMORY_BUDGET "hnsw.scan_mem_multiplier"

extern HnswContinuation hnsw_continuation(Relation index);

/* Define settings and storage parameters; once, from _PG_init */
extern void hnsw_options_init(void);

#endif
