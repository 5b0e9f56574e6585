/*
 * name_tree.h
 *	  The stacks of a block by the names of their frames alone, and where each
 *	  stack is there.
 *
 * Flame graphs, top tables and diffs need no more, and it has a fraction of
 * the nodes of the exact trie.  Nodes stand in breadth-first order, the
 * children of one together and by name, so that a stack's node can be stored
 * as its rank among its parent's children.
 */
#ifndef PYRO_NAME_TREE_H
#define PYRO_NAME_TREE_H

#include "profile/compression.h"
#include "stack/packed_array.h"
#include "stack/stack_dictionary.h"

typedef struct NameTree
{
	uint32		nnames;
	StringRef  *names;			/* bytewise, each once */
	uint32		nnodes;			/* node 0 is the root */
	uint32	   *node_parent;
	uint32	   *node_name;		/* unused for the root */
	uint32	   *first_child;	/* nnodes + 1; children of i: [i] to [i + 1] */
	uint32		nstacks;		/* nodes of the exact trie */
	uint32	   *stack_node;		/* [node of the trie]: its last frame's */
} NameTree;

extern bool name_tree_build(const StackDictionary *stacks,
							const Allocator *allocator, NameTree *tree,
							PyroError *error);
extern bool name_tree_write(const NameTree *tree,
							const StackDictionary *stacks,
							const Allocator *scratch, TextBuffer *out,
							TextBuffer *map, PyroError *error);
extern bool name_tree_read(ByteRange bytes, size_t max_memory,
						   const Allocator *allocator, NameTree *tree,
						   PyroError *error);
extern bool name_tree_read_map(ByteRange map, const StackDictionary *stacks,
							   const Allocator *allocator, NameTree *tree,
							   PyroError *error);

#endif							/* PYRO_NAME_TREE_H */
