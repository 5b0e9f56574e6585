/*
 * preorder.h
 *	  Trees as pre-order arrays of depths and symbols.
 *
 * Stack tries (symbol: location) and call trees (symbol: name) have the same
 * shape: nodes in pre-order, node 0 the root at depth 0, siblings ordered by
 * a symbol that no two of them share.
 */
#ifndef PYRO_PREORDER_H
#define PYRO_PREORDER_H

#include "stack/allocator.h"

typedef struct PreorderTree
{
	uint32		nnodes;			/* at least 1 */
	const uint32 *depth;
	const uint32 *symbol;		/* the root's is not looked at */
} PreorderTree;

extern uint32 *preorder_parents(const uint32 *depth, uint32 nnodes,
								const Allocator *allocator,
								PyroError *error);
extern uint32 preorder_merge(PreorderTree a, const uint32 *symbol_map_a,
							 PreorderTree b, const uint32 *symbol_map_b,
							 uint32 *map_a, uint32 *map_b,
							 uint32 *depth, uint32 *symbol);

#endif							/* PYRO_PREORDER_H */
