/*
 * row_context.h
 *	  Memory for what is done to one row.
 *
 * The executor calls for each row of a statement in a context that lives as long
 * as the statement, so what is read and built on the way must go with the row.
 */
#ifndef PYRO_ROW_CONTEXT_H
#define PYRO_ROW_CONTEXT_H

#include "utils/memutils.h"

/* Go to a new context; returns the one before, for the end. */
static inline MemoryContext
row_context_begin(void)
{
	return MemoryContextSwitchTo(AllocSetContextCreate(CurrentMemoryContext, "pyro row",
													   ALLOCSET_SMALL_SIZES));
}

/* Go back to the context before, and free everything since. */
static inline void
row_context_end(MemoryContext before)
{
	MemoryContext row = MemoryContextSwitchTo(before);

	MemoryContextDelete(row);
}

#endif							/* PYRO_ROW_CONTEXT_H */
