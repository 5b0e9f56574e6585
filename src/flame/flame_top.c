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
#include "stack/sequence_entry.h"

static bool
add(int64 *sum, int64 value, PyroError *error)
{
	if (pg_add_s64_overflow(*sum, value, sum))
		return pyro_fail(error, PYRO_OVERFLOW,
						 "sum of the values of a function is out of range");
	return true;
}

/* By self descending, then total descending, then name. */
static inline uint64
function_symbol(const FlameFunction *functions, uint32 item, uint32 position)
{
	const FlameFunction *function = &functions[item];

	if (position == 2)
		return function->name;
	return ~((uint64) (position == 0 ? function->self : function->total) ^
			 ((uint64) 1 << 63));
}

/* Values come from outside: no choice of them may make sorting slow. */
#define SEQUENCE_SORT sort_functions
#define SEQUENCE_CONTEXT const FlameFunction *
#define SEQUENCE_SYMBOL(context, item, position) \
	function_symbol(context, item, position)
#define SEQUENCE_LAST(context, item, position) ((position) == 2)
#include "stack/sequence_sort.h"

static bool
sort_top(FlameFunction *functions, uint32 n, const Allocator *allocator,
		 FlameFunction **sorted, PyroError *error)
{
	SequenceScratch scratch;

	*sorted = allocate_or_fail(allocator, n, sizeof(FlameFunction), error);
	if (*sorted == NULL ||
		!sequence_scratch_init(&scratch, n, allocator, error))
		return false;
	sort_functions(functions, scratch.entries, scratch.items, scratch.same, n);
	for (uint32 i = 0; i < n; i++)
		(*sorted)[i] = functions[scratch.items[i]];
	return true;
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
 * The functions of a tree by name: (*functions)[name].
 *
 * A function that calls itself counts once in its total: a node adds only
 * where no ancestor has its name.  *functions has tree->nnames elements and
 * comes from the allocator.  Returns false with PYRO_OVERFLOW or
 * PYRO_NO_MEMORY.
 */
bool
flame_count_functions(const FlameTree *tree, const Allocator *allocator,
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
	*functions = all;
	return true;
}

/*
 * The same in order: by self descending; ties by total, then name.
 */
bool
flame_top(const FlameTree *tree, const Allocator *allocator,
		  FlameFunction **functions, PyroError *error)
{
	FlameFunction *all;

	return flame_count_functions(tree, allocator, &all, error) &&
		sort_top(all, tree->nnames, allocator, functions, error);
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
