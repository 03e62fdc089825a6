/*
 * hnsw_encode.h
 *	  Rows of a build as they are stored, and what they are linked by: records, codes,
 *	  projections.
 *
 * Include after postgres.h.
 */
#ifndef VECTOR_EXT_HNSW_ENCODE_H
#define VECTOR_EXT_HNSW_ENCODE_H

#include "hnsw/hnsw_form.h"
#include "hnsw/hnsw_rows.h"

/* The record of an element, and what heads say of it; its length */
extern Size hnsw_set_record(const HnswForm *form, const HnswRows *rows,
							uint32 element, HnswNode *head, char *record);

/*
 * If there is a model with codes: HNSW_CODES of the rows in memory, which stay as
 * they are until nodes are written; and where hnsw_rows_projected() says so
 * HNSW_PROJECTIONS and HNSW_RESTS, which the graph takes.
 */
extern void hnsw_encode(HnswTeam *team);

/* HNSW_JOB_ENCODE */
extern void hnsw_encode_job(HnswTeam *team);

#endif
