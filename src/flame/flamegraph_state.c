/*
 * flamegraph_state.c
 *	  The aggregates that make flame graphs, and operator +.
 *
 * Their state is a `flamegraph` as a read-write expanded object: a growing
 * call tree.  Everything between two rows lives in it; nothing is kept in
 * fn_extra, which is not always there.  Parallel workers and shards send it
 * on as a flat flamegraph by themselves, since it is an SQL type.
 */
#include "postgres.h"

#include "common/int.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "compat.h"
#include "flame/flame_accumulate.h"
#include "flame/flame_transform.h"
#include "flame/flamegraph_type.h"
#include "profile/aggregate_state.h"
#include "profile/context_allocator.h"
#include "profile/profile_type.h"
#include "profile/sql_text.h"
#include "pyro_ext.h"
#include "stack/hash.h"

typedef struct FlameState
{
	AggregateState base;
	Allocator	allocator;		/* from the state's context */
	uint64		serial;			/* no other state has or had it */
	FlameHeader flame;			/* strings in the context */
	CallTree	tree;
} FlameState;

static uint64 last_serial = 0;

/*
 * The seed of this backend's call trees: drawn when the first one is made, so
 * that backends do not share one that the postmaster drew.
 */
static uint64
call_tree_seed(void)
{
	static uint64 seed = 0;

	if (seed == 0 && !pg_strong_random(&seed, sizeof(seed)))
		seed = hash_seed_of(&seed) + MyProcPid;
	return seed;
}

/* ---- the state ---- */

static struct varlena *
make_flat(AggregateState *base)
{
	FlameState *state = (FlameState *) base;

	return flamegraph_make(&state->tree, &state->flame);
}

static const AggregateStateKind state_kind = {
	.context_name = "pyro flamegraph states",
	.size = sizeof(FlameState),
	.make_flat = make_flat
};

static FlameState *
new_state(MemoryContext aggcontext)
{
	FlameState *state = (FlameState *) aggregate_state_new(&state_kind,
														   aggcontext);
	PyroError	error;

	state->allocator = context_allocator(state->base.context);
	state->serial = ++last_serial;
	state->flame.type = state->flame.unit = string_ref("", 0);
	pyro_check(call_tree_init(&state->tree, &state->allocator,
							  call_tree_seed(), &error), &error);
	return state;
}

static StringRef
copy_string(FlameState *state, StringRef string)
{
	char	   *copy = MemoryContextAlloc(state->base.context,
										  string.length + 1);

	memcpy(copy, string.data, string.length);
	return string_ref(copy, string.length);
}

/* The state has a sample type from the first thing on that goes in. */
static void
check_type(FlameState *state, StringRef type, StringRef unit)
{
	if (!state->flame.is_typed)
	{
		state->flame.type = copy_string(state, type);
		state->flame.unit = copy_string(state, unit);
		state->flame.is_typed = true;
		return;
	}
	if (!string_ref_equal(state->flame.type, type) ||
		!string_ref_equal(state->flame.unit, unit))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot add values of different sample types: \"%s/%s\" and \"%s/%s\"",
						sql_cstring_readable(state->flame.type),
						sql_cstring_readable(state->flame.unit),
						sql_cstring_readable(type),
						sql_cstring_readable(unit)),
				 errhint("Name one sample type that all profiles have, or group by it.")));
}

static void
add_counts(FlameState *state, int64 nprofiles, int64 duration_nanos)
{
	if (pg_add_s64_overflow(state->flame.nprofiles, nprofiles,
							&state->flame.nprofiles))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("number of profiles is out of range")));
	state->flame.duration_nanos =
		profile_add_durations(state->flame.duration_nanos, duration_nanos);
}

static FrameGranularity
granularity_argument(text *name)
{
	FrameGranularity granularity;

	if (!frame_granularity_find(sql_text_to_ref(name), &granularity))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("granularity must be function, line, file, package or address, not \"%s\"",
						text_to_cstring(name))));
	return granularity;
}

static void
add_profile(FlameState *state, Datum datum, text *sample_type)
{
	FrameGranularity granularity = state->tree.granularity;
	bool		names_only = granularity == FRAME_FUNCTION || granularity == FRAME_PACKAGE;
	int			type;
	ProfileHeader header;
	ProfileView view = profile_open_view(datum, sample_type, names_only, &header, &type);
	Allocator	scratch = context_allocator(CurrentMemoryContext);
	PyroError	error;

	aggregate_state_changes(&state->base);
	add_counts(state, 1, Max(header.duration_nanos, 0));
	if (type < 0)
		return;					/* without sample types it has no samples */
	check_type(state, header.sample_types[type].type, header.sample_types[type].unit);
	pyro_check(call_tree_add_view(&state->tree, state->serial, &view,
								  &scratch, &error), &error);
}

static void
add_flamegraph(FlameState *state, Datum datum)
{
	FlameTree  *tree = flamegraph_open(datum);
	Allocator	scratch = context_allocator(CurrentMemoryContext);
	PyroError	error;

	aggregate_state_changes(&state->base);
	/* a tree that nothing went into fits everything */
	if (tree->is_typed)
		check_type(state, tree->type, tree->unit);
	add_counts(state, tree->nprofiles, tree->duration_nanos);
	pyro_check(call_tree_add_flame(&state->tree, tree, &scratch, &error),
			   &error);
}

/*
 * The state to add to: argument 0 where that is one in an aggregate, else a
 * new one that begins with it.
 */
static FlameState *
state_to_change(FunctionCallInfo fcinfo, bool in_aggregate,
				MemoryContext aggcontext)
{
	FlameState *state = NULL;

	if (in_aggregate && !PG_ARGISNULL(0))
		state = (FlameState *) aggregate_state_from_datum(PG_GETARG_DATUM(0),
														  &state_kind);
	if (state != NULL)
		return state;
	state = new_state(in_aggregate ? aggcontext : NULL);
	if (!PG_ARGISNULL(0))
		add_flamegraph(state, PG_GETARG_DATUM(0));
	return state;
}

/* What a transition returns: the state, or flat outside of aggregates. */
static Datum
changed_state(FlameState *state, bool in_aggregate)
{
	if (in_aggregate)
		return EOHPGetRWDatum(&state->base.header);
	return PointerGetDatum(flamegraph_make(&state->tree, &state->flame));
}

PYRO_FUNCTION(flamegraph_accum);
/*
 * Add a profile: (state, profile), then a sample type and a granularity, which
 * may be left out or NULL.
 */
Datum
flamegraph_accum(PG_FUNCTION_ARGS)
{
	MemoryContext aggcontext = NULL;
	bool		in_aggregate = AggCheckCallContext(fcinfo, &aggcontext) != 0;
	FlameState *state;
	text	   *sample_type = NULL;
	FrameGranularity granularity = FRAME_FUNCTION;

	if (PG_NARGS() > 3 && !PG_ARGISNULL(3))
		granularity = granularity_argument(PG_GETARG_TEXT_PP(3));
	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	if (PG_NARGS() > 2 && !PG_ARGISNULL(2))
		sample_type = PG_GETARG_TEXT_PP(2);
	state = state_to_change(fcinfo, in_aggregate, aggcontext);
	if (state->tree.granularity != granularity)
	{
		/* where a shared dictionary's nodes stand holds no longer */
		state->tree.granularity = granularity;
		state->serial = ++last_serial;
	}
	add_profile(state, PG_GETARG_DATUM(1), sample_type);
	return changed_state(state, in_aggregate);
}

PYRO_FUNCTION(flamegraph_combine);
/*
 * Add a flame graph: the combine function, the transition function of
 * flamegraph_merge, and operator +.
 */
Datum
flamegraph_combine(PG_FUNCTION_ARGS)
{
	MemoryContext aggcontext = NULL;
	bool		in_aggregate = AggCheckCallContext(fcinfo, &aggcontext) != 0;
	FlameState *state;

	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	state = state_to_change(fcinfo, in_aggregate, aggcontext);
	add_flamegraph(state, PG_GETARG_DATUM(1));
	return changed_state(state, in_aggregate);
}

PYRO_FUNCTION(flamegraph_final);
/*
 * The flat flame graph; an empty one where nothing went in.  The state stays
 * as it is: windows and shared states come here more than once.
 */
Datum
flamegraph_final(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_POINTER(flamegraph_make_empty());
	PG_RETURN_POINTER(PG_DETOAST_DATUM(PG_GETARG_DATUM(0)));
}
