/*
 * profile_view.h
 *	  The samples of a profile by their stacks: all that sums need to see of it.
 *
 * A view is a dictionary of stacks, and for each sample a node of its trie and
 * a value.  Two things can give one: a `profile` datum, whose dictionary serves
 * it alone, and a row of a decoded block, whose dictionary serves thousands.
 */
#ifndef PYRO_PROFILE_VIEW_H
#define PYRO_PROFILE_VIEW_H

#include "stack/allocator.h"
#include "stack/pyro_error.h"
#include "stack/stack_dictionary.h"

/* What a node of a shared dictionary has no target in yet. */
#define STACK_SCRATCH_UNMAPPED	PG_UINT32_MAX

/*
 * Where the nodes of a shared dictionary stand in the tree of its owner.
 *
 * It belongs to the dictionary, so that a group costs its tree and not its
 * dictionary: one tree at a time owns it, and whoever comes next takes it
 * over by forgetting what was touched.  A tree always holds its full sums;
 * this only saves looking nodes up again, so losing it loses nothing.
 */
typedef struct StackScratch
{
	uint64		owner;			/* the tree's serial number; 0: nobody's */
	uint32	   *target;			/* [node]: STACK_SCRATCH_UNMAPPED, or where */
	uint32	   *touched;		/* nodes that have a target */
	uint32		ntouched;
} StackScratch;

typedef struct ProfileView
{
	const StackDictionary *stacks;
	StackScratch *scratch;		/* NULL: the dictionary is this profile's */
	uint32		nsamples;
	const uint32 *sample_node;
	const int64 *values;
} ProfileView;

/* A test of the name of a function. */
typedef bool (*StackNameTest) (void *arg, StringRef name);

extern bool stack_scratch_init(StackScratch *scratch,
							   const StackDictionary *stacks,
							   const Allocator *allocator, PyroError *error);

#endif							/* PYRO_PROFILE_VIEW_H */
