/*
 * flame_filter.h
 *	  The filters of pprof over call trees.
 */
#ifndef PYRO_FLAME_FILTER_H
#define PYRO_FLAME_FILTER_H

#include "flame/flame_tree.h"
#include "stack/call_tree.h"

typedef enum FlameFilter
{
	FLAME_FOCUS,				/* stacks with a match */
	FLAME_IGNORE,				/* stacks without one */
	FLAME_HIDE,					/* frames that do not match */
	FLAME_SHOW,					/* frames that match */
	FLAME_SHOW_FROM,			/* frames from the outermost match inwards */
	FLAME_PRUNE_FROM			/* frames up to the innermost match */
} FlameFilter;

extern bool flame_filter(FlameFilter filter, const FlameTree *tree,
						 const bool *matches, CallTree *result,
						 const Allocator *scratch, PyroError *error);
extern StringRef flame_simplified_name(StringRef name);

#endif							/* PYRO_FLAME_FILTER_H */
