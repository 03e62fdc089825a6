/*
 * hnsw_encode.c
 *	  Rows of a build as they are stored, and what they are linked by: records, codes,
 *	  projections.
 *
 * Codes are made of records, as all others will make them later.  What they are made
 * of, rows less the mean and transformed, is what rows are linked by, too.
 */
#include "postgres.h"

#include <math.h>

#include "distance/distance.h"
#include "hnsw/hnsw_encode.h"
#include "hnsw/hnsw_node.h"
#include "utils/memutils.h"

/* Elements in a range, and as many of these as are transformed at a time */
#define ENCODED 1024
#define TRANSFORMED 16

/*
 * What two near rows are off from their projections by is not at right angles: so
 * much of the sum of its squares is in their squared distance.  With 1/2, 3/4, 1 as
 * much as that the rule chose .955, .960, .957 of the neighbours that it chooses by
 * rows of 784 dimensions, .971, .972, .968 by rows of 512.
 */
#define REST_SHARE 0.75f

typedef struct Encoder
{
	const HnswModel *model;
	const HnswForm *form;
	HnswRows rows;
	uint8 *codes;
	Size code_bytes;
	float *projections; /* NULL: nobody wants them */
	float *rests;
	Size stride; /* of residuals, which are projections if these are wanted */

	/* work memory */
	char *record;
	float *images;    /* TRANSFORMED, dim each */
	float *residuals; /* TRANSFORMED, where there are no projections */
	float *work;
} Encoder;

Size
hnsw_set_record(const HnswForm *form, const HnswRows *rows, uint32 element,
				HnswNode *head, char *record)
{
	const void *value =
		rows->values == NULL ? NULL : hnsw_rows_value(rows, element);

	form->set(rows->meta, value, rows->rows + element * rows->stride, head,
			  record);
	return hnsw_value_record_bytes(rows->meta, value);
}

static Encoder
encoder_of(HnswTeam *team)
{
	const HnswModel *model = hnsw_team_array(team, HNSW_MODEL);
	const HnswMeta *meta = &model->meta;
	Encoder encoder = {.model = model,
					   .form = hnsw_form(meta),
					   .rows = hnsw_rows_of(team),
					   .codes = hnsw_team_array(team, HNSW_CODES),
					   .code_bytes = hnsw_code_bytes(model),
					   .projections = hnsw_team_array(team, HNSW_PROJECTIONS),
					   .rests = hnsw_team_array(team, HNSW_RESTS),
					   .record = palloc(model->layout.longest),
					   .images =
						   palloc(TRANSFORMED * meta->dim * sizeof(float)),
					   .work = palloc(hnsw_code_work(meta) * sizeof(float))};

	encoder.stride = encoder.projections != NULL ? team->plan.projected
												 : (Size) meta->code_dim;
	encoder.residuals = palloc(TRANSFORMED * encoder.stride * sizeof(float));
	return encoder;
}

static void
end_encoder(Encoder *encoder)
{
	pfree(encoder->residuals);
	pfree(encoder->work);
	pfree(encoder->images);
	pfree(encoder->record);
}

/* What records of n elements stand for */
static void
take_images(Encoder *encoder, uint32 first, uint32 n)
{
	const HnswMeta *meta = &encoder->model->meta;

	for (uint32 i = 0; i < n; i++)
	{
		HnswNode head;
		Size length = hnsw_set_record(encoder->form, &encoder->rows, first + i,
									  &head, encoder->record);

		if (!encoder->form->image(meta, &head, encoder->record, length,
								  encoder->images + i * meta->dim))
			elog(ERROR, "a record has no image");
	}
}

/* What a row's distances have beside those of its projection; its further float */
static void
end_projection(Encoder *encoder, uint32 element, const float *row,
			   float *projection)
{
	const DenseKernels *kernels = dense_kernels(ELEM_FLOAT32, ELEM_FLOAT32);
	const HnswMeta *meta = &encoder->model->meta;
	float off = kernels->inner_product(row, row, meta->dim, 0) -
		kernels->inner_product(projection, projection, meta->code_dim, 0);

	encoder->rests[element] = Max(off, 0) * REST_SHARE;
	for (Size d = meta->dim; d < encoder->rows.stride; d++)
		projection[meta->code_dim + d - meta->dim] =
			encoder->rows.rows[element * encoder->rows.stride + d];
}

static void
encode_some(Encoder *encoder, uint32 first, uint32 n)
{
	Size dim = encoder->model->meta.dim;
	float *residuals = encoder->projections != NULL
		? encoder->projections + first * encoder->stride
		: encoder->residuals;

	take_images(encoder, first, n);
	hnsw_residuals(encoder->model, encoder->images, n, residuals,
				   encoder->stride);
	for (uint32 i = 0; i < n; i++)
	{
		float *residual = residuals + i * encoder->stride;

		hnsw_code_of_residual(
			encoder->model, residual,
			encoder->codes + (first + i) * encoder->code_bytes, encoder->work);
		if (encoder->projections != NULL)
			end_projection(encoder, first + i, encoder->images + i * dim,
						   residual);
	}
}

void
hnsw_encode_job(HnswTeam *team)
{
	Encoder encoder = encoder_of(team);
	uint32 first;
	uint32 end;

	while (hnsw_team_claim(team, &first, &end))
	{
		for (; first < end; first += TRANSFORMED)
			encode_some(&encoder, first, Min(TRANSFORMED, end - first));
	}
	end_encoder(&encoder);
}

void
hnsw_encode(HnswTeam *team)
{
	HnswPlan *plan = &team->plan;
	const HnswModel *model = hnsw_team_array(team, HNSW_MODEL);
	Size n = plan->nrows;

	plan->projected = 0;
	if (!hnsw_has_codes(&plan->meta))
		return;
	(void) hnsw_team_allocate(team, HNSW_CODES, n * hnsw_code_bytes(model));
	plan->projected = hnsw_rows_projected(&plan->meta);
	if (plan->projected > 0)
	{
		(void) hnsw_team_allocate(team, HNSW_PROJECTIONS,
								  n * plan->projected * sizeof(float));
		(void) hnsw_team_allocate(team, HNSW_RESTS, n * sizeof(float));
	}
	hnsw_team_run(team, HNSW_JOB_ENCODE, plan->nrows, ENCODED);
}
