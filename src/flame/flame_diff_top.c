/*
 * flame_diff_top.c
 *	  Functions of two call trees side by side.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "common/int.h"

#include "flame/flame_diff_top.h"
#include "flame/flame_top.h"
#include "stack/running_scale.h"
#include "stack/sequence_entry.h"
#include "stack/subtree_sums.h"

/* By the size of the change descending, then name. */
static inline uint64
change_symbol(const FlameChange *changes, uint32 item, uint32 position)
{
	int64		delta = changes[item].delta;

	if (position > 0)
		return changes[item].name;
	return ~(delta < 0 ? -(uint64) delta : (uint64) delta);
}

/* Values come from outside: no choice of them may make sorting slow. */
#define SEQUENCE_SORT sort_changes
#define SEQUENCE_CONTEXT const FlameChange *
#define SEQUENCE_SYMBOL(context, item, position) \
	change_symbol(context, item, position)
#define SEQUENCE_LAST(context, item, position) ((position) == 1)
#include "stack/sequence_sort.h"

static bool
sort_by_size(const FlameChange *changes, uint32 n, const Allocator *allocator,
			 FlameChange **sorted, PyroError *error)
{
	SequenceScratch scratch;

	*sorted = allocate_or_fail(allocator, n, sizeof(FlameChange), error);
	if (*sorted == NULL ||
		!sequence_scratch_init(&scratch, n, allocator, error))
		return false;
	sort_changes(changes, scratch.entries, scratch.items, scratch.same, n);
	for (uint32 i = 0; i < n; i++)
		(*sorted)[i] = changes[scratch.items[i]];
	return true;
}

/* A sum of the base, scaled. */
static bool
scale_sum(const FlameDiff *diff, int64 sum, int64 *scaled, PyroError *error)
{
	return scale_running_sums(&sum, 1, diff->numerator, diff->denominator,
							  scaled, error);
}

/*
 * All functions of either tree, by what their totals changed by, the largest
 * change in either direction first; ties by name.
 *
 * The base's values are scaled by function, each rounded once, so that they
 * are not what the scaled nodes add up to.  *changes has as many
 * elements as the diff's tree has names and comes from the allocator.
 * Returns false with PYRO_OVERFLOW or PYRO_NO_MEMORY.
 */
bool
flame_diff_top(const FlameDiff *diff, const Allocator *allocator,
			   FlameChange **changes, PyroError *error)
{
	FlameTree	left = diff->tree;
	FlameTree	right = diff->tree;
	uint32		n = right.nnames;
	FlameChange *all = allocate_array(allocator, n, sizeof(FlameChange));
	int64	   *exact_total = allocate_array(allocator, left.nnodes,
											 sizeof(int64));
	FlameFunction *base;
	FlameFunction *comparison;

	if (all == NULL || exact_total == NULL)
		return pyro_fail_memory(error);
	if (!sum_subtrees(diff->parent, diff->exact_self, left.nnodes,
					  exact_total, allocator, error))
		return false;
	left.self = diff->exact_self;
	left.total = exact_total;
	right.self = diff->right_self;
	right.total = diff->right_total;
	if (!flame_count_functions(&left, allocator, &base, error) ||
		!flame_count_functions(&right, allocator, &comparison, error))
		return false;
	for (uint32 i = 0; i < n; i++)
	{
		all[i] = (FlameChange)
		{
			.name = i,
				.comparison_self = comparison[i].self,
				.comparison_total = comparison[i].total
		};
		if (!scale_sum(diff, base[i].self, &all[i].base_self, error) ||
			!scale_sum(diff, base[i].total, &all[i].base_total, error))
			return false;
		if (pg_sub_s64_overflow(comparison[i].total, all[i].base_total,
								&all[i].delta))
			return pyro_fail(error, PYRO_OVERFLOW,
							 "change of the total of a function is out of range");
	}
	return sort_by_size(all, n, allocator, changes, error);
}
