/*
 * context_allocator.h
 *	  Pure code in a backend: memory from a memory context, failures to
 *	  errors.
 */
#ifndef PYRO_CONTEXT_ALLOCATOR_H
#define PYRO_CONTEXT_ALLOCATOR_H

#include "nodes/nodes.h"
#include "utils/palloc.h"

#include "stack/allocator.h"
#include "stack/pyro_error.h"

extern Allocator context_allocator(MemoryContext context);
extern void pyro_raise(const PyroError *error, int malformed_code,
					   const char *what, Node *escontext);

/* Raise a failure of stored or computed data, which no input caused. */
static inline void
pyro_check(bool succeeded, const PyroError *error)
{
	if (unlikely(!succeeded))
		pyro_raise(error, 0, NULL, NULL);
}

#endif							/* PYRO_CONTEXT_ALLOCATOR_H */
