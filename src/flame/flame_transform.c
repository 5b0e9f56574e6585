/*
 * flame_transform.c
 *	  From a call tree that is read to one that grows: what transforms share,
 *	  and the simplest ones.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "flame/flame_transform.h"

/*
 * Begin a transform: all names are known to the new tree, at[0] is its root.
 *
 * Names that no node comes to have are left out when the tree is flattened.
 * Arrays come from scratch.  Returns false with PYRO_NO_MEMORY.
 */
bool
flame_transform_init(FlameTransform *t, const FlameTree *from, CallTree *to,
					 const Allocator *scratch, PyroError *error)
{
	*t = (FlameTransform)
	{
		.from = from,.to = to,.scratch = scratch,.error = error
	};
	t->name = allocate_array(scratch, from->nnames, sizeof(uint32));
	t->at = allocate_array(scratch, (size_t) flame_deepest_level(from) + 1,
						   sizeof(uint32));
	if (t->name == NULL || t->at == NULL)
		return pyro_fail_memory(error);
	for (uint32 i = 0; i < from->nnames; i++)
		if (!call_tree_intern(to, flame_name(from, i), &t->name[i], error))
			return false;
	t->at[0] = 0;
	return true;
}

/*
 * All nodes below the root, each with its own value, below what t->at[0] is.
 */
static bool
add_nodes(FlameTransform *t)
{
	const FlameTree *tree = t->from;

	for (uint32 i = 1; i < tree->nnodes; i++)
	{
		uint32	   *at = &t->at[tree->level[i]];

		if (!flame_transform_child(t, at[-1], tree->name[i], at) ||
			!call_tree_add_self(t->to, *at, tree->self[i], t->error))
			return false;
	}
	return true;
}

/*
 * Add all nodes of one tree to a growing one, which need not be empty.
 * Returns false with PYRO_OVERFLOW, PYRO_LIMIT or PYRO_NO_MEMORY.
 */
bool
call_tree_add_flame(CallTree *tree, const FlameTree *flame,
					const Allocator *scratch, PyroError *error)
{
	FlameTransform t;

	return flame_transform_init(&t, flame, tree, scratch, error) &&
		call_tree_add_self(tree, 0, flame->self[0], error) &&
		add_nodes(&t);
}

/*
 * Every stack with one more frame at its root, empty ones too.
 *
 * Returns false with PYRO_LIMIT, PYRO_OVERFLOW or PYRO_NO_MEMORY.
 */
bool
flame_prefix(const FlameTree *tree, StringRef root, CallTree *result,
			 const Allocator *scratch, PyroError *error)
{
	FlameTransform t;
	uint32		name;

	return flame_transform_init(&t, tree, result, scratch, error) &&
		call_tree_intern(result, root, &name, error) &&
		call_tree_child(result, 0, name, &t.at[0], error) &&
		call_tree_add_self(result, t.at[0], tree->self[0], error) &&
		add_nodes(&t);
}

/*
 * Take the values of a tree from those of another, node by node.
 *
 * Unlike other results this one need not be empty before.  Returns false with
 * PYRO_LIMIT, PYRO_OVERFLOW or PYRO_NO_MEMORY.
 */
bool
flame_subtract(const FlameTree *tree, CallTree *result,
			   const Allocator *scratch, PyroError *error)
{
	FlameTransform t;

	if (!flame_transform_init(&t, tree, result, scratch, error))
		return false;
	for (uint32 i = 0; i < tree->nnodes; i++)
	{
		uint32	   *at = &t.at[tree->level[i]];

		if (i > 0 && !flame_transform_child(&t, at[-1], tree->name[i], at))
			return false;
		if (pg_sub_s64_overflow(result->self[*at], tree->self[i],
								&result->self[*at]))
			return pyro_fail(error, PYRO_OVERFLOW,
							 "difference of the values of call trees is out of range");
	}
	return true;
}
