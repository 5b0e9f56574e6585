/*
 * flame_tree.h
 *	  A call tree ready for reading: what every renderer works on.
 *
 * Nodes stand in pre-order.  Node 0 is the root, at level 0, and has no name
 * of its own; renderers call it "total".  Children are ordered bytewise by
 * name and siblings never share one.  Nothing is built to read a tree: a
 * FlameTree points into the flat form of a `flamegraph` (flame_flat.h) or
 * into arrays that a transform has made.
 */
#ifndef PYRO_FLAME_TREE_H
#define PYRO_FLAME_TREE_H

#include "stack/string_ref.h"

/* name[] of the root */
#define FLAME_NO_NAME	PG_UINT32_MAX

typedef struct FlameTree
{
	bool		is_typed;		/* false: nothing with a sample type went in */
	StringRef	type;			/* sample type, e.g. cpu; "" while untyped */
	StringRef	unit;			/* e.g. nanoseconds */
	int64		nprofiles;		/* profiles that went in */
	int64		duration_nanos; /* their summed duration */

	uint32		nnodes;			/* at least 1: the root */
	const uint32 *level;		/* level[0] is 0; steps down by at most 1 */
	const uint32 *name;			/* index into the names */
	const int64 *self;
	const int64 *total;			/* self and all descendants' */

	uint32		nnames;			/* sorted bytewise, each one once */
	const uint32 *name_end;		/* where a name ends in name_bytes */
	const char *name_bytes;
} FlameTree;

static inline StringRef
flame_name(const FlameTree *tree, uint32 name)
{
	uint32		start = name == 0 ? 0 : tree->name_end[name - 1];

	return string_ref(tree->name_bytes + start, tree->name_end[name] - start);
}

/* The name of a node, "total" for the root. */
static inline StringRef
flame_node_name(const FlameTree *tree, uint32 node)
{
	if (tree->name[node] == FLAME_NO_NAME)
		return string_ref("total", 5);
	return flame_name(tree, tree->name[node]);
}

static inline uint32
flame_deepest_level(const FlameTree *tree)
{
	uint32		deepest = 0;

	for (uint32 i = 0; i < tree->nnodes; i++)
		deepest = Max(deepest, tree->level[i]);
	return deepest;
}

#endif							/* PYRO_FLAME_TREE_H */
