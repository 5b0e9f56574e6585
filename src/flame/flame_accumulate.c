/*
 * flame_accumulate.c
 *	  Add the samples of profiles to call trees.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "flame/flame_accumulate.h"

/* Make the tree with this serial the owner of a scratch. */
static void
take_scratch(StackScratch *scratch, uint64 serial)
{
	if (scratch->owner == serial)
		return;
	for (uint32 i = 0; i < scratch->ntouched; i++)
		scratch->target[scratch->touched[i]] = STACK_SCRATCH_UNMAPPED;
	scratch->ntouched = 0;
	scratch->owner = serial;
}

/* Samples between asking for a self value and adding to it. */
#define PREFETCH_DISTANCE	16

/* Add the values of all samples to the nodes that their stacks have. */
static bool
add_values(CallTree *tree, const ProfileView *view, const uint32 *target,
		   PyroError *error)
{
	const uint32 *node = view->sample_node;
	const int64 *values = view->values;

	for (uint32 i = 0; i < view->nsamples; i++)
	{
		allocator_poll(tree->allocator, i);
		/* the target of a sample without value may not be set */
		if (i + PREFETCH_DISTANCE < view->nsamples &&
			values[i + PREFETCH_DISTANCE] != 0)
			__builtin_prefetch(&tree->self[target[node[i + PREFETCH_DISTANCE]]]);
		if (values[i] != 0 &&
			!call_tree_add_self(tree, target[node[i]], values[i], error))
			return false;
	}
	return true;
}

/*
 * Flags of the nodes on the way to some sample with a value; *needed is NULL
 * where all are.
 */
static bool
flag_needed(const ProfileView *view, const Allocator *allocator,
			bool **needed, PyroError *error)
{
	const StackDictionary *stacks = view->stacks;
	bool		all_needed = true;

	*needed = NULL;
	for (uint32 i = 0; i < view->nsamples; i++)
		all_needed &= view->values[i] != 0;
	if (all_needed)
		return true;
	*needed = allocate_or_fail(allocator, stacks->nnodes, sizeof(bool), error);
	if (*needed == NULL)
		return false;
	memset(*needed, false, stacks->nnodes * sizeof(bool));
	for (uint32 i = 0; i < view->nsamples; i++)
		(*needed)[view->sample_node[i]] |= view->values[i] != 0;
	for (uint32 node = stacks->nnodes; node-- > 1;)
		(*needed)[stacks->node_parent[node]] |= (*needed)[node];
	return true;
}

/* A dictionary of its own: map its trie, then forget it. */
static bool
add_own_view(CallTree *tree, const ProfileView *view,
			 const Allocator *allocator, PyroError *error)
{
	const StackDictionary *stacks = view->stacks;
	uint32	   *target = allocate_array(allocator, stacks->nnodes,
										sizeof(uint32));
	FrameNames	names;
	bool	   *needed;
	uint32	   *nodes;
	uint32		nnodes;

	if (target == NULL)
		return pyro_fail_memory(error);
	memset(target, 0, stacks->nnodes * sizeof(uint32));
	return flag_needed(view, allocator, &needed, error) &&
		stack_nodes_by_depth(stacks, needed, allocator, &nodes, &nnodes,
							 error) &&
		call_tree_name_frames(tree, stacks, nodes, nnodes, allocator, &names,
							  error) &&
		call_tree_map_nodes(tree, stacks, &names, nodes, nnodes, target,
							error) &&
		add_values(tree, view, target, error);
}

static int
compare_nodes(const void *x, const void *y)
{
	uint32		a = *(const uint32 *) x;
	uint32		b = *(const uint32 *) y;

	return a < b ? -1 : a > b;
}

/* Stands for a target that is about to be made. */
#define PENDING		(STACK_SCRATCH_UNMAPPED - 1)

/*
 * A shared dictionary: map only what these samples touch for the first time
 * since the tree has owned the scratch.
 */
static bool
add_shared_view(CallTree *tree, uint64 serial, const ProfileView *view,
				PyroError *error)
{
	const StackDictionary *stacks = view->stacks;
	StackScratch *scratch = view->scratch;
	uint32		first;

	take_scratch(scratch, serial);
	scratch->target[0] = 0;
	first = scratch->ntouched;
	for (uint32 i = 0; i < view->nsamples; i++)
	{
		uint32		node = view->sample_node[i];

		while (view->values[i] != 0 &&
			   scratch->target[node] == STACK_SCRATCH_UNMAPPED)
		{
			scratch->target[node] = PENDING;
			scratch->touched[scratch->ntouched++] = node;
			node = stacks->node_parent[node];
		}
	}
	/* parents stand before their children */
	qsort(scratch->touched + first, scratch->ntouched - first,
		  sizeof(uint32), compare_nodes);
	if (!call_tree_map_nodes(tree, stacks, NULL, scratch->touched + first,
							 scratch->ntouched - first, scratch->target,
							 error))
	{
		scratch->owner = 0;		/* what is pending is nowhere */
		return false;
	}
	return add_values(tree, view, scratch->target, error);
}

/*
 * Add the samples of a view to a tree.
 *
 * serial: a number that no other tree of this process has or had, not 0; it
 * tells whose a shared scratch is without keeping pointers to trees that may
 * be gone.  allocator: memory that is not needed afterwards.  Samples of
 * value 0 leave no trace.
 *
 * Returns false with PYRO_OVERFLOW, PYRO_LIMIT or PYRO_NO_MEMORY; the tree
 * then holds a part of the samples and must not be used.
 */
bool
call_tree_add_view(CallTree *tree, uint64 serial, const ProfileView *view,
				   const Allocator *allocator, PyroError *error)
{
	if (view->scratch == NULL)
		return add_own_view(tree, view, allocator, error);
	return add_shared_view(tree, serial, view, error);
}
