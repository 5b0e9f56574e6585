/*
 * stacks_random.h
 *	  Dictionaries of stacks made up from random numbers, for tests of what
 *	  reads and writes them.
 */
#ifndef PYRO_STACKS_RANDOM_H
#define PYRO_STACKS_RANDOM_H

#include "stack/stack_dictionary.h"

#include "unit.h"

static inline int
compare_string_refs(const void *a, const void *b)
{
	return string_ref_compare(*(const StringRef *) a, *(const StringRef *) b);
}

/* Strings in order, each once, some of them with zero bytes or long. */
static inline void
random_strings(UnitRandom *random, uint32 wanted, UnitMemory *memory,
			   StackDictionary *stacks)
{
	StringRef  *strings = unit_allocate(memory, (wanted + 1) * sizeof(StringRef));
	uint32		n = 1;

	strings[0] = string_ref("", 0);
	for (uint32 i = 1; i <= wanted; i++)
	{
		uint32		length = unit_chance(random, 5) ? unit_below(random, 600) :
		unit_below(random, 6);
		char	   *bytes = unit_allocate(memory, length + 1);

		for (uint32 k = 0; k < length; k++)
			bytes[k] = "ab/[\0]<\xFF"[unit_below(random, length > 6 ? 2 : 8)];
		strings[i] = string_ref(bytes, length);
	}
	qsort(strings, wanted + 1, sizeof(StringRef), compare_string_refs);
	for (uint32 i = 1; i <= wanted; i++)
		if (!string_ref_equal(strings[i], strings[n - 1]))
			strings[n++] = strings[i];
	stacks->strings = strings;
	stacks->nstrings = n;
}

static inline void
random_locations(UnitRandom *random, uint32 wanted, UnitMemory *memory,
				 StackDictionary *stacks)
{
	stacks->nlocations = wanted;
	stacks->locations = unit_allocate(memory, (wanted + 1) * sizeof(StackLocation));
	stacks->lines = unit_allocate(memory, (wanted * 4 + 1) * sizeof(StackLine));
	for (uint32 i = 0; i < wanted; i++)
	{
		uint32		nlines = unit_chance(random, 60) ? 1 : unit_below(random, 5);

		stacks->locations[i] = (StackLocation)
		{
			.address = unit_chance(random, 50) ? 0 : unit_random(random),
				.line_start = stacks->nlines,.nlines = nlines,
				.mapping = unit_below(random, stacks->nmappings + 1),
				.is_folded = unit_chance(random, 10)
		};
		for (uint32 k = 0; k < nlines; k++)
			stacks->lines[stacks->nlines++] = (StackLine)
		{
			unit_below(random, stacks->nfunctions + 1),
				(int64) unit_random(random), unit_chance(random, 90) ? 0 :
				(int64) unit_random(random)
		};
	}
}

/* A trie in pre-order; children are not in order, and may be the same. */
static inline void
random_trie(UnitRandom *random, uint32 nnodes, uint32 percent_down,
			UnitMemory *memory, StackDictionary *stacks)
{
	uint32	   *path = unit_allocate(memory, nnodes * sizeof(uint32));
	uint32		depth = 0;

	stacks->nnodes = nnodes;
	stacks->node_parent = unit_allocate(memory, nnodes * sizeof(uint32));
	stacks->node_depth = unit_allocate(memory, nnodes * sizeof(uint32));
	stacks->node_location = unit_allocate(memory, nnodes * sizeof(uint32));
	stacks->node_parent[0] = stacks->node_depth[0] = path[0] = 0;
	stacks->node_location[0] = 0;
	for (uint32 i = 1; i < nnodes; i++)
	{
		if (!unit_chance(random, percent_down))
			depth = unit_below(random, depth + 1);
		stacks->node_parent[i] = path[depth];
		path[++depth] = i;
		stacks->node_depth[i] = depth;
		stacks->node_location[i] = unit_below(random, stacks->nlocations);
	}
}

/*
 * A dictionary with everything in it, small or of a few thousand nodes, in
 * memory that is freed as a whole.
 */
static inline StackDictionary *
random_stacks(uint64 seed, UnitMemory *memory)
{
	UnitRandom	random = unit_random_seed(seed);
	StackDictionary *stacks = unit_allocate(memory, sizeof(StackDictionary));
	uint32		scale = unit_chance(&random, 50) ? 6 : 120;
	uint32		nlocations = 1 + unit_below(&random, scale * 2);

	memset(stacks, 0, sizeof(*stacks));
	random_strings(&random, 1 + unit_below(&random, scale), memory, stacks);
	stacks->nmappings = unit_below(&random, 4);
	stacks->mappings = unit_allocate(memory, 4 * sizeof(StackMapping));
	for (uint32 i = 0; i < stacks->nmappings; i++)
		stacks->mappings[i] = (StackMapping)
	{
		unit_random(&random), unit_random(&random), unit_random(&random),
			unit_below(&random, stacks->nstrings),
			unit_below(&random, stacks->nstrings), unit_below(&random, 16)
	};
	stacks->nfunctions = unit_below(&random, stacks->nstrings + 1);
	stacks->functions = unit_allocate(memory, (stacks->nfunctions + 1) *
									  sizeof(StackFunction));
	/* in order of names, of which some are used twice, and some not */
	for (uint32 i = 0; i < stacks->nfunctions; i++)
		stacks->functions[i] = (StackFunction)
	{
		Min(i - i % (1 + unit_below(&random, 2)), stacks->nstrings - 1),
			unit_below(&random, stacks->nstrings),
			unit_below(&random, stacks->nstrings),
			(int64) unit_random(&random)
	};
	for (uint32 i = 1; i < stacks->nfunctions; i++)
		stacks->functions[i].name = Max(stacks->functions[i].name,
										stacks->functions[i - 1].name);
	random_locations(&random, nlocations, memory, stacks);
	random_trie(&random, unit_chance(&random, 5) ? 1 :
				1 + unit_below(&random, scale * 20),
				unit_chance(&random, 50) ? 60 : 98, memory, stacks);
	return stacks;
}

#endif							/* PYRO_STACKS_RANDOM_H */
