/*
 * stack_dictionary.c
 *	  Strings of a dictionary, and names of the frames of its stacks.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "stack/stack_dictionary.h"

/*
 * Find a string by its bytes; false, with *string undefined, where the
 * dictionary does not have it.
 */
bool
stack_find_string(const StackDictionary *stacks, StringRef wanted,
				  uint32 *string)
{
	uint32		low = 0;
	uint32		high = stacks->nstrings;

	while (low < high)
	{
		uint32		middle = low + (high - low) / 2;

		if (string_ref_compare(stacks->strings[middle], wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*string = low;
	return low < stacks->nstrings &&
		string_ref_equal(stacks->strings[low], wanted);
}

/*
 * The name of a frame that has none: the base name of the mapped file, which
 * google/pprof shows in brackets (graph.NodeInfo.NameComponents), or an empty
 * string, for which it shows <unknown>.  Points into the dictionary.
 */
StringRef
stack_unsymbolised_name(const StackDictionary *stacks,
						const StackLocation *location)
{
	StringRef	file = {"", 0};

	if (location->mapping != 0)
		file = stacks->strings[stacks->mappings[location->mapping - 1].filename];
	while (file.length > 1 && file.data[file.length - 1] == '/')
		file.length--;
	for (uint32 i = file.length; i-- > 1;)
		if (file.data[i - 1] == '/')
			return string_ref(file.data + i, file.length - i);
	return file;
}

/*
 * The function name of one frame of a location, outermost frame 0; empty
 * where it has none.  Points into the dictionary.
 */
StringRef
stack_frame_name(const StackDictionary *stacks, const StackLocation *location,
				 uint32 frame)
{
	const StackLine *line;

	if (location->nlines == 0)
		return string_ref("", 0);
	line = &stacks->lines[location->line_start + frame];
	if (line->function == 0)
		return string_ref("", 0);
	return stacks->strings[stacks->functions[line->function - 1].name];
}

/*
 * The nodes but the root in order of depth, those alone that are needed
 * unless needed is NULL.
 *
 * *nodes and scratch come from the allocator.  A counting sort.  Returns false
 * with PYRO_NO_MEMORY.
 */
bool
stack_nodes_by_depth(const StackDictionary *stacks, const bool *needed,
					 const Allocator *allocator, uint32 **nodes,
					 uint32 *nnodes, PyroError *error)
{
	const uint32 *depth = stacks->node_depth;
	uint32		deepest = 0;
	uint32		sum = 0;
	uint32	   *start;

	for (uint32 node = 1; node < stacks->nnodes; node++)
		deepest = Max(deepest, depth[node]);
	*nodes = allocate_or_fail(allocator, stacks->nnodes, sizeof(uint32),
							  error);
	start = allocate_or_fail(allocator, (size_t) deepest + 1, sizeof(uint32),
							 error);
	if (*nodes == NULL || start == NULL)
		return false;
	memset(start, 0, ((size_t) deepest + 1) * sizeof(uint32));
	for (uint32 node = 1; node < stacks->nnodes; node++)
		start[depth[node]] += needed == NULL || needed[node];
	for (uint32 i = 0; i <= deepest; i++)
	{
		uint32		count = start[i];

		start[i] = sum;
		sum += count;
	}
	for (uint32 node = 1; node < stacks->nnodes; node++)
		if (needed == NULL || needed[node])
			(*nodes)[start[depth[node]]++] = node;
	*nnodes = sum;
	return true;
}
