/*
 * flame_sandwich.h
 *	  Call trees that begin at their stacks' inner ends.
 */
#ifndef PYRO_FLAME_SANDWICH_H
#define PYRO_FLAME_SANDWICH_H

#include "flame/flame_tree.h"
#include "stack/call_tree.h"

extern bool flame_callers(const FlameTree *tree, const bool *matches,
						  CallTree *result, const Allocator *scratch,
						  PyroError *error);
extern bool flame_invert(const FlameTree *tree, CallTree *result,
						 const Allocator *scratch, PyroError *error);

#endif							/* PYRO_FLAME_SANDWICH_H */
