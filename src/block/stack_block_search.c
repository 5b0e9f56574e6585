/*
 * stack_block_search.c
 *	  Has a row a function of some name in its stacks?
 *
 * The question is put to each function of the dictionary once, and the answers
 * are spread over the trie: after that a row costs a look at each of its
 * samples.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "block/stack_block_internal.h"

/* Flags of the functions of which the question is true. */
static bool *
ask_functions(StackBlock *block, StackNameTest test, void *arg, PyroError *error)
{
	const StackDictionary *stacks = &block->dictionary.stacks;
	bool	   *is_hit = allocate_or_fail(block->allocator, stacks->nfunctions, sizeof(bool), error);

	for (uint32 i = 0; is_hit != NULL && i < stacks->nfunctions; i++)
	{
		uint32		name = stacks->functions[i].name;

		allocator_poll(block->allocator, i);

		/* functions are in the order of their names */
		if (i > 0 && stacks->functions[i - 1].name == name)
			is_hit[i] = is_hit[i - 1];
		else
			is_hit[i] = test(arg, stacks->strings[name]);
	}
	return is_hit;
}

/* Flags of the nodes that have such a function on their way from the root. */
static bool *
spread(StackBlock *block, const bool *function_hit, PyroError *error)
{
	const StackDictionary *stacks = &block->dictionary.stacks;
	bool	   *location_hit = allocate_or_fail(block->allocator, stacks->nlocations, sizeof(bool),
												error);
	bool	   *node_hit = allocate_or_fail(block->allocator, stacks->nnodes, sizeof(bool), error);

	if (location_hit == NULL || node_hit == NULL)
		return NULL;
	for (uint32 i = 0; i < stacks->nlocations; i++)
	{
		const StackLocation *location = &stacks->locations[i];
		const StackLine *lines = &stacks->lines[location->line_start];

		allocator_poll(block->allocator, i);
		location_hit[i] = false;
		for (uint32 k = 0; k < location->nlines; k++)
			location_hit[i] |= lines[k].function != 0 && function_hit[lines[k].function - 1];
	}
	node_hit[0] = false;
	for (uint32 i = 1; i < stacks->nnodes; i++)
	{
		allocator_poll(block->allocator, i);
		node_hit[i] = node_hit[stacks->node_parent[i]] || location_hit[stacks->node_location[i]];
	}
	block->allocator->release(block->allocator->owner, location_hit);
	return node_hit;
}

/* Put the question to the block, unless it was the last one. */
static bool
search(StackBlock *block, StringRef question, StackNameTest test, void *arg, PyroError *error)
{
	const Allocator *allocator = block->allocator;
	bool	   *function_hit;
	bool	   *node_hit;
	char	   *copy;

	if (block->node_hit != NULL && string_ref_equal(block->question, question))
		return true;
	copy = allocate_or_fail(allocator, question.length, 1, error);
	function_hit = ask_functions(block, test, arg, error);
	if (copy == NULL || function_hit == NULL)
		return false;
	node_hit = spread(block, function_hit, error);
	if (node_hit == NULL)
		return false;
	allocator->release(allocator->owner, function_hit);
	if (block->node_hit != NULL)
	{
		allocator->release(allocator->owner, block->node_hit);
		allocator->release(allocator->owner, (char *) block->question.data);
	}
	memcpy(copy, question.data, question.length);
	block->question = string_ref(copy, question.length);
	block->node_hit = node_hit;
	return true;
}

/*
 * Find out whether some stack of a row has a function whose name passes a test.
 *
 * question: bytes that stand for the test; tests of the same question must be
 * the same, as answers are kept for the next row.  The test may leave by a long
 * jump.  Returns false with PYRO_CORRUPT or PYRO_NO_MEMORY.
 */
bool
stack_block_has_function(StackBlock *block, uint32 row, StringRef question, StackNameTest test,
						 void *arg, bool *found, PyroError *error)
{
	const uint32 *key_node = block->dictionary.key_node;
	uint32		n = block->heads[row].nsamples;

	*found = false;
	if (!search(block, question, test, arg, error) ||
		!stack_block_reserve_samples(block, n, error) ||
		!sample_rows_read_keys(block->samples, row, block->view_nodes, error))
		return false;
	for (uint32 i = 0; i < n && !*found; i++)
		*found = block->node_hit[key_node[block->view_nodes[i]]];
	return true;
}
