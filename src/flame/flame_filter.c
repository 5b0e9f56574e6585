/*
 * flame_filter.c
 *	  The filters of pprof over call trees.
 *
 * What each of them keeps is what google/pprof's package profile does to a
 * profile whose locations have one line each and nothing but a function name
 * (FilterSamplesByName and ShowFrom in filter.go, PruneFrom in prune.go):
 *
 *	focus		stacks that have a matching frame
 *	ignore		stacks that have none, but some frame
 *	hide, show	all stacks without their matching, or their other frames; a
 *				stack of which no frame is left goes, and so does one that
 *				never had any
 *	show_from	stacks that have a matching frame, from the outermost one
 *	prune_from	all stacks; those that have a matching frame end at the
 *				innermost one
 *
 * So of all filters only prune_from keeps stacks without frames, the root's
 * self value.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "flame/flame_filter.h"
#include "flame/flame_transform.h"

/*
 * focus and ignore: stacks as they are, or not at all.
 *
 * `inside` is the level of the outermost matching frame of the present path,
 * beyond all levels where none matches.
 */
static bool
filter_stacks(FlameTransform *t, const bool *matches, bool wanted)
{
	const FlameTree *tree = t->from;
	uint32		inside = PG_UINT32_MAX;

	for (uint32 i = 1; i < tree->nnodes; i++)
	{
		uint32		level = tree->level[i];
		uint32	   *at = &t->at[level];

		if (level <= inside)
			inside = matches[tree->name[i]] ? level : PG_UINT32_MAX;
		if (inside <= level && !wanted)
			continue;
		/* the way to a match further in is needed, too */
		if (!flame_transform_child(t, at[-1], tree->name[i], at))
			return false;
		if ((inside <= level) == wanted &&
			!call_tree_add_self(t->to, *at, tree->self[i], t->error))
			return false;
	}
	return true;
}

/*
 * hide, show and show_from: some frames of each stack, if any.
 *
 * at[] is where the kept frames of the present path lead; at the root there
 * are none.
 */
static bool
filter_frames(FlameTransform *t, const bool *matches, FlameFilter filter)
{
	const FlameTree *tree = t->from;

	for (uint32 i = 1; i < tree->nnodes; i++)
	{
		uint32	   *at = &t->at[tree->level[i]];
		bool		kept = matches[tree->name[i]] != (filter == FLAME_HIDE);

		if (filter == FLAME_SHOW_FROM && at[-1] != 0)
			kept = true;
		if (!kept)
			at[0] = at[-1];
		else if (!flame_transform_child(t, at[-1], tree->name[i], at))
			return false;
		if (at[0] != 0 &&
			!call_tree_add_self(t->to, at[0], tree->self[i], t->error))
			return false;
	}
	return true;
}

/*
 * prune_from: values move outwards to the innermost matching frame.
 *
 * last[] is where that stands in the result, 0 where no frame of the present
 * path matches.
 */
static bool
filter_ends(FlameTransform *t, const bool *matches)
{
	const FlameTree *tree = t->from;
	uint32	   *last = allocate_array(t->scratch,
									  (size_t) flame_deepest_level(tree) + 1,
									  sizeof(uint32));

	if (last == NULL)
		return pyro_fail_memory(t->error);
	last[0] = 0;
	if (!call_tree_add_self(t->to, 0, tree->self[0], t->error))
		return false;
	for (uint32 i = 1; i < tree->nnodes; i++)
	{
		uint32		level = tree->level[i];
		uint32	   *at = &t->at[level];

		if (!flame_transform_child(t, at[-1], tree->name[i], at))
			return false;
		last[level] = matches[tree->name[i]] ? *at : last[level - 1];
		if (!call_tree_add_self(t->to, last[level] != 0 ? last[level] : *at,
								tree->self[i], t->error))
			return false;
	}
	return true;
}

/*
 * Put what a filter keeps of a tree into an empty one.
 *
 * matches[name]: by name of the tree; for FLAME_PRUNE_FROM pprof looks at the
 * simplified ones.  Time and memory are linear in the nodes.  Returns false
 * with PYRO_OVERFLOW or PYRO_NO_MEMORY.
 */
bool
flame_filter(FlameFilter filter, const FlameTree *tree, const bool *matches,
			 CallTree *result, const Allocator *scratch, PyroError *error)
{
	FlameTransform t;

	if (!flame_transform_init(&t, tree, result, scratch, error))
		return false;
	switch (filter)
	{
		case FLAME_FOCUS:
		case FLAME_IGNORE:
			return filter_stacks(&t, matches, filter == FLAME_FOCUS);
		case FLAME_HIDE:
		case FLAME_SHOW:
		case FLAME_SHOW_FROM:
			return filter_frames(&t, matches, filter);
		case FLAME_PRUNE_FROM:
			return filter_ends(&t, matches);
	}
	pg_unreachable();
}

static bool
starts_with(StringRef string, uint32 from, StringRef start)
{
	return string.length - from >= start.length &&
		memcmp(string.data + from, start.data, start.length) == 0;
}

/*
 * A function name as prune_from sees it, part of the given one: without a
 * leading dot, as PowerPC has it, and without what stands behind the first
 * parenthesis, other than those of "(anonymous namespace)" and "operator()"
 * (simplifyFunc in prune.go).
 */
StringRef
flame_simplified_name(StringRef name)
{
	StringRef	anonymous = string_ref_literal("(anonymous namespace)");
	StringRef	call = string_ref_literal("operator()");

	if (name.length > 0 && name.data[0] == '.')
		name = string_ref(name.data + 1, name.length - 1);
	for (uint32 i = 0; i < name.length; i++)
	{
		if (starts_with(name, i, anonymous))
			i += anonymous.length - 1;
		else if (starts_with(name, i, call))
			i += call.length - 1;
		else if (name.data[i] == '(')
			return string_ref(name.data, i);
	}
	return name;
}
