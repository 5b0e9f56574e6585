/*
 * profile_agg.c
 *	  The sum of profiles: operator + and aggregate profile_merge.
 *
 * The aggregate's state is a `profile` as a read-write expanded object: runs
 * of profiles that are merged when there are eight of a size, as in a
 * log-structured merge tree, so that a profile takes part in few merges and
 * the state holds little more than the sum.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/datum.h"
#include "utils/memutils.h"

#include "compat.h"
#include "profile/aggregate_state.h"
#include "profile/context_allocator.h"
#include "profile/profile_flat.h"
#include "profile/profile_merge.h"
#include "profile/profile_transform.h"
#include "profile/profile_type.h"
#include "pyro_ext.h"

#define RUNS_PER_LEVEL	8
#define MAX_LEVELS		12		/* 8^12 profiles are out of reach */

typedef struct MergeState
{
	AggregateState base;
	uint32		nruns[MAX_LEVELS];
	struct varlena *runs[MAX_LEVELS][RUNS_PER_LEVEL];
} MergeState;

/* ---- merging ---- */

/* The sum of n flat profiles, opened in the current context. */
static Profile *
merge_flat(struct varlena **flats, uint32 n)
{
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	Profile   **profiles = palloc(sizeof(Profile *) * n);
	PyroError	error;

	for (uint32 i = 0; i < n; i++)
		profiles[i] = profile_open(PointerGetDatum(flats[i]));
	if (n == 1)
		pyro_check(profile_combine_samples(profiles[0], &error) &&
				   profile_sum_values(profiles[0], &allocator, &error),
				   &error);

	/* neighbours first, so that equal sizes meet */
	for (; n > 1; n = (n + 1) / 2)
		for (uint32 i = 0; i < n; i += 2)
		{
			Profile    *sum = profiles[i];

			CHECK_FOR_INTERRUPTS();
			if (i + 1 < n)
			{
				sum = palloc(sizeof(Profile));
				pyro_check(profile_merge(profiles[i], profiles[i + 1],
										 &allocator, sum, &error), &error);
			}
			profiles[i / 2] = sum;
		}
	return profiles[0];
}

/*
 * The sum of n flat profiles as a flat one in a context: what users get, or,
 * if not is_result, a run of a state.
 */
static struct varlena *
merge_to_flat(struct varlena **flats, uint32 n, bool is_result,
			  MemoryContext result_context)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "pyro profile merge",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	Profile    *sum = merge_flat(flats, n);
	Datum		flat = is_result ? profile_to_datum(sum) :
	profile_to_transient_datum(sum);
	struct varlena *result;

	MemoryContextSwitchTo(result_context);
	result = (struct varlena *) DatumGetPointer(datumCopy(flat, false, -1));
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	return result;
}

PYRO_FUNCTION(profile_add);
Datum
profile_add(PG_FUNCTION_ARGS)
{
	struct varlena *flats[2];

	flats[0] = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(0));
	flats[1] = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(1));
	PG_RETURN_POINTER(merge_to_flat(flats, 2, true, CurrentMemoryContext));
}

/* ---- the state ---- */

/* All runs as one flat profile. */
static struct varlena *
make_flat(AggregateState *base)
{
	MergeState *state = (MergeState *) base;
	struct varlena *flats[MAX_LEVELS * RUNS_PER_LEVEL];
	uint32		n = 0;

	for (uint32 level = 0; level < MAX_LEVELS; level++)
		for (uint32 i = 0; i < state->nruns[level]; i++)
			flats[n++] = state->runs[level][i];
	return merge_to_flat(flats, n, true, CurrentMemoryContext);
}

static const AggregateStateKind state_kind = {
	.context_name = "pyro profile_merge states",
	.size = sizeof(MergeState),
	.make_flat = make_flat
};

/* Take over a flat profile that belongs to the state's context. */
static void
add_run(MergeState *state, struct varlena *flat)
{
	aggregate_state_changes(&state->base);
	for (uint32 level = 0; level < MAX_LEVELS; level++)
	{
		struct varlena **runs = state->runs[level];
		uint32		n = state->nruns[level];
		struct varlena *merged;

		if (n < RUNS_PER_LEVEL)
		{
			runs[n] = flat;
			state->nruns[level]++;
			return;
		}
		/* full: its runs become one of the next level */
		merged = merge_to_flat(runs, n, false, state->base.context);
		while (n > 0)
			pfree(runs[--n]);
		runs[0] = flat;
		state->nruns[level] = 1;
		flat = merged;
	}
	elog(ERROR, "too many profiles in one aggregate");
}

/* A copy of a profile datum in the state's context. */
static struct varlena *
copy_flat(MergeState *state, Datum datum)
{
	struct varlena *flat = PG_DETOAST_DATUM(datum);
	struct varlena *copy = MemoryContextAlloc(state->base.context, VARSIZE(flat));

	memcpy(copy, flat, VARSIZE(flat));
	return copy;
}

PYRO_FUNCTION(profile_merge_accum);
/*
 * Transition and combine function in one: add a profile, or another state, to
 * the state.  Called outside an aggregate it is the sum of its arguments.
 */
Datum
profile_merge_accum(PG_FUNCTION_ARGS)
{
	MemoryContext aggcontext;
	MergeState *state;

	if (!AggCheckCallContext(fcinfo, &aggcontext))
	{
		if (PG_ARGISNULL(0) && PG_ARGISNULL(1))
			PG_RETURN_NULL();
		if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
			PG_RETURN_DATUM(PointerGetDatum(PG_DETOAST_DATUM(PG_GETARG_DATUM(PG_ARGISNULL(0) ? 1 : 0))));
		return profile_add(fcinfo);
	}
	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	state = PG_ARGISNULL(0) ? NULL :
		(MergeState *) aggregate_state_from_datum(PG_GETARG_DATUM(0),
												  &state_kind);
	if (state == NULL)
	{
		state = (MergeState *) aggregate_state_new(&state_kind, aggcontext);
		if (!PG_ARGISNULL(0))
			add_run(state, copy_flat(state, PG_GETARG_DATUM(0)));
	}
	add_run(state, copy_flat(state, PG_GETARG_DATUM(1)));
	PG_RETURN_DATUM(EOHPGetRWDatum(&state->base.header));
}

PYRO_FUNCTION(profile_merge_final);
/*
 * The sum as a flat profile; NULL where there was none.
 */
Datum
profile_merge_final(PG_FUNCTION_ARGS)
{
	Datum		datum;
	struct varlena *flat;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	datum = PG_GETARG_DATUM(0);
	flat = PG_DETOAST_DATUM(datum);
	/* a profile that was never added to anything may still repeat stacks */
	if (!VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(datum)))
		flat = merge_to_flat(&flat, 1, true, CurrentMemoryContext);
	PG_RETURN_POINTER(flat);
}
