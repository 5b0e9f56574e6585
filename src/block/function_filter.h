/*
 * function_filter.h
 *	  The functions of a block's profiles, as a Bloom filter has them.
 */
#ifndef PYRO_FUNCTION_FILTER_H
#define PYRO_FUNCTION_FILTER_H

#include "stack/bloom.h"
#include "stack/stack_dictionary.h"

extern uint64 function_filter_hash(StringRef name);
extern bool function_filter_add(BloomSet *set, const StackDictionary *stacks,
								PyroError *error);

#endif							/* PYRO_FUNCTION_FILTER_H */
