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
 * bytes a node, comes from the allocator.
 */
bool
stack_scratch_init(StackScratch *scratch, const StackDictionary *stacks,
				   const Allocator *allocator, PyroError *error)
{
	scratch->owner = 0;
	scratch->ntouched = 0;
	scratch->target = allocate_array(allocator, stacks->nnodes,
									 sizeof(uint32));
	scratch->touched = allocate_array(allocator, stacks->nnodes,
									  sizeof(uint32));
	if (scratch->target == NULL || scratch->touched == NULL)
		return pyro_fail_memory(error);
	memset(scratch->target, 0xFF, stacks->nnodes * sizeof(uint32));
	return true;
}
