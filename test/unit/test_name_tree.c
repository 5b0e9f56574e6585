/*
 * test_name_tree.c
 *	  Name trees: that they have the paths of their stacks and no other, and
 *	  come back from their bytes; that damage is noticed or harmless.
 */
#include "postgres_fe.h"

#include "block/name_tree.h"
#include "stack/frame_name.h"

#include "name_tree_check.h"
#include "stacks_random.h"

static UnitMemory memory;

static void
bail(const PyroError *error)
{
	printf("Bail out! %s\n", error->message);
	exit(1);
}

/* ---- the oracle: paths spelt out ---- */

/* Append a frame's name with its length, so that paths are unambiguous. */
static void
spell_name(TextBuffer *out, StringRef name)
{
	text_append(out, (const char *) &name.length, sizeof(name.length));
	text_append_ref(out, name);
}

/* The names of all frames of a stack, innermost first. */
static void
spell_stack(const StackDictionary *stacks, uint32 node, TextBuffer *out)
{
	TextBuffer	name;

	text_buffer_init(&name, &memory.allocator, 1 << 20);
	out->length = 0;
	for (; node != 0; node = stacks->node_parent[node])
	{
		const StackLocation *location = &stacks->locations[stacks->node_location[node]];

		for (uint32 frame = stack_location_frames(location); frame-- > 0;)
		{
			name.length = 0;
			frame_name_append(&name, FRAME_FUNCTION, stacks, location, frame);
			spell_name(out, string_ref(name.data, name.length));
		}
	}
}

static void
spell_node(const NameTree *tree, uint32 node, TextBuffer *out)
{
	out->length = 0;
	for (; node != 0; node = tree->node_parent[node])
		spell_name(out, tree->names[tree->node_name[node]]);
}

/* NULL, or what is wrong with a tree as that of a dictionary. */
static const char *
find_wrong_paths(const NameTree *tree, const StackDictionary *stacks)
{
	TextBuffer	stack;
	TextBuffer	path;
	bool	   *reached = unit_allocate(&memory, tree->nnodes);

	text_buffer_init(&stack, &memory.allocator, 1 << 24);
	text_buffer_init(&path, &memory.allocator, 1 << 24);
	if (tree->nstacks != stacks->nnodes || tree->stack_node[0] != 0)
		return "number of stacks";
	memset(reached, 0, tree->nnodes);
	reached[0] = true;
	for (uint32 i = 1; i < stacks->nnodes; i++)
	{
		if (tree->stack_node[i] >= tree->nnodes)
			return "a stack's node does not exist";
		spell_stack(stacks, i, &stack);
		spell_node(tree, tree->stack_node[i], &path);
		if (!string_ref_equal(string_ref(stack.data, stack.length),
							  string_ref(path.data, path.length)))
			return "a stack's node has other names";
		for (uint32 at = tree->stack_node[i]; !reached[at]; at = tree->node_parent[at])
			reached[at] = true;
	}
	for (uint32 i = 0; i < tree->nnodes; i++)
		if (!reached[i])
			return "a node belongs to no stack";
	return NULL;
}

static bool
same_tree(const NameTree *a, const NameTree *b)
{
	if (a->nnodes != b->nnodes || a->nnames != b->nnames ||
		a->nstacks != b->nstacks ||
		memcmp(a->node_parent, b->node_parent, a->nnodes * sizeof(uint32)) != 0 ||
		memcmp(a->node_name, b->node_name, a->nnodes * sizeof(uint32)) != 0 ||
		memcmp(a->first_child, b->first_child, (a->nnodes + 1) * sizeof(uint32)) != 0 ||
		memcmp(a->stack_node, b->stack_node, a->nstacks * sizeof(uint32)) != 0)
		return false;
	for (uint32 i = 0; i < a->nnames; i++)
		if (!string_ref_equal(a->names[i], b->names[i]))
			return false;
	return true;
}

/* Build, check, write, read and find again; NULL or what is wrong. */
static const char *
round_trip(const StackDictionary *stacks)
{
	NameTree	built;
	NameTree	opened;
	TextBuffer	bytes;
	PyroError	error = {0};
	const char *wrong;

	text_buffer_init(&bytes, &memory.allocator, 1 << 24);
	if (!name_tree_build(stacks, &memory.allocator, &built, &error) ||
		!name_tree_write(&built, &memory.allocator, &bytes, &error) ||
		bytes.failed ||
		!name_tree_read(byte_range(bytes.data, bytes.length), 1 << 24,
						&memory.allocator, &opened, &error) ||
		!name_tree_find_stacks(&opened, stacks, &memory.allocator, &error))
	{
		unit_note("%s", error.message);
		return "an error";
	}
	wrong = find_wrong_name_tree(&built);
	if (wrong == NULL)
		wrong = find_wrong_paths(&built, stacks);
	if (wrong == NULL && !same_tree(&built, &opened))
		wrong = "what is read differs from what was built";
	return wrong;
}

static void
test_random(void)
{
	uint32		nwrong = 0;
	uint64		nnodes = 0;

	for (uint64 seed = 1; seed <= 400; seed++)
	{
		const StackDictionary *stacks = random_stacks(seed, &memory);
		const char *wrong = round_trip(stacks);

		nnodes += stacks->nnodes;
		if (wrong != NULL)
		{
			nwrong++;
			unit_note("seed " UINT64_FORMAT ": %s", seed, wrong);
		}
		unit_memory_free(&memory);
	}
	unit_ok(nwrong == 0 && nnodes > 100000,
			"trees of random dictionaries have their stacks' paths");
}

static void
test_empty(void)
{
	StringRef	empty = {"", 0};
	uint32		root = 0;
	StackDictionary stacks = {
		.nstrings = 1,.strings = &empty,.nnodes = 1,.node_parent = &root,
		.node_depth = &root,.node_location = &root
	};

	unit_ok(round_trip(&stacks) == NULL, "an empty dictionary has a tree of one node");
	unit_memory_free(&memory);
}

/* What frames without a function are called. */
static void
test_nameless(void)
{
	StringRef	strings[] = {
		{"", 0}, {"/lib/b.so", 9}, {"[b.so]", 6}, {"a", 1}
	};
	StackMapping mapping = {.filename = 1};
	StackFunction functions[] = {{.name = 0}, {.name = 2}, {.name = 3}};

	/* a with [b.so] inlined; no function; one without a name; no mapping */
	StackLine	lines[] = {{.function = 3}, {.function = 2}, {.function = 1}};
	StackLocation locations[] = {
		{.line_start = 0,.nlines = 2,.mapping = 1}, {.mapping = 1},
		{.line_start = 2,.nlines = 1,.mapping = 1}, {.address = 1}
	};
	uint32		parent[] = {0, 0, 0, 2, 2, 2};
	uint32		depth[] = {0, 1, 1, 2, 2, 2};
	uint32		location[] = {0, 0, 1, 1, 2, 3};
	StackDictionary stacks = {
		4, strings, 1, &mapping, 3, functions, 3, lines, 4, locations,
		6, parent, depth, location
	};
	NameTree	tree;
	PyroError	error = {0};

	if (!name_tree_build(&stacks, &memory.allocator, &tree, &error))
		bail(&error);
	unit_ok(tree.nnodes == 6 && tree.nnames == 3 &&
			string_ref_equal(tree.names[0], string_ref_literal("<unknown>")) &&
			string_ref_equal(tree.names[1], string_ref_literal("[b.so]")) &&
			string_ref_equal(tree.names[2], string_ref_literal("a")) &&
			tree.stack_node[1] == 5 && tree.node_parent[5] == 2 &&
			tree.stack_node[2] == 1 && tree.stack_node[3] == 4 &&
			tree.stack_node[4] == 4 && tree.stack_node[5] == 3,
			"frames without a name are one with those of their file's");
	unit_ok(round_trip(&stacks) == NULL, "and are found again");
	unit_memory_free(&memory);
}

/* ---- damage ---- */

/* The bytes of a seed's tree, malloc'd. */
static uint8 *
make_bytes(uint64 seed, size_t *size)
{
	const StackDictionary *stacks = random_stacks(seed, &memory);
	NameTree	tree;
	TextBuffer	bytes;
	PyroError	error = {0};
	uint8	   *copy;

	text_buffer_init(&bytes, &memory.allocator, 1 << 24);
	if (!name_tree_build(stacks, &memory.allocator, &tree, &error) ||
		!name_tree_write(&tree, &memory.allocator, &bytes, &error))
		bail(&error);
	copy = malloc(bytes.length);
	memcpy(copy, bytes.data, bytes.length);
	*size = bytes.length;
	unit_memory_free(&memory);
	return copy;
}

/* Whether damaged bytes are refused, or make a tree that is sound. */
static bool
is_harmless(const uint8 *bytes, size_t size, uint64 seed, uint32 *nopened)
{
	NameTree	tree;
	PyroError	error = {0};
	bool		sound = true;

	memory.max_bytes = 32 << 20;
	if (name_tree_read(byte_range(bytes, size), 16 << 20, &memory.allocator,
					   &tree, &error))
	{
		const char *wrong = find_wrong_name_tree(&tree);

		(*nopened)++;
		if (wrong != NULL)
			unit_note("%s", wrong);
		sound = wrong == NULL;
		memory.max_bytes = 0;
		if (sound &&
			!name_tree_find_stacks(&tree, random_stacks(seed, &memory),
								   &memory.allocator, &error))
			sound = error.kind == PYRO_CORRUPT;
	}
	else
		sound = error.kind == PYRO_CORRUPT || error.kind == PYRO_NO_MEMORY;
	unit_memory_free(&memory);
	return sound;
}

static void
test_damage(void)
{
	uint32		nwrong = 0;
	uint32		nopened = 0;
	uint32		ntried = 0;

	for (uint64 seed = 1; seed <= 60; seed++)
	{
		UnitRandom	random = unit_random_seed(seed);
		size_t		size;
		uint8	   *bytes = make_bytes(seed, &size);

		for (uint32 i = 0; i < 200; i++, ntried++)
		{
			uint8	   *copy = malloc(size);
			size_t		cut = size;

			memcpy(copy, bytes, size);
			if (i % 4 == 0)
				cut = unit_below(&random, size);
			for (uint32 k = unit_below(&random, 4) + (i % 4 != 0); k > 0; k--)
				copy[unit_below(&random, unit_chance(&random, 50) ?
								Min(size, 40) : size)] ^= 1 << unit_below(&random, 8);
			/* a block of its own size, so that reading behind it is seen */
			copy = realloc(copy, Max(cut, 1));
			nwrong += !is_harmless(copy, cut, seed, &nopened);
			free(copy);
		}
		free(bytes);
	}
	unit_ok(nwrong == 0 && nopened > 100 && nopened < ntried,
			"damaged trees are refused, or sound to read");
}

static void
test_hostile_counts(void)
{
	/* names, bytes and nodes that no memory has */
	uint8		many[] = {
		0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F,
		0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0, 0, 0, 0
	};
	uint8		no_root[] = {0, 0, 0, 0, 0};
	NameTree	tree;
	PyroError	error = {0};

	unit_ok(!name_tree_read(byte_range(many, sizeof(many)), 1 << 20,
							&memory.allocator, &tree, &error) &&
			error.kind == PYRO_CORRUPT && memory.peak_bytes < 2 << 20,
			"huge counts are refused before memory is asked for");
	unit_ok(!name_tree_read(byte_range(no_root, sizeof(no_root)), 1 << 20,
							&memory.allocator, &tree, &error) &&
			error.kind == PYRO_CORRUPT, "a tree without a root is refused");
	unit_memory_free(&memory);
}

/* ---- memory ---- */

static PyroErrorKind
all_steps(const StackDictionary *stacks)
{
	NameTree	tree;
	TextBuffer	bytes;
	PyroError	error = {0};

	text_buffer_init(&bytes, &memory.allocator, 1 << 24);
	if (!name_tree_build(stacks, &memory.allocator, &tree, &error) ||
		!name_tree_write(&tree, &memory.allocator, &bytes, &error))
		return error.kind;
	if (bytes.failed)
		return PYRO_NO_MEMORY;
	if (!name_tree_read(byte_range(bytes.data, bytes.length), 1 << 24,
						&memory.allocator, &tree, &error) ||
		!name_tree_find_stacks(&tree, stacks, &memory.allocator, &error))
		return error.kind;
	return PYRO_OK;
}

static void
test_no_memory(void)
{
	UnitMemory	kept;
	const StackDictionary *stacks;
	uint32		nwrong = 0;
	uint64		nallocations;

	unit_memory_init(&kept);
	stacks = random_stacks(2, &kept);
	nwrong += all_steps(stacks) != PYRO_OK;
	nallocations = memory.nallocations;
	unit_memory_free(&memory);
	for (uint64 at = 1; at <= nallocations; at++)
	{
		memory.fail_at = at;
		nwrong += all_steps(stacks) != PYRO_NO_MEMORY;
		unit_memory_free(&memory);
	}
	unit_ok(nwrong == 0 && nallocations > 40,
			"each of " UINT64_FORMAT " allocations may fail", nallocations);
	unit_memory_free(&kept);
}

int
main(void)
{
	unit_memory_init(&memory);
	test_random();
	test_empty();
	test_nameless();
	test_damage();
	test_hostile_counts();
	test_no_memory();
	return unit_finish();
}
