/*
 * hnsw_graph.c
 *	  The graph of an index that is being built: its levels and their links.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "am/poll.h"
#include "graph/graph.h"
#include "hnsw/hnsw_graph.h"
#include "hnsw/hnsw_image.h"
#include "quant/kmeans.h"

/* Clusters: the square root of the rows, times this; rows to find them by */
#define LISTS_FACTOR 0.6
#define ROWS_PER_LIST 32
#define LIST_ROUNDS 6
#define SEED 1

/* Candidates by rough images, and by sketches, times what is wanted */
#define ROUGH_CANDIDATES 2
#define SKETCH_CANDIDATES 4

/*
 * Rows in a range: of the assignment, which reads all centres for each; of the
 * choice of neighbours.
 */
#define ASSIGNED_ROWS 4096
#define FINISHED_ROWS 1024

static void *
allocate(Size bytes)
{
	return MemoryContextAllocHuge(CurrentMemoryContext, Max(bytes, 8));
}

/*
 * Lists: clusters of rows
 */

static RowSet
all_rows(const HnswRows *rows)
{
	return (RowSet){.rows = rows->rows,
					.stride = rows->stride,
					.dim = rows->stride,
					.n = rows->n};
}

uint32
hnsw_graph_centres(const HnswRows *rows, uint32 nlists, float *centroids)
{
	KmeansTask task = {.rows = all_rows(rows),
					   .k = nlists,
					   .iterations = LIST_ROUNDS,
					   .seed = SEED,
					   .poll = poll_interrupts};
	uint32 wanted = Min(rows->n, (uint64) nlists * ROWS_PER_LIST);
	uint32 *sample = allocate(wanted * sizeof(uint32));
	void *work;

	for (uint32 i = 0; i < wanted; i++)
		sample[i] = (uint64) i * rows->n / wanted;
	task.rows.ids = sample;
	task.rows.n = wanted;
	work = allocate(kmeans_work_size(&task));
	nlists = kmeans_train(&task, centroids, work);
	pfree(work);
	pfree(sample);
	return nlists;
}

void
hnsw_assign_job(HnswTeam *team)
{
	HnswRows rows = hnsw_rows_of(team);
	uint32 *nearest = hnsw_team_array(team, HNSW_NEAREST);
	KmeansAssignment assignment = {.rows = all_rows(&rows),
								   .centroids =
									   hnsw_team_array(team, HNSW_CENTROIDS),
								   .k = team->plan.nlists,
								   .poll = poll_interrupts};
	uint32 first;
	uint32 end;

	assignment.work = allocate(
		kmeans_assign_work_size(team->plan.nlists, rows.stride, team->step));
	while (hnsw_team_claim(team, &first, &end))
	{
		assignment.rows.rows = rows.rows + first * rows.stride;
		assignment.rows.n = end - first;
		assignment.nearest = nearest + first;
		(void) kmeans_assign(&assignment);
	}
	pfree(assignment.work);
}

/* Put the rows of a list next to each other */
static void
arrange_by_list(HnswTeam *team, HnswRows *rows)
{
	uint32 nlists = team->plan.nlists;
	const uint32 *nearest = hnsw_team_array(team, HNSW_NEAREST);
	uint32 *starts = hnsw_team_allocate(team, HNSW_LIST_STARTS,
										(nlists + 1) * sizeof(uint32));
	uint32 *order = allocate(rows->n * sizeof(uint32));
	uint32 *next = allocate(nlists * sizeof(uint32));

	memset(starts, 0, (nlists + 1) * sizeof(uint32));
	for (uint32 i = 0; i < rows->n; i++)
		starts[nearest[i] + 1]++;
	for (uint32 l = 0; l < nlists; l++)
		starts[l + 1] += starts[l];
	memcpy(next, starts, nlists * sizeof(uint32));
	for (uint32 i = 0; i < rows->n; i++)
		order[next[nearest[i]]++] = i;
	hnsw_rows_arrange(rows, order);
	pfree(next);
	pfree(order);
}

void
hnsw_graph_arrange(HnswTeam *team)
{
	HnswRows rows = hnsw_rows_of(team);
	/* lists of a part are as long as they were in the whole */
	double whole = Max(rows.n, team->plan.nwhole);
	uint32 nlists = Max(1, LISTS_FACTOR * rows.n / sqrt(Max(whole, 1)));
	float *centroids;

	if (rows.n == 0)
		return;
	centroids = hnsw_team_allocate(team, HNSW_CENTROIDS,
								   nlists * rows.stride * sizeof(float));
	team->plan.nlists = hnsw_graph_centres(&rows, nlists, centroids);
	(void) hnsw_team_allocate(team, HNSW_NEAREST, rows.n * sizeof(uint32));
	hnsw_team_run(team, HNSW_JOB_ASSIGN, rows.n, ASSIGNED_ROWS);
	arrange_by_list(team, &rows);
	hnsw_team_free(team, HNSW_NEAREST);
}

/*
 * Links
 */

/* Rows of the level that is being linked, as values */
typedef struct Pairs
{
	HnswRows rows;
	const uint32 *members; /* NULL: all */
} Pairs;

static float
pair_sqdist(void *arg, uint32_t a, uint32_t b)
{
	const Pairs *pairs = arg;

	if (pairs->members != NULL)
	{
		a = pairs->members[a];
		b = pairs->members[b];
	}
	return hnsw_value_sqdist(pairs->rows.meta, hnsw_rows_value(&pairs->rows, a),
							 hnsw_rows_value(&pairs->rows, b));
}

/*
 * The level that is being linked.  Where images are rough they find more
 * candidates, whose values choose.
 */
static GraphTask
task_of(HnswTeam *team, Pairs *pairs)
{
	const HnswPlan *plan = &team->plan;
	HnswRows rows = hnsw_rows_of(team);
	bool ground = plan->level == 0;
	bool rough = rows.values != NULL && hnsw_image_is_rough(&plan->meta);
	uint32 more = !rough                        ? 1
		: plan->meta.dim < plan->meta.value_dim ? SKETCH_CANDIDATES
												: ROUGH_CANDIDATES;
	GraphTask task;

	*pairs = (Pairs){.rows = rows,
					 .members = ground
						 ? NULL
						 : hnsw_team_array(team, HNSW_MEMBERS + plan->level)};
	task = (GraphTask){.n = plan->nmembers[plan->level],
					   .dim = rows.stride,
					   .centroids = hnsw_team_array(team, HNSW_CENTROIDS),
					   .nlists = plan->nlists,
					   .degree = plan->meta.degree,
					   .candidates = plan->meta.ef_construction * more,
					   .alpha = HNSW_ALPHA,
					   .pair = rough ? pair_sqdist : NULL,
					   .pair_arg = pairs,
					   .poll = poll_interrupts};
	task.rows = ground ? rows.rows : hnsw_team_array(team, HNSW_LEVEL_ROWS);
	task.starts =
		hnsw_team_array(team, ground ? HNSW_LIST_STARTS : HNSW_LEVEL_STARTS);
	if (plan->projected == 0)
		return task;
	task.projected_dim = plan->projected;
	task.projections = hnsw_team_array(
		team, ground ? HNSW_PROJECTIONS : HNSW_LEVEL_PROJECTIONS);
	task.rests = hnsw_team_array(team, ground ? HNSW_RESTS : HNSW_LEVEL_RESTS);
	task.projected_centroids = hnsw_team_array(team, HNSW_PROJECTED_CENTROIDS);
	return task;
}

void
hnsw_forward_job(HnswTeam *team)
{
	Pairs pairs;
	GraphTask task = task_of(team, &pairs);
	GraphLink *links = hnsw_team_array(team, HNSW_LINKS);
	void *work = allocate(graph_forward_work_size(&task));
	uint32 first;
	uint32 end;

	/* poll does not return where it stops anything */
	while (hnsw_team_claim(team, &first, &end))
		(void) graph_forward(&task, first, end, links, work);
	pfree(work);
}

void
hnsw_finish_job(HnswTeam *team)
{
	Pairs pairs;
	GraphTask task = task_of(team, &pairs);
	const GraphLink *links = hnsw_team_array(team, HNSW_LINKS);
	const uint32 *starts = hnsw_team_array(team, HNSW_LINKED_STARTS);
	const uint32 *ids = hnsw_team_array(team, HNSW_LINKED);
	uint32 *neighbours =
		hnsw_team_array(team, HNSW_NEIGHBOURS + team->plan.level);
	void *work = allocate(graph_finish_work_size(&task));
	uint32 first;
	uint32 end;

	while (hnsw_team_claim(team, &first, &end))
		(void) graph_finish(&task, first, end, links, starts, ids, neighbours,
							work);
	pfree(work);
}

static void
connect_rows(const GraphTask *task, uint32 *neighbours)
{
	void *work = allocate(graph_connect_work_size(task));
	size_t unreached;

	(void) graph_connect(task, 0, neighbours, &unreached, work);
	pfree(work);
}

/* Means of the projections of each list; zeros where it is empty */
static void
project_centroids(HnswTeam *team)
{
	const HnswPlan *plan = &team->plan;
	const uint32 *starts = hnsw_team_array(team, HNSW_LIST_STARTS);
	const float *projections = hnsw_team_array(team, HNSW_PROJECTIONS);
	Size dim = plan->projected;
	float *means = hnsw_team_allocate(team, HNSW_PROJECTED_CENTROIDS,
									  plan->nlists * dim * sizeof(float));

	memset(means, 0, plan->nlists * dim * sizeof(float));
	for (uint32 l = 0; l < plan->nlists; l++)
	{
		float *mean = means + l * dim;
		float share = 1.0f / Max(starts[l + 1] - starts[l], 1);

		CHECK_FOR_INTERRUPTS();
		for (Size i = starts[l]; i < starts[l + 1]; i++)
		{
			for (Size d = 0; d < dim; d++)
				mean[d] += share * projections[i * dim + d];
		}
	}
}

static void
begin_projections(HnswTeam *team)
{
	if (team->plan.projected > 0)
		project_centroids(team);
}

static void
end_projections(HnswTeam *team)
{
	hnsw_team_free(team, HNSW_PROJECTED_CENTROIDS);
	hnsw_team_free(team, HNSW_RESTS);
	hnsw_team_free(team, HNSW_PROJECTIONS);
	team->plan.projected = 0;
}

/* Links of the rows of a level, from none */
static void
link_level(HnswTeam *team)
{
	Pairs pairs;
	GraphTask task = task_of(team, &pairs);
	Size places = task.n * task.degree;
	GraphLink *links =
		hnsw_team_allocate(team, HNSW_LINKS, places * sizeof(GraphLink));
	uint32 *starts;
	uint32 *ids;
	uint32 *neighbours;

	hnsw_team_run(team, HNSW_JOB_FORWARD, task.nlists, 1);
	starts = hnsw_team_allocate(team, HNSW_LINKED_STARTS,
								(task.n + 1) * sizeof(uint32));
	ids = hnsw_team_allocate(team, HNSW_LINKED, places * sizeof(uint32));
	(void) graph_reverse(&task, links, starts, ids);
	neighbours = hnsw_team_allocate(team, HNSW_NEIGHBOURS + team->plan.level,
									places * sizeof(uint32));
	hnsw_team_run(team, HNSW_JOB_FINISH, task.n, FINISHED_ROWS);
	hnsw_team_free(team, HNSW_LINKED);
	hnsw_team_free(team, HNSW_LINKED_STARTS);
	hnsw_team_free(team, HNSW_LINKS);
	/* a part is connected by what becomes of its links */
	if (team->plan.nwhole == 0)
		connect_rows(&task, neighbours);
}

/*
 * Levels
 */

static uint32
count_level(const HnswRows *rows, uint32 at)
{
	uint32 n = 0;

	for (uint32 i = 0; i < rows->n; i++)
		n += rows->elements[i].level >= at;
	return n;
}

/* Elements of this level or above; their rows, and where lists begin in them */
static void
gather_level(HnswTeam *team, uint32 at)
{
	HnswRows rows = hnsw_rows_of(team);
	uint32 nlists = team->plan.nlists;
	const uint32 *lists = hnsw_team_array(team, HNSW_LIST_STARTS);
	uint32 n = team->plan.nmembers[at];
	uint32 *members =
		hnsw_team_allocate(team, HNSW_MEMBERS + at, n * sizeof(uint32));
	float *gathered = hnsw_team_allocate(team, HNSW_LEVEL_ROWS,
										 n * rows.stride * sizeof(float));
	uint32 *starts = hnsw_team_allocate(team, HNSW_LEVEL_STARTS,
										(nlists + 1) * sizeof(uint32));

	n = 0;
	for (uint32 l = 0; l < nlists; l++)
	{
		starts[l] = n;
		for (uint32 i = lists[l]; i < lists[l + 1]; i++)
		{
			if (rows.elements[i].level < at)
				continue;
			memcpy(gathered + n * rows.stride, rows.rows + i * rows.stride,
				   rows.stride * sizeof(float));
			members[n++] = i;
		}
	}
	starts[nlists] = n;
}

static void
gather_projections(HnswTeam *team, uint32 at)
{
	const HnswPlan *plan = &team->plan;
	const uint32 *members = hnsw_team_array(team, HNSW_MEMBERS + at);
	const float *projections = hnsw_team_array(team, HNSW_PROJECTIONS);
	const float *rests = hnsw_team_array(team, HNSW_RESTS);
	Size n = plan->nmembers[at];
	Size dim = plan->projected;
	float *gathered = hnsw_team_allocate(team, HNSW_LEVEL_PROJECTIONS,
										 n * dim * sizeof(float));
	float *gathered_rests =
		hnsw_team_allocate(team, HNSW_LEVEL_RESTS, n * sizeof(float));

	for (Size i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		memcpy(gathered + i * dim, projections + members[i] * dim,
			   dim * sizeof(float));
		gathered_rests[i] = rests[members[i]];
	}
}

static void
build_upper_level(HnswTeam *team)
{
	gather_level(team, team->plan.level);
	if (team->plan.projected > 0)
		gather_projections(team, team->plan.level);
	link_level(team);
	hnsw_team_free(team, HNSW_LEVEL_RESTS);
	hnsw_team_free(team, HNSW_LEVEL_PROJECTIONS);
	hnsw_team_free(team, HNSW_LEVEL_STARTS);
	hnsw_team_free(team, HNSW_LEVEL_ROWS);
}

void
hnsw_graph_link(HnswTeam *team)
{
	HnswRows rows = hnsw_rows_of(team);
	HnswPlan *plan = &team->plan;
	uint32 n = rows.n;

	plan->nlevels = 0;
	if (n == 0)
		return;
	begin_projections(team);
	while (n > 0)
	{
		plan->level = plan->nlevels;
		plan->nmembers[plan->nlevels++] = n;
		if (plan->level == 0)
			link_level(team);
		else
			build_upper_level(team);
		n = plan->nlevels > HNSW_MAX_LEVEL ? 0
										   : count_level(&rows, plan->nlevels);
	}
	end_projections(team);
	hnsw_team_free(team, HNSW_LIST_STARTS);
	hnsw_team_free(team, HNSW_CENTROIDS);
}

void
hnsw_graph_link_part(HnswTeam *team)
{
	HnswPlan *plan = &team->plan;

	plan->level = 0;
	plan->nlevels = 1;
	plan->nmembers[0] = plan->nrows;
	begin_projections(team);
	link_level(team);
	end_projections(team);
}

HnswGraph
hnsw_graph_of(HnswTeam *team)
{
	HnswGraph graph = {.nlevels = team->plan.nlevels};

	for (uint32 at = 0; at < graph.nlevels; at++)
		graph.levels[at] = (HnswLevel){
			.n = team->plan.nmembers[at],
			.members =
				at == 0 ? NULL : hnsw_team_array(team, HNSW_MEMBERS + at),
			.neighbours = hnsw_team_array(team, HNSW_NEIGHBOURS + at)};
	return graph;
}
