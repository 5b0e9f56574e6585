/*
 * flame_diff_top.h
 *	  Functions of two call trees side by side.
 */
#ifndef PYRO_FLAME_DIFF_TOP_H
#define PYRO_FLAME_DIFF_TOP_H

#include "flame/flame_diff.h"

typedef struct FlameChange
{
	uint32		name;			/* of the diff's tree */
	int64		base_self;
	int64		comparison_self;
	int64		base_total;		/* of stacks through it, each counted once */
	int64		comparison_total;
	int64		delta;			/* comparison's total less the base's */
} FlameChange;

extern bool flame_diff_top(const FlameDiff *diff, const Allocator *allocator,
						   FlameChange **changes, PyroError *error);

#endif							/* PYRO_FLAME_DIFF_TOP_H */
