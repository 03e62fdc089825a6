/*
 * pq_train.c
 *	  Codebooks of the product quantizer: 16 means for each part.
 *
 * A part is a small k-means.  It has few dimensions and 16 centres, so plain
 * loops beat matrix products; its centres stay in the layout of the codebook.
 */
#include "quant/pq.h"

#include <math.h>
#include <string.h>

#include "quant/carver.h"
#include "quant/kmeans.h"

/* How far the halves of a cluster move apart, of the way to its farthest row */
#define SPLIT_STEP 0.1f

/* One part in training */
typedef struct Part
{
	size_t n;
	size_t d;
	float *rows;    /* n x d: this part of the rows, side by side */
	float *sqdists; /* n */
	double *sums;   /* [d][16]: of the rows of each entry */

	/* for each entry */
	size_t counts[PQ_ENTRIES];   /* rows */
	double costs[PQ_ENTRIES];    /* sum of their squared distances */
	size_t farthest[PQ_ENTRIES]; /* the row at the largest of these */
	float largest[PQ_ENTRIES];
} Part;

static size_t
lay_out(Part *part, const PqTraining *training, void *work)
{
	Carver carver = {work, 0};
	const PqShape *shape = &training->shape;
	size_t n = training->rows.n;
	size_t d = (shape->dim + shape->m - 1) / shape->m;

	part->n = n;
	part->rows = carve(&carver, n, d * sizeof(float));
	part->sqdists = carve(&carver, n, sizeof(float));
	part->sums = carve(&carver, d, PQ_ENTRIES * sizeof(double));
	return carver.used;
}

size_t
pq_train_work_size(const PqTraining *training)
{
	Part part;

	return lay_out(&part, training, NULL);
}

/* Copy dimensions first..first+d-1 of all rows */
static bool
take_part(Part *part, const RowSet *rows, size_t first, size_t d, Pacer *pacer)
{
	part->d = d;
	for (size_t i = 0; i < part->n; i++)
	{
		memcpy(part->rows + i * d, row_at(rows, i) + first, d * sizeof(float));
		/* far apart: each row costs a line of the cache */
		if (!pacer_go_on(pacer, d + 16))
			return false;
	}
	return true;
}

/* First entries; where there are fewer than 16, the first is repeated */
static bool
seed_entries(const Part *part, float *entries, Rng *rng, Pacer *pacer)
{
	RowSet set = {
		.rows = part->rows, .stride = part->d, .dim = part->d, .n = part->n};
	uint32_t chosen[PQ_ENTRIES];
	size_t nchosen =
		rows_seed(&set, PQ_ENTRIES, rng, part->sqdists, chosen, pacer);

	if (nchosen == 0)
		return false;
	for (size_t e = 0; e < PQ_ENTRIES; e++)
	{
		const float *row = row_at(&set, chosen[e < nchosen ? e : 0]);

		for (size_t i = 0; i < part->d; i++)
			entries[PQ_ENTRIES * i + e] = row[i];
	}
	return true;
}

/* Find the entry of each row; sums and the rest of *part tell the result */
static bool
assign_part(Part *part, const float *entries, Pacer *pacer)
{
	memset(part->sums, 0, part->d * PQ_ENTRIES * sizeof(double));
	memset(part->counts, 0, sizeof(part->counts));
	memset(part->costs, 0, sizeof(part->costs));
	memset(part->largest, 0, sizeof(part->largest));
	for (size_t i = 0; i < part->n; i++)
	{
		const float *row = part->rows + i * part->d;
		float sqdist;
		size_t e = pq_encode_part(entries, row, part->d, &sqdist);

		for (size_t j = 0; j < part->d; j++)
			part->sums[PQ_ENTRIES * j + e] += row[j];
		part->counts[e]++;
		part->costs[e] += sqdist;
		if (sqdist > part->largest[e])
		{
			part->largest[e] = sqdist;
			part->farthest[e] = i;
		}
		if (!pacer_go_on(pacer, 8 * part->d + 16))
			return false;
	}
	return true;
}

/* Entries with rows become their means; returns the sum of squared distances */
static double
average_part(const Part *part, float *entries)
{
	double cost = 0;

	for (size_t e = 0; e < PQ_ENTRIES; e++)
	{
		cost += part->costs[e];
		if (part->counts[e] == 0)
			continue;
		for (size_t i = 0; i < part->d; i++)
		{
			size_t at = PQ_ENTRIES * i + e;

			entries[at] = (float) (part->sums[at] / (double) part->counts[e]);
		}
	}
	return cost;
}

/*
 * An entry without rows takes over half of the rows with the largest sum of
 * squared distances, as in kmeans.c; it stays where all such sums are 0.
 * Returns whether any entry was moved.
 */
static bool
fill_empty(Part *part, float *entries)
{
	bool moved = false;

	for (size_t empty = 0; empty < PQ_ENTRIES; empty++)
	{
		size_t worst = 0;

		if (part->counts[empty] > 0)
			continue;
		for (size_t e = 1; e < PQ_ENTRIES; e++)
		{
			if (part->costs[e] > part->costs[worst])
				worst = e;
		}
		if (!(part->costs[worst] > 0))
			break;
		for (size_t i = 0; i < part->d; i++)
		{
			float *dimension = entries + PQ_ENTRIES * i;
			float to = part->rows[part->farthest[worst] * part->d + i];
			float step = SPLIT_STEP * to - SPLIT_STEP * dimension[worst];
			float away = dimension[worst] - step;

			dimension[empty] = dimension[worst] + step;
			dimension[worst] = isfinite(away) ? away : dimension[worst];
		}
		part->costs[worst] /= 2;
		moved = true;
	}
	return moved;
}

static bool
train_part(Part *part, const PqTraining *training, float *entries, Pacer *pacer)
{
	double before = 0;

	for (int round = 0; round < training->iterations; round++)
	{
		double cost;

		if (!assign_part(part, entries, pacer))
			return false;
		cost = average_part(part, entries);
		if (!fill_empty(part, entries) && round > 0 &&
			!(before - cost > KMEANS_MIN_GAIN * before))
			break;
		before = cost;
	}
	return true;
}

bool
pq_train(const PqTraining *training, float *codebook, void *work)
{
	const PqShape *shape = &training->shape;
	Pacer pacer = {training->poll, training->poll_arg, 0};
	Rng rng = {training->seed};
	Part part;

	lay_out(&part, training, work);
	for (size_t j = 0; j < shape->m; j++)
	{
		size_t first = pq_first_dim(shape, j);
		size_t d = pq_first_dim(shape, j + 1) - first;
		float *entries = codebook + PQ_ENTRIES * first;

		if (!take_part(&part, &training->rows, first, d, &pacer) ||
			!seed_entries(&part, entries, &rng, &pacer) ||
			!train_part(&part, training, entries, &pacer))
			return false;
	}
	return true;
}
