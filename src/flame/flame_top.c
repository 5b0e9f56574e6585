/*
 * flame_top.c
 *	  Functions of a call tree by self and total.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "common/int.h"

#include "flame/flame_top.h"

static bool
add(int64 *sum, int64 value, PyroError *error)
{
	if (pg_add_s64_overflow(*sum, value, sum))
		return pyro_fail(error, PYRO_OVERFLOW,
						 "sum of the values of a function is out of range");
	return true;
}

/* By self descending, then total descending, then name. */
static int
compare_functions(const void *x, const void *y)
{
	const FlameFunction *a = x;
	const FlameFunction *b = y;

	if (a->self != b->self)
		return a->self > b->self ? -1 : 1;
	if (a->total != b->total)
		return a->total > b->total ? -1 : 1;
	return a->name < b->name ? -1 : a->name > b->name;
}

/* The names of the nodes from the root to the present one. */
typedef struct Path
{
	uint32	   *name;			/* by level */
	uint32	   *open;			/* by name: how often it is on the path */
	uint32		depth;
} Path;

static bool
init_path(Path *path, const FlameTree *tree, const Allocator *allocator,
		  PyroError *error)
{
	uint32		deepest;

	deepest = flame_deepest_level(tree);
	path->name = allocate_array(allocator, (size_t) deepest + 1,
								sizeof(uint32));
	path->open = allocate_array(allocator, tree->nnames, sizeof(uint32));
	if (path->name == NULL || path->open == NULL)
		return pyro_fail_memory(error);
	memset(path->open, 0, tree->nnames * sizeof(uint32));
	path->depth = 1;
	return true;
}

/*
 * All functions of a tree, by self descending; ties by total, then name.
 *
 * A function that calls itself counts once in its total: a node adds only
 * where no ancestor has its name.  *functions has tree->nnames elements and
 * comes from the allocator.  Returns false with PYRO_OVERFLOW or
 * PYRO_NO_MEMORY.
 */
bool
flame_top(const FlameTree *tree, const Allocator *allocator,
		  FlameFunction **functions, PyroError *error)
{
	Path		path;
	FlameFunction *all = allocate_array(allocator, tree->nnames,
										sizeof(FlameFunction));

	if (all == NULL)
		return pyro_fail_memory(error);
	if (!init_path(&path, tree, allocator, error))
		return false;
	for (uint32 i = 0; i < tree->nnames; i++)
		all[i] = (FlameFunction)
	{
		.name = i
	};
	for (uint32 i = 1; i < tree->nnodes; i++)
	{
		uint32		level = tree->level[i];
		uint32		name = tree->name[i];

		while (path.depth > level)
			path.open[path.name[--path.depth]]--;
		if (!add(&all[name].self, tree->self[i], error))
			return false;
		if (path.open[name]++ == 0 &&
			!add(&all[name].total, tree->total[i], error))
			return false;
		path.name[level] = name;
		path.depth = level + 1;
	}
	qsort(all, tree->nnames, sizeof(FlameFunction), compare_functions);
	*functions = all;
	return true;
}

/*
 * The total of all stacks that pass through at least one matching function,
 * each counted once.
 *
 * matches[name]: by name of the tree.  Returns false with PYRO_OVERFLOW.
 */
bool
flame_total_through(const FlameTree *tree, const bool *matches, int64 *total,
					PyroError *error)
{
	uint32		inside = PG_UINT32_MAX; /* level of the topmost match */

	*total = 0;
	for (uint32 i = 1; i < tree->nnodes; i++)
	{
		if (tree->level[i] > inside)
			continue;
		inside = PG_UINT32_MAX;
		if (!matches[tree->name[i]])
			continue;
		inside = tree->level[i];
		if (!add(total, tree->total[i], error))
			return false;
	}
	return true;
}
