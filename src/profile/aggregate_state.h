/*
 * aggregate_state.h
 *	  States of our aggregates: expanded objects with a flat form.
 */
#ifndef PYRO_AGGREGATE_STATE_H
#define PYRO_AGGREGATE_STATE_H

#include "utils/expandeddatum.h"

typedef struct AggregateState AggregateState;

/* What states of one kind have in common; known by its address. */
typedef struct AggregateStateKind
{
	const char *context_name;
	Size		size;			/* of the struct that begins with the state */

	/* the flat datum of a state, palloc'd in the current context */
	struct varlena *(*make_flat) (AggregateState *state);
} AggregateStateKind;

struct AggregateState
{
	ExpandedObjectHeader header;
	const AggregateStateKind *kind;
	MemoryContext context;		/* of its memory; shared with other states */
	struct varlena *flat;		/* made by get_flat_size, NULL if none */
};

extern AggregateState *aggregate_state_new(const AggregateStateKind *kind,
										   MemoryContext aggcontext);
extern AggregateState *aggregate_state_from_datum(Datum datum,
												  const AggregateStateKind *kind);
extern void aggregate_state_changes(AggregateState *state);

#endif							/* PYRO_AGGREGATE_STATE_H */
