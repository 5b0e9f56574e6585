/*
 * name_tree_check.h
 *	  What every name tree that has been read can be relied on for.
 */
#ifndef PYRO_NAME_TREE_CHECK_H
#define PYRO_NAME_TREE_CHECK_H

#include "block/name_tree.h"

/* NULL, or what is wrong with a tree in itself. */
static inline const char *
find_wrong_name_tree(const NameTree *tree)
{
	for (uint32 i = 1; i < tree->nnames; i++)
		if (string_ref_compare(tree->names[i - 1], tree->names[i]) >= 0)
			return "names are not in order";
	if (tree->nnodes == 0 || tree->node_parent[0] != 0 ||
		tree->first_child[0] != 1 ||
		tree->first_child[tree->nnodes] != tree->nnodes)
		return "the ends of the tree";
	for (uint32 i = 0; i < tree->nnodes; i++)
		if (tree->first_child[i] > tree->first_child[i + 1] ||
			tree->first_child[i] <= i)
			return "children are not behind those of the node before";
	for (uint32 i = 1; i < tree->nnodes; i++)
	{
		uint32		parent = tree->node_parent[i];

		if (parent >= i || i < tree->first_child[parent] ||
			i >= tree->first_child[parent + 1])
			return "a node is not its parent's child";
		if (tree->node_name[i] >= tree->nnames)
			return "a name does not exist";
		if (i > tree->first_child[parent] &&
			tree->node_name[i - 1] >= tree->node_name[i])
			return "siblings are not in order of names";
	}
	return NULL;
}

#endif							/* PYRO_NAME_TREE_CHECK_H */
