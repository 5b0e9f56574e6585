/*
 * stack_block_names.c
 *	  A block's name tree as a dictionary of stacks, for who needs no more of
 *	  frames than the names of their functions.
 *
 * It has about half as many nodes as the exact trie, and a location for each
 * name.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "block/stack_block_internal.h"

/* Each name as a function, a line of it, and a location with that line. */
static bool
make_names(NamedStacks *named, const Allocator *allocator, PyroError *error)
{
	const NameTree *tree = &named->tree;
	StackDictionary *stacks = &named->stacks;
	uint32		n = tree->nnames;

	memset(stacks, 0, sizeof(*stacks));
	stacks->nstrings = n + 1;
	stacks->nfunctions = stacks->nlines = stacks->nlocations = n;
	stacks->strings = allocate_or_fail(allocator, (size_t) n + 1, sizeof(StringRef), error);
	stacks->functions = allocate_or_fail(allocator, n, sizeof(StackFunction), error);
	stacks->lines = allocate_or_fail(allocator, n, sizeof(StackLine), error);
	stacks->locations = allocate_or_fail(allocator, n, sizeof(StackLocation), error);
	if (stacks->strings == NULL || stacks->functions == NULL || stacks->lines == NULL ||
		stacks->locations == NULL)
		return false;
	stacks->strings[0] = string_ref("", 0);
	for (uint32 i = 0; i < n; i++)
	{
		stacks->strings[i + 1] = tree->names[i];
		stacks->functions[i] = (StackFunction) {.name = i + 1};
		stacks->lines[i] = (StackLine) {.function = i + 1};
		stacks->locations[i] = (StackLocation) {.line_start = i,.nlines = 1};
	}
	stacks->nnodes = tree->nnodes;
	stacks->node_parent = tree->node_parent;
	stacks->node_location = tree->node_name;
	return true;
}

/*
 * Open the name tree of a block, from bytes of which it is all.
 *
 * It is in the block's memory, at most max_memory bytes of it for what the bytes
 * claim.  Returns false with PYRO_CORRUPT or PYRO_NO_MEMORY; the block is then
 * as it was before.
 */
bool
stack_block_open_names(StackBlock *block, ByteRange bytes, size_t max_memory, PyroError *error)
{
	const Allocator *allocator = block->allocator;
	NamedStacks *named = allocate_or_fail(allocator, 1, sizeof(NamedStacks), error);

	if (named == NULL || !name_tree_read(bytes, max_memory, allocator, &named->tree, error) ||
		!name_tree_find_stacks(&named->tree, &block->dictionary.stacks, allocator, error) ||
		!make_names(named, allocator, error) ||
		!stack_scratch_init(&named->scratch, &named->stacks, allocator, error))
		return false;
	block->named = named;
	return true;
}

bool
stack_block_has_names(const StackBlock *block)
{
	return block->named != NULL;
}
