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

/*
 * Make the scratch of a dictionary that serves many profiles.  Its memory, 8
 * bytes a node, comes from the allocator.
 */
bool
stack_scratch_init(StackScratch *scratch, const StackDictionary *stacks,
				   const Allocator *allocator, PyroError *error)
{
	scratch->owner = 0;
	scratch->ntouched = 0;
	scratch->target = allocate_array(allocator, stacks->nnodes,
									 sizeof(uint32));
	scratch->touched = allocate_array(allocator, stacks->nnodes,
									  sizeof(uint32));
	if (scratch->target == NULL || scratch->touched == NULL)
		return pyro_fail_memory(error);
	memset(scratch->target, 0xFF, stacks->nnodes * sizeof(uint32));
	return true;
}

/* Make the tree with this serial the owner of a scratch. */
static void
take_scratch(StackScratch *scratch, uint64 serial)
{
	if (scratch->owner == serial)
		return;
	for (uint32 i = 0; i < scratch->ntouched; i++)
		scratch->target[scratch->touched[i]] = CALL_TREE_UNMAPPED;
	scratch->ntouched = 0;
	scratch->owner = serial;
}

/* Add the values of all samples to the nodes that their stacks have. */
static bool
add_values(CallTree *tree, const ProfileView *view, const uint32 *target,
		   PyroError *error)
{
	for (uint32 i = 0; i < view->nsamples; i++)
		if (view->values[i] != 0 &&
			!call_tree_add_self(tree, target[view->sample_node[i]],
								view->values[i], error))
			return false;
	return true;
}

/* A dictionary of its own: map its whole trie, then forget it. */
static bool
add_own_view(CallTree *tree, const ProfileView *view,
			 const Allocator *allocator, PyroError *error)
{
	const StackDictionary *stacks = view->stacks;
	bool	   *needed = allocate_array(allocator, stacks->nnodes,
										sizeof(bool));
	uint32	   *target = allocate_array(allocator, stacks->nnodes,
										sizeof(uint32));

	if (needed == NULL || target == NULL)
		return pyro_fail_memory(error);
	memset(needed, 0, stacks->nnodes * sizeof(bool));
	memset(target, 0xFF, stacks->nnodes * sizeof(uint32));
	for (uint32 i = 0; i < view->nsamples; i++)
		needed[view->sample_node[i]] |= view->values[i] != 0;
	for (uint32 node = stacks->nnodes; node-- > 1;)
		needed[stacks->node_parent[node]] |= needed[node];
	return call_tree_map_stacks(tree, stacks, needed, target, allocator,
								error) &&
		add_values(tree, view, target, error);
}

/*
 * A shared dictionary: map only what these samples touch for the first time
 * since the tree has owned the scratch.
 */
static bool
add_shared_view(CallTree *tree, uint64 serial, const ProfileView *view,
				const Allocator *allocator, PyroError *error)
{
	const StackDictionary *stacks = view->stacks;
	StackScratch *scratch = view->scratch;
	bool	   *needed = NULL;

	take_scratch(scratch, serial);
	for (uint32 i = 0; i < view->nsamples; i++)
	{
		uint32		node = view->sample_node[i];

		if (view->values[i] == 0 ||
			scratch->target[node] != CALL_TREE_UNMAPPED)
			continue;
		if (needed == NULL)
		{
			needed = allocate_array(allocator, stacks->nnodes, sizeof(bool));
			if (needed == NULL)
				return pyro_fail_memory(error);
			memset(needed, 0, stacks->nnodes * sizeof(bool));
		}
		while (!needed[node] &&
			   scratch->target[node] == CALL_TREE_UNMAPPED)
		{
			needed[node] = true;
			scratch->touched[scratch->ntouched++] = node;
			node = stacks->node_parent[node];
		}
	}
	if (needed != NULL &&
		!call_tree_map_stacks(tree, stacks, needed, scratch->target,
							  allocator, error))
	{
		scratch->owner = 0;		/* what is mapped is half done */
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
	return add_shared_view(tree, serial, view, allocator, error);
}
