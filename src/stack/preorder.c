/*
 * preorder.c
 *	  Trees that are pre-order arrays of depths and symbols.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "stack/preorder.h"

/*
 * The parent of each node, the root's being itself; NULL with PYRO_NO_MEMORY.
 */
uint32 *
preorder_parents(const uint32 *depth, uint32 nnodes,
				 const Allocator *allocator, PyroError *error)
{
	uint32	   *parent = allocate_or_fail(allocator, nnodes, sizeof(uint32),
										  error);

	if (parent == NULL)
		return NULL;
	parent[0] = 0;
	for (uint32 i = 1; i < nnodes; i++)
	{
		uint32		above = i - 1;

		/* of all that stand on the way to the node before */
		while (depth[above] >= depth[i])
			above = parent[above];
		parent[i] = above;
	}
	return parent;
}

/*
 * Merge two trees into the one that has the paths of both.
 *
 * symbol_map_x translates the symbols of a tree to common ones and must keep
 * their order; NULL is the identity.  map_x[node] becomes the node of the
 * result; map_a has a.nnodes elements, map_b b.nnodes.  depth and symbol
 * receive the result and must have room for a.nnodes + b.nnodes - 1 elements.
 *
 * Returns the number of nodes of the result.
 *
 * Why one comparison a node is enough: the deeper of the two cursors is
 * inside a subtree that the other has left or does not have, so it goes
 * first; at equal depth both stand below the same merged parent.
 */
uint32
preorder_merge(PreorderTree a, const uint32 *symbol_map_a,
			   PreorderTree b, const uint32 *symbol_map_b,
			   uint32 *map_a, uint32 *map_b,
			   uint32 *depth, uint32 *symbol)
{
	uint32		i = 1;
	uint32		j = 1;
	uint32		n = 1;

	map_a[0] = map_b[0] = 0;
	depth[0] = 0;
	symbol[0] = 0;
	while (i < a.nnodes || j < b.nnodes)
	{
		uint32		depth_a = i < a.nnodes ? a.depth[i] : 0;
		uint32		depth_b = j < b.nnodes ? b.depth[j] : 0;
		uint32		symbol_a = 0;
		uint32		symbol_b = 0;
		bool		take_a = depth_a >= depth_b;
		bool		take_b = depth_b >= depth_a;

		if (depth_a > 0)
			symbol_a = symbol_map_a ? symbol_map_a[a.symbol[i]] : a.symbol[i];
		if (depth_b > 0)
			symbol_b = symbol_map_b ? symbol_map_b[b.symbol[j]] : b.symbol[j];
		if (take_a && take_b)
		{
			take_a = symbol_a <= symbol_b;
			take_b = symbol_b <= symbol_a;
		}
		depth[n] = take_a ? depth_a : depth_b;
		symbol[n] = take_a ? symbol_a : symbol_b;
		if (take_a)
			map_a[i++] = n;
		if (take_b)
			map_b[j++] = n;
		n++;
	}
	return n;
}
