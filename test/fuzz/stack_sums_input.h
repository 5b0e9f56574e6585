/*
 * stack_sums_input.h
 *	  What the bytes given to fuzz_stack_sums are sums of.
 *
 * One byte each for the rows, the nodes of the name tree and the groups; then
 * the sums.  Group g has g % 4 + 1 sample types.
 */
#ifndef PYRO_STACK_SUMS_INPUT_H
#define PYRO_STACK_SUMS_INPUT_H

#include "block/stack_sums.h"

#define SUMS_ROWS		0
#define SUMS_NODES		1
#define SUMS_GROUPS		2
#define SUMS_HEAD		3

#define SUMS_MAX_GROUPS	8
#define SUMS_MAX_TYPES	4

static inline void
stack_sums_groups(SampleGroup *groups)
{
	static const int none[SUMS_MAX_TYPES] = {-1, -1, -1, -1};

	for (int g = 0; g < SUMS_MAX_GROUPS; g++)
	{
		groups[g].ntypes = g % SUMS_MAX_TYPES + 1;
		groups[g].space_of = none;
	}
}

#endif							/* PYRO_STACK_SUMS_INPUT_H */
