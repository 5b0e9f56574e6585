/*
 * name_tree_build.c
 *	  Make the name tree of a dictionary of stacks.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "block/name_tree.h"
#include "stack/call_tree.h"
#include "stack/counting_sort.h"
#include "stack/hash.h"
#include "stack/string_symbol.h"

#define SEQUENCE_SORT sort_names
#define SEQUENCE_CONTEXT const StringRef *
#define SEQUENCE_SYMBOL(context, item, position) \
	string_symbol((context)[item], position)
#define SEQUENCE_LAST(context, item, position) \
	string_symbol_is_last((context)[item], position)
#include "stack/sequence_sort.h"

/*
 * The names of nodes in bytewise order; rank[name of the call tree] becomes
 * where each is.
 */
static bool
rank_names(const CallTree *calls, const Allocator *allocator, NameTree *tree,
		   uint32 *rank, PyroError *error)
{
	SequenceScratch sort;
	bool	   *used = allocate_array(allocator, calls->nnames, sizeof(bool));
	uint32		n = 0;

	if (used == NULL)
		return pyro_fail_memory(error);
	memset(used, false, calls->nnames * sizeof(bool));
	for (uint32 node = 1; node < calls->nnodes; node++)
		used[calls->name[node]] = true;
	if (!sequence_scratch_init(&sort, calls->nnames, allocator, error))
		return false;
	for (uint32 i = 0; i < calls->nnames; i++)
		if (used[i])
			sort.items[n++] = i;
	sort_names(calls->names, sort.entries, sort.items, sort.same, n);
	tree->nnames = n;
	tree->names = allocate_or_fail(allocator, n, sizeof(StringRef), error);
	if (tree->names == NULL)
		return false;
	for (uint32 i = 0; i < n; i++)
	{
		tree->names[i] = calls->names[sort.items[i]];
		rank[sort.items[i]] = i;
	}
	return true;
}

/*
 * Number the nodes of a call tree breadth-first, siblings by name;
 * place[node of the call tree] becomes its number.
 */
static bool
order_nodes(const CallTree *calls, const Allocator *allocator, NameTree *tree,
			uint32 *place, PyroError *error)
{
	uint32		n = calls->nnodes;
	uint32		longest = Max(n, tree->nnames);
	uint32	   *start = allocate_array(allocator, (size_t) longest + 1,
									   sizeof(uint32));
	uint32	   *by_name = allocate_array(allocator, n, sizeof(uint32));
	uint32	   *children = allocate_array(allocator, n, sizeof(uint32));
	uint32	   *order = allocate_array(allocator, n, sizeof(uint32));
	uint32		next = 1;

	tree->nnodes = n;
	tree->node_parent = allocate_array(allocator, n, sizeof(uint32));
	tree->node_name = allocate_array(allocator, n, sizeof(uint32));
	tree->first_child = allocate_array(allocator, (size_t) n + 1,
									   sizeof(uint32));
	if (start == NULL || by_name == NULL || children == NULL ||
		order == NULL || tree->node_parent == NULL ||
		tree->node_name == NULL || tree->first_child == NULL)
		return pyro_fail_memory(error);
	/* the root is nobody's child */
	counting_sort(calls->name + 1, tree->nnames, NULL, n - 1, start, by_name);
	counting_sort(calls->parent + 1, n, by_name, n - 1, start, children);
	order[0] = place[0] = 0;
	tree->node_parent[0] = tree->node_name[0] = 0;
	for (uint32 i = 0; i < n; i++)
	{
		allocator_poll(allocator, i);
		tree->first_child[i] = next;
		for (uint32 k = start[order[i]]; k < start[order[i] + 1]; k++)
		{
			uint32		child = children[k] + 1;

			order[next] = child;
			place[child] = next;
			tree->node_parent[next] = i;
			tree->node_name[next++] = calls->name[child];
		}
	}
	tree->first_child[n] = n;
	return true;
}

/*
 * Make the name tree of a dictionary, stack_node included.
 *
 * Frames are called as in a flame graph by function: a frame without a
 * function name has its mapped file's in brackets.  Inlined frames of a
 * location are nodes of their own.  Memory of the result, and as much that is
 * not needed afterwards, comes from the allocator; names stay where they are
 * there.  Returns false with PYRO_LIMIT (see call_tree.h) or PYRO_NO_MEMORY.
 */
bool
name_tree_build(const StackDictionary *stacks, const Allocator *allocator,
				NameTree *tree, PyroError *error)
{
	CallTree	calls;
	FrameNames	frame_names;
	uint32	   *nodes;
	uint32		nnodes;
	uint32	   *rank;
	uint32	   *place;

	memset(tree, 0, sizeof(*tree));
	tree->nstacks = stacks->nnodes;
	tree->stack_node = allocate_or_fail(allocator, stacks->nnodes,
										sizeof(uint32), error);
	if (tree->stack_node == NULL ||
		!call_tree_init(&calls, allocator, hash_seed_of(tree->stack_node),
						error) ||
		!stack_nodes_by_depth(stacks, NULL, allocator, &nodes, &nnodes,
							  error) ||
		!call_tree_name_frames(&calls, stacks, nodes, nnodes, allocator,
							   &frame_names, error))
		return false;
	tree->stack_node[0] = 0;
	if (!call_tree_map_nodes(&calls, stacks, &frame_names, nodes, nnodes,
							 tree->stack_node, error))
		return false;
	rank = allocate_array(allocator, calls.nnames, sizeof(uint32));
	place = allocate_array(allocator, calls.nnodes, sizeof(uint32));
	if (rank == NULL || place == NULL)
		return pyro_fail_memory(error);
	if (!rank_names(&calls, allocator, tree, rank, error))
		return false;
	for (uint32 node = 1; node < calls.nnodes; node++)
		calls.name[node] = rank[calls.name[node]];
	if (!order_nodes(&calls, allocator, tree, place, error))
		return false;
	for (uint32 i = 1; i < stacks->nnodes; i++)
		tree->stack_node[i] = place[tree->stack_node[i]];
	return true;
}
