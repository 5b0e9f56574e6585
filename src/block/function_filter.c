/*
 * function_filter.c
 *	  The functions of a block's profiles, as a Bloom filter has them.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "block/function_filter.h"

/* On disk. */
#define FUNCTION_SEED	UINT64CONST(0x66756E6374696F6E)

/*
 * The hash of a function's name: its bytes as the profile has them.
 */
uint64
function_filter_hash(StringRef name)
{
	return bloom_hash(name, FUNCTION_SEED);
}

/*
 * Add the names of all functions, but not the empty one.
 *
 * Returns false with PYRO_NO_MEMORY.
 */
bool
function_filter_add(BloomSet *set, const StackDictionary *stacks,
					PyroError *error)
{
	uint32		last = 0;		/* string 0 is the empty one */

	for (uint32 i = 0; i < stacks->nfunctions; i++)
	{
		uint32		name = stacks->functions[i].name;

		allocator_poll(set->allocator, i);
		if (name == last)
			continue;
		last = name;
		if (!bloom_set_add(set, function_filter_hash(stacks->strings[name]), error))
			return false;
	}
	return true;
}
