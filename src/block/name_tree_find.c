/*
 * name_tree_find.c
 *	  Where the stacks of a dictionary are in a name tree.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "block/name_tree.h"
#include "stack/frame_name.h"

/* A name that the tree does not have. */
#define NO_NAME			PG_INT32_MAX

/* Beside the name of a location's outermost frame: there are more frames. */
#define HAS_INLINED		((uint32) 1 << 31)

typedef struct StackFinder
{
	NameTree   *tree;
	const StackDictionary *stacks;
	const Allocator *allocator;
	uint32	   *of_function;	/* [function + 1], name; 0: none */
	uint32	   *of_mapping;		/* [mapping + 1]: of frames without a name */
	uint32	   *of_location;	/* its outermost frame's, and HAS_INLINED */
	PyroError  *error;
} StackFinder;

/* Where in order a name is, or NO_NAME. */
static uint32
find_name(const NameTree *tree, StringRef name)
{
	uint32		low = 0;
	uint32		high = tree->nnames;

	while (low < high)
	{
		uint32		middle = low + (high - low) / 2;

		if (string_ref_compare(tree->names[middle], name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < tree->nnames && string_ref_equal(tree->names[low], name) ?
		low : NO_NAME;
}

/* Names of frames without a function's. */
static bool
name_mappings(StackFinder *f)
{
	TextBuffer	made;

	text_buffer_init(&made, f->allocator, PYRO_MAX_ALLOCATION);
	for (uint32 i = 0; i <= f->stacks->nmappings; i++)
	{
		StackLocation location = {.mapping = i};

		allocator_poll(f->allocator, i);
		made.length = 0;
		frame_name_append(&made, FRAME_FUNCTION, f->stacks, &location, 0);
		if (made.failed)
			return pyro_fail_memory(f->error);
		f->of_mapping[i] = find_name(f->tree, string_ref(made.data,
														 made.length));
	}
	if (made.data != NULL)
		f->allocator->release(f->allocator->owner, made.data);
	return true;
}

/*
 * Names of functions.  Functions and names are both in bytewise order of
 * names, so that a search begins where the one before ended.
 */
static void
name_functions(StackFinder *f)
{
	const StackDictionary *stacks = f->stacks;
	const NameTree *tree = f->tree;
	uint32		name = 0;

	f->of_function[0] = NO_NAME;
	for (uint32 i = 0; i < stacks->nfunctions; i++)
	{
		StringRef	wanted = stacks->strings[stacks->functions[i].name];
		int			order = 1;

		allocator_poll(f->allocator, i);
		if (i > 0 && stacks->functions[i].name == stacks->functions[i - 1].name)
		{
			f->of_function[i + 1] = f->of_function[i];
			continue;
		}
		while (name < tree->nnames &&
			   (order = string_ref_compare(tree->names[name], wanted)) < 0)
			name++;
		f->of_function[i + 1] = name < tree->nnames && order == 0 ?
			name : NO_NAME;
	}
}

/* The name of one frame of a location. */
static inline uint32
frame_name(const StackFinder *f, const StackLocation *location, uint32 frame)
{
	const StackDictionary *stacks = f->stacks;
	uint32		function = location->nlines == 0 ? 0 :
	stacks->lines[location->line_start + frame].function;

	if (function == 0 ||
		stacks->strings[stacks->functions[function - 1].name].length == 0)
		return f->of_mapping[location->mapping];
	return f->of_function[function];
}

static void
name_locations(StackFinder *f)
{
	for (uint32 i = 0; i < f->stacks->nlocations; i++)
	{
		const StackLocation *location = &f->stacks->locations[i];

		allocator_poll(f->allocator, i);
		f->of_location[i] = frame_name(f, location, 0) |
			(location->nlines > 1 ? HAS_INLINED : 0);
	}
}

/*
 * The child of a node with a name.  Most nodes have one child; among more, a
 * binary search without branches.
 */
static inline bool
find_child(const NameTree *tree, uint32 name, uint32 *node)
{
	uint32		low = tree->first_child[*node];
	uint32		n = tree->first_child[*node + 1] - low;

	if (n == 0)
		return false;
	while (n > 1)
	{
		uint32		half = n / 2;

		low = tree->node_name[low + half] <= name ? low + half : low;
		n -= half;
	}
	*node = low;
	return tree->node_name[low] == name;
}

static bool
find_stacks(StackFinder *f)
{
	const StackDictionary *stacks = f->stacks;
	NameTree   *tree = f->tree;

	tree->stack_node[0] = 0;
	for (uint32 i = 1; i < stacks->nnodes; i++)
	{
		uint32		index = stacks->node_location[i];
		uint32		name = f->of_location[index];
		uint32		node = tree->stack_node[stacks->node_parent[i]];
		bool		found;

		allocator_poll(f->allocator, i);
		found = find_child(tree, name & ~HAS_INLINED, &node);
		if (name & HAS_INLINED)
		{
			const StackLocation *location = &stacks->locations[index];

			for (uint32 frame = 1; found && frame < location->nlines; frame++)
				found = find_child(tree, frame_name(f, location, frame), &node);
		}
		if (!found)
			return pyro_fail(f->error, PYRO_CORRUPT,
							 "name tree is damaged: it lacks a stack");
		tree->stack_node[i] = node;
	}
	return true;
}

/*
 * Find all nodes of a dictionary's trie in the name tree that was made of it.
 *
 * stacks: names and trie suffice.  tree->stack_node and scratch come from the
 * allocator.  Returns false with PYRO_CORRUPT, where the tree does not have
 * one, or PYRO_NO_MEMORY.
 */
bool
name_tree_find_stacks(NameTree *tree, const StackDictionary *stacks,
					  const Allocator *allocator, PyroError *error)
{
	StackFinder f = {
		.tree = tree,.stacks = stacks,.allocator = allocator,.error = error
	};

	f.of_function = allocate_array(allocator, (size_t) stacks->nfunctions + 1,
								   sizeof(uint32));
	f.of_mapping = allocate_array(allocator, (size_t) stacks->nmappings + 1,
								  sizeof(uint32));
	f.of_location = allocate_array(allocator, stacks->nlocations,
								   sizeof(uint32));
	tree->nstacks = stacks->nnodes;
	tree->stack_node = allocate_array(allocator, stacks->nnodes,
									  sizeof(uint32));
	if (f.of_function == NULL || f.of_mapping == NULL ||
		f.of_location == NULL || tree->stack_node == NULL)
		return pyro_fail_memory(error);
	name_functions(&f);
	if (!name_mappings(&f))
		return false;
	name_locations(&f);
	return find_stacks(&f);
}
