/*
 * name_tree.h
 *	  The stacks of a block by the names of their frames alone, and where each
 *	  stack is there.
 *
 * Flame graphs, top tables and diffs need no more, and it has half of the
 * nodes of the exact trie.  Nodes stand in breadth-first order, the children
 * of one together and by name.  So where a stack is need not be stored: its
 * frames are looked up from node to node.
 *
 *	names, their bytes, nodes	how many there are (varints)
 *	strings						as those of a dictionary (dictionary_codec.h)
 *	depths						how many there are, and nodes of each (varints)
 *	tree						in pre-order (symbol_tree.h)
 */
#ifndef PYRO_NAME_TREE_H
#define PYRO_NAME_TREE_H

#include "profile/compression.h"
#include "stack/packed_array.h"
#include "stack/stack_dictionary.h"

typedef struct NameTree
{
	uint32		nnames;
	StringRef  *names;			/* bytewise order, each once */
	uint32		nnodes;			/* node 0 is the root */
	uint32	   *node_parent;
	uint32	   *node_name;		/* unused for the root */
	uint32	   *first_child;	/* nnodes + 1; children of i: [i] to [i + 1] */
	uint32		nstacks;		/* nodes of the exact trie, or 0: not known */
	uint32	   *stack_node;		/* [node of the trie]: its innermost frame's */
} NameTree;

extern bool name_tree_build(const StackDictionary *stacks,
							const Allocator *allocator, NameTree *tree,
							PyroError *error);
extern bool name_tree_write(const NameTree *tree, const Allocator *scratch,
							TextBuffer *out, PyroError *error);
extern bool name_tree_read(ByteRange bytes, size_t max_memory,
						   const Allocator *allocator, NameTree *tree,
						   PyroError *error);
extern bool name_tree_find_stacks(NameTree *tree,
								  const StackDictionary *stacks,
								  const Allocator *allocator,
								  PyroError *error);

#endif							/* PYRO_NAME_TREE_H */
