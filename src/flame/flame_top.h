/*
 * flame_top.h
 *	  Functions of a call tree by self and total.
 */
#ifndef PYRO_FLAME_TOP_H
#define PYRO_FLAME_TOP_H

#include "flame/flame_tree.h"
#include "stack/allocator.h"
#include "stack/pyro_error.h"

typedef struct FlameFunction
{
	uint32		name;			/* of the tree */
	int64		self;
	int64		total;			/* of stacks through it, each counted once */
} FlameFunction;

extern bool flame_count_functions(const FlameTree *tree,
								  const Allocator *allocator,
								  FlameFunction **functions,
								  PyroError *error);
extern bool flame_top(const FlameTree *tree, const Allocator *allocator,
					  FlameFunction **functions, PyroError *error);
extern bool flame_total_through(const FlameTree *tree, const bool *matches,
								int64 *total, PyroError *error);

#endif							/* PYRO_FLAME_TOP_H */
