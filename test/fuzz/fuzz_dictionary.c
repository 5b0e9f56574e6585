/*
 * fuzz_dictionary.c
 *	  Bytes as the columns of a dictionary: what is read is sound to follow.
 *
 * The counts stand first, then how the trie is stored, then names, trie and
 * details one behind the other.
 */
#include "postgres_fe.h"

#include "stack/dictionary_codec.h"

#include "unit.h"

/* more would only make the runs slow */
#define MAX_MEMORY	((size_t) 4 << 20)

int			LLVMFuzzerTestOneInput(const uint8 *bytes, size_t size);

/* Read all that there is, for the sanitizers to see. */
static uint64
walk(const StackDictionary *stacks)
{
	uint64		sum = 1;

	for (uint32 i = 0; i < stacks->nlocations; i++)
		for (uint32 k = 0; k < stack_location_frames(&stacks->locations[i]); k++)
			sum += stack_frame_name(stacks, &stacks->locations[i], k).length +
				stack_unsymbolised_name(stacks, &stacks->locations[i]).length;
	for (uint32 i = 0; i < stacks->nfunctions; i++)
		sum += stacks->strings[stacks->functions[i].system_name].length +
			stacks->strings[stacks->functions[i].filename].length;
	for (uint32 i = 1; i < stacks->nnodes; i++)
	{
		if (stacks->node_parent[i] >= i ||
			stacks->node_depth[i] != stacks->node_depth[stacks->node_parent[i]] + 1)
			abort();
		sum += stacks->locations[stacks->node_location[i]].nlines;
	}
	return sum;
}

int
LLVMFuzzerTestOneInput(const uint8 *bytes, size_t size)
{
	UnitMemory	memory;
	StackDictionary stacks = {0};
	PyroError	error = {0};
	DictionaryReader reader = {.stacks = &stacks};
	ColumnReader *columns = &reader.columns;
	size_t		head = sizeof(DictionaryCounts) + 1;
	bool		by_context;

	if (size < head)
		return 0;
	unit_memory_init(&memory);
	memcpy(&reader.counts, bytes, sizeof(DictionaryCounts));
	by_context = bytes[head - 1] & 1;
	columns->allocator = &memory.allocator;
	columns->memory_left = MAX_MEMORY;
	columns->subject = "dictionary";
	columns->error = &error;
	columns_start(columns, bytes + head, size - head);
	if (columns_reserve(columns, dictionary_longest_column(&reader.counts)) &&
		dictionary_read_names(&reader) &&
		(by_context ? dictionary_read_trie_by_context(&reader) :
		 dictionary_read_trie(&reader)) &&
		dictionary_read_details(&reader))
	{
		if (walk(&stacks) == 0)
			abort();
	}
	else if (error.kind != PYRO_CORRUPT)
		abort();
	unit_memory_free(&memory);
	return 0;
}
