/*
 * aggregate_context.c
 *	  Where the states of our aggregates live.
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
#include "profile/aggregate_context.h"

/*
 * The context that states below an aggregate's context share; made when it is
 * not there.  name: a constant of the kind of state, compared by address.
 */
MemoryContext
aggregate_state_context(MemoryContext aggcontext, const char *name)
{
	for (MemoryContext child = aggcontext->firstchild; child != NULL;
		 child = child->nextchild)
		if (child->name == name)
			return child;
	return AllocSetContextCreateInternal(aggcontext, name,
										 ALLOCSET_DEFAULT_SIZES);
}
