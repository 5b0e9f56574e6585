/*
 * aggregate_state.c
 *	  States of our aggregates: expanded objects with a flat form.
 *
 * The executor leaves a read-write expanded state alone only if the state's
 * memory context is a child of the aggregate's.  One context per state would
 * make HashAggregate quadratic: it adds up the memory of all child contexts
 * at every new group.  So all states of one aggregate context share one child
 * context, which goes when the executor resets its parent.
 *
 * That is sound because nobody ever deletes or moves such a state by itself:
 * the transition and combine functions always return the state that they were
 * given, and outside of aggregates they never make an expanded one.
 */
#include "postgres.h"

#include "nodes/memnodes.h"
#include "utils/memutils.h"

#include "compat.h"
#include "profile/aggregate_state.h"

static Size
get_flat_size(ExpandedObjectHeader *header)
{
	AggregateState *state = (AggregateState *) header;

	if (state->flat == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(state->context);

		state->flat = state->kind->make_flat(state);
		MemoryContextSwitchTo(old);
	}
	return VARSIZE(state->flat);
}

static void
flatten_into(ExpandedObjectHeader *header, void *result, Size allocated_size)
{
	AggregateState *state = (AggregateState *) header;

	Assert(state->flat != NULL && VARSIZE(state->flat) == allocated_size);
	memcpy(result, state->flat, allocated_size);
	aggregate_state_changes(state);
}

static const ExpandedObjectMethods state_methods = {
	get_flat_size, flatten_into
};

/*
 * The context that states of a kind share below an aggregate's context; made
 * when it is not there.
 */
static MemoryContext
shared_context(const AggregateStateKind *kind, MemoryContext aggcontext)
{
	for (MemoryContext child = aggcontext->firstchild; child != NULL;
		 child = child->nextchild)
		if (child->name == kind->context_name)
			return child;
	return AllocSetContextCreateInternal(aggcontext, kind->context_name,
										 ALLOCSET_DEFAULT_SIZES);
}

/*
 * A new state, zeroed behind its first part.  aggcontext: the aggregate's, or
 * NULL for a state that lives in the current context until its caller is done.
 */
AggregateState *
aggregate_state_new(const AggregateStateKind *kind, MemoryContext aggcontext)
{
	MemoryContext context = aggcontext == NULL ? CurrentMemoryContext :
	shared_context(kind, aggcontext);
	AggregateState *state = MemoryContextAllocZero(context, kind->size);

	EOH_init_header(&state->header, &state_methods, context);
	state->kind = kind;
	state->context = context;
	return state;
}

/*
 * The state of a kind that a datum is, or NULL when it is something else or
 * must not be changed.
 */
AggregateState *
aggregate_state_from_datum(Datum datum, const AggregateStateKind *kind)
{
	AggregateState *state;

	if (!VARATT_IS_EXTERNAL_EXPANDED_RW(DatumGetPointer(datum)))
		return NULL;
	state = (AggregateState *) DatumGetEOHP(datum);
	return state->header.eoh_methods == &state_methods &&
		state->kind == kind ? state : NULL;
}

/*
 * To be called before a state changes: its flat form is no longer true.
 */
void
aggregate_state_changes(AggregateState *state)
{
	if (state->flat != NULL)
		pfree(state->flat);
	state->flat = NULL;
}
