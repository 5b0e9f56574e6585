/*
 * aggregate_context.h
 *	  Where the states of our aggregates live.
 */
#ifndef PYRO_AGGREGATE_CONTEXT_H
#define PYRO_AGGREGATE_CONTEXT_H

#include "utils/palloc.h"

extern MemoryContext aggregate_state_context(MemoryContext aggcontext,
											 const char *name);

#endif							/* PYRO_AGGREGATE_CONTEXT_H */
