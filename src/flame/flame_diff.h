/*
 * flame_diff.h
 *	  Two call trees side by side.
 */
#ifndef PYRO_FLAME_DIFF_H
#define PYRO_FLAME_DIFF_H

#include "flame/flame_tree.h"
#include "stack/allocator.h"
#include "stack/pyro_error.h"

/*
 * The tree that has all paths of both.  Its own values are the base's, scaled
 * by the factor.  To live on the stack: a long double wants more alignment
 * than a memory context gives.
 */
typedef struct FlameDiff
{
	FlameTree	tree;
	int64	   *right_self;		/* of the comparison, by node */
	int64	   *right_total;
	int64	   *exact_self;		/* the base's, not scaled */
	uint32	   *parent;			/* of each node */
	double		factor;
	long double numerator;		/* the factor as a fraction */
	long double denominator;
} FlameDiff;

extern bool flame_diff(const FlameTree *base, const FlameTree *comparison,
					   StringRef norm_by, const Allocator *allocator,
					   FlameDiff *diff, PyroError *error);

#endif							/* PYRO_FLAME_DIFF_H */
