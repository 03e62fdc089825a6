/*
 * graph_prune.c
 *	  Which of the rows near a row become its neighbours.
 */
#include "graph/graph_prune.h"

#include <string.h>

/*
 * Does one of the kept rule p out?  One that did so lately will again, so it
 * moves to the front: their order here changes no result, only how many are
 * asked.
 */
static bool
ruled_out(const GraphPruning *pruning, uint32_t p, uint32_t *order,
		  size_t nkept)
{
	float limit = pruning->sqdists[p];

	if (limit == 0.0f && nkept > 0)
		return true;
	for (size_t i = 0; i < nkept; i++)
	{
		uint32_t q = order[i];

		if (pruning->alpha * pruning->pair(pruning->arg, p, q) < limit)
		{
			memmove(order + 1, order, i * sizeof(uint32_t));
			order[0] = q;
			return true;
		}
	}
	return false;
}

size_t
graph_prune(const GraphPruning *pruning, uint32_t *chosen, bool *kept)
{
	size_t n = pruning->n;
	size_t nkept = 0;
	size_t spare;
	size_t nchosen = 0;

	memset(kept, 0, n * sizeof(bool));
	for (uint32_t p = 0; p < n && nkept < pruning->degree; p++)
	{
		if (ruled_out(pruning, p, chosen, nkept))
			continue;
		kept[p] = true;
		chosen[nkept++] = p;
		if (pruning->enough != NULL && pruning->enough(pruning->arg, p))
			break;
	}
	spare = pruning->degree - nkept;
	for (uint32_t p = 0; p < n && nchosen < pruning->degree; p++)
	{
		if (!kept[p] && spare == 0)
			continue;
		spare -= !kept[p];
		chosen[nchosen++] = p;
	}
	return nchosen;
}
