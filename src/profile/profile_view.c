/*
 * profile_view.c
 *	  The samples of a profile by their stacks: all that sums need to see of it.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "profile/profile_view.h"

/*
 * Make the scratch of a dictionary that serves many profiles.  Its memory, 8
 * bytes a node and a location, 4 a line and a function, comes from the allocator.
 */
bool
stack_scratch_init(StackScratch *scratch, const StackDictionary *stacks,
				   const Allocator *allocator, PyroError *error)
{
	StackScratch made = {
		.target = allocate_array(allocator, stacks->nnodes, sizeof(uint32)),
		.touched = allocate_array(allocator, stacks->nnodes, sizeof(uint32)),
		.names.of_location = allocate_array(allocator, stacks->nlocations, sizeof(uint32)),
		.names.of_line = allocate_array(allocator, stacks->nlines, sizeof(uint32)),
		.names.of_function = allocate_array(allocator, stacks->nfunctions, sizeof(uint32)),
		.named = allocate_array(allocator, stacks->nlocations, sizeof(uint32))
	};

	if (made.target == NULL || made.touched == NULL || made.names.of_location == NULL ||
		made.names.of_line == NULL || made.names.of_function == NULL || made.named == NULL)
		return pyro_fail_memory(error);
	memset(made.target, 0xFF, stacks->nnodes * sizeof(uint32));
	memset(made.names.of_location, 0xFF, stacks->nlocations * sizeof(uint32));
	memset(made.names.of_function, 0xFF, stacks->nfunctions * sizeof(uint32));
	*scratch = made;
	return true;
}
