/*
 * flame_sandwich.c
 *	  Call trees that begin at their stacks' inner ends.
 *
 * The reverse of a tree is larger than the tree where stacks end differently:
 * a chain of n frames that all have self values becomes n chains.  What is
 * added is bounded by CALL_TREE_MAX_NODES, and the way there can be stopped.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "flame/flame_sandwich.h"
#include "flame/flame_transform.h"

/*
 * Frames to walk at most.  A few bytes of text can make a deep tree whose
 * turned stacks are long, even if they share all their nodes.
 */
#define MAX_STEPS	UINT64CONST(200000000)

static bool
fail_too_long(PyroError *error, uint64 nsteps)
{
	return pyro_fail(error, PYRO_LIMIT,
					 "stacks of the call tree have " UINT64_FORMAT " frames or more, too many to turn them around",
					 nsteps);
}

/*
 * Add a value to the stack of the present path up to a level, turned around.
 * t->at[] holds the path's names.
 */
static bool
add_reversed(FlameTransform *t, uint32 level, int64 value)
{
	uint32		node = 0;

	for (; level > 0; level--)
		if (!flame_transform_child(t, node, t->at[level], &node))
			return false;
	return call_tree_add_self(t->to, node, value, t->error);
}

/*
 * The upper half of a sandwich: who calls some functions, from them to the
 * root.
 *
 * Each stack with a matching frame counts once, with the frames from its
 * outermost matching one outwards, so that the total is that of the function
 * in flame_top(); pprof's flame graph and speedscope take the outermost one,
 * too.  The lower half is flame_filter() with FLAME_SHOW_FROM.
 *
 * matches[name]: by name of the tree.  result is empty before.  Returns false
 * with PYRO_LIMIT, PYRO_OVERFLOW or PYRO_NO_MEMORY.
 */
bool
flame_callers(const FlameTree *tree, const bool *matches, CallTree *result,
			  const Allocator *scratch, PyroError *error)
{
	FlameTransform t;
	uint32		inside = PG_UINT32_MAX; /* level of the outermost match */
	uint64		nsteps = 0;

	if (!flame_transform_init(&t, tree, result, scratch, error))
		return false;
	for (uint32 i = 1; i < tree->nnodes; i++)
	{
		uint32		level = tree->level[i];

		if (level > inside)
			continue;
		inside = PG_UINT32_MAX;
		t.at[level] = tree->name[i];
		if (!matches[tree->name[i]])
			continue;
		inside = level;
		if (tree->total[i] == 0)
			continue;
		nsteps += level;
		if (nsteps > MAX_STEPS)
			return fail_too_long(error, nsteps);
		if (!add_reversed(&t, level, tree->total[i]))
			return false;
	}
	return true;
}

/*
 * All stacks turned around: a tree from the innermost frames to the roots.
 *
 * result is empty before.  Returns false with PYRO_LIMIT, PYRO_OVERFLOW or
 * PYRO_NO_MEMORY.
 */
bool
flame_invert(const FlameTree *tree, CallTree *result,
			 const Allocator *scratch, PyroError *error)
{
	FlameTransform t;
	uint64		nsteps = 0;

	for (uint32 i = 1; i < tree->nnodes; i++)
		nsteps += tree->self[i] != 0 ? tree->level[i] : 0;
	if (nsteps > MAX_STEPS)
		return fail_too_long(error, nsteps);
	if (!flame_transform_init(&t, tree, result, scratch, error) ||
		!call_tree_add_self(result, 0, tree->self[0], error))
		return false;
	for (uint32 i = 1; i < tree->nnodes; i++)
	{
		t.at[tree->level[i]] = tree->name[i];
		if (tree->self[i] != 0 &&
			!add_reversed(&t, tree->level[i], tree->self[i]))
			return false;
	}
	return true;
}
