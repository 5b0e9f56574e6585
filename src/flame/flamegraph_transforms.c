/*
 * flamegraph_transforms.c
 *	  SQL functions that make one flame graph of another, or compare two.
 */
#include "postgres.h"

#include <math.h>

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "compat.h"
#include "flame/flame_diff_top.h"
#include "flame/flame_filter.h"
#include "flame/flame_sandwich.h"
#include "flame/flame_transform.h"
#include "flame/flamegraph_type.h"
#include "profile/context_allocator.h"
#include "profile/sql_text.h"
#include "pyro_ext.h"
#include "stack/hash.h"

/* A transform under way: what is read, and what grows. */
typedef struct Transform
{
	Allocator	allocator;
	FlameTree  *tree;
	CallTree	result;
	PyroError	error;
} Transform;

/*
 * Begin with the flame graph that is argument 0.  It lives in the current
 * context and must not move: the result keeps its allocator.
 */
static Transform *
begin_transform(FunctionCallInfo fcinfo)
{
	Transform  *t = palloc(sizeof(Transform));

	t->allocator = context_allocator(CurrentMemoryContext);
	t->tree = flamegraph_open(PG_GETARG_DATUM(0));
	pyro_check(call_tree_init(&t->result, &t->allocator, hash_seed_of(t),
							  &t->error), &t->error);
	return t;
}

/* The grown tree as a datum; what it was made of is what went into it. */
static Datum
end_transform(Transform *t, bool succeeded)
{
	FlameHeader header = flame_tree_header(t->tree);

	pyro_check(succeeded, &t->error);
	return PointerGetDatum(flamegraph_make(&t->result, &header));
}

/* ---- filters ---- */

/* Which names match a regular expression, as they are or simplified. */
static bool *
match_names(const FlameTree *tree, text *regex, bool simplified)
{
	bool	   *matches = palloc(Max(tree->nnames, 1) * sizeof(bool));

	/* even where there is nothing to match, a malformed one is an error */
	sql_text_matches(regex, string_ref("", 0));
	for (uint32 i = 0; i < tree->nnames; i++)
	{
		StringRef	name = flame_name(tree, i);

		CHECK_FOR_INTERRUPTS();
		/* where pprof simplifies names, it leaves those without one out */
		matches[i] = simplified ?
			name.length > 0 &&
			sql_text_matches(regex, flame_simplified_name(name)) :
			sql_text_matches(regex, name);
	}
	return matches;
}

static Datum
filter(FunctionCallInfo fcinfo, FlameFilter which)
{
	Transform  *t = begin_transform(fcinfo);
	bool	   *matches = match_names(t->tree, PG_GETARG_TEXT_PP(1),
									  which == FLAME_PRUNE_FROM);

	return end_transform(t, flame_filter(which, t->tree, matches, &t->result,
										 &t->allocator, &t->error));
}

PYRO_FUNCTION(flamegraph_focus);
/*
 * The stacks that have a frame that matches.
 */
Datum
flamegraph_focus(PG_FUNCTION_ARGS)
{
	return filter(fcinfo, FLAME_FOCUS);
}

PYRO_FUNCTION(flamegraph_ignore);
/*
 * The stacks that have frames, none of which matches.
 */
Datum
flamegraph_ignore(PG_FUNCTION_ARGS)
{
	return filter(fcinfo, FLAME_IGNORE);
}

PYRO_FUNCTION(flamegraph_hide);
/*
 * All stacks without the frames that match; those left empty go.
 */
Datum
flamegraph_hide(PG_FUNCTION_ARGS)
{
	return filter(fcinfo, FLAME_HIDE);
}

PYRO_FUNCTION(flamegraph_show);
/*
 * All stacks with only the frames that match; those left empty go.
 */
Datum
flamegraph_show(PG_FUNCTION_ARGS)
{
	return filter(fcinfo, FLAME_SHOW);
}

PYRO_FUNCTION(flamegraph_show_from);
/*
 * The stacks from their outermost frame that matches; those without one go.
 */
Datum
flamegraph_show_from(PG_FUNCTION_ARGS)
{
	return filter(fcinfo, FLAME_SHOW_FROM);
}

PYRO_FUNCTION(flamegraph_prune_from);
/*
 * All stacks up to their innermost frame whose simplified name matches.
 */
Datum
flamegraph_prune_from(PG_FUNCTION_ARGS)
{
	return filter(fcinfo, FLAME_PRUNE_FROM);
}

/* ---- sandwich ---- */

/* Which name is this one, as it is or in its readable form? */
static bool *
match_exactly(const FlameTree *tree, text *function)
{
	bool	   *matches = palloc(Max(tree->nnames, 1) * sizeof(bool));
	StringRef	wanted = sql_text_to_ref(function);

	for (uint32 i = 0; i < tree->nnames; i++)
	{
		CHECK_FOR_INTERRUPTS();
		matches[i] = sql_text_is(flame_name(tree, i), wanted);
	}
	return matches;
}

PYRO_FUNCTION(flamegraph_callers);
/*
 * The upper half of a sandwich: from a function to the roots.
 */
Datum
flamegraph_callers(PG_FUNCTION_ARGS)
{
	Transform  *t = begin_transform(fcinfo);
	bool	   *matches = match_exactly(t->tree, PG_GETARG_TEXT_PP(1));

	return end_transform(t, flame_callers(t->tree, matches, &t->result,
										  &t->allocator, &t->error));
}

PYRO_FUNCTION(flamegraph_callees);
/*
 * The lower half: from the outermost call of a function inwards.
 */
Datum
flamegraph_callees(PG_FUNCTION_ARGS)
{
	Transform  *t = begin_transform(fcinfo);
	bool	   *matches = match_exactly(t->tree, PG_GETARG_TEXT_PP(1));

	return end_transform(t, flame_filter(FLAME_SHOW_FROM, t->tree, matches,
										 &t->result, &t->allocator,
										 &t->error));
}

PYRO_FUNCTION(flamegraph_invert);
/*
 * All stacks turned around.
 */
Datum
flamegraph_invert(PG_FUNCTION_ARGS)
{
	Transform  *t = begin_transform(fcinfo);

	return end_transform(t, flame_invert(t->tree, &t->result, &t->allocator,
										 &t->error));
}

PYRO_FUNCTION(flamegraph_prefix);
/*
 * All stacks with one more frame at the root.
 */
Datum
flamegraph_prefix(PG_FUNCTION_ARGS)
{
	Transform  *t = begin_transform(fcinfo);
	StringRef	root = sql_text_to_ref(PG_GETARG_TEXT_PP(1));

	return end_transform(t, flame_prefix(t->tree, root, &t->result,
										 &t->allocator, &t->error));
}

/* ---- differences ---- */

/* Trees of different sample types do not subtract; without one, all do. */
static const FlameTree *
typed_one(const FlameTree *a, const FlameTree *b)
{
	if (!b->is_typed)
		return a;
	if (!a->is_typed)
		return b;
	if (!string_ref_equal(a->type, b->type) ||
		!string_ref_equal(a->unit, b->unit))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot subtract values of different sample types: \"%s/%s\" and \"%s/%s\"",
						sql_cstring_readable(a->type),
						sql_cstring_readable(a->unit),
						sql_cstring_readable(b->type),
						sql_cstring_readable(b->unit))));
	return a;
}

PYRO_FUNCTION(flamegraph_subtract);
/*
 * What the first has more than the second, node by node; less is negative.
 *
 * The number of profiles and their duration are the first one's: the result
 * is what remains of it.
 */
Datum
flamegraph_subtract(PG_FUNCTION_ARGS)
{
	Transform  *t = begin_transform(fcinfo);
	FlameTree  *subtrahend = flamegraph_open(PG_GETARG_DATUM(1));
	const FlameTree *typed = typed_one(t->tree, subtrahend);

	pyro_check(call_tree_add_flame(&t->result, t->tree, &t->allocator,
								   &t->error), &t->error);
	pyro_check(flame_subtract(subtrahend, &t->result, &t->allocator,
							  &t->error), &t->error);
	t->tree->is_typed = typed->is_typed;
	t->tree->type = typed->type;
	t->tree->unit = typed->unit;
	return end_transform(t, true);
}

PYRO_FUNCTION(flamegraph_diff_top);
/*
 * All functions of two flame graphs as (function, base_self, comparison_self,
 * base_total, comparison_total, delta, delta_pct, factor).
 *
 * delta_pct is the change in percent of the base, NULL where that is 0.
 */
Datum
flamegraph_diff_top(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	StringRef	norm_by = sql_text_to_ref(PG_GETARG_TEXT_PP(2));
	FlameDiff	diff;
	FlameChange *changes;
	PyroError	error;

	InitMaterializedSRF(fcinfo, 0);
	pyro_check(flame_diff(flamegraph_open(PG_GETARG_DATUM(0)),
						  flamegraph_open(PG_GETARG_DATUM(1)), norm_by,
						  &allocator, &diff, &error) &&
			   flame_diff_top(&diff, &allocator, &changes, &error), &error);
	for (uint32 i = 0; i < diff.tree.nnames; i++)
	{
		const FlameChange *change = &changes[i];
		Datum		values[8];
		bool		nulls[8] = {false};

		CHECK_FOR_INTERRUPTS();
		values[0] = PointerGetDatum(sql_text_readable(flame_name(&diff.tree,
																 change->name)));
		values[1] = Int64GetDatum(change->base_self);
		values[2] = Int64GetDatum(change->comparison_self);
		values[3] = Int64GetDatum(change->base_total);
		values[4] = Int64GetDatum(change->comparison_total);
		values[5] = Int64GetDatum(change->delta);
		nulls[6] = change->base_total == 0;
		values[6] = nulls[6] ? (Datum) 0 :
			Float8GetDatum(100.0 * (double) change->delta /
						   fabs((double) change->base_total));
		values[7] = Float8GetDatum(diff.factor);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		pfree(DatumGetPointer(values[0]));
	}
	return (Datum) 0;
}
