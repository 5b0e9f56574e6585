/*
 * subtree_sums.c
 *	  Totals of a tree from the values of its nodes.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "common/int.h"

#include "stack/subtree_sums.h"

/* The same with sums that cannot overflow on their way. */
static bool
sum_widely(const uint32 *parent, const int64 *self, uint32 nnodes,
		   int64 *total, const Allocator *scratch, PyroError *error)
{
	/* not __int128, which wants more alignment than a memory context gives */
	int128	   *sum = allocate_or_fail(scratch, nnodes, sizeof(int128), error);

	if (sum == NULL)
		return false;
	for (uint32 i = 0; i < nnodes; i++)
		sum[i] = self[i];
	for (uint32 i = nnodes; i-- > 0;)
	{
		total[i] = (int64) sum[i];
		if (total[i] != sum[i])
			return pyro_fail(error, PYRO_OVERFLOW,
							 "total of a call tree is out of range");
		if (i > 0)
			sum[parent[i]] += sum[i];
	}
	return true;
}

/*
 * The sum of each node's own value and those of all its descendants, into
 * total[nnodes].
 *
 * parent[]: before the node itself; node 0 is the root.  Whether a total
 * leaves int64 does not depend on the order of children.  Returns false with
 * PYRO_OVERFLOW or PYRO_NO_MEMORY.
 */
bool
sum_subtrees(const uint32 *parent, const int64 *self, uint32 nnodes,
			 int64 *total, const Allocator *scratch, PyroError *error)
{
	bool		overflows = false;

	memcpy(total, self, nnodes * sizeof(int64));
	for (uint32 i = nnodes; i-- > 1 && !overflows;)
	{
		allocator_poll(scratch, i);
		overflows = pg_add_s64_overflow(total[parent[i]], total[i],
										&total[parent[i]]);
	}
	return !overflows ||
		sum_widely(parent, self, nnodes, total, scratch, error);
}
